"""Standardisation, fitted on training rows alone, with missing values left out and dead columns left alone."""

from dataclasses import dataclass

import numpy as np

CHUNK_ROWS = 4096
# Some encoders have dimensions that never vary but for rounding (MiniLM has three): divided by their standard
# deviation, the rounding would count as much as a real dimension.
LEAST_DEVIATION = 1e-4
# No honest row is farther from the mean than this; a hostile one must not drown everything else that it says.
MOST_DEVIATIONS = 20.0


@dataclass(frozen=True)
class Scaler:
    """Column means and standard deviations, float32 (columns,)."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, matrix: np.ndarray, rows: np.ndarray) -> "Scaler":
        """Measure `matrix` (may be memory-mapped) on `rows` (ascending positions), some thousand rows at a time.

        NaN is left out; a column with nothing but NaN, or that hardly varies, gets deviation 1. The chunks' moments are
        merged by Chan, Golub and LeVeque (1979), so that a large mean does not eat the variance.
        """
        count, mean, square = (np.zeros(matrix.shape[1]) for _ in range(3))
        for start in range(0, len(rows), CHUNK_ROWS):
            chunk = matrix[rows[start : start + CHUNK_ROWS]].astype(np.float64)
            there = np.isfinite(chunk)
            n = there.sum(0)
            chunk_mean = np.divide(np.where(there, chunk, 0).sum(0), n, out=np.zeros_like(mean), where=n > 0)
            total = np.maximum(count + n, 1)
            difference = chunk_mean - mean
            square += np.square(np.where(there, chunk - chunk_mean, 0)).sum(0) + difference**2 * count * n / total
            mean += difference * n / total
            count += n
        deviation = np.sqrt(square / np.maximum(count, 1))
        deviation[deviation < LEAST_DEVIATION] = 1
        return cls(mean.astype(np.float32), deviation.astype(np.float32))

    def transform(self, matrix: np.ndarray) -> np.ndarray:
        """Return the standardised matrix, float32 (rows, columns) within MOST_DEVIATIONS; a missing value becomes 0."""
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (np.asarray(matrix, dtype=np.float32) - self.mean) / self.deviation
        return np.clip(np.nan_to_num(scaled, copy=False, nan=0.0), -MOST_DEVIATIONS, MOST_DEVIATIONS)
