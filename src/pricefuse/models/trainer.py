"""The training loop of the networks: epochs over shuffled batches, with early stopping on SMAPE."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pricefuse.device import pick_device
from pricefuse.errors import InputError
from pricefuse.metrics import scores
from pricefuse.models.settings import NetworkSettings
from pricefuse.models.storage import require_array
from pricefuse.models.target import Target


@dataclass(frozen=True)
class Epoch:
    """One epoch: the mean training loss, and the scores on the stopping rows."""

    epoch: int
    train_loss: float
    smape: float
    r2: float
    mae: float
    rmse: float


def train_network(
    network: nn.Module,
    forward: Callable[[torch.Tensor], torch.Tensor],
    stopping: Callable[[], np.ndarray],
    prices: np.ndarray,
    stopping_prices: np.ndarray,
    target: Target,
    settings: NetworkSettings,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Fit `network`, in place, to `prices`, and keep the weights of the epoch with the best SMAPE on the stopping rows.

    `forward` gives the outputs (batch,), on the network's device, for positions into `prices`, which are on the CPU;
    `stopping` gives those of the stopping rows. `settings.patience` epochs without a better score end the training.
    Raises InputError where it diverges.
    """
    device = next(network.parameters()).device
    targets = torch.from_numpy(target.forward(prices)).to(device)
    loss = loss_function(settings, target)
    batches = max(1, len(targets) // settings.batch_size)
    optimizer, schedule = _optimizer(network, settings, batches)
    best, best_weights, waited = np.inf, copy_weights(network), 0
    for epoch in range(1, settings.max_epochs + 1):
        network.train()
        total = torch.zeros((), device=device)
        # Batches of nearly equal size, none smaller than asked for: batch norm fails on a single row.
        for batch in torch.randperm(len(targets)).tensor_split(batches):
            value = loss(forward(batch), targets[batch.to(device, non_blocking=True)])
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.detach() * len(batch)
        outputs = stopping()
        if not np.isfinite(outputs).all():
            raise InputError(f"the training diverged in epoch {epoch}: lower learning_rate in params.yaml")
        predicted = np.exp(target.log_price(outputs))
        row = Epoch(epoch, float(total) / len(targets), **scores(stopping_prices, predicted))
        on_epoch(row)
        waited += 1
        if row.smape < best:
            best, best_weights, waited = row.smape, copy_weights(network), 0
        if waited >= settings.patience:
            break
    network.load_state_dict(best_weights)


def loss_function(settings: NetworkSettings, target: Target) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the loss of (predicted, actual) targets: L1, Huber, or SMAPE of the prices as a share (0 to 2)."""
    if settings.loss == "l1":
        return functional.l1_loss
    if settings.loss == "huber":
        return lambda predicted, actual: functional.huber_loss(predicted, actual, delta=settings.huber_delta)
    if target.name == "log":
        return lambda predicted, actual: (2 * torch.tanh((predicted - actual).abs() / 2)).mean()

    def smape_of_log1p(predicted: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
        prices, actual_prices = torch.expm1(predicted), torch.expm1(actual)
        return (2 * (prices - actual_prices).abs() / (prices.abs() + actual_prices)).mean()

    return smape_of_log1p


def copy_weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of the network's weights by name, on its device."""
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}


def numpy_weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the network's weights by name, on the CPU: what a member keeps of it."""
    return {name: weight.cpu().numpy() for name, weight in network.state_dict().items()}


def loaded_network(build: Callable[[], nn.Module], weights: Mapping[str, np.ndarray]) -> nn.Module:
    """Return the network that `build` makes with what `numpy_weights` gave as its weights, on the device."""
    with torch.device("meta"):  # nothing is drawn, nor the state of torch's random numbers moved
        network = build()
    whole = {name: torch.from_numpy(weight) for name, weight in weights.items()}
    network.load_state_dict({n: w.float() if w.is_floating_point() else w for n, w in whole.items()}, assign=True)
    return network.to(pick_device())


def require_weights(
    weights: Mapping[str, np.ndarray], build: Callable[[], nn.Module], halved: Collection[str] = ()
) -> None:
    """Raise ValueError unless `weights` are those of the network that `build` makes: names, types, shapes, finite.

    Those of `halved` are float16.
    """
    with torch.device("meta"):  # shapes alone: nothing is allocated
        expected = build().state_dict()
    if set(weights) != set(expected):
        raise ValueError("its weights are not those of its settings' layers")
    for name, like in expected.items():
        floating = np.float16 if name in halved else np.float32
        require_array(name, weights[name], floating if like.is_floating_point() else np.int64, tuple(like.shape))
        if name.endswith("running_var") and (weights[name] < 0).any():
            raise ValueError(f"{name} is negative")


def _optimizer(
    network: nn.Module, settings: NetworkSettings, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    optimizer = optimizers[settings.optimizer](
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    if settings.schedule == "one_cycle":
        steps = batches * settings.max_epochs
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
