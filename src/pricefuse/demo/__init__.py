"""Generate a synthetic grocery catalog whose best reachable score is known; all of it is invented."""

from pricefuse.demo.catalog import write_demo

__all__ = ["write_demo"]
