"""Cross-fitting of the models, and the learning curve."""
