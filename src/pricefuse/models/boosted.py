"""Gradient-boosted trees (LightGBM) with L1 loss on ln price, over attributes and the predictions of base models.

The trees start from a non-negative combination of the base models' predictions and correct it: where the combination is
as good as it gets, few trees are grown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
from scipy.optimize import nnls

from pricefuse.device import cpu_threads
from pricefuse.features.folds import group_folds
from pricefuse.features.matrix import Block, Features
from pricefuse.models.mapped import give_back
from pricefuse.models.settings import BoostedSettings
from pricefuse.models.stacking import Stack
from pricefuse.models.storage import Array, require_array
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch
from pricefuse.models.trees import Trees

ATTRIBUTES = ("attributes", "image_mask")  # the blocks that the trees see
PATIENCE = 100  # rounds


@dataclass(frozen=True)
class Boosted:
    """Fitted trees, and the base models that they build on.

    `start` is a center and a weight for each base model, float64 (1 + base models,): what the trees start from.
    """

    trees: Trees
    stack: Stack
    start: Array
    target: Target

    @classmethod
    def fit(
        cls,
        features: Features,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: BoostedSettings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,  # noqa: ARG003 - trees have rounds, not epochs
    ) -> "Boosted":
        """Fit on `fit_rows` and `stopping_rows` alike (ascending positions into `features`).

        Inner folds of these rows, by product group, give the base models' predictions and the best number of rounds, so
        that no rows have to be kept out of the fit. The target's range bounds the predictions; trees predict ln price.
        """
        rows = np.sort(np.concatenate([fit_rows, stopping_rows]))
        known = features.index.iloc[rows]
        log_prices, groups = np.log(known["price"].to_numpy(np.float64)), known["group"].to_numpy()
        inner = group_folds(groups, min(settings.inner_folds, len(np.unique(groups))), seed)
        landmarks = settings.landmarks_for(len(rows))
        stack, predicted = Stack.cross_fit(features, rows, log_prices, inner, settings.base_models, landmarks, seed)
        start = _fit_start(predicted, log_prices)
        parameters = _parameters(settings, seed)
        inputs = np.concatenate([attribute_columns(features, rows), predicted], axis=1)
        data = lightgbm.Dataset(inputs, log_prices, init_score=_combine(predicted, start), free_raw_data=False)
        rounds = _best_rounds(data, inner, parameters, settings.max_rounds)
        trees = lightgbm.train(parameters, data, num_boost_round=rounds)
        return cls(Trees.of_booster(trees), stack, start, target)

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,), within the training prices' range."""
        if not len(features):
            return np.empty(0)
        predicted = self.stack.predict(features)
        inputs = np.concatenate([attribute_columns(features, np.arange(len(features))), predicted], axis=1)
        corrected = _combine(predicted, self.start) + self.trees.predict(inputs)
        return np.clip(corrected, *np.log([self.target.low, self.target.high]))

    def validate(self, layout: Sequence[Block]) -> None:
        """Raise ValueError where a part is no model of features that are laid out like this."""
        self.target.validate()
        self.stack.validate(layout)
        require_array("start", self.start, np.float64, (1 + len(self.stack.models),))
        if (self.start[1:] < 0).any():
            raise ValueError("start has a negative weight")
        self.trees.validate(attribute_count(layout) + len(self.stack.models))


def _parameters(settings: BoostedSettings, seed: int) -> dict[str, object]:
    return {
        "objective": "l1",
        "seed": seed,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.min_rows,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "verbose": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": cpu_threads(),
    }


def _best_rounds(data: lightgbm.Dataset, inner: np.ndarray, parameters: dict[str, object], max_rounds: int) -> int:
    """Return the number of rounds with the least L1 loss on the inner folds held out, averaged over the folds.

    Inner folds share the bins of `data`. It ends where PATIENCE rounds were no better.
    """
    folds = [(np.flatnonzero(inner != fold), np.flatnonzero(inner == fold)) for fold in range(inner.max() + 1)]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    losses = lightgbm.cv(parameters, data, max_rounds, folds=folds, callbacks=[stop])
    return 1 + int(np.argmin(losses["valid l1-mean"]))


def _fit_start(predicted: np.ndarray, log_prices: np.ndarray) -> np.ndarray:
    """Return the center and non-negative weights of the base models by least squares, float64 (1 + base models,)."""
    center = float(np.median(log_prices))
    weights = nnls(predicted - center, log_prices - center)[0] if predicted.shape[1] else np.empty(0)
    return np.concatenate([[center], weights])


def _combine(predicted: np.ndarray, start: np.ndarray) -> np.ndarray:
    return start[0] + (predicted - start[0]) @ start[1:]


def attribute_count(layout: Sequence[Block]) -> int:
    """Return the number of columns of `attribute_columns`."""
    return sum(block.width for block in layout if block.name in ATTRIBUTES)


def attribute_columns(features: Features, rows: np.ndarray) -> np.ndarray:
    """Return the blocks ATTRIBUTES of `rows` (positions), float64 (rows, columns), NaN where there is no value."""
    kept = [features.matrix[rows, b.start : b.stop] for b in features.blocks if b.name in ATTRIBUTES]
    give_back(features.matrix)
    # A number beyond any honest one must not become infinite on the way into the trees' bins.
    whole = np.concatenate([np.zeros((len(rows), 0), np.float32), *kept], axis=1).astype(np.float64)
    return np.where(np.isinf(whole), np.nan, whole)
