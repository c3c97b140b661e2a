"""Copies to and from a device: beside the computation, and each waited for alone. The device is made up."""

from contextlib import contextmanager

import numpy as np
import torch

from pricefuse.encoders.batch_runner import BatchRunner
from pricefuse.encoders.transfer import CudaTransfer


class MadeUpCuda:
    """torch.cuda's streams and events, of which `log` has what was asked, in order."""

    def __init__(self):
        self.log, self._streams, self.current = [], iter(("compute", "in", "out")), None

    def current_stream(self, _):
        return self.Stream(_)

    def Stream(self, _):  # noqa: N802 - torch's name
        return MadeUpStream(next(self._streams), self.log)

    def Event(self):  # noqa: N802
        return MadeUpEvent(self.log)

    @contextmanager
    def stream(self, stream):
        self.log.append(f"copies in {stream.name}")
        yield


class MadeUpStream:
    def __init__(self, name, log):
        self.name, self._log, self.events = name, log, 0

    def wait_event(self, event):
        self._log.append(f"{self.name} waits for {event.name}")

    def synchronize(self):
        raise AssertionError("waits for all that is in the stream")


class MadeUpEvent:
    def __init__(self, log):
        self._log, self.name = log, None

    def record(self, stream):
        self.name = f"{stream.name} {stream.events}"
        stream.events += 1

    def synchronize(self):
        self._log.append(f"host waits for {self.name}")


def run(batches, monkeypatch, forward=lambda items: items * 2):
    """Run batches on the made-up device; return what came out, and the log."""
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
    cuda = MadeUpCuda()
    cpu = torch.device("cpu")

    def logged(items):
        cuda.log.append(f"forward {int(items[0, 0])}")
        return forward(items)

    transfer = CudaTransfer(cpu, cuda, pin_memory=False)
    runner = BatchRunner(logged, cpu, model="m", section="embed", remedy="", transfer=transfer)
    found = []
    for indices, vectors in runner.run(batches):
        cuda.log.append(f"taken {indices[0]}")
        found.append(vectors)
    return found, cuda.log


def batches(count, size=4):
    for number in range(count):
        yield [number], (torch.full((size - number % 2, 3), float(number)),)


def test_the_next_batch_is_under_way_before_the_host_waits_for_one(monkeypatch):
    found, log = run(batches(4), monkeypatch)
    for number, vectors in enumerate(found):
        np.testing.assert_array_equal(vectors, np.full((4 - number % 2, 3), 2.0 * number))
    for number in range(3):
        assert log.index(f"forward {number + 1}") < log.index(f"host waits for out {number}")
        assert log.index(f"host waits for out {number}") < log.index(f"taken {number}")
        # Nor does the copy back stand in the way of the next forward: it is in a stream of its own.
        assert log.index(f"compute waits for in {number + 1}") < log.index(f"forward {number + 1}")
    assert log.count("copies in out") == 4
    assert [entry for entry in log if entry.startswith("out waits")] == [f"out waits for compute {n}" for n in range(4)]


def test_a_buffer_is_filled_again_only_after_the_copy_out_of_it(monkeypatch):
    _, log = run(batches(4), monkeypatch)
    for number in (2, 3):
        waited = log.index(f"host waits for in {number - 2}")
        assert log.index(f"forward {number - 1}") < waited < log.index(f"forward {number}")


def test_vectors_stay_when_their_buffer_is_filled_again(monkeypatch):
    found, _ = run(batches(6, size=2), monkeypatch)
    assert [vectors[0, 0] for vectors in found] == [0, 2, 4, 6, 8, 10]


def test_memory_that_runs_out_is_met_with_smaller_pieces(monkeypatch):
    def small(items):
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return items * 2

    found, log = run(batches(3), monkeypatch, small)
    assert [len(vectors) for vectors in found] == [4, 3, 4]
    assert log.count("forward 0") == 3  # once whole, then in two pieces
    assert log.count("forward 1") == log.count("forward 2") == 2
