"""A synthetic grocery catalog whose best reachable score is known: brands, products and pictures are all made up."""

from pricefuse.demo.catalog import write_demo

__all__ = ["write_demo"]
