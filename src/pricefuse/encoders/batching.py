"""Compose batches of token sequences of similar length, and pad them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

# A CPU is busy with far smaller batches than a GPU; larger ones would only leave the progress bar standing for minutes.
MAX_CPU_TOKENS, MAX_CPU_ITEMS = 16_384, 64


def cap_on_cpu(asked: int, device: torch.device, most: int) -> int:
    """Return the batch size that is `asked` for, on a CPU at most `most`."""
    return min(asked, most) if device.type == "cpu" else asked


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


def padded(ids: Sequence[np.ndarray], pad_id: int, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids and attention mask, both int64 (items, longest), padded at `side` ('left' or 'right')."""
    longest = max(map(len, ids))
    tokens = np.full((len(ids), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, item in enumerate(ids):
        columns = slice(longest - len(item), None) if side == "left" else slice(len(item))
        tokens[row, columns], mask[row, columns] = item, 1
    return tokens, mask
