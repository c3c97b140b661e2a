"""Kernel ridge regression by Nystroem: what rows cost that resemble this one, measured at some hundred landmarks."""

from dataclasses import dataclass

import numpy as np
import torch

CHUNK_ROWS = 8192
JITTER = 1e-3  # of the landmarks' kernel, whose smallest eigenvalues are rounding


@dataclass(frozen=True)
class Kernel:
    """Landmarks float32 (landmarks, columns), their weights float64 (landmarks,), the mean, and the kernel's gamma."""

    landmarks: np.ndarray
    weights: np.ndarray
    mean: float
    gamma: float

    @classmethod
    def fit(
        cls, dense: np.ndarray, goals: np.ndarray, *, gamma: float, penalty: float, landmarks: int, seed: int
    ) -> "Kernel":
        """Minimise |goals - mean - K w|^2 + penalty w' L w, K = exp(-gamma |x - landmark|^2), L the landmarks' own.

        `dense` is float32 (rows, columns). The landmarks are rows drawn at random; with as many as rows it is kernel
        ridge regression (Williams and Seeger, 2001). Memory is landmarks^2 and a chunk of rows.
        """
        drawn = np.random.default_rng(seed).permutation(len(dense))[:landmarks]
        chosen = dense[np.sort(drawn)]
        mean = float(np.mean(goals))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        at = torch.from_numpy(chosen).to(device)
        if landmarks >= len(dense):
            # Every row is a landmark: the normal equations, a whole power of K worse, reduce to these.
            whole = _kernel(at, at, gamma).double()
            whole.diagonal().add_(penalty)
            centred = torch.from_numpy(goals - mean).to(device)[:, None]
            exact = torch.cholesky_solve(centred, torch.linalg.cholesky(whole))[:, 0]
            return cls(chosen, exact.cpu().numpy(), mean, gamma)
        normal = penalty * (_kernel(at, at, gamma).double() + JITTER * torch.eye(len(at), device=device))
        right = torch.zeros(len(at), dtype=torch.float64, device=device)
        for start in range(0, len(dense), CHUNK_ROWS):
            part = _kernel(torch.from_numpy(dense[start : start + CHUNK_ROWS]).to(device), at, gamma).double()
            normal += part.T @ part
            right += part.T @ torch.from_numpy(goals[start : start + CHUNK_ROWS] - mean).to(device)
        weights = torch.cholesky_solve(right[:, None], torch.linalg.cholesky(normal))[:, 0]
        return cls(chosen, weights.cpu().numpy(), mean, gamma)

    def predict(self, dense: np.ndarray) -> np.ndarray:
        """Return float64 (rows,)."""
        at, weights = torch.from_numpy(self.landmarks), torch.from_numpy(self.weights)
        parts = [
            (_kernel(torch.from_numpy(dense[start : start + CHUNK_ROWS]), at, self.gamma).double() @ weights).numpy()
            for start in range(0, len(dense), CHUNK_ROWS)
        ]
        return np.concatenate([np.empty(0), *parts]) + self.mean


def _kernel(left: torch.Tensor, right: torch.Tensor, gamma: float) -> torch.Tensor:
    distance = torch.addmm(right.square().sum(1)[None, :], left, right.T, alpha=-2)
    distance += left.square().sum(1)[:, None]
    return distance.clamp_(min=0).mul_(-gamma).exp_()
