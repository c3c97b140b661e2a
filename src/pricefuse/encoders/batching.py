"""Compose batches of token sequences of similar length, and pad them."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import numpy as np
import torch

T = TypeVar("T")

# A CPU is busy with far smaller batches than a GPU; larger ones would only leave the progress bar standing for minutes.
CPU_TOKENS, MAX_CPU_TOKENS = 2048, 16_384
CPU_ITEMS, MAX_CPU_ITEMS = 32, 64
# Of a GPU, for each GB of its memory; more than the most do not make it faster. Where memory runs out, batches run in
# pieces.
TOKENS_A_GB, MAX_AUTO_TOKENS = 4096, 131_072
ITEMS_A_GB, MAX_AUTO_ITEMS = 16, 512


def batch_tokens(asked: int | Literal["auto"], device: torch.device) -> int:
    """Return the tokens of a batch, padding included: as asked, within what a CPU is busy with; auto by the device."""
    if device.type == "cpu":
        return CPU_TOKENS if asked == "auto" else min(asked, MAX_CPU_TOKENS)
    return min(TOKENS_A_GB * _gigabytes(device), MAX_AUTO_TOKENS) if asked == "auto" else asked


def batch_items(asked: int | Literal["auto"], device: torch.device) -> int:
    """Return the items of a batch: as asked, within what a CPU is busy with; auto by the device."""
    if device.type == "cpu":
        return CPU_ITEMS if asked == "auto" else min(asked, MAX_CPU_ITEMS)
    return min(ITEMS_A_GB * _gigabytes(device), MAX_AUTO_ITEMS) if asked == "auto" else asked


def _gigabytes(device: torch.device) -> int:
    return max(1, torch.cuda.get_device_properties(device).total_memory // 10**9)


def by_budget(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield batches of indices, the longest items first; a batch padded to its longest item has at most budget tokens.

    An item longer than the budget is a batch of its own. Batches depend on the lengths and the budget alone.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist()
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def in_working_order(batches: Sequence[T]) -> list[T]:
    """Return batches with the first one, the largest, first, and the others in an order drawn once and for all.

    Too little memory shows at once, and the rate of the first minute is that of all: in order of length, a bar would
    promise hours.
    """
    order = np.random.default_rng(0).permutation(np.arange(1, len(batches))).tolist()
    return [*batches[:1], *(batches[number] for number in order)]


def padded(ids: Sequence[np.ndarray], pad_id: int, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids and attention mask, both int64 (items, longest), padded at `side` ('left' or 'right')."""
    longest = max(map(len, ids))
    tokens = np.full((len(ids), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, item in enumerate(ids):
        columns = slice(longest - len(item), None) if side == "left" else slice(len(item))
        tokens[row, columns], mask[row, columns] = item, 1
    return tokens, mask
