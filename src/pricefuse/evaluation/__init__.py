"""Scores and figures of the out-of-fold predictions."""
