"""Every product's image, from local files or the network."""
