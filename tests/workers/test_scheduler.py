"""The scheduler's rules, on workers that do exactly what a test says; the real ones are in the modules beside."""

import time
from collections import Counter

import pytest

from pricefuse.errors import InputError
from pricefuse.workers.block import Block, LostRowsError
from pricefuse.workers.fingerprint import fingerprint
from pricefuse.workers.messages import Died, Finished, Ready
from pricefuse.workers.scheduler import Scheduler


class Told:
    """Workers that finish their first block at each turn, unless a row of any of their blocks `kills`."""

    def __init__(self, count, kills=(), *, starts=True):
        self.count, self._kills, self._starts = count, {*kills}, starts
        self.held, self.log, self.deaths, self.most = {}, [], Counter(), 0

    def start(self, slot):
        self.held[slot] = None

    def send(self, slot, block):
        self.held[slot].append(block)
        self.most = max(self.most, len(self.held[slot]))
        self.log.append((slot, block))

    def wait(self, seconds):
        found = []
        for slot, blocks in list(self.held.items()):
            if blocks is None:
                found.append((slot, Ready(fingerprint(), "this") if self._starts else Died("it does not start")))
                if self._starts:
                    self.held[slot] = []
                else:
                    del self.held[slot]
            elif self._kills.intersection(*[set().union(*(block.wanted for block in blocks))]):
                self.deaths[tuple(sorted(blocks[0].wanted))] += 1
                del self.held[slot]
                found.append((slot, Died("it was told to")))
            elif blocks:
                found.append((slot, Finished([(row, {"row": row}) for row in blocks.pop(0).wanted])))
        return found

    def stop(self, slot):
        del self.held[slot]

    def close(self):
        self.closed = True

    def describe(self):
        return "It has what it has"


def block(*rows, lane=None):
    return Block(rows, [str(row) for row in rows], frozenset(rows), lane)


def run(engine, blocks, **options):
    found = dict(Scheduler(engine, blocks, title="rows", **options).records())
    assert engine.closed
    return found


def test_every_row_gets_its_record_and_no_worker_more_than_two_blocks():
    engine = Told(3)
    assert run(engine, (block(row) for row in range(20))) == {row: {"row": row} for row in range(20)}
    assert engine.most == 2
    assert {slot for slot, _ in engine.log} == {0, 1, 2}


def test_no_more_workers_are_started_than_there_are_blocks():
    engine = Told(8)
    run(engine, [block(1, 2), block(3)])
    assert len(engine.held) == 2
    assert run(Told(2), []) == {}


def test_one_row_that_kills_fails_alone_after_a_bounded_number_of_deaths():
    engine = Told(2, kills=[13])
    failed = []
    found = run(engine, [block(*range(start, start + 8)) for start in range(0, 32, 8)],
                failed=lambda row, reason: failed.append((row, reason)) or {"failed": row})  # fmt: skip
    assert failed == [(13, "it was told to")]
    assert found == {row: {"failed": row} if row == 13 else {"row": row} for row in range(32)}
    # With its neighbor, three times alone, and once for each of the three halvings.
    assert sum(engine.deaths.values()) <= 1 + 3 + 3


def test_a_block_that_was_only_beside_one_that_kills_is_never_halved():
    engine = Told(1, kills=[3])
    run(engine, [block(1, 2), block(3), block(4, 5)], failed=lambda row, _: {"failed": row})
    assert all(sent.wanted != {1} for _, sent in engine.log)


def test_rows_that_kill_are_named_in_the_end_where_no_record_tells():
    with pytest.raises(LostRowsError) as raised:
        run(Told(2, kills=[5, 11]), [block(*range(start, start + 4)) for start in range(0, 16, 4)])
    assert raised.value.reasons == dict.fromkeys((5, 11), "it was told to")


def test_workers_that_die_of_everything_end_it():
    with pytest.raises(InputError, match="workers die whatever they are given"):
        run(Told(2, kills=range(100)), [block(*range(100))], failed=lambda row, _: {"failed": row})


def test_a_worker_that_is_needed_no_more_is_not_waited_for(monkeypatch):
    wait = Told.wait
    monkeypatch.setattr(Told, "wait", lambda *arguments: time.sleep(0.05) or wait(*arguments))
    with pytest.raises(LostRowsError):  # and not that no worker has started
        run(Told(1, kills=[1]), [block(1)], start_s=0.02)


def test_workers_that_do_not_start_end_it():
    with pytest.raises(InputError, match="3 workers died while they started, the last one because it does not start"):
        run(Told(2, starts=False), [block(1)])


def test_a_worker_with_other_code_is_refused(monkeypatch):
    other = {**fingerprint(), "torch": "1.0"}
    monkeypatch.setattr(Told, "wait", lambda *_: [(0, Ready(other, "old-machine"))])
    with pytest.raises(InputError, match=r"old-machine has torch 1\.0 \(here "):
        run(Told(1), [block(1)])


def test_the_blocks_of_a_lane_go_to_one_worker_also_when_it_is_replaced():
    engine = Told(3, kills=[14])
    blocks = [block(row, lane=row % 4) for row in range(24)]
    run(engine, blocks, failed=lambda row, _: {"failed": row})
    before = [(slot, sent) for slot, sent in engine.log[: [14 in sent.wanted for _, sent in engine.log].index(True)]]
    for lane in range(4):
        assert len({slot for slot, sent in before if sent.lane == lane}) <= 1
