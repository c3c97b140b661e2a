"""What the best of many trials is really worth: bootstrap bias corrected cross-validation (BBC-CV).

The best of many out-of-fold scores flatters: the rows that chose it also score it. Here each bootstrap sample of
product groups chooses a trial, and the groups that it left out score that trial. Tsamardinos, Greasidou and
Borboudakis, "Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning
107 (2018).
"""

from dataclasses import dataclass

import numpy as np

from pricefuse.metrics import smape_terms

AT_ONCE = 256  # bootstrap samples: bounds the memory of their counts


@dataclass(frozen=True)
class Estimate:
    """A mean over bootstrap samples, and its percentile interval, in percent of SMAPE."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Corrected:
    """What choosing among the trials is worth on rows that did not choose.

    `score` is the SMAPE of the chosen, `difference` that SMAPE less the SMAPE of the first trial on the same rows:
    below zero, choosing gains. `chosen` says how often each trial was chosen, float64 (trials,), adding up to 1.
    """

    score: Estimate
    difference: Estimate
    chosen: np.ndarray


def bias_corrected(
    prices: np.ndarray, predicted: np.ndarray, groups: np.ndarray, *, samples: int, confidence: float, seed: int
) -> Corrected:
    """Judge the choice of the trial with the least SMAPE.

    `prices` are float64 (rows,), `predicted` the trials' out-of-fold prices, float64 (trials, rows), of which the first
    is what the others are compared with; `groups` (rows,) are drawn whole. A sample that draws every group scores
    nothing and is left out. Raises ValueError for fewer than two groups.
    """
    _, codes = np.unique(groups, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    if len(sizes) < 2:
        raise ValueError("one group can be drawn, or left out, but not both")
    sums = np.stack([np.bincount(codes, weights=smape_terms(prices, row)) for row in predicted], axis=1)
    rng = np.random.default_rng(seed)
    scores, differences, chosen = [], [], np.zeros(len(predicted))
    for start in range(0, samples, AT_ONCE):
        count = min(AT_ONCE, samples - start)
        drawn = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=count).astype(np.float64)
        left = (drawn == 0).astype(np.float64)
        some = left.sum(axis=1) > 0
        best = ((drawn @ sums) / (drawn @ sizes)[:, None]).argmin(axis=1)[some]  # the first of equals
        means = (left @ sums)[some] / (left @ sizes)[some, None]
        own = means[np.arange(len(best)), best]
        scores.append(own)
        differences.append(own - means[:, 0])
        chosen += np.bincount(best, minlength=len(predicted))
    return Corrected(
        _estimate(np.concatenate(scores), confidence),
        _estimate(np.concatenate(differences), confidence),
        chosen / chosen.sum(),
    )


def _estimate(values: np.ndarray, confidence: float) -> Estimate:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(values.mean()), float(low), float(high))
