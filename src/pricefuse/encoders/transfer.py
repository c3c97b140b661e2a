"""Move batches to a device and vectors back, so that the device never waits for either."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

SLOTS = 2  # one batch is on the device, and one on its way


class Transfer(Protocol):
    """The way to a device and back."""

    def upload(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return `tensors` on the device."""

    def download(self, vectors: torch.Tensor) -> Callable[[], np.ndarray]:
        """Begin to fetch `vectors`; the function that is returned waits for them alone and gives them as float32."""


def transfer_to(device: torch.device) -> Transfer:
    """Return the way to `device`."""
    return CudaTransfer(device) if device.type == "cuda" else NoTransfer()


class NoTransfer:
    """The device is the CPU: there is nothing to move, and nothing to wait for."""

    def upload(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return list(tensors)

    def download(self, vectors: torch.Tensor) -> Callable[[], np.ndarray]:
        found = vectors.float().numpy()
        return lambda: found


class CudaTransfer:
    """Copies in streams of their own, from and to page-locked memory that is allocated once.

    The forward of a batch waits for the copy of its own tensors; whoever takes its vectors waits for their copy alone,
    while the next batch is computed. A buffer is filled again as soon as the copy out of it has ended.
    """

    def __init__(self, device: torch.device, cuda: Any = torch.cuda, pin_memory: bool = True) -> None:  # noqa: FBT001, FBT002
        """Prepare the streams; a test gives another `cuda`, and no page-locked memory."""
        self._device, self._cuda = device, cuda
        self._compute, self._inward, self._outward = (
            cuda.current_stream(device),
            cuda.Stream(device),
            cuda.Stream(device),
        )
        self._staging, self._landing = (
            itertools.cycle([_Buffers(pin_memory) for _ in range(SLOTS)]) for _ in ("in", "out")
        )

    def upload(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        buffers = next(self._staging)
        buffers.wait()
        moved = []
        with self._cuda.stream(self._inward):
            for number, tensor in enumerate(tensors):
                staged = buffers.like(number, tensor).copy_(tensor)
                there = torch.empty(tensor.shape, dtype=tensor.dtype, device=self._device)
                moved.append(there.copy_(staged, non_blocking=True))
        buffers.copied = self._event(self._inward)
        self._compute.wait_event(buffers.copied)
        for tensor in moved:  # allocated in one stream and used in another
            tensor.record_stream(self._compute)
        return moved

    def download(self, vectors: torch.Tensor) -> Callable[[], np.ndarray]:
        single = vectors.float()
        self._outward.wait_event(self._event(self._compute))
        buffers = next(self._landing)
        with self._cuda.stream(self._outward):
            landed = buffers.like(0, single).copy_(single, non_blocking=True)
        single.record_stream(self._outward)
        buffers.copied = self._event(self._outward)

        def finished() -> np.ndarray:
            buffers.wait()
            return landed.numpy().copy()  # the buffer is filled again by the batch after the next

        return finished

    def _event(self, stream: Any) -> Any:
        event = self._cuda.Event()
        event.record(stream)
        return event


class _Buffers:
    """Host memory of one batch, and the event after which it is free."""

    def __init__(self, pin_memory: bool) -> None:  # noqa: FBT001
        self.copied: Any = None
        self._pin_memory = pin_memory
        self._blocks: dict[tuple[int, torch.dtype], torch.Tensor] = {}

    def like(self, number: int, tensor: torch.Tensor) -> torch.Tensor:
        """Return memory of the shape and dtype of a batch's tensor `number`: what there is, if it is large enough."""
        block = self._blocks.get((number, tensor.dtype))
        if block is None or len(block) < tensor.numel():
            block = torch.empty(tensor.numel(), dtype=tensor.dtype, pin_memory=self._pin_memory)
            self._blocks[number, tensor.dtype] = block
        return block[: tensor.numel()].view(tensor.shape)

    def wait(self) -> None:
        if self.copied is not None:
            self.copied.synchronize()
