"""Kernel ridge regression by the Nystroem method: the price of products that resemble this one."""

from dataclasses import dataclass

import numpy as np
import torch

from pricefuse.device import pick_device
from pricefuse.models.storage import Array, require_array

CHUNK_ROWS = 8192
JITTER = 1e-3  # of the landmarks' kernel, whose smallest eigenvalues are rounding


@dataclass(frozen=True)
class Kernel:
    """Landmarks float32 (landmarks, columns), their weights float64 (landmarks,), the mean, and the kernel's gamma."""

    landmarks: Array
    weights: Array
    mean: float
    gamma: float

    @classmethod
    def fit(
        cls, dense: np.ndarray, target: np.ndarray, *, gamma: float, penalty: float, landmarks: int, seed: int
    ) -> "Kernel":
        """Minimize |target - mean - K w|^2 + penalty w' L w, K = exp(-gamma |x - landmark|^2), L the landmarks' own.

        `dense` is float32 (rows, columns). The landmarks are rows drawn at random; with as many as rows this is kernel
        ridge regression (Williams and Seeger, 2001). Memory is landmarks^2 and a chunk of rows. scikit-learn's Nystroem
        takes a singular value decomposition of L, which costs some twenty times this Cholesky decomposition.
        """
        drawn = np.random.default_rng(seed).permutation(len(dense))[:landmarks]
        chosen = dense[np.sort(drawn)]
        mean = float(np.mean(target))
        device = pick_device()
        at = torch.from_numpy(chosen).to(device)
        if landmarks >= len(dense):
            # Every row is a landmark: the normal equations, whose condition is the square, reduce to these.
            whole = _rbf(at, at, gamma).double()
            whole.diagonal().add_(penalty)
            centered = torch.from_numpy(target - mean).to(device)[:, None]
            exact = torch.cholesky_solve(centered, torch.linalg.cholesky(whole))[:, 0]
            return cls(chosen, exact.cpu().numpy(), mean, gamma)
        normal = penalty * (_rbf(at, at, gamma).double() + JITTER * torch.eye(len(at), device=device))
        right = torch.zeros(len(at), dtype=torch.float64, device=device)
        for start in range(0, len(dense), CHUNK_ROWS):
            part = _rbf(torch.from_numpy(dense[start : start + CHUNK_ROWS]).to(device), at, gamma).double()
            normal += part.T @ part
            right += part.T @ torch.from_numpy(target[start : start + CHUNK_ROWS] - mean).to(device)
        weights = torch.cholesky_solve(right[:, None], torch.linalg.cholesky(normal))[:, 0]
        return cls(chosen, weights.cpu().numpy(), mean, gamma)

    def validate(self, columns: int) -> None:
        """Raise ValueError unless this is a model of inputs with so many columns."""
        require_array("landmarks", self.landmarks, np.float32, (len(self.weights), columns))
        require_array("weights", self.weights, np.float64, (None,))
        if not (np.isfinite(self.mean) and 0 < self.gamma < np.inf):
            raise ValueError(f"mean {self.mean} or gamma {self.gamma} is out of range")

    def predict(self, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        at, weights = torch.from_numpy(self.landmarks), torch.from_numpy(self.weights)
        parts = [
            (_rbf(torch.from_numpy(dense[start : start + CHUNK_ROWS]), at, self.gamma).double() @ weights).numpy()
            for start in range(0, len(dense), CHUNK_ROWS)
        ]
        return np.concatenate([np.empty(0), *parts]) + self.mean


def _rbf(left: torch.Tensor, right: torch.Tensor, gamma: float) -> torch.Tensor:
    distance = torch.addmm(right.square().sum(1)[None, :], left, right.T, alpha=-2)
    distance += left.square().sum(1)[:, None]
    return distance.clamp_(min=0).mul_(-gamma).exp_()
