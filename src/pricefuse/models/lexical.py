"""A network over n-grams of the text: a bag of learnt vectors beside the attributes, then one hidden layer.

After the winners of Kaggle's Mercari Price Suggestion Challenge (Lopuhin and Jankiewicz, 2018): a sparse input, a small
network, few epochs, several of them averaged.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from scipy.sparse import csr_array
from torch import nn
from torch.nn import functional

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.features.ngrams import Ngrams
from pricefuse.models import storage as stored
from pricefuse.models.dense import Dense
from pricefuse.models.scaler import Scaler
from pricefuse.models.target import Target
from pricefuse.models.tfidf import Tfidf
from pricefuse.models.trainer import Epoch, Fitting, device, fit_network, seed_everything

PREDICTED_AT_ONCE = 4096  # rows
FIRST_DEVIATION = 0.1  # of the vectors before training: a text's few hundred weights have length 1 a space


@dataclass(frozen=True, kw_only=True)
class Settings(Fitting):
    """How the network is built and fitted; `params.yaml` says what each field means."""

    blocks: tuple[str, ...]
    width: int
    hidden: int
    dropout: float
    least_steps: int
    seeds: tuple[int, ...]


class Bag(nn.Module):  # type: ignore[misc]  # torch has no types here
    """n-grams and dense columns, each mapped to `width` and added; ReLU, dropout, a hidden layer, and one output."""

    def __init__(self, ngrams: int, dense: int, settings: Settings) -> None:
        super().__init__()
        self.words = nn.EmbeddingBag(ngrams, settings.width, mode="sum")
        nn.init.normal_(self.words.weight, std=FIRST_DEVIATION)
        self.dense = nn.Linear(dense, settings.width)
        self.first, self.second = nn.Linear(settings.width, settings.hidden), nn.Linear(settings.hidden, 1)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, ngrams: "Sparse", dense: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Return the outputs (rows,) of positions `rows` into both inputs."""
        columns, starts, values = ngrams.at(rows)
        mixed = self.words(columns, starts, per_sample_weights=values) + self.dense(dense[rows])
        hidden = functional.relu(self.first(self.dropout(functional.relu(mixed))))
        return self.second(self.dropout(hidden)).squeeze(1)


class Sparse:
    """A CSR matrix on the device, and rows of it gathered in one go."""

    def __init__(self, matrix: csr_array, on: torch.device) -> None:
        self.starts = torch.from_numpy(matrix.indptr.astype(np.int64)).to(on)
        self.columns = torch.from_numpy(matrix.indices.astype(np.int32)).to(on)
        self.values = torch.from_numpy(matrix.data).to(on)

    def at(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return columns (entries,), where each row's begin (rows,), and values (entries,), as EmbeddingBag asks."""
        first = self.starts[rows]
        lengths = self.starts[rows + 1] - first
        begin = torch.cumsum(lengths, 0) - lengths
        entries = torch.repeat_interleave(first - begin, lengths)
        entries += torch.arange(len(entries), device=entries.device)
        return self.columns[entries].long(), begin, self.values[entries]


class Lexical:
    """The network, what it reads the text and the dense columns by, and the target of its output."""

    def __init__(self, network: Bag, tfidf: Tfidf, dense: Dense, target: Target, settings: Settings) -> None:
        self.network, self.tfidf, self.dense, self.target, self.settings = network, tfidf, dense, target, settings

    @classmethod
    def fit(
        cls,
        features: Features,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: Settings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,
    ) -> "Lexical":
        """Fit on `fit_rows` and stop by `stopping_rows` (ascending positions into `features`).

        Which n-grams count, and the scaler, are decided by the fit rows alone. A small catalog is gone through more
        often, so that no training has fewer than `settings.least_steps` steps. Raises InputError without n-grams.
        """
        seed_everything(seed)
        prices = features.index["price"].to_numpy(np.float64)
        fitted, stopping = features.at(fit_rows), features.at(stopping_rows)
        tfidf = Tfidf.fit(_ngrams(fitted))
        dense = Dense.fit(fitted.matrix, features.blocks, settings.blocks)
        network = Bag(len(tfidf.columns), dense.width, settings)
        nn.init.constant_(network.second.bias, float(np.median(target.forward(prices[fit_rows]))))
        member = cls(network.to(device()), tfidf, dense, target, settings)
        steps = max(1, len(fit_rows) // settings.batch_size)
        epochs = max(settings.max_epochs, -(-settings.least_steps // steps))
        inputs, stopping_inputs = member._inputs(fitted), member._inputs(stopping)
        fit_network(
            network,
            lambda batch: network(*inputs, batch),
            lambda: member._forward(*stopping_inputs),
            prices[fit_rows],
            prices[stopping_rows],
            target,
            replace(settings, max_epochs=epochs, patience=settings.patience * epochs // settings.max_epochs),
            on_epoch,
        )
        return member

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,). Raises InputError without n-grams."""
        rows = np.arange(len(features.matrix))
        parts = [
            self._forward(*self._inputs(features.at(rows[start : start + PREDICTED_AT_ONCE])))
            for start in range(0, len(rows), PREDICTED_AT_ONCE)
        ]
        return self.target.log_price(np.concatenate(parts)) if parts else np.empty(0)

    def save(self, folder: Path) -> None:
        """Write weights, what the inputs are read by, target and settings into `folder`."""
        arrays = {f"network.{name}": weight.cpu().numpy() for name, weight in self.network.state_dict().items()}
        arrays |= {"tfidf.columns": self.tfidf.columns, "tfidf.weights": self.tfidf.weights}
        arrays |= {"scaler.mean": self.dense.scaler.mean, "scaler.deviation": self.dense.scaler.deviation}
        blocks = [asdict(block) for block in self.dense.blocks]
        facts = {"target": asdict(self.target), "settings": asdict(self.settings), "blocks": blocks}
        stored.save(folder, arrays, facts)

    @classmethod
    def load(cls, folder: Path) -> "Lexical":
        """Read what `save` wrote, on the CPU; raises RuntimeError where the layers are not those of the settings."""
        arrays, facts = stored.load(folder)
        tfidf = Tfidf(arrays.pop("tfidf.columns"), arrays.pop("tfidf.weights"))
        scaler = Scaler(arrays.pop("scaler.mean"), arrays.pop("scaler.deviation"))
        dense = Dense(TypeAdapter(tuple[Block, ...]).validate_python(facts["blocks"]), scaler)
        settings = TypeAdapter(Settings).validate_python(facts["settings"])
        network = Bag(len(tfidf.columns), dense.width, settings)
        network.load_state_dict({name.removeprefix("network."): torch.from_numpy(t) for name, t in arrays.items()})
        return cls(network, tfidf, dense, TypeAdapter(Target).validate_python(facts["target"]), settings)

    def _inputs(self, features: Features) -> tuple[Sparse, torch.Tensor]:
        on = next(self.network.parameters()).device
        dense = torch.from_numpy(self.dense.transform(features.matrix)).to(on)
        return Sparse(self.tfidf.transform(_ngrams(features)), on), dense

    def _forward(self, ngrams: Sparse, dense: torch.Tensor) -> np.ndarray:
        self.network.eval()
        rows = torch.arange(len(dense), device=dense.device)
        with torch.inference_mode():
            parts = [self.network(ngrams, dense, part) for part in rows.split(PREDICTED_AT_ONCE)]
        return torch.cat(parts).float().cpu().numpy()


def _ngrams(features: Features) -> Ngrams:
    if features.ngrams is None:
        raise InputError("there are no n-grams of the text: set fuse.ngrams, or take lexical out of train.members")
    return features.ngrams
