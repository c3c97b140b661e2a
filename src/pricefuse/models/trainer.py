"""How a network is fitted: epochs of batches without work for a row in Python, and early stopping on SMAPE."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pricefuse.errors import InputError
from pricefuse.metrics import scores
from pricefuse.models.target import Target


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """Loss, optimizer and length of a training; `params.yaml` says what each field means."""

    loss: str
    huber_delta: float
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


def device() -> torch.device:
    """Return the GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seed_everything(seed: int) -> None:
    """Seed torch, and have it use deterministic algorithms alone."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def fit_network(
    network: nn.Module,
    forward: Callable[[torch.Tensor], torch.Tensor],
    stopping: Callable[[], np.ndarray],
    prices: np.ndarray,
    stopping_prices: np.ndarray,
    target: Target,
    fitting: Fitting,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Fit `network`, in place, to `prices`; the weights of the epoch with the best SMAPE on the stopping rows are kept.

    `forward` gives the outputs (batch,) for positions into `prices`, both on the network's device; `stopping` gives
    those of the stopping rows. `fitting.patience` epochs without a better score end the training. Raises InputError
    where it diverges.
    """
    on = next(network.parameters()).device
    goals = torch.from_numpy(target.forward(prices)).to(on)
    loss = loss_function(fitting, target)
    batches = max(1, len(goals) // fitting.batch_size)
    optimizer, schedule = _optimizer(network, fitting, batches)
    best, best_state, waited = np.inf, _copy(network), 0
    for epoch in range(1, fitting.max_epochs + 1):
        network.train()
        total = torch.zeros((), device=on)
        # Batches of nearly equal size, none smaller than asked for: batch norm fails on a single row.
        for batch in torch.randperm(len(goals)).to(on).tensor_split(batches):
            value = loss(forward(batch), goals[batch])
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.detach() * len(batch)
        outputs = stopping()
        if not np.isfinite(outputs).all():
            raise InputError(f"the training diverged in epoch {epoch}: lower learning_rate in params.yaml")
        predicted = np.exp(target.log_price(outputs))
        row = Epoch(epoch, float(total) / len(goals), **scores(stopping_prices, predicted))
        on_epoch(row)
        waited += 1
        if row.smape < best:
            best, best_state, waited = row.smape, _copy(network), 0
        if waited >= fitting.patience:
            break
    network.load_state_dict(best_state)
    network.zero_grad(set_to_none=True)  # many members are kept, and a gradient is as large as the network


def loss_function(fitting: Fitting, target: Target) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of (predicted, actual) on the target: L1, Huber, or SMAPE of the prices as a share (0 to 2)."""
    if fitting.loss == "l1":
        return functional.l1_loss
    if fitting.loss == "huber":
        return lambda predicted, actual: functional.huber_loss(predicted, actual, delta=fitting.huber_delta)
    if target.name == "log":
        return lambda predicted, actual: (2 * torch.tanh((predicted - actual).abs() / 2)).mean()

    def smape_of_log1p(predicted: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
        prices, goals = torch.expm1(predicted), torch.expm1(actual)
        return (2 * (prices - goals).abs() / (prices.abs() + goals)).mean()

    return smape_of_log1p


def _optimizer(
    network: nn.Module, fitting: Fitting, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimizer = optimizers[fitting.optimizer](
        network.parameters(), lr=fitting.learning_rate, weight_decay=fitting.weight_decay, fused=True
    )
    if fitting.schedule == "one_cycle":
        steps = batches * fitting.max_epochs
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, fitting.learning_rate, total_steps=steps)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _copy(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
