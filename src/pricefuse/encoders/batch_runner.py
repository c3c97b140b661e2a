"""Run batches through a network, one ahead of the caller, and in smaller pieces once memory runs out."""

from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import chain

import numpy as np
import torch

from pricefuse.encoders.transfer import Transfer, transfer_to
from pricefuse.errors import InputError

OUT_OF_MEMORY = ("can't allocate memory", "ALLOC_FAILED", "CUDA error: out of memory")  # of a CPU, cuBLAS, the driver
Batch = tuple[Sequence[int], tuple[torch.Tensor, ...]]


class BatchRunner:
    """One pass of a network over batches, whatever memory there is.

    Where memory runs out, the batch goes on in two pieces, or four, or eight; so does every later batch of its block.
    Which items share a batch, and how far they are padded, stays as it was composed. Key properties:

    - A pass, and each block of it, starts with whole batches: vectors depend on the block's items and on the memory
      that it finds, never on earlier ones, which another process may have computed.
    - A piece computes each item as the whole batch does, but the order of floating-point sums may differ. Measured on a
      CPU: all-MiniLM's vectors are the same bits in float32, and in bfloat16 but for pieces of one item, which differ
      by up to 5e-4; EfficientNet-Lite0's differ by up to 6e-8. The same bits are not promised, least of all on a GPU.
    """

    def __init__(
        self,
        forward: Callable[..., torch.Tensor],
        device: torch.device,
        *,
        model: str,
        section: str,
        remedy: str,
        transfer: Transfer | None = None,
    ) -> None:
        """Prepare a pass of `forward`, which returns vectors (items, dimension) for tensors that are on `device`.

        `transfer` takes tensors there and vectors back; by default it is the one for `device`. Messages name the
        `model`, its `section` of params.yaml, and as a `remedy` what to do where memory does not suffice for one item.
        """
        self._forward, self._device = forward, device
        self._transfer = transfer or transfer_to(device)
        self._model, self._section, self._remedy = model, section, remedy
        self._pieces = self._said = 1

    def begin_block(self) -> None:
        """Try whole batches again; to be called when the first batch of a block is drawn."""
        self._pieces = 1

    def run(self, batches: Iterable[Batch]) -> Generator[tuple[Sequence[int], np.ndarray], None, None]:
        """Yield (indices, vectors float32 (items, dimension)) for every batch of indices and tensors, in order.

        While a batch is on the device, the next one is drawn and started, and nothing further is drawn. A batch without
        items is passed through as soon as the one before it is done. Raises InputError for a vector that is not finite,
        or where memory does not suffice for a single item.
        """
        running: tuple[Sequence[int], Callable[[], np.ndarray]] | None = None
        for batch in chain(batches, [None]):
            finished = running
            running = None if batch is None else (batch[0], self._started(batch))
            if finished is None:
                continue
            vectors = finished[1]()
            if not np.isfinite(vectors).all():
                raise InputError(
                    f"{self._model} gives vectors that are not finite. Set {self._section}.dtype to float32"
                )
            yield finished[0], vectors

    def _started(self, batch: Batch) -> Callable[[], np.ndarray]:
        if not len(batch[0]):
            return lambda: np.empty((0, 0), np.float32)
        return self._transfer.download(self._vectors(batch[1]))

    def _vectors(self, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
        rows, start = len(tensors[0]), 0
        vectors: list[torch.Tensor] = []
        while start < rows:
            size = -(-rows // self._pieces)
            try:
                vectors.append(self._forward(*self._transfer.upload([part[start : start + size] for part in tensors])))
                start += size
                continue
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    shape = tuple(tensors[0].shape[1:])
                    raise InputError(
                        f"{self._model}: no memory for a single item of shape {shape}. {self._remedy}"
                    ) from error
            # After the handler: until then the exception's traceback keeps the tensors of the failed attempt.
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
            self._pieces *= 2
            if self._pieces > self._said:  # once a pass
                self._said = self._pieces
                print(f"{self._model}: out of memory; batches run in {self._pieces} pieces. Smaller batches avoid this")
        return torch.cat(vectors)


def out_of_memory(error: RuntimeError) -> bool:
    """Return whether an operation failed for lack of memory, on the device or on the host."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(words in said for words in OUT_OF_MEMORY)
