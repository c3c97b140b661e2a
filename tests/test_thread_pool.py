import os
import signal
import threading
import time
from itertools import islice

import pytest

from pricefuse.thread_pool import map_in_threads


def squares(items, **options):
    return map_in_threads(lambda item: item * item, items, **{"threads": 8, "ahead": 16} | options)


@pytest.mark.parametrize("ordered", [True, False])
class TestBothOrders:
    def test_every_item_is_worked_on_once(self, ordered):
        assert sorted(squares(range(500), ordered=ordered)) == [(item, item * item) for item in range(500)]

    def test_nothing_to_do_is_nothing_and_starts_no_thread(self, ordered):
        before = threading.active_count()
        assert list(squares([], ordered=ordered)) == []
        assert threading.active_count() == before

    @pytest.mark.parametrize("ahead", [0, 1, 7])
    def test_items_are_drawn_no_further_ahead_than_told(self, ordered, ahead):
        drawn = 0

        def items():
            nonlocal drawn
            while True:
                drawn += 1
                yield drawn

        results = squares(items(), threads=2, ahead=ahead, ordered=ordered)
        assert drawn == 0
        for taken, _ in enumerate(islice(results, 50), start=1):
            assert drawn <= taken + ahead
        results.close()

    def test_no_more_threads_work_than_told(self, ordered):
        busy, most, lock = 0, 0, threading.Lock()

        def work(_):
            nonlocal busy, most
            with lock:
                busy += 1
                most = max(most, busy)
            time.sleep(0.005)
            with lock:
                busy -= 1

        list(map_in_threads(work, range(40), threads=3, ahead=10, ordered=ordered))
        assert most == 3

    def test_what_the_work_raises_is_raised_to_the_caller(self, ordered):
        cancelled = []
        with pytest.raises(ZeroDivisionError):
            list(
                map_in_threads(
                    lambda item: 1 // (item - 3),
                    range(100),
                    threads=4,
                    ahead=8,
                    ordered=ordered,
                    cancel=lambda: cancelled.append(1),
                )
            )
        assert cancelled == [1]

    def test_what_the_items_raise_is_raised_to_the_caller(self, ordered):
        def items():
            yield 1
            raise LookupError

        with pytest.raises(LookupError):
            list(squares(items(), ordered=ordered))

    def test_no_further_item_is_begun_after_closing(self, ordered):
        begun = []
        results = map_in_threads(begun.append, range(10_000), threads=4, ahead=8, ordered=ordered)
        list(islice(results, 5))
        results.close()
        number = len(begun)
        time.sleep(0.1)
        assert len(begun) == number < 100

    def test_closing_early_cancels_the_work_under_way_and_ends_the_threads(self, ordered):
        released, before = threading.Event(), set(threading.enumerate())

        def work(item):
            if item:
                released.wait(60)
            return item

        results = map_in_threads(work, range(10), threads=4, ahead=8, ordered=ordered, cancel=released.set)
        assert next(results) == (0, 0)
        since = time.monotonic()
        results.close()
        assert time.monotonic() - since < 15
        assert not set(threading.enumerate()) - before

    def test_work_that_cannot_be_cancelled_delays_the_caller_only_a_moment(self, ordered, monkeypatch):
        monkeypatch.setattr("pricefuse.thread_pool.STOP_GRACE_S", 0.2)
        stuck = threading.Event()
        results = map_in_threads(lambda item: item and stuck.wait(60), range(4), threads=2, ahead=4, ordered=ordered)
        next(results)
        since = time.monotonic()
        results.close()
        assert time.monotonic() - since < 15
        stuck.set()

    def test_an_interrupt_reaches_a_waiting_caller(self, ordered):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
        released = threading.Event()
        try:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                list(
                    map_in_threads(
                        lambda _: released.wait(60),
                        range(4),
                        threads=2,
                        ahead=2,
                        ordered=ordered,
                        cancel=released.set,
                    )
                )
        finally:
            signal.signal(signal.SIGINT, before)


def test_ordered_results_keep_the_order_of_the_items():
    def work(item):
        time.sleep(0.02 if item % 5 == 0 else 0)
        return item

    assert [item for item, _ in map_in_threads(work, range(40), threads=8, ahead=16)] == list(range(40))


def test_unordered_results_come_as_they_finish():
    slow = threading.Event()
    results = map_in_threads(
        lambda item: slow.wait(60) if item == 0 else item, range(20), threads=2, ahead=4, ordered=False
    )
    early = [item for item, _ in islice(results, 10)]
    assert 0 not in early
    slow.set()
    assert sorted(early + [item for item, _ in results]) == list(range(20))
