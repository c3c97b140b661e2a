"""The seed's network: linear layers that narrow, batch norm, dropout, and early stopping on SMAPE."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional

from pricefuse.atomic import replacing
from pricefuse.errors import InputError
from pricefuse.metrics import scores
from pricefuse.models.scaler import Scaler
from pricefuse.models.target import Target

PREDICTED_AT_ONCE = 65_536  # rows


@dataclass(frozen=True)
class Settings:
    """How a network is built and fitted; `params.yaml` says what each field means."""

    loss: str
    huber_delta: float
    hidden: tuple[int, ...]
    batch_norm: tuple[bool, ...]
    dropout: tuple[float, ...]
    optimizer: str
    schedule: str
    learning_rate: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    patience: int


@dataclass(frozen=True)
class Epoch:
    """One epoch: the mean training loss, and the scores on the stopping rows."""

    epoch: int
    train_loss: float
    smape: float
    r2: float
    mae: float
    rmse: float


class SimpleNN:
    """A network, the scaler of its inputs and the target of its output."""

    def __init__(self, network: nn.Sequential, scaler: Scaler, target: Target) -> None:
        self.network, self.scaler, self.target = network, scaler, target

    @classmethod
    def fit(
        cls,
        matrix: np.ndarray,
        prices: np.ndarray,
        fit_rows: np.ndarray,
        stopping_rows: np.ndarray,
        target: Target,
        settings: Settings,
        seed: int,
        on_epoch: Callable[[Epoch], None] = lambda _: None,
    ) -> "SimpleNN":
        """Fit on `fit_rows` (ascending positions into `matrix`, float32 (rows, columns), and `prices`).

        The scaler sees the fit rows alone. After each epoch the stopping rows are scored; the weights of the best SMAPE
        are kept, and `patience` epochs without a better one end the training. The same seed gives the same network on
        one machine. All rows are moved to the device once. Raises InputError where the training diverges.
        """
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        scaler = Scaler.fit(matrix, fit_rows)
        inputs = torch.from_numpy(scaler.transform(matrix[fit_rows])).to(device)
        goals = torch.from_numpy(target.forward(prices[fit_rows])).to(device)
        stopping = torch.from_numpy(scaler.transform(matrix[stopping_rows])).to(device)

        model = cls(build(matrix.shape[1], settings).to(device), scaler, target)
        loss = loss_function(settings, target)
        batches = max(1, len(inputs) // settings.batch_size)
        optimizer, schedule = _optimizer(model.network, settings, batches)
        best, best_state, waited = np.inf, _copy(model.network), 0
        for epoch in range(1, settings.max_epochs + 1):
            model.network.train()
            total = torch.zeros((), device=device)
            # Batches of nearly equal size, none smaller than asked for: batch norm fails on a single row.
            for batch in torch.randperm(len(inputs)).to(device).tensor_split(batches):
                value = loss(model.network(inputs[batch]).squeeze(1), goals[batch])
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
                schedule.step()
                total += value.detach() * len(batch)
            forward = model._forward(stopping)
            if not np.isfinite(forward).all():
                raise InputError(f"the training diverged in epoch {epoch}: lower train.learning_rate")
            predicted = np.exp(target.log_price(forward))
            row = Epoch(epoch, float(total) / len(inputs), **scores(prices[stopping_rows], predicted))
            on_epoch(row)
            waited += 1
            if row.smape < best:
                best, best_state, waited = row.smape, _copy(model.network), 0
            if waited >= settings.patience:
                break
        model.network.load_state_dict(best_state)
        return model

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return ln price, float64 (rows,), for features float32 (rows, columns)."""
        device = next(self.network.parameters()).device
        parts = [
            self._forward(torch.from_numpy(self.scaler.transform(matrix[start : start + PREDICTED_AT_ONCE])).to(device))
            for start in range(0, len(matrix), PREDICTED_AT_ONCE)
        ]
        return self.target.log_price(np.concatenate(parts)) if parts else np.empty(0)

    def save(self, path: Path) -> None:
        """Write weights and scaler as one safetensors file, atomically."""
        tensors = {f"network.{name}": weight.cpu().numpy() for name, weight in self.network.state_dict().items()}
        tensors |= {"scaler.mean": self.scaler.mean, "scaler.deviation": self.scaler.deviation}
        with replacing(path) as temporary:
            save_file(tensors, temporary)

    @classmethod
    def load(cls, path: Path, target: Target, settings: Settings) -> "SimpleNN":
        """Read what `save` wrote, on the CPU; raises RuntimeError where the layers are not those of `settings`."""
        tensors = load_file(path)
        scaler = Scaler(tensors.pop("scaler.mean"), tensors.pop("scaler.deviation"))
        network = build(len(scaler.mean), settings)
        network.load_state_dict({name.removeprefix("network."): torch.from_numpy(t) for name, t in tensors.items()})
        return cls(network, scaler, target)

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


def loss_function(settings: Settings, target: Target) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of (predicted, actual) on the target: L1, Huber, or SMAPE of the prices as a share (0 to 2)."""
    if settings.loss == "l1":
        return functional.l1_loss
    if settings.loss == "huber":
        return lambda predicted, actual: functional.huber_loss(predicted, actual, delta=settings.huber_delta)
    if target.name == "log":
        return lambda predicted, actual: (2 * torch.tanh((predicted - actual).abs() / 2)).mean()

    def smape_of_log1p(predicted: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
        prices, goals = torch.expm1(predicted), torch.expm1(actual)
        return (2 * (prices - goals).abs() / (prices.abs() + goals)).mean()

    return smape_of_log1p


def _optimizer(
    network: nn.Module, settings: Settings, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimizer = optimizers[settings.optimizer](
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    if settings.schedule == "one_cycle":
        steps = batches * settings.max_epochs
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
