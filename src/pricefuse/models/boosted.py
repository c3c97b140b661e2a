"""Gradient-boosted trees with L1 loss on ln price: attributes, linear models' columns, compressed embeddings.

They start from a non-negative mix of the columns and correct it: where the mix is as good as it gets, few trees are
added. LightGBM (Ke et al., 2017), saved in its own text format.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import lightgbm
import numpy as np
from pydantic import TypeAdapter
from scipy.optimize import nnls

from pricefuse.errors import InputError
from pricefuse.features.folds import group_folds
from pricefuse.features.matrix import Features
from pricefuse.files import write_text
from pricefuse.models import storage as stored
from pricefuse.models.compressed import Compressed
from pricefuse.models.stacking import Columns, out_of_fold
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the trees are grown; `params.yaml` says what each field means."""

    columns: tuple[str, ...]
    components: int
    inner_folds: int
    landmarks: int
    learning_rate: float
    leaves: int
    least_rows: int
    feature_share: float
    most_rounds: int
    bags: int
    seeds: tuple[int, ...]


class Boosted:
    """The trees, the columns and compressed embeddings that they read, and the mix of columns that they start from."""

    def __init__(
        self,
        trees: list[lightgbm.Booster],
        columns: Columns,
        compressed: Compressed,
        mix: np.ndarray,
        target: Target,
    ) -> None:
        self.trees, self.columns, self.compressed, self.mix, self.target = trees, columns, compressed, mix, target

    @classmethod
    def fit(
        cls,
        features: Features,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: Settings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,  # noqa: ARG003 - trees have rounds, not epochs
        threads: int = 1,
    ) -> "Boosted":
        """Fit on `fit_rows` and `stopping_rows` alike (ascending positions into `features`).

        Folds within these rows, by product group, give the columns and say how many rounds are best, so that none has
        to be kept back to stop by. The target's range bounds the predictions; the trees are fitted to ln price.
        """
        rows = np.sort(np.concatenate([fit_rows, stopping_rows]))
        known = features.at(rows)
        goals = np.log(known.index["price"].to_numpy(np.float64))
        groups = known.index["group"].to_numpy()
        inner = group_folds(groups, min(settings.inner_folds, len(np.unique(groups))), seed)
        own = out_of_fold(known, goals, settings.columns, inner, settings.landmarks, seed)
        columns = Columns.fit(known, goals, settings.columns, settings.landmarks, seed)
        compressed = Compressed.fit(known, settings.components)
        mix = _mix(own, goals)
        inputs, start = np.concatenate([_attributes(known), own, compressed.transform(known)], axis=1), _start(own, mix)
        parameters = _parameters(settings, threads)
        rounds = _best_rounds(inputs, goals, start, inner, parameters | {"seed": seed}, settings.most_rounds)
        bags = range(settings.bags)
        trees = [
            lightgbm.train(
                parameters | {"seed": seed * settings.bags + bag},
                lightgbm.Dataset(inputs, goals, init_score=start),
                num_boost_round=rounds,
            )
            for bag in bags
        ]
        return cls(trees, columns, compressed, mix, target)

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,), within the training prices' range."""
        if len(features.matrix) == 0:
            return np.empty(0)
        predicted = self.columns.predict(features)
        inputs = np.concatenate([_attributes(features), predicted, self.compressed.transform(features)], axis=1)
        trees = np.mean([np.asarray(tree.predict(inputs)) for tree in self.trees], axis=0)
        bounds = np.log([self.target.low, self.target.high])
        return np.clip(_start(predicted, self.mix) + trees, *bounds)

    def save(self, folder: Path) -> None:
        """Write columns, compression, mix and target, and each bag of trees as LightGBM's text."""
        for bag, tree in enumerate(self.trees):
            write_text(folder / f"trees-{bag}.txt", tree.model_to_string())
        arrays = self.columns.arrays() | self.compressed.arrays() | {"mix": self.mix}
        facts = self.columns.facts() | self.compressed.facts()
        stored.save(folder, arrays, {"target": asdict(self.target), "bags": len(self.trees), **facts})

    @classmethod
    def load(cls, folder: Path) -> "Boosted":
        """Read what `save` wrote. Raises InputError where a file is missing."""
        arrays, facts = stored.load(folder)
        paths = [folder / f"trees-{bag}.txt" for bag in range(int(facts["bags"]))]
        for path in paths:
            if not path.is_file():
                raise InputError(f"{path}: no such file, so that the model is not whole. Run `dvc repro train`")
        trees = [lightgbm.Booster(model_str=path.read_text(encoding="utf-8")) for path in paths]
        target = TypeAdapter(Target).validate_python(facts["target"])
        columns, compressed = Columns.restore(arrays, facts), Compressed.restore(arrays, facts)
        return cls(trees, columns, compressed, arrays["mix"], target)


def _parameters(settings: Settings, threads: int) -> dict[str, object]:
    return {
        "objective": "l1",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.least_rows,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "verbose": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
    }


def _best_rounds(
    inputs: np.ndarray,
    goals: np.ndarray,
    start: np.ndarray,
    inner: np.ndarray,
    parameters: dict[str, object],
    most: int,
) -> int:
    """Return the number of rounds with the least L1 on inner folds held out, mean over all of them."""
    total = np.zeros(most)
    for fold in range(inner.max() + 1):
        held_out, others = inner == fold, inner != fold
        data = lightgbm.Dataset(inputs[others], goals[others], init_score=start[others])
        scored = data.create_valid(inputs[held_out], goals[held_out], init_score=start[held_out])
        losses: dict[str, dict[str, list[float]]] = {}
        lightgbm.train(parameters, data, most, valid_sets=[scored], callbacks=[lightgbm.record_evaluation(losses)])
        total += np.array(losses["valid_0"]["l1"]) * held_out.sum()
    return 1 + int(total.argmin())


def _mix(columns: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """Return the centre and a non-negative weight for each column, by least squares, float64 (1 + columns,)."""
    centre = float(np.median(goals))
    weights = nnls(columns - centre, goals - centre)[0] if columns.shape[1] else np.empty(0)
    return np.concatenate([[centre], weights])


def _start(columns: np.ndarray, mix: np.ndarray) -> np.ndarray:
    return mix[0] + (columns - mix[0]) @ mix[1:]


def _attributes(features: Features) -> np.ndarray:
    kept = [features.matrix[:, b.start : b.stop] for b in features.blocks if b.name in {"attributes", "image_mask"}]
    # A number beyond any honest one must not become infinite on the way into the trees' bins.
    whole = np.concatenate([np.zeros((len(features.matrix), 0), np.float32), *kept], axis=1).astype(np.float64)
    return np.where(np.isinf(whole), np.nan, whole)
