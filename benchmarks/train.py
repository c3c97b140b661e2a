"""Epochs a second of simple_nn beside the seed's loop: a DataLoader over rows, at equal settings and validation loss.

    python benchmarks/train.py [--rows 60000] [--epochs 3] [--threads 2] [--rounds 3]

Synthetic rows of the seed's 2,304 features, its network, batch size, optimizer and loss. Both sides start from the same
weights and see the same number of steps; the seed's loop fetches row by row from a Dataset, as the seed did. They run
in turn, and the median ratio over the rounds is printed with its range.
"""

import argparse
import statistics
import time

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from pricefuse.device import deterministic
from pricefuse.features.matrix import Block, Features
from pricefuse.models.preprocessing import Scaler
from pricefuse.models.settings import SimpleNNSettings
from pricefuse.models.simple_nn import SimpleNN, build
from pricefuse.models.target import Target

COLUMNS = 2304
SEED = SimpleNNSettings(
    loss="l1",
    huber_delta=0.5,
    hidden=(1024, 512, 256, 64, 32),
    batch_norm=(True, True, True, True, False),
    dropout=(0.3, 0.2, 0.2, 0.1, 0.1),
    optimizer="adam",
    schedule="constant",
    learning_rate=2e-3,
    weight_decay=1e-5,
    batch_size=512,
    max_epochs=3,
    patience=50,
    seeds=(42,),
)


class Rows(Dataset):
    """Rows one by one, as the seed's Dataset gives them."""

    def __init__(self, matrix: np.ndarray, prices: np.ndarray) -> None:
        self.matrix, self.targets = matrix, np.log1p(prices)

    def __len__(self) -> int:
        return len(self.matrix)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.FloatTensor(self.matrix[row]), torch.FloatTensor([self.targets[row]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(given.rows, COLUMNS)).astype(np.float32)
    prices = np.exp(2.5 + matrix[:, :40] @ rng.normal(0, 0.12, 40) + rng.normal(0, 0.3, given.rows))
    order = np.arange(given.rows)
    fit_rows, held_out = order[: given.rows * 9 // 10], order[given.rows * 9 // 10 :]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{len(fit_rows):,} rows, {COLUMNS:,} features, {given.epochs} epochs, {device}, {given.threads} CPU threads")
    loops, ours = [], []
    with deterministic(given.threads):
        for _ in range(given.rounds):
            loops.append(_seed_loop(matrix, prices, fit_rows, held_out, given.epochs, device))
            ours.append(_ours(matrix, prices, fit_rows, held_out, given.epochs))
    ratios = [loop[0] / own[0] for loop, own in zip(loops, ours, strict=True)]
    print(
        f"simple_nn: {statistics.median(ratios):.2f} times the epochs a second of the DataLoader loop"
        f" ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"validation L1 on log1p: {ours[0][1]:.4f} against {loops[0][1]:.4f}")


def _ours(
    matrix: np.ndarray, prices: np.ndarray, fit_rows: np.ndarray, held_out: np.ndarray, epochs: int
) -> tuple[float, float]:
    features = Features(matrix, (Block("gemma", 0, COLUMNS, "synthetic"),), pd.DataFrame({"price": prices}))
    settings = SEED.model_copy(update={"max_epochs": epochs})
    target = Target.fit("log1p", prices[fit_rows])
    start = time.perf_counter()
    member = SimpleNN.fit(features, fit_rows, held_out, target, settings, 42)
    seconds = time.perf_counter() - start
    predicted = np.log1p(np.exp(member.predict(features.at(held_out))))
    return seconds, float(np.abs(predicted - np.log1p(prices[held_out])).mean())


def _seed_loop(
    matrix: np.ndarray, prices: np.ndarray, fit_rows: np.ndarray, held_out: np.ndarray, epochs: int, device: str
) -> tuple[float, float]:
    torch.manual_seed(42)
    start = time.perf_counter()
    scaler = Scaler.fit(matrix, fit_rows)
    network = build(COLUMNS, SEED).to(device)
    loss_of, optimizer = nn.L1Loss(), torch.optim.Adam(network.parameters(), lr=2e-3, weight_decay=1e-5)
    batches = DataLoader(Rows(scaler.transform(matrix[fit_rows]), prices[fit_rows]), batch_size=512, shuffle=True)
    checked = DataLoader(Rows(scaler.transform(matrix[held_out]), prices[held_out]), batch_size=512)
    best = np.inf
    for _ in range(epochs):
        network.train()
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = loss_of(network(inputs.to(device)), targets.to(device))
            loss.backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            errors = [(network(inputs.to(device)).cpu() - targets).abs() for inputs, targets in checked]
        best = min(best, float(torch.cat(errors).mean()))
    return time.perf_counter() - start, best


if __name__ == "__main__":
    main()
