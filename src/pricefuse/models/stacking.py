"""Out-of-fold predictions of linear and kernel models, used as features by the trees (stacking).

Base models:
- words: ridge regression on TF-IDF of the n-grams
- kernel: kernel ridge regression on embeddings and attributes
- lasso: lasso on the words of the name, the attributes and the image embedding
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from pricefuse.features.matrix import NGRAMS, Block, Features
from pricefuse.models.kernel import Kernel
from pricefuse.models.linear import Linear
from pricefuse.models.preprocessing import DenseBlocks, Tfidf

# Weights and penalties were found on 5,000 real rows, those of the lasso on the demo's; scores move little within a
# factor of two of any of them. An embedding has length 1, so that each of its numbers is small beside an attribute.
WORDS_PENALTY = 1.0
KERNEL_WEIGHTS = {"gemma": 0.7, "clip_text": 0.7, "clip_image": 0.7, "attributes": 0.12}
LASSO_WEIGHTS = {"clip_image": 5.0, "attributes": 1.0}
KERNEL_GAMMA, KERNEL_PENALTY = 0.7, 0.3


@dataclass(frozen=True)
class Inputs:
    """What the base models read of some rows, float32.

    `words` is TF-IDF (rows, kept n-grams), `name_words` the words of the name as 0 or 1, `similarity` and `facts` are
    dense blocks (rows, columns) as the kernel and the lasso weigh them.
    """

    words: csr_array
    name_words: csr_array
    similarity: np.ndarray
    facts: np.ndarray


@dataclass(frozen=True)
class InputReader:
    """Fitted preprocessing of the base models; `tfidf` is None where there are no n-grams."""

    tfidf: Tfidf | None
    dense: DenseBlocks

    @classmethod
    def fit(cls, features: Features) -> "InputReader":
        tfidf = None if features.ngrams is None else Tfidf.fit(features.ngrams)
        return cls(tfidf, DenseBlocks.fit(features.matrix, features.blocks, tuple(KERNEL_WEIGHTS)))

    def validate(self, layout: Sequence[Block]) -> tuple[int, int, int, int]:
        """Return the widths of words, name_words, similarity and facts.

        Raises ValueError where this does not read features that are laid out like this.
        """
        self.dense.validate(layout)
        similarity, facts = (
            sum(block.width for block in self.dense.blocks if weights.get(block.name, 0) > 0)
            for weights in (KERNEL_WEIGHTS, LASSO_WEIGHTS)
        )
        hashed = [block.width for block in layout if block.name == NGRAMS]
        if (self.tfidf is None) != (not hashed):
            raise ValueError("either it or the features have n-grams, but not both")
        if self.tfidf is None:
            return 0, 0, similarity, facts
        self.tfidf.validate(hashed[0])
        names = self.tfidf.space("name_words", csr_array((0, hashed[0])))
        return len(self.tfidf.columns), len(names), similarity, facts

    def read(self, features: Features) -> Inputs:
        if self.tfidf is None or features.ngrams is None:
            words = name_words = csr_array((len(features), 0), dtype=np.float32)
        else:
            words = self.tfidf.transform(features.ngrams)
            name_words = words[:, self.tfidf.space("name_words", features.ngrams)]
            name_words.data[:] = 1
        dense = self.dense.transform(features.matrix)
        similarity, facts = (_weigh(dense, self.dense.blocks, weights) for weights in (KERNEL_WEIGHTS, LASSO_WEIGHTS))
        return Inputs(words, name_words, similarity, facts)


@dataclass(frozen=True)
class Stack:
    """Fitted base models by name, and the preprocessing of what they read."""

    reader: InputReader
    models: Mapping[str, Linear | Kernel]

    @classmethod
    def fit(
        cls, features: Features, log_prices: np.ndarray, names: Sequence[str], landmarks: int, seed: int
    ) -> "Stack":
        """Fit the base models of `names` to `log_prices`, float64 (rows,), on all rows of `features`."""
        reader = InputReader.fit(features)
        inputs = reader.read(features)
        models: dict[str, Linear | Kernel] = {}
        for name in names:
            if name == "words":
                models[name] = Linear.ridge(inputs.words, _nothing(inputs), log_prices, WORDS_PENALTY)
            elif name == "lasso":
                groups = features.index["group"].to_numpy()
                models[name] = Linear.lasso(inputs.name_words, inputs.facts, log_prices, groups)
            else:
                models[name] = Kernel.fit(
                    inputs.similarity, log_prices, gamma=KERNEL_GAMMA, penalty=KERNEL_PENALTY, landmarks=landmarks,
                    seed=seed,
                )  # fmt: skip
        return cls(reader, models)

    def validate(self, layout: Sequence[Block]) -> None:
        """Raise ValueError where a base model does not read features that are laid out like this."""
        words, name_words, similarity, facts = self.reader.validate(layout)
        for name, model in self.models.items():
            if name == "kernel" and isinstance(model, Kernel):
                model.validate(similarity)
            elif name == "words" and isinstance(model, Linear):
                model.validate(words, 0)
            elif name == "lasso" and isinstance(model, Linear):
                model.validate(name_words, facts)
            else:
                raise ValueError(f"{name} is not the name of a {type(model).__name__}")

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price as each base model predicts it, float64 (rows, base models)."""
        inputs = self.reader.read(features)
        predicted = [np.zeros((len(features), 0))]
        for name, model in self.models.items():
            if isinstance(model, Kernel):
                column = model.predict(inputs.similarity)
            elif name == "words":
                column = model.predict(inputs.words, _nothing(inputs))
            else:
                column = model.predict(inputs.name_words, inputs.facts)
            predicted.append(column[:, None])
        return np.concatenate(predicted, axis=1)


def cross_predict(
    features: Features, log_prices: np.ndarray, names: Sequence[str], folds: np.ndarray, landmarks: int, seed: int
) -> np.ndarray:
    """Return out-of-fold predictions of the base models, float64 (rows, names).

    `folds`, int (rows,), says which fold holds a row out: each row is predicted by models that were fitted to the rows
    of other folds, so that the trees learn how far each base model is to be trusted on rows like the ones to come.
    """
    predicted = np.zeros((len(log_prices), len(names)))
    for fold in range(folds.max() + 1):
        others, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        stack = Stack.fit(features.at(others), log_prices[others], names, landmarks, seed)
        predicted[held_out] = stack.predict(features.at(held_out))
    return predicted


def _nothing(inputs: Inputs) -> np.ndarray:
    return np.zeros((inputs.words.shape[0], 0), np.float32)


def _weigh(dense: np.ndarray, blocks: Sequence[Block], weights: Mapping[str, float]) -> np.ndarray:
    by_column = np.concatenate([np.empty(0), *(np.full(block.width, weights.get(block.name, 0)) for block in blocks)])
    kept = by_column > 0
    return dense[:, kept] * by_column[kept].astype(np.float32)
