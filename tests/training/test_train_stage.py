"""Stage train killed with SIGKILL, twice, and with its fits in two processes: the same bytes as undisturbed."""

import os
import signal
import subprocess
import sys
import time

import pytest
from paths import ROOT
from priced import catalog

from pricefuse.features.fuse import BlockData, fuse

FITS = 6  # three folds, two seeds


@pytest.fixture
def workspace(tmp_path, write_params):
    rows = catalog(rows=240)
    blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[:, b.start : b.stop]]) for b in rows.blocks]
    fuse(tmp_path / "features", rows.index, blocks, [rows.ngrams], rows.attributes)
    write_params(tmp_path, {"lexical.seeds": [0, 1], "lexical.min_steps": 400})
    return tmp_path


def start(folder, name, workers="here"):
    arguments = ["--features", "features", "--checkpoints", name, "--out", f"{name}-out/lexical"]
    return subprocess.Popen(
        [sys.executable, ROOT / "stages" / "train.py", *arguments], cwd=folder, stderr=subprocess.DEVNULL,
        env=os.environ | {"PRICEFUSE_WORKERS": workers},
    )  # fmt: skip


def finished(folder, name):
    return sorted(path.name for path in (folder / name / "lexical").glob("*/fold*") if path.suffix != ".tmp")


def kill_at(folder, name, count):
    """Kill the stage as soon as `count` fits are finished; return how many there are then."""
    process = start(folder, name)
    while len(finished(folder, name)) < count:
        assert process.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    return len(finished(folder, name))


@pytest.mark.slow
def test_two_kills_and_two_workers_change_nothing(workspace):
    assert start(workspace, "undisturbed").wait() == 0
    first = kill_at(workspace, "killed", 2)
    assert 2 <= first < FITS
    assert first <= kill_at(workspace, "killed", first + 1) < FITS
    assert start(workspace, "killed").wait() == 0
    assert start(workspace, "workers", "processes:2").wait() == 0
    one = workspace / "undisturbed-out"
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 2 * FITS + 4
    for file in files:
        for name in ("killed", "workers"):
            assert (one / file).read_bytes() == (workspace / f"{name}-out" / file).read_bytes(), (name, file)
    assert not (workspace / "killed" / "lexical").exists()
