"""Columns that models of other kinds predict, for the trees to build on: each is ln price as one linear model sees it.

For the rows that are fitted they come from models that did not see the row's price (inner folds by product group), so
that the trees learn how far each is to be trusted on rows like the ones to come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pydantic import TypeAdapter
from scipy.sparse import csr_array

from pricefuse.features.matrix import Block, Features
from pricefuse.features.ngrams import SPACES
from pricefuse.models.dense import Dense
from pricefuse.models.kernel import Kernel
from pricefuse.models.linear import Linear
from pricefuse.models.scaler import Scaler
from pricefuse.models.tfidf import Tfidf

NAMES = ("words", "joint", "kernel", "lasso")
# Weights and penalties were found on 5,000 real rows, those of the lasso on the demo's; scores move little within a
# factor of two of any of them. An embedding has length 1, so that each of its numbers is small beside an attribute.
PENALTIES = {"words": 1.0, "joint": 3.0, "lasso": 0.2}
JOINT_WEIGHTS = {"gemma": 1.0, "clip_text": 1.0, "clip_image": 1.0, "image_mask": 0.25, "attributes": 0.5}
KERNEL_WEIGHTS = {"gemma": 0.7, "clip_text": 0.7, "clip_image": 0.7, "image_mask": 0.0, "attributes": 0.12}
LASSO_WEIGHTS = {"gemma": 0.0, "clip_text": 0.0, "clip_image": 5.0, "image_mask": 0.0, "attributes": 1.0}
GAMMA, KERNEL_PENALTY = 0.7, 0.3
_NAME_WORDS = next(number for number, space in enumerate(SPACES) if space.name == "name_words")


@dataclass(frozen=True)
class Inputs:
    """What the models read, rows alike, float32: TF-IDF, the name's words as 0 or 1, dense features as weighed."""

    words: csr_array
    name_words: csr_array
    joint: np.ndarray
    similar: np.ndarray
    facts: np.ndarray


@dataclass(frozen=True)
class Columns:
    """Fitted models, by the names of their columns, and what reads their inputs."""

    tfidf: Tfidf | None
    dense: Dense
    models: Mapping[str, Linear | Kernel]

    @classmethod
    def fit(cls, features: Features, goals: np.ndarray, names: Sequence[str], landmarks: int, seed: int) -> "Columns":
        """Fit the models of `names` to `goals`, ln price, float64, for all rows of `features`."""
        reader = cls(
            Tfidf.fit(features.ngrams) if features.ngrams is not None else None,
            Dense.fit(features.matrix, features.blocks, tuple(JOINT_WEIGHTS)),
            {},
        )
        inputs = reader._read(features)
        models: dict[str, Linear | Kernel] = {}
        for name in names:
            if name == "kernel":
                models[name] = Kernel.fit(
                    inputs.similar, goals, gamma=GAMMA, penalty=KERNEL_PENALTY, landmarks=landmarks, seed=seed
                )
            else:
                fit = Linear.lasso if name == "lasso" else Linear.ridge
                models[name] = fit(*_linear(name, inputs), goals, PENALTIES[name])
        return cls(reader.tfidf, reader.dense, models)

    def predict(self, features: Features) -> np.ndarray:
        """Return float64 (rows, models), in the models' order."""
        inputs = self._read(features)
        predicted = [
            model.predict(inputs.similar) if isinstance(model, Kernel) else model.predict(*_linear(name, inputs))
            for name, model in self.models.items()
        ]
        return np.stack([np.zeros(len(features.matrix)), *predicted], axis=1)[:, 1:]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all fitted numbers by name, for `restore`."""
        arrays = {
            "scaler.mean": self.dense.scaler.mean,
            "scaler.deviation": self.dense.scaler.deviation,
        }
        if self.tfidf is not None:
            arrays |= {f"tfidf.{name}": array for name, array in vars(self.tfidf).items()}
        for name, model in self.models.items():
            arrays |= {f"{name}.{field}": np.atleast_1d(np.asarray(value)) for field, value in vars(model).items()}
        return arrays

    def facts(self) -> dict[str, object]:
        """Return what else `restore` needs, as JSON values."""
        return {"columns": list(self.models), "blocks": [asdict(block) for block in self.dense.blocks]}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], facts: Mapping[str, object]) -> "Columns":
        """Return the columns that `arrays` and `facts` tell of."""
        blocks = TypeAdapter(tuple[Block, ...]).validate_python(facts["blocks"])
        tfidf = Tfidf(arrays["tfidf.columns"], arrays["tfidf.weights"]) if "tfidf.columns" in arrays else None
        models: dict[str, Linear | Kernel] = {}
        for name in TypeAdapter(list[str]).validate_python(facts["columns"]):
            mean = float(arrays[f"{name}.mean"][0])
            if name == "kernel":
                gamma = float(arrays["kernel.gamma"][0])
                models[name] = Kernel(arrays["kernel.landmarks"], arrays["kernel.weights"], mean, gamma)
            else:
                models[name] = Linear(arrays[f"{name}.sparse"], arrays[f"{name}.dense"], mean)
        scaler = Scaler(arrays["scaler.mean"], arrays["scaler.deviation"])
        return cls(tfidf, Dense(blocks, scaler), models)

    def _read(self, features: Features) -> Inputs:
        if self.tfidf is not None and features.ngrams is not None:
            words = self.tfidf.transform(features.ngrams)
            name_words = words[:, np.flatnonzero(self.tfidf.columns >> features.ngrams.bits == _NAME_WORDS)]
            name_words.data[:] = 1
        else:
            words = name_words = csr_array((len(features.matrix), 0), dtype=np.float32)
        dense = self.dense.transform(features.matrix)
        joint, similar, facts = (
            _weighed(dense, self.dense.blocks, weights) for weights in (JOINT_WEIGHTS, KERNEL_WEIGHTS, LASSO_WEIGHTS)
        )
        return Inputs(words, name_words, joint, similar, facts)


def out_of_fold(
    features: Features, goals: np.ndarray, names: Sequence[str], fold: np.ndarray, landmarks: int, seed: int
) -> np.ndarray:
    """Return the columns for the very rows they are fitted to, float64 (rows, names), each row from models of others.

    `fold` says which inner fold holds a row out, int (rows,).
    """
    predicted = np.zeros((len(goals), len(names)))
    for held_out in range(fold.max() + 1):
        others, own = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        columns = Columns.fit(features.at(others), goals[others], names, landmarks, seed)
        predicted[own] = columns.predict(features.at(own))
    return predicted


def _linear(name: str, inputs: Inputs) -> tuple[csr_array, np.ndarray]:
    if name == "lasso":
        return inputs.name_words, inputs.facts
    return inputs.words, inputs.joint if name == "joint" else np.zeros((len(inputs.joint), 0), np.float32)


def _weighed(dense: np.ndarray, blocks: Sequence[Block], weights: Mapping[str, float]) -> np.ndarray:
    by_column = np.concatenate([np.empty(0), *(np.full(block.width, weights[block.name]) for block in blocks)])
    kept = by_column > 0
    return dense[:, kept] * by_column[kept].astype(np.float32)
