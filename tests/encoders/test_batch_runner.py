"""Running batches: one ahead of the caller, and in smaller pieces once memory runs out."""

import numpy as np
import pytest
import torch

from pricefuse.encoders.batch_runner import BatchRunner
from pricefuse.errors import InputError


class SmallDevice:
    """A forward pass that has memory for `limit` items; `sizes` are those that ran, `failures` counts the others."""

    def __init__(self, limit, error=None):
        self.limit, self.error, self.sizes, self.failures = limit, error, [], 0

    def __call__(self, items):
        if len(items) > self.limit:
            self.failures += 1
            raise self.error or torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(items))
        return items * 2


def batches(count, size=16):
    for number in range(count):
        items = torch.arange(number * size, (number + 1) * size, dtype=torch.float32)[:, None]
        yield range(number * size, (number + 1) * size), (items,)


def runner(forward):
    return BatchRunner(forward, torch.device("cpu"), model="m", section="embed", remedy="Buy memory")


def test_out_of_memory_makes_all_later_batches_smaller(capsys):
    device = SmallDevice(4)
    found = list(runner(device).run(batches(5)))
    assert [list(indices) for indices, _ in found] == [list(indices) for indices, _ in batches(5)]
    np.testing.assert_array_equal(np.concatenate([vectors for _, vectors in found])[:, 0], 2 * np.arange(80))
    assert device.failures == 2  # 16 and 8 items, both in the first batch
    assert device.sizes == [4] * 20
    assert capsys.readouterr().out.count("out of memory") == 2


def test_memory_that_runs_out_later_shrinks_the_batches_from_there():
    device = SmallDevice(16)
    passes = runner(device).run(batches(6))
    next(passes)  # two batches have run: one is ahead
    device.limit = 4
    list(passes)
    assert device.failures == 2
    assert device.sizes == [16] * 2 + [4] * 16


def test_each_block_starts_with_whole_batches(capsys):
    device = SmallDevice(4)
    begun = runner(device)

    def two_blocks():
        for number, batch in enumerate(batches(4)):
            if number == 2:
                begun.begin_block()
            yield batch

    list(begun.run(two_blocks()))
    assert device.failures == 4  # 16 and 8 items, in the first batch of each
    assert capsys.readouterr().out.count("out of memory") == 2  # it is said once


def test_the_next_pass_starts_with_whole_batches():
    device = SmallDevice(4)
    first = list(runner(device).run(batches(3)))
    device.limit = 16
    again = list(runner(device).run(batches(3)))
    assert device.sizes[-3:] == [16] * 3
    for (_, left), (_, right) in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)


def test_one_batch_is_drawn_ahead_of_the_caller():
    drawn = []

    def noted():
        for indices, tensors in batches(5):
            drawn.append(indices[0])
            yield indices, tensors

    passes = runner(SmallDevice(16)).run(noted())
    assert drawn == []
    next(passes)
    assert drawn == [0, 16]
    next(passes)
    assert drawn == [0, 16, 32]


@pytest.mark.parametrize(
    "error",
    [None, RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")],
    ids=["device", "host"],
)
def test_no_memory_for_a_single_item_says_what_to_do(error):
    with pytest.raises(InputError, match="m: no memory for a single item of shape .*Buy memory"):
        list(runner(SmallDevice(0, error)).run(batches(1)))


def test_other_errors_are_raised_as_they_are():
    device = SmallDevice(0, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(runner(device).run(batches(1)))
    assert device.failures == 1


def test_vectors_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="not finite. Set embed.dtype to float32"):
        list(runner(lambda items: items * torch.nan).run(batches(1)))
