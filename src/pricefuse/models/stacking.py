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
from pricefuse.models.lasso import cross_fit_lasso
from pricefuse.models.linear import Linear
from pricefuse.models.mapped import give_back
from pricefuse.models.preprocessing import DenseBlocks, Tfidf

# Weights and penalties were found on 5,000 real rows, those of the lasso on the demo's; scores move little within a
# factor of two of any of them. An embedding has length 1, so that each of its numbers is small beside an attribute.
WORDS_PENALTY = 1.0
KERNEL_WEIGHTS = {"gemma": 0.7, "clip_text": 0.7, "clip_image": 0.7, "attributes": 0.12}
LASSO_WEIGHTS = {"clip_image": 5.0, "attributes": 1.0}
KERNEL_GAMMA, KERNEL_PENALTY = 0.7, 0.3


@dataclass(frozen=True)
class InputReader:
    """Fitted preprocessing of the base models; `tfidf` is None where there are no n-grams."""

    tfidf: Tfidf | None
    dense: DenseBlocks

    @classmethod
    def fit(cls, features: Features, rows: np.ndarray) -> "InputReader":
        """Fit on `rows` (ascending positions into `features`)."""
        tfidf = None if features.ngrams is None else Tfidf.fit(features.ngrams[rows])
        return cls(tfidf, DenseBlocks.fit(features.matrix, rows, features.blocks, tuple(KERNEL_WEIGHTS)))

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

    def words(self, features: Features, rows: np.ndarray) -> tuple[csr_array, csr_array]:
        """Return TF-IDF of `rows` (positions into `features`), float32 (rows, kept n-grams), and their name's words.

        The latter are 0 or 1, float32 (rows, kept words of names).
        """
        if self.tfidf is None or features.ngrams is None:
            nothing = csr_array((len(rows), 0), dtype=np.float32)
            return nothing, nothing
        words = self.tfidf.transform(features.ngrams[rows])
        for array in (features.ngrams.data, features.ngrams.indices):
            give_back(array)
        name_words = words[:, self.tfidf.space("name_words", features.ngrams)]
        name_words.data[:] = 1
        return words, name_words

    def blocks(self, features: Features, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the dense blocks of `rows` as the kernel and as the lasso weigh them, float32 (rows, columns) each."""
        similarity = self.dense.transform(features.matrix, rows)
        of_kernel, of_lasso = (_by_column(self.dense.blocks, weights) for weights in (KERNEL_WEIGHTS, LASSO_WEIGHTS))
        facts = similarity[:, of_lasso > 0] * of_lasso[of_lasso > 0]
        similarity *= of_kernel  # in place: it is the largest array there is
        return similarity, facts


@dataclass(frozen=True)
class Stack:
    """Fitted base models by name, and the preprocessing of what they read."""

    reader: InputReader
    models: Mapping[str, Linear | Kernel]

    @classmethod
    def cross_fit(
        cls,
        features: Features,
        rows: np.ndarray,
        log_prices: np.ndarray,
        folds: np.ndarray,
        names: Sequence[str],
        landmarks: int,
        seed: int,
    ) -> tuple["Stack", np.ndarray]:
        """Fit the base models of `names` to `log_prices`, float64 (rows,), of `rows` (ascending positions).

        Returns them with out-of-fold predictions, float64 (rows, names). `folds`, int (rows,) from 0, says which fold
        holds a row out: each row is predicted by models that were fitted to the prices of other folds, so that the
        trees learn how far each base model is to be trusted on rows like the ones to come. The preprocessing sees no
        price, and is that of all rows.
        """
        reader = InputReader.fit(features, rows)
        fitted: dict[str, tuple[Linear | Kernel, np.ndarray]] = {}
        # One after the other, and each input deleted after its use: the kernel needs the memory.
        words, name_words = reader.words(features, rows)
        if "words" in names:
            fitted["words"] = _cross_fit_ridge(words, log_prices, folds)
        del words
        similarity, facts = reader.blocks(features, rows)
        if "lasso" in names:
            fitted["lasso"] = cross_fit_lasso(name_words, facts, log_prices, folds)
        del name_words, facts
        if "kernel" in names:
            fitted["kernel"] = Kernel.cross_fit(
                similarity, log_prices, folds, gamma=KERNEL_GAMMA, penalty=KERNEL_PENALTY, landmarks=landmarks,
                seed=seed,
            )  # fmt: skip
        predicted = [np.zeros((len(rows), 0)), *(fitted[name][1][:, None] for name in names)]
        return cls(reader, {name: fitted[name][0] for name in names}), np.concatenate(predicted, axis=1)

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
        rows = np.arange(len(features))
        words, name_words = self.reader.words(features, rows)
        similarity, facts = self.reader.blocks(features, rows)
        predicted = [np.zeros((len(features), 0))]
        for name, model in self.models.items():
            if isinstance(model, Kernel):
                column = model.predict(similarity)
            elif name == "words":
                column = model.predict(words, _no_columns(words))
            else:
                column = model.predict(name_words, facts)
            predicted.append(column[:, None])
        return np.concatenate(predicted, axis=1)


def _cross_fit_ridge(words: csr_array, log_prices: np.ndarray, folds: np.ndarray) -> tuple[Linear, np.ndarray]:
    predicted = np.zeros(len(log_prices))
    for fold in range(int(folds.max()) + 1):
        others, held_out = words[folds != fold], words[folds == fold]
        model = Linear.ridge(others, _no_columns(others), log_prices[folds != fold], WORDS_PENALTY)
        predicted[folds == fold] = model.predict(held_out, _no_columns(held_out))
    return Linear.ridge(words, _no_columns(words), log_prices, WORDS_PENALTY), predicted


def _no_columns(words: csr_array) -> np.ndarray:
    return np.zeros((words.shape[0], 0), np.float32)


def _by_column(blocks: Sequence[Block], weights: Mapping[str, float]) -> np.ndarray:
    """Return the weight of each column of `blocks`, float32 (columns,), 0 for a block without one."""
    parts = [np.full(block.width, weights.get(block.name, 0), np.float32) for block in blocks]
    return np.concatenate([np.empty(0, np.float32), *parts])
