"""Catalog text: parse listings, clean them, and extract the attributes that they state."""
