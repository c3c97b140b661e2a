"""Stage report: one page that shows what the model is worth, where it errs, and what it was made of."""
