"""The feature matrix, the n-grams and the folds."""
