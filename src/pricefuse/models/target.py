"""The target of the networks: the logarithm of the price, and the way back."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Target:
    """log or log1p of a price; `low` and `high` are the lowest and highest training price.

    Predictions are kept between them: a price is positive by construction, and a hostile row cannot send one to
    infinity.
    """

    name: Literal["log", "log1p"]
    low: float
    high: float

    @classmethod
    def fit(cls, name: Literal["log", "log1p"], prices: np.ndarray) -> "Target":
        """Take the range of the training `prices` (positive, in the catalog's currency)."""
        return cls(name, float(prices.min()), float(prices.max()))

    def validate(self) -> None:
        """Raise ValueError unless the range is one of prices."""
        if not 0 < self.low <= self.high < np.inf:
            raise ValueError(f"{self.low} to {self.high} is not a range of prices")

    def forward(self, prices: np.ndarray) -> np.ndarray:
        """Return the target of `prices`, float32 of the same shape."""
        return (np.log1p(prices) if self.name == "log1p" else np.log(prices)).astype(np.float32)

    def log_price(self, predicted: np.ndarray) -> np.ndarray:
        """Return ln of the price that a predicted target stands for, float64, within the training prices' range."""
        bounded = np.minimum(predicted.astype(np.float64), self.forward(np.array(self.high)))  # or exp might overflow
        prices = np.expm1(bounded) if self.name == "log1p" else np.exp(bounded)
        return np.log(np.clip(prices, self.low, self.high))
