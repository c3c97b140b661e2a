"""Batches of similar length under a token budget, and work that is done ahead of who waits for it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")


def by_budget(lengths: Sequence[int], budget: Callable[[], int]) -> Iterator[list[int]]:
    """Yield batches of indices, the longest items first; a batch's items, padded alike, have at most budget() tokens.

    An item longer than the budget is a batch of its own. The budget is asked for every batch: it may shrink on the way.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist()
    start = 0
    while start < len(order):
        size = max(1, budget() // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def padded(ids: Sequence[np.ndarray], pad_id: int, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Return token ids and attention mask, both int64 (items, longest), padded at `side` ('left' or 'right')."""
    longest = max(map(len, ids))
    tokens = np.full((len(ids), longest), pad_id, dtype=np.int64)
    mask = np.zeros_like(tokens)
    for row, item in enumerate(ids):
        there = slice(longest - len(item), None) if side == "left" else slice(len(item))
        tokens[row, there], mask[row, there] = item, 1
    return tokens, mask


def mapped(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, depth: int
) -> Generator[Result, None, None]:
    """Yield work(item) for every item, in order, made in `threads` threads up to `depth` items ahead of the caller.

    What `work` raises is raised here. When the generator ends early, items that were not begun are left out.
    """
    pool, futures = ThreadPoolExecutor(threads), deque[Future[Result]]()
    try:
        for item in items:
            futures.append(pool.submit(work, item))
            if len(futures) > depth:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
