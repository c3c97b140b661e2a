"""Rows of a matrix for a network on the device: a batch of them is gathered at once, and no GPU is waited for."""

import numpy as np
import torch
from scipy.sparse import csr_array

MAX_SHARE = 0.5  # of a GPU's free memory, that dense rows may take


class DenseRows:
    """A dense matrix, float32: on the device where that has the memory for it, else on the CPU.

    From the CPU a batch goes to a GPU through pinned memory, beside what the GPU computes.
    """

    def __init__(self, matrix: np.ndarray, device: torch.device) -> None:
        self._device, self._matrix = device, torch.from_numpy(matrix)
        if device.type != "cuda" or matrix.nbytes <= MAX_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._matrix = self._matrix.to(device)

    def __len__(self) -> int:
        return len(self._matrix)

    def at(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the rows at positions `rows`, which are on the CPU, as float32 (rows, columns) on the device."""
        taken = self._matrix[rows.to(self._matrix.device, non_blocking=True)]
        if taken.device.type == self._device.type:  # not the devices: `cuda` and `cuda:0` differ
            return taken
        return taken.pin_memory().to(self._device, non_blocking=True)


class SparseRows:
    """A CSR matrix on the device, of which a batch of rows is gathered at once."""

    def __init__(self, matrix: csr_array, device: torch.device) -> None:
        self.lengths = torch.from_numpy(np.diff(matrix.indptr).astype(np.int64))  # of the rows, on the CPU
        self.starts = torch.from_numpy(matrix.indptr.astype(np.int64)).to(device)
        self.columns = torch.from_numpy(matrix.indices.astype(np.int32)).to(device)
        self.values = torch.from_numpy(matrix.data).to(device)

    def at(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return columns (entries,), where each row's begin (rows,), and values (entries,), as EmbeddingBag asks.

        `rows` are positions, on the CPU: the number of entries is summed up here, or a GPU would have to be waited for.
        """
        total = int(self.lengths[rows].sum())
        rows = rows.to(self.starts.device, non_blocking=True)
        first = self.starts[rows]
        lengths = self.starts[rows + 1] - first
        begin = torch.cumsum(lengths, 0) - lengths
        entries = torch.repeat_interleave(first - begin, lengths, output_size=total)
        entries += torch.arange(len(entries), device=entries.device)
        return self.columns[entries].long(), begin, self.values[entries]
