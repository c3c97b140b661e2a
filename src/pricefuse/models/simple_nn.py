"""The seed's network on the fused features: linear layers that narrow, batch norm, dropout, early stopping on SMAPE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import nn

from pricefuse.device import pick_device
from pricefuse.features.matrix import NGRAMS, Block, Features
from pricefuse.models.preprocessing import Scaler
from pricefuse.models.rows import DenseRows
from pricefuse.models.settings import SimpleNNSettings
from pricefuse.models.storage import Array
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch, loaded_network, numpy_weights, require_weights, train_network

PREDICTED_AT_ONCE = 65_536  # rows


@dataclass(frozen=True)
class SimpleNN:
    """The weights of a fitted network by name, the scaler of its inputs and the target of its output."""

    weights: dict[str, Array]
    scaler: Scaler
    target: Target
    settings: SimpleNNSettings

    @classmethod
    def fit(
        cls,
        features: Features,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: SimpleNNSettings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,
    ) -> "SimpleNN":
        """Fit on `fit_rows` and stop by `stopping_rows` (ascending positions into `features`).

        The scaler sees the fit rows alone. The same seed gives the same network on one machine. Raises InputError where
        the training diverges.
        """
        torch.manual_seed(seed)
        matrix, prices = features.matrix, features.index["price"].to_numpy(np.float64)
        scaler = Scaler.fit(matrix, fit_rows)
        device = pick_device()
        inputs, stopping = (
            DenseRows(scaler.transform_rows(matrix, rows), device) for rows in (fit_rows, stopping_rows)
        )
        network = build(matrix.shape[1], settings).to(device)
        train_network(
            network,
            lambda batch: network(inputs.at(batch)).squeeze(1),
            lambda: _outputs(network, stopping),
            prices[fit_rows],
            prices[stopping_rows],
            target,
            settings,
            on_epoch,
        )
        return cls(numpy_weights(network), scaler, target, settings)

    @cached_property
    def network(self) -> nn.Sequential:
        """The network with its weights, on the device."""
        return loaded_network(lambda: build(len(self.scaler.mean), self.settings), self.weights)

    def validate(self, layout: Sequence[Block]) -> None:
        """Raise ValueError where a part is no model of features that are laid out like this."""
        self.target.validate()
        columns = sum(block.width for block in layout if block.name != NGRAMS)
        self.scaler.validate(columns)
        require_weights(self.weights, lambda: build(columns, self.settings))

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,)."""
        if not len(features):
            return np.empty(0)
        rows = DenseRows(self.scaler.transform_rows(features.matrix, np.arange(len(features))), pick_device())
        return self.target.log_price(_outputs(self.network, rows))


def build(columns: int, settings: SimpleNNSettings) -> nn.Sequential:
    """Return the layers: for each hidden width linear, batch norm where set, ReLU, dropout; then linear to one."""
    layers: list[nn.Module] = []
    for width, normed, dropout in zip(settings.hidden, settings.batch_norm, settings.dropout, strict=True):
        layers.append(nn.Linear(columns, width))
        if normed:
            layers.append(nn.BatchNorm1d(width))
        layers += [nn.ReLU(), nn.Dropout(dropout)]
        columns = width
    return nn.Sequential(*layers, nn.Linear(columns, 1))


def _outputs(network: nn.Module, inputs: DenseRows) -> np.ndarray:
    network.eval()
    with torch.inference_mode():
        parts = [network(inputs.at(rows)).squeeze(1) for rows in torch.arange(len(inputs)).split(PREDICTED_AT_ONCE)]
    return torch.cat(parts).float().cpu().numpy()
