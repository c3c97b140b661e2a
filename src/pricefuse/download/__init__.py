"""Get every product's image, from a local file or the network, or the reason why there is none."""
