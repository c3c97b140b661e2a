"""A network over n-grams of the text: a sum of learned vectors beside dense columns, then one hidden layer.

After the winners of Kaggle's Mercari Price Suggestion Challenge (Lopuhin and Jankiewicz, 2018): a sparse input, a small
network, few epochs, several of them averaged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from pricefuse.device import pick_device
from pricefuse.errors import InputError
from pricefuse.features.matrix import NGRAMS, Block, Features
from pricefuse.models.preprocessing import DenseBlocks, Tfidf
from pricefuse.models.rows import DenseRows, SparseRows
from pricefuse.models.settings import LexicalSettings
from pricefuse.models.storage import Array
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch, loaded_network, numpy_weights, require_weights, train_network

PREDICTED_AT_ONCE = 4096  # rows
# An epoch's, or batches get larger: a step costs the same for any batch, since it moves the vectors of all n-grams.
MAX_BATCHES = 128
VECTORS = "words.weight"  # of the n-grams
INITIAL_DEVIATION = 0.1  # of the vectors before training: a text's few hundred weights have length 1 a space


class LexicalNetwork(nn.Module):  # type: ignore[misc]  # torch has no types here
    """N-grams and dense columns, each mapped to `width` and added; ReLU, dropout, a hidden layer, and one output."""

    def __init__(self, ngrams: int, dense: int, settings: LexicalSettings, *, drawn: bool = True) -> None:
        """Build the network; the vectors of n-grams are `drawn` unless others take their place."""
        super().__init__()
        if drawn:
            self.words = nn.EmbeddingBag(ngrams, settings.width, mode="sum")
            nn.init.normal_(self.words.weight, std=INITIAL_DEVIATION)
        else:  # to draw numbers where there is no memory behind them, torch imports 150 MB of modules
            nothing = torch.empty((ngrams, settings.width))
            self.words = nn.EmbeddingBag.from_pretrained(nothing, freeze=False, mode="sum")
        self.dense = nn.Linear(dense, settings.width)
        self.first, self.second = nn.Linear(settings.width, settings.hidden), nn.Linear(settings.hidden, 1)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, ngrams: SparseRows, dense: DenseRows, rows: torch.Tensor) -> torch.Tensor:
        """Return the outputs (rows,) of positions `rows` (on the CPU) into both inputs."""
        columns, starts, values = ngrams.at(rows)
        mixed = self.words(columns, starts, per_sample_weights=values) + self.dense(dense.at(rows))
        hidden = functional.relu(self.first(self.dropout(functional.relu(mixed))))
        return self.second(self.dropout(hidden)).squeeze(1)


@dataclass(frozen=True)
class Lexical:
    """The weights of a fitted network by name, the preprocessing of its inputs and the target of its output.

    The n-grams' vectors are kept in float16, half the size: ln prices differ by less than 1e-3 from those of float32.
    """

    weights: dict[str, Array]
    tfidf: Tfidf
    dense: DenseBlocks
    target: Target
    settings: LexicalSettings

    @classmethod
    def fit(
        cls,
        features: Features,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: LexicalSettings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,
    ) -> "Lexical":
        """Fit on `fit_rows` and stop by `stopping_rows` (ascending positions into `features`).

        The fit rows alone decide which n-grams are kept, and the scaler. A small catalog is gone through more often, so
        that no training has fewer than `settings.min_steps` steps; a large one has larger batches than
        `settings.batch_size`, MAX_BATCHES an epoch. Raises InputError without n-grams.
        """
        torch.manual_seed(seed)
        prices = features.index["price"].to_numpy(np.float64)
        tfidf = Tfidf.fit(_ngrams(features)[fit_rows])
        dense = DenseBlocks.fit(features.matrix, fit_rows, features.blocks, settings.blocks)
        network = LexicalNetwork(len(tfidf.columns), dense.width, settings)
        nn.init.constant_(network.second.bias, float(np.median(target.forward(prices[fit_rows]))))
        device = pick_device()
        network.to(device)
        batch_size = max(settings.batch_size, len(fit_rows) // MAX_BATCHES)
        steps = max(1, len(fit_rows) // batch_size)
        epochs = max(settings.max_epochs, -(-settings.min_steps // steps))
        patience = settings.patience * epochs // settings.max_epochs
        inputs, stopping_inputs = (_inputs(features, part, tfidf, dense, device) for part in (fit_rows, stopping_rows))
        train_network(
            network,
            lambda batch: network(*inputs, batch),
            lambda: _outputs(network, *stopping_inputs),
            prices[fit_rows],
            prices[stopping_rows],
            target,
            settings.model_copy(update={"max_epochs": epochs, "patience": patience, "batch_size": batch_size}),
            on_epoch,
        )
        weights = numpy_weights(network)
        weights[VECTORS] = weights[VECTORS].astype(np.float16)
        return cls(weights, tfidf, dense, target, settings)

    @cached_property
    def network(self) -> LexicalNetwork:
        """The network with its weights, on the device."""
        return loaded_network(self._build, self.weights)

    def _build(self) -> LexicalNetwork:
        return LexicalNetwork(len(self.tfidf.columns), self.dense.width, self.settings, drawn=False)

    def validate(self, layout: Sequence[Block]) -> None:
        """Raise ValueError where a part is no model of features that are laid out like this."""
        self.target.validate()
        self.dense.validate(layout)
        hashed = [block.width for block in layout if block.name == NGRAMS]
        if not hashed:
            raise ValueError("the features have no n-grams")
        self.tfidf.validate(hashed[0])
        require_weights(self.weights, self._build, {VECTORS})

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,). Raises InputError without n-grams."""
        if not len(features):
            return np.empty(0)
        rows = np.arange(len(features))
        inputs = _inputs(features, rows, self.tfidf, self.dense, pick_device())
        return self.target.log_price(_outputs(self.network, *inputs))


def _inputs(
    features: Features, rows: np.ndarray, tfidf: Tfidf, dense: DenseBlocks, device: torch.device
) -> tuple[SparseRows, DenseRows]:
    columns = DenseRows(dense.transform(features.matrix, rows), device)
    return SparseRows(tfidf.transform(_ngrams(features)[rows]), device), columns


def _outputs(network: nn.Module, ngrams: SparseRows, dense: DenseRows) -> np.ndarray:
    network.eval()
    rows = torch.arange(len(dense))
    with torch.inference_mode():
        parts = [network(ngrams, dense, part) for part in rows.split(PREDICTED_AT_ONCE)]
    return torch.cat(parts).float().cpu().numpy()


def _ngrams(features: Features) -> csr_array:
    if features.ngrams is None:
        raise InputError("there are no n-grams of the text: set fuse.ngrams, or take lexical out of train.members")
    return features.ngrams
