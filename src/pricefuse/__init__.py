"""pricefuse: predict a product's price from its catalog text and image."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pricefuse.pricer import Pricer

__all__ = ["Pricer"]

# Idle OpenMP threads sleep instead of spinning: on a machine that does anything else, threads that spin for each other
# made the encoders up to twice as slow. It is read when torch is imported, so that it stands here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def __getattr__(name: str) -> Any:
    """Import `Pricer` when it is asked for: torch and the encoders take seconds, and most modules need neither."""
    if name == "Pricer":
        from pricefuse.pricer import Pricer  # noqa: PLC0415

        return Pricer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
