"""Progress in a log, and on a terminal."""

import io
import time

import pytest

from pricefuse import progress as module
from pricefuse.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def log_to(monkeypatch, every_s=0.01):
    """Return a log that gets a line so often. Not a fixture: pytest sets its own standard error when a test begins."""
    log = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", log)
    monkeypatch.setattr(module, "LINE_EVERY_S", every_s)
    return log


def wait_for(log, text):
    until = time.monotonic() + 20
    while text not in log.getvalue():
        assert time.monotonic() < until, log.getvalue()
        time.sleep(0.005)


def test_a_log_gets_lines_also_while_a_step_takes_long(monkeypatch):
    log = log_to(monkeypatch)
    with progress(total=8, title="train lexical", unit="fit") as bar:
        bar.update(2)
        wait_for(log, "train lexical: 2 of 8 fits (25%), 00:00 gone, 00:00 left\n")
        bar.set_postfix({"fold": 2, "epoch": 3})
        bar.update()
        wait_for(log, "3 of 8 fits (38%), 00:00 gone, 00:00 left, fold=2, epoch=3\n")
    written = log.getvalue()
    assert "\r" not in written
    assert written.endswith("\n")
    time.sleep(0.05)
    assert log.getvalue().count("\n") <= written.count("\n") + 1  # a line that was under way at the end


def test_what_is_gone_through_is_counted_in_the_log(monkeypatch):
    log = log_to(monkeypatch)
    items = progress(range(3), title="clean", unit="row")
    for item in items:
        if item == 2:
            wait_for(log, "clean: 2 of 3 rows (67%)")


def test_a_log_gets_nothing_of_short_work(monkeypatch):
    log = log_to(monkeypatch, 30.0)
    assert list(progress(range(50), title="clean", unit="row")) == list(range(50))
    with progress(total=2, title="clean", unit="row") as bar:
        bar.set_postfix(fold=1)
        bar.update(2)
    assert log.getvalue() == ""


def test_work_that_fails_ends_its_lines(monkeypatch):
    log = log_to(monkeypatch)

    def work():
        with progress(total=2, title="fuse", unit="row"):
            wait_for(log, "fuse: 0 of 2 rows (0%), 00:00 gone, ? left\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    count = log.getvalue().count("\n")
    time.sleep(0.05)
    assert log.getvalue().count("\n") <= count + 1


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(module.sys, "stderr", terminal)
    assert list(progress(range(3), title="texts", unit="row")) == [0, 1, 2]
    assert "texts: 100%" in terminal.getvalue()
    assert "\r" in terminal.getvalue()
