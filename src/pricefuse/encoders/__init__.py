"""Frozen encoders: text and images to vectors. They know nothing of files of products, only of what they are given."""
