"""Batches of token sequences."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.encoders.batching import by_budget, padded


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_batches_hold_every_item_once_longest_first_within_the_budget(lengths, budget):
    batches = list(by_budget(lengths, budget))
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[i] for i in order] == sorted(lengths, reverse=True)
    assert all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= budget for batch in batches)


def test_padding_is_masked_on_the_side_of_the_tokenizer():
    ids = [np.array([5, 6, 7], np.int32), np.array([8], np.int32)]
    right, mask = padded(ids, 9, "right")
    assert (right.tolist(), mask.tolist()) == ([[5, 6, 7], [8, 9, 9]], [[1, 1, 1], [1, 0, 0]])
    left, mask = padded(ids, 9, "left")
    assert (left.tolist(), mask.tolist()) == ([[5, 6, 7], [9, 9, 8]], [[1, 1, 1], [0, 0, 1]])
