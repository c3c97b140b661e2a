"""SMAPE, the challenge's score, and the errors reported beside it."""

import numpy as np

Array = np.ndarray


def smape_terms(actual: Array, predicted: Array) -> Array:
    """Return each row's share of SMAPE in percent, float64 (rows,), from 0 to 200.

    |p - a| / ((|a| + |p|) / 2) * 100, the challenge's definition; for positive prices that is
    200 * tanh(|ln p - ln a| / 2): a bounded function of the log ratio alone. Two zeros agree: 0.

    Raises ValueError for shapes that differ and for values that are not finite.
    """
    actual, predicted = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if actual.shape != predicted.shape or actual.ndim != 1:
        raise ValueError(f"actual {actual.shape} and predicted {predicted.shape} must be vectors of one length")
    if not (np.isfinite(actual).all() and np.isfinite(predicted).all()):
        raise ValueError("prices must be finite")
    size = (np.abs(actual) + np.abs(predicted)) / 2
    return 100 * np.divide(np.abs(predicted - actual), size, out=np.zeros_like(size), where=size > 0)


def smape(actual: Array, predicted: Array) -> float:
    """Return SMAPE in percent, the mean of `smape_terms`."""
    return float(smape_terms(actual, predicted).mean())


def scores(actual: Array, predicted: Array) -> dict[str, float]:
    """Return smape (percent), r2 (coefficient of determination of the prices), mae and rmse (in the prices' currency).

    R2 is 0 where all actual prices are equal: there is nothing to explain.
    """
    error = np.asarray(predicted, dtype=np.float64) - np.asarray(actual, dtype=np.float64)
    spread = float(np.square(actual - np.mean(actual)).sum())
    return {
        "smape": smape(actual, predicted),
        "r2": 1 - float(np.square(error).sum()) / spread if spread > 0 else 0.0,
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
    }


def smape_interval(
    actual: Array, predicted: Array, groups: Array, *, samples: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of SMAPE (percent), groups resampled whole.

    Rows of one group (variants of a product) err together, so that resampling rows would make the interval too narrow:
    the cluster bootstrap of Davison and Hinkley, Bootstrap Methods and their Application (1997), 3.8.
    """
    return _interval(smape_terms(actual, predicted), groups, samples, confidence, seed)


def difference_interval(
    actual: Array, one: Array, other: Array, groups: Array, *, samples: int, confidence: float, seed: int
) -> tuple[float, float]:
    """Return the interval of SMAPE of `one` less that of `other` (percent), both on the same resampled groups."""
    terms = smape_terms(actual, one) - smape_terms(actual, other)
    return _interval(terms, groups, samples, confidence, seed)


def _interval(terms: Array, groups: Array, samples: int, confidence: float, seed: int) -> tuple[float, float]:
    _, codes = np.unique(groups, return_inverse=True)
    sums = np.bincount(codes, weights=terms)
    sizes = np.bincount(codes)
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    for i in range(samples):
        drawn = rng.integers(0, len(sums), len(sums))
        means[i] = sums[drawn].sum() / sizes[drawn].sum()
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
