"""Lasso regression on plain facts: attributes, the picture, and which words stand in the name.

Where few facts make the price (a brand, a claim, a size) it finds them among a thousand words with far fewer rows than
a ridge needs, which gives every word a little.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso as Solver

from pricefuse.ngrams import SPACES, Ngrams

# Words of fewer rows are not looked at: such an effect is hardly found, and the matrix would grow with the catalog.
LEAST_ROWS, LEAST_SHARE = 5, 0.004
STEPS, MOST_SWEEPS, TOLERANCE = 3, 300, 1e-3
_NAME_WORDS = next(number for number, space in enumerate(SPACES) if space.name == "name_words")


@dataclass(frozen=True)
class Lasso:
    """Hashed words that count, int32 ascending (words,), their effects, those of the dense columns, and the intercept.

    Effects are on ln price, float32 (words,) and (columns,).
    """

    words: np.ndarray
    word_effects: np.ndarray
    dense_effects: np.ndarray
    mean: float

    @classmethod
    def fit(cls, ngrams: Ngrams | None, dense: np.ndarray, goals: np.ndarray, penalty: float) -> "Lasso":
        """Minimise |goals - mean - X w|^2 / (2 rows) + alpha |w|_1, X = [dense | whether the word is in the name].

        `dense` is float32 (rows, columns). alpha = `penalty` * noise / sqrt(rows), with the noise estimated along with
        w, in STEPS turns: the scaled lasso of Sun and Zhang (2012).
        """
        words = _frequent(ngrams) if ngrams is not None else np.empty(0, np.int32)
        facts = np.asfortranarray(np.concatenate([dense, _present(ngrams, words, len(dense))], axis=1))
        mean, noise = float(goals.mean()), float(goals.std())
        centred, effects = (goals - mean).astype(np.float32), np.zeros(facts.shape[1], np.float32)
        intercept = 0.0
        for _ in range(STEPS if noise > 0 and facts.shape[1] else 0):
            alpha = penalty * noise / math.sqrt(len(goals))
            solver = Solver(alpha, max_iter=MOST_SWEEPS, tol=TOLERANCE, warm_start=True)
            solver.coef_ = effects
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the last digits do not move scores
                solver.fit(facts, centred)
            effects, intercept = solver.coef_, float(solver.intercept_)
            free = max(1, len(goals) - int(np.count_nonzero(effects)))
            noise = float(np.linalg.norm(centred - solver.predict(facts))) / math.sqrt(free)
        told, chosen = np.split(effects, [dense.shape[1]])
        return cls(words[chosen != 0], chosen[chosen != 0], told, mean + intercept)

    def predict(self, ngrams: Ngrams | None, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        told = dense @ self.dense_effects + _present(ngrams, self.words, len(dense)) @ self.word_effects
        return told.astype(np.float64) + self.mean


def _frequent(ngrams: Ngrams) -> np.ndarray:
    rows = len(ngrams)
    frequency = np.bincount(ngrams.columns, minlength=ngrams.width)  # a column stands once in a row
    frequency = frequency[_NAME_WORDS << ngrams.bits : (_NAME_WORDS + 1) << ngrams.bits]
    kept = np.flatnonzero((frequency >= max(LEAST_ROWS, LEAST_SHARE * rows)) & (frequency < rows))
    return (kept + (_NAME_WORDS << ngrams.bits)).astype(np.int32)


def _present(ngrams: Ngrams | None, words: np.ndarray, rows: int) -> np.ndarray:
    """Return whether each of `words` stands in each row, 0 or 1, float32 (rows, words)."""
    table = np.zeros((rows, len(words)), np.float32)
    if ngrams is not None:
        place = np.full(ngrams.width, -1, np.int32)
        place[words] = np.arange(len(words))
        column = place[ngrams.columns]
        known = column >= 0
        table[np.repeat(np.arange(rows), np.diff(ngrams.starts))[known], column[known]] = 1
    return table
