"""Image bytes to checked RGB pictures."""
