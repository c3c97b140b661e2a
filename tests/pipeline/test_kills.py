"""Stages are killed at 22 moments, or asked to end: nothing is lost, and `dvc repro` goes on from there."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import cycle

from pricefuse.pipeline.preflight import restore_torn_lock

import pytest
import yaml
from finished_pipeline import TINY, finished_pipeline
from paths import ROOT
from workspace import Workspace, stages_run

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# As files: the predictions, and all that says how good they are. Digests of all other outputs stand in dvc.lock.
RESULTS = ("data/predictions/*", "metrics/*.json", "metrics/plots/*.csv", "data/validation/*")

# A stage is killed when DVC has said that it runs it, or as soon as a new file then matches a pattern: rows or fits
# that are put away, an output that is written, DVC's cache that takes outputs in, the file in which DVC notes what ran.
BEGUN = None
IMAGES, TEXTS, PICTURES = (
    "data/images/checkpoint-*.arrow",
    "data/embeddings/gemma/checkpoint-*.arrow",
    "data/embeddings/clip_image/checkpoint-*.arrow",
)
ROW_STAGES = ("download", "embed_gemma", "embed_clip")
FITS = "tmp/train/*/*/fold?-seed?"
CACHE, LOCK = ".dvc/cache/files/md5/*/*", "dvc.lock"
MOMENTS = [
    ("demo/dvc.yaml:demo", BEGUN),
    ("clean", "data/clean/products.parquet*"),
    ("clean", CACHE),
    ("download", IMAGES),
    ("download", IMAGES),
    ("embed_gemma", BEGUN),
    ("embed_gemma", TEXTS),
    ("embed_clip", BEGUN),
    ("embed_clip", PICTURES),
    ("fuse", "data/fused/train*"),
    ("fuse", CACHE),
    ("train@lexical", FITS),
    ("train@lexical", FITS),
    ("train@boosted", BEGUN),
    ("train@boosted", FITS),
    ("ensemble", BEGUN),
    ("ensemble", "models/price_model*"),
    ("evaluate", "metrics/scores.json*"),
    ("evaluate", LOCK),
    ("predict", "data/predictions/test_out.csv*"),
    ("report", BEGUN),
    ("report", "reports/report.html*"),
]


def matching(folder, pattern):
    """Return the files that match a pattern; one that is written anew is another."""
    found = set()
    for path in folder.glob(pattern):
        try:
            status = path.stat()
        except FileNotFoundError:  # renamed in the meantime
            continue
        found.add((path, status.st_ino, status.st_mtime_ns))
    return found


def kill_in(workspace, stage, pattern):
    """Kill all processes of `dvc repro` at a moment of `stage`; return what was printed, and what earlier kills left.

    The latter are the files that match `pattern`: the stage must not have touched them.
    """
    process, lines = workspace.start("dvc", "repro"), []
    reader = threading.Thread(target=lambda: [lines.append(line) for line in process.stdout])
    reader.start()

    def wait_for(happened):
        while not happened():
            assert process.poll() is None, f"it ended before {stage} came to {pattern}:\n{''.join(lines)}"
            time.sleep(0.005)

    wait_for(lambda: f"Running stage '{stage}':\n" in lines)
    left = set() if pattern is BEGUN else matching(workspace.folder, pattern)
    if pattern is not BEGUN:
        wait_for(lambda: matching(workspace.folder, pattern) - left)
    os.killpg(process.pid, signal.SIGKILL)
    reader.join()  # when the last process that could write has ended
    assert process.wait() == -signal.SIGKILL  # DVC was running, and
    assert stages_run("".join(lines))[-1] == stage
    assert pattern in (BEGUN, LOCK) or left <= matching(workspace.folder, pattern)
    return "".join(lines), left


def digests(workspace):
    """Return the digests of the outputs of every stage that has finished, as dvc.lock has them."""
    lock = workspace.folder / "dvc.lock"
    stages = yaml.safe_load(lock.read_text())["stages"] if lock.exists() else {}
    return {name: {out["path"]: out["md5"] for out in stage["outs"]} for name, stage in stages.items()}


def results(workspace):
    folder = workspace.folder
    return {path.relative_to(folder): path.read_bytes() for pattern in RESULTS for path in folder.glob(pattern)}


def put_rows_away_at_once(workspace):
    """Write a checkpoint after each row instead of every few seconds, so that a kill leaves some and not all."""
    for name in ROW_STAGES:
        script = workspace.folder / f"stages/{name}.py"
        script.write_text(script.read_text().replace("title=", "checkpoint_s=0, title="))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_in_all_stages_change_neither_predictions_nor_metrics(tmp_path, tmp_path_factory, write_params):
    killed = Workspace(tmp_path, write_params, TINY)
    put_rows_away_at_once(killed)
    printed, finished = "", []
    for number, (stage, pattern) in enumerate(MOMENTS):
        said, left = kill_in(killed, stage, pattern)
        assert left or (stage, pattern) not in MOMENTS[:number]  # it had gone on from the first kill before the second
        printed += said
        # What `make repro` does first: DVC does not write its file at once. As DVC would, the test tells git of it.
        restore_torn_lock(killed.folder / "dvc.lock")
        killed("git", "add", "--all")
        finished.append({} if pattern in (CACHE, LOCK) else digests(killed))  # the file may be cut off, and valid
    ran, said = killed.repro()
    assert ran == ["report"]
    for name in ROW_STAGES:
        assert re.search(r"70 rows: [1-9]\d* reused", (printed + said).rpartition(f"Running stage '{name}'")[2]), name
    # Only now, so that another process of the test run has had the time to make it.
    undisturbed = finished_pipeline(tmp_path_factory, write_params)
    expected = digests(undisturbed)
    for number, found in enumerate(finished):
        assert found == {name: expected[name] for name in found}, MOMENTS[number]
    assert digests(killed) == expected
    assert {stage.partition("@")[0] for stage in expected} == set(STAGES)
    assert results(killed) == results(undisturbed)
    assert len(results(killed)) > 6
    assert killed.repro()[0] == []


def test_the_moments_are_spread_over_all_stages():
    stages = [stage.partition("@")[0] for stage, _ in MOMENTS]
    assert len(MOMENTS) >= 20
    assert list(dict.fromkeys(stages)) == ["demo/dvc.yaml:demo", *STAGES]


def start_held_up(stage, folder):
    """Start a stage that stands still once it has begun: the parameters that it reads are a pipe that nobody fills."""
    words = STAGES[stage]["cmd"].replace("${catalog}", "demo").replace("${item.member}", "boosted").split()
    assert words[0] == "python"
    folder.mkdir()
    os.mkfifo(folder / "params.yaml")
    return subprocess.Popen(
        [sys.executable, ROOT / words[1], *words[2:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores interrupts, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads are running
    )


@contextmanager
def waiting_at(pipe, process):
    """Wait until a process reads a pipe, and keep it waiting there."""
    while process.poll() is None:
        try:
            writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody has it open
            time.sleep(0.01)
            continue
        try:
            yield
        finally:
            os.close(writer)
        return
    pytest.fail(f"it ended too early: {process.communicate()}")


# All scripts handle signals alike (tests/pipeline/test_stage.py): each gets one of the two, in turn.
ENDS = ((signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"))


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "end"), list(zip(STAGES, cycle(ENDS))))
def test_a_stage_that_is_asked_to_end_says_so_in_one_line_and_fails(tmp_path, stage, end):
    asked, status, word = end
    process = start_held_up(stage, tmp_path / "held")
    with waiting_at(tmp_path / "held" / "params.yaml", process):
        process.send_signal(asked)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (status, "", f"{word}: run `dvc repro` again to go on from here\n")
