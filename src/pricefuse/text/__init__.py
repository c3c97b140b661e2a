"""Catalog text: listings taken apart, cleaned, and read for the attributes that they state."""
