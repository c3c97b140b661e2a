"""Batches of token sequences."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.encoders.batching import (
    MAX_CPU_ITEMS,
    MAX_CPU_TOKENS,
    batch_items,
    batch_tokens,
    by_budget,
    in_working_order,
    padded,
)


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


def test_a_cpu_gets_batches_that_it_is_busy_with():
    cpu = torch.device("cpu")
    assert (batch_tokens("auto", cpu), batch_items("auto", cpu)) == (2048, 32)
    assert (batch_tokens(512, cpu), batch_items(8, cpu)) == (512, 8)
    assert (batch_tokens(100_000, cpu), batch_items(256, cpu)) == (MAX_CPU_TOKENS, MAX_CPU_ITEMS)


@pytest.mark.parametrize(("gigabytes", "tokens", "items"), [(8, 32_768, 128), (24, 98_304, 384), (80, 131_072, 512)])
def test_a_gpu_gets_batches_by_its_memory_unless_they_are_set(monkeypatch, gigabytes, tokens, items):
    properties = SimpleNamespace(total_memory=gigabytes * 10**9 + 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    gpu = torch.device("cuda")
    assert (batch_tokens("auto", gpu), batch_items("auto", gpu)) == (tokens, items)
    assert (batch_tokens(200_000, gpu), batch_items(1024, gpu)) == (200_000, 1024)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_the_largest_batch_is_first_and_the_others_are_mixed_the_same_way_each_time(count):
    batches = list(range(count, 0, -1))
    ordered = in_working_order(batches)
    assert sorted(ordered, reverse=True) == batches
    assert ordered[:1] == batches[:1]
    assert ordered == in_working_order(batches)
    if count > 100:  # the first tenth is like all
        assert abs(np.mean(ordered[: count // 10]) - np.mean(batches)) < count / 8
