"""Predict a product's price from its catalog text and image."""
