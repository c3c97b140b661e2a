"""The seed's network on the fused features: linear layers that narrow, batch norm, dropout, early stopping on SMAPE."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import nn

from pricefuse.features.matrix import Features
from pricefuse.models import storage as stored
from pricefuse.models.scaler import Scaler
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch, Fitting, device, fit_network, seed_everything

PREDICTED_AT_ONCE = 65_536  # rows


@dataclass(frozen=True, kw_only=True)
class Settings(Fitting):
    """How the network is built and fitted; `params.yaml` says what each field means."""

    hidden: tuple[int, ...]
    batch_norm: tuple[bool, ...]
    dropout: tuple[float, ...]
    seeds: tuple[int, ...]


class SimpleNN:
    """A network, the scaler of its inputs and the target of its output."""

    def __init__(self, network: nn.Sequential, scaler: Scaler, target: Target, settings: Settings) -> None:
        self.network, self.scaler, self.target, self.settings = network, scaler, target, settings

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
    ) -> "SimpleNN":
        """Fit on `fit_rows` and stop by `stopping_rows` (ascending positions into `features`).

        The scaler sees the fit rows alone. The same seed gives the same network on one machine. All rows are moved to
        the device once. Raises InputError where the training diverges.
        """
        seed_everything(seed)
        matrix, prices = features.matrix, features.index["price"].to_numpy(np.float64)
        scaler = Scaler.fit(matrix, fit_rows)
        inputs = torch.from_numpy(scaler.transform(matrix[fit_rows])).to(device())
        stopping = torch.from_numpy(scaler.transform(matrix[stopping_rows])).to(device())
        member = cls(build(matrix.shape[1], settings).to(device()), scaler, target, settings)
        fit_network(
            member.network,
            lambda batch: member.network(inputs[batch]).squeeze(1),
            lambda: member._forward(stopping),
            prices[fit_rows],
            prices[stopping_rows],
            target,
            settings,
            on_epoch,
        )
        return member

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,)."""
        matrix, on = features.matrix, next(self.network.parameters()).device
        parts = [
            self._forward(torch.from_numpy(self.scaler.transform(matrix[start : start + PREDICTED_AT_ONCE])).to(on))
            for start in range(0, len(matrix), PREDICTED_AT_ONCE)
        ]
        return self.target.log_price(np.concatenate(parts)) if parts else np.empty(0)

    def save(self, folder: Path) -> None:
        """Write weights, scaler, target and settings into `folder`."""
        arrays = {f"network.{name}": weight.cpu().numpy() for name, weight in self.network.state_dict().items()}
        arrays |= {"scaler.mean": self.scaler.mean, "scaler.deviation": self.scaler.deviation}
        stored.save(folder, arrays, {"target": asdict(self.target), "settings": asdict(self.settings)})

    @classmethod
    def load(cls, folder: Path) -> "SimpleNN":
        """Read what `save` wrote, on the CPU; raises RuntimeError where the layers are not those of the settings."""
        arrays, facts = stored.load(folder)
        scaler = Scaler(arrays.pop("scaler.mean"), arrays.pop("scaler.deviation"))
        settings = TypeAdapter(Settings).validate_python(facts["settings"])
        network = build(len(scaler.mean), settings)
        network.load_state_dict({name.removeprefix("network."): torch.from_numpy(t) for name, t in arrays.items()})
        return cls(network, scaler, TypeAdapter(Target).validate_python(facts["target"]), settings)

    def _forward(self, inputs: torch.Tensor) -> np.ndarray:
        self.network.eval()
        with torch.inference_mode():
            return self.network(inputs).squeeze(1).float().cpu().numpy()


def build(columns: int, settings: Settings) -> nn.Sequential:
    """Return the layers: for each hidden width linear, batch norm where set, ReLU, dropout; then linear to one."""
    layers: list[nn.Module] = []
    for width, normed, dropout in zip(settings.hidden, settings.batch_norm, settings.dropout, strict=True):
        layers.append(nn.Linear(columns, width))
        if normed:
            layers.append(nn.BatchNorm1d(width))
        layers += [nn.ReLU(), nn.Dropout(dropout)]
        columns = width
    return nn.Sequential(*layers, nn.Linear(columns, 1))
