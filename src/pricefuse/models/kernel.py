"""Kernel ridge regression by the Nystroem method: the price of products that resemble this one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from pricefuse.device import pick_device
from pricefuse.models.storage import Array, require_array

CHUNK_ROWS = 1024
NO_FOLD = -1
JITTER = 1e-3  # of the landmarks' kernel, whose smallest eigenvalues are rounding


@dataclass(frozen=True)
class Kernel:
    """Landmarks float16 (landmarks, columns), their weights float64 (landmarks,), the mean, and the kernel's gamma.

    Rows are rounded to become landmarks, before anything is fitted: half the size, and no less exact a model.
    """

    landmarks: Array
    weights: Array
    mean: float
    gamma: float

    @classmethod
    def cross_fit(
        cls,
        dense: np.ndarray,
        target: np.ndarray,
        folds: np.ndarray,
        *,
        gamma: float,
        penalty: float,
        landmarks: int,
        seed: int,
    ) -> tuple["Kernel", np.ndarray]:
        """Minimize |target - mean - K w|^2 + penalty w' L w, K = exp(-gamma |x - landmark|^2), L the landmarks' own.

        Returns the model of all rows, and out-of-fold predictions, float64 (rows,), by models of the rows of the other
        folds; `folds` is int (rows,) from 0. `dense` is float32 (rows, columns). The landmarks are rows drawn at
        random, for a model of some folds those of these folds; with as many as rows this is kernel ridge regression
        (Williams and Seeger, 2001). Memory is landmarks^2 for each fold and a chunk of rows. scikit-learn's Nystroem
        takes a singular value decomposition of L, which costs some twenty times this Cholesky decomposition.
        """
        if landmarks >= len(dense):
            return _exact(dense, target, folds, gamma, penalty)
        drawn = np.sort(np.random.default_rng(seed).permutation(len(dense))[:landmarks])
        return _by_landmarks(drawn, dense, target, folds, gamma, penalty)

    def validate(self, columns: int) -> None:
        """Raise ValueError unless this is a model of inputs with so many columns."""
        require_array("landmarks", self.landmarks, np.float16, (len(self.weights), columns))
        require_array("weights", self.weights, np.float64, (None,))
        if not (np.isfinite(self.mean) and 0 < self.gamma < np.inf):
            raise ValueError(f"mean {self.mean} or gamma {self.gamma} is out of range")

    def predict(self, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        device = pick_device()
        at = torch.from_numpy(self.landmarks).to(device).float()
        weights, squares = torch.from_numpy(self.weights).to(device), at.square().sum(1)
        parts = [
            (_rbf(chunk.to(device), at, self.gamma, squares).double() @ weights).cpu().numpy()
            for chunk in _chunks(dense)
        ]
        return np.concatenate([np.empty(0), *parts]) + self.mean


def _exact(
    dense: np.ndarray, target: np.ndarray, folds: np.ndarray, gamma: float, penalty: float
) -> tuple[Kernel, np.ndarray]:
    """Fit with every row as a landmark: the normal equations, whose condition is the square, reduce to K + penalty."""
    device = pick_device()
    landmarks = dense.astype(np.float16)
    at = torch.from_numpy(landmarks).to(device).float()
    whole = _rbf(at, at, gamma).double()

    def solve(rows: torch.Tensor) -> tuple[torch.Tensor, float]:
        own = whole[rows][:, rows]
        own.diagonal().add_(penalty)
        known = target[rows.cpu().numpy()]
        mean = float(np.mean(known))
        centered = torch.from_numpy(known - mean).to(device)[:, None]
        return torch.cholesky_solve(centered, torch.linalg.cholesky(own))[:, 0], mean

    predicted = np.zeros(len(target))
    for fold in range(int(folds.max()) + 1):
        others, held_out = (_positions(which, device) for which in (folds != fold, folds == fold))
        weights, mean = solve(others)
        predicted[folds == fold] = (whole[held_out][:, others] @ weights).cpu().numpy() + mean
    weights, mean = solve(torch.arange(len(target), device=device))
    return Kernel(landmarks, weights.cpu().numpy(), mean, gamma), predicted


def _by_landmarks(
    drawn: np.ndarray, dense: np.ndarray, target: np.ndarray, folds: np.ndarray, gamma: float, penalty: float
) -> tuple[Kernel, np.ndarray]:
    """Fit with the rows `drawn` as landmarks: the sums of the normal equations are taken fold by fold, in one pass."""
    device, count = pick_device(), int(folds.max()) + 1
    landmarks = dense[drawn].astype(np.float16)
    at = torch.from_numpy(landmarks).to(device).float()
    lengths = at.square().sum(1)
    squares = torch.zeros((count, len(at), len(at)), dtype=torch.float64, device=device)  # K' K
    products = torch.zeros((count, len(at), 2), dtype=torch.float64, device=device)  # K' target, and K' 1
    for fold in range(count):
        rows = np.flatnonzero(folds == fold)
        both = torch.from_numpy(np.stack([target[rows], np.ones(len(rows))], axis=1))
        for start in range(0, len(rows), CHUNK_ROWS):
            part = rows[start : start + CHUNK_ROWS]
            near = _rbf(torch.from_numpy(dense[part]).to(device), at, gamma, lengths).double()
            squares[fold].addmm_(near.T, near)
            products[fold].addmm_(near.T, both[start : start + CHUNK_ROWS].to(device))

    def solve(without: int) -> Kernel:
        kept = _positions(folds[drawn] != without, device)
        normal, right = penalty * _rbf(at[kept], at[kept], gamma).double(), torch.zeros_like(products[0])
        normal.diagonal().add_(penalty * JITTER)
        for fold in range(count):
            if fold != without:
                normal += squares[fold][kept][:, kept]
                right += products[fold]
        mean = float(np.mean(target[folds != without]))
        centered = (right[:, :1] - mean * right[:, 1:])[kept]
        weights = torch.cholesky_solve(centered, torch.linalg.cholesky(normal))[:, 0]
        return Kernel(landmarks[kept.cpu().numpy()], weights.cpu().numpy(), mean, gamma)

    predicted = np.zeros(len(target))
    for fold in range(count):
        predicted[folds == fold] = solve(fold).predict(dense[folds == fold])
    return solve(NO_FOLD), predicted


def _positions(which: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero(which)).to(device)


def _chunks(dense: np.ndarray) -> Iterator[torch.Tensor]:
    for start in range(0, len(dense), CHUNK_ROWS):
        yield torch.from_numpy(dense[start : start + CHUNK_ROWS])


def _rbf(left: torch.Tensor, right: torch.Tensor, gamma: float, squares: torch.Tensor | None = None) -> torch.Tensor:
    """Return the kernel of each two rows; `squares` are those of the right rows' lengths, where they are known."""
    squares = right.square().sum(1) if squares is None else squares
    distance = torch.addmm(squares[None, :], left, right.T, alpha=-2)
    distance += left.square().sum(1)[:, None]
    return distance.clamp_(min=0).mul_(-gamma).exp_()
