"""Progress in a log, and on a terminal."""

import io

import pytest
import tqdm as tqdm_module

from pricefuse import progress as module
from pricefuse.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only as the test says."""
    now = [1000.0]
    monkeypatch.setattr(tqdm_module.std, "time", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_half_minute(monkeypatch, clock):
    log = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", log)
    for _ in progress(range(100), title="train lexical", unit="epoch"):
        clock[0] += 2
    lines = log.getvalue().splitlines()
    assert 5 <= len(lines) <= 7  # of 200 seconds
    assert "\r" not in log.getvalue()
    assert lines[0].startswith("train lexical: 1")
    assert "epochs" in lines[0]
    assert "left" in lines[0]


def test_a_log_gets_nothing_of_short_work(monkeypatch, clock):
    log = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", log)
    with progress(total=50, title="clean", unit="row") as bar:
        for _ in range(50):
            clock[0] += 0.5
            bar.update()
    assert log.getvalue() == ""


def test_what_is_noted_beside_the_bar_is_in_the_next_line(monkeypatch, clock):
    log = io.StringIO()
    monkeypatch.setattr(module.sys, "stderr", log)
    with progress(total=10, title="train", unit="fit") as bar:
        bar.set_postfix({"fold": 2, "epoch": 3}, refresh=False)
        clock[0] += 31
        bar.update()
        assert log.getvalue().count("\n") == 1
    assert ", fold=2, epoch=3\n" in log.getvalue()


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(module.sys, "stderr", terminal)
    assert list(progress(range(3), title="texts", unit="row")) == [0, 1, 2]
    assert "texts: 100%" in terminal.getvalue()
    assert "\r" in terminal.getvalue()
