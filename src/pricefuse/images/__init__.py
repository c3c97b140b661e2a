"""Convert image bytes to checked RGB images."""
