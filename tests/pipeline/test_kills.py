"""Every stage is killed in the middle, or asked to end: nothing is lost, and `dvc repro` goes on from there."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import cycle

import pytest
import yaml
from paths import ROOT
from workspace import Workspace, stages_run

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
TINY = {
    "demo.train_products": 60,
    "demo.test_products": 10,
    "embed_gemma.chunk_tokens": 64,
    "fuse.folds": 2,
    "lexical.seeds": [0],
    "lexical.min_steps": 40,
    "boosted.inner_folds": 2,
    "boosted.landmarks": 32,
    "boosted.max_rounds": 20,
    "evaluate.bootstrap_samples": 100,
}
# As files: the predictions, and all that says how good they are.
RESULTS = ("data/predictions/test_out.csv", "metrics/*.json", "metrics/plots/*.csv", "data/validation/*")
# The networks' fits are a stage's longest, and are checkpointed one by one; the other outputs are written whole.
FIRST_SIGNS = {"train": ["tmp/train/*/*/fold*"]}


def results(workspace):
    return {
        path.relative_to(workspace.folder): path.read_bytes()
        for pattern in RESULTS
        for path in workspace.folder.glob(pattern)
    }


def first_signs(stage):
    """Return patterns of what a stage writes: its outputs, and the temporary files beside them."""
    entries = [*STAGES[stage].get("outs", []), *STAGES[stage].get("metrics", [])]
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return FIRST_SIGNS.get(stage) or [f"{name}*" for name in names]


def kill_in(workspace, stage):
    """Start `dvc repro`, and kill all its processes as soon as `stage` has begun to write; return the stages begun."""
    patterns = first_signs(stage)
    assert not any(any(workspace.folder.glob(pattern)) for pattern in patterns), "there are results of another run"
    process = workspace.start("dvc", "repro")
    while not any(any(workspace.folder.glob(pattern)) for pattern in patterns):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    printed = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL
    return [name.partition("@")[0] for name in stages_run(printed)]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_kill_in_each_stage_changes_neither_predictions_nor_metrics(tmp_path, write_params):
    undisturbed, killed = (Workspace(tmp_path / name, write_params, TINY) for name in ("undisturbed", "killed"))
    undisturbed("dvc", "repro")
    for stage in STAGES:
        assert kill_in(killed, stage)[-1] == stage
    assert stages_run(killed("dvc", "repro"))[-1] == list(STAGES)[-1]
    expected = results(undisturbed)
    assert len(expected) > 6
    assert results(killed) == expected
    assert stages_run(killed("dvc", "repro")) == []


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
@pytest.mark.parametrize(("stage", "end"), zip(STAGES, cycle(ENDS)))
def test_a_stage_that_is_asked_to_end_says_so_in_one_line_and_fails(tmp_path, stage, end):
    asked, status, word = end
    process = start_held_up(stage, tmp_path / "held")
    with waiting_at(tmp_path / "held" / "params.yaml", process):
        process.send_signal(asked)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (status, "", f"{word}: run `dvc repro` again to go on from here\n")
