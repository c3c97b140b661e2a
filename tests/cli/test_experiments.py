"""The table of experiments, from rows in the form of `dvc.api.exp_show` (real ones: pipeline/test_experiments.py)."""

import subprocess

import pytest

from pricefuse.cli.experiments import show_experiments, table
from pricefuse.errors import InputError

DIGESTS = {"data/validation": "50bdb677e18773890a5ef2c79feee09e.dir", "params.yaml": "9ada27d3080e491084b085c8567a3d8c"}
NONE = {"Experiment": None, "State": None, "smape": 21.1276, "smape_low": 20.1774, "smape_high": 22.1192}
PARAMS = {"boosted.leaves": 15.0, "boosted.learning_rate": 0.03, "fuse.blocks": "['gemma', 'clip_text']"}
WORKSPACE = {**NONE, "rev": "workspace", "typ": "baseline", **PARAMS, **DIGESTS}
COMMIT = {**NONE, "rev": "main", "typ": "baseline", **PARAMS, **DIGESTS}
HEADER = ["experiment", "state", "SMAPE", "interval", "change", "changed parameters"]


def experiment(name, smape=None, state=None, **changed):
    known = {} if smape is None else {"smape": smape, "smape_low": smape - 1, "smape_high": smape + 1}
    parameters = {key.replace("__", "."): value for key, value in changed.items()}
    row = {"Experiment": name, "rev": "d5a8c43", "typ": "branch_commit", "State": state, "smape": None, **known}
    return {**row, **PARAMS, **parameters, "data/validation": "deb5b44785de1cc9468ba12fb4a9757f.dir"}


def words(rows, width=120):
    return [[word.strip() for word in line.split("  ") if word.strip()] for line in table(rows, width)]


def test_each_experiment_stands_beside_its_commit_with_what_it_changed():
    rows = [
        WORKSPACE,
        COMMIT,
        experiment("wider", 21.5, boosted__leaves=31.0, fuse__blocks="['gemma']"),
        experiment("slower", 20.9, "Success", boosted__learning_rate=0.003),
    ]
    assert words(rows) == [
        HEADER,
        ["main", "21.13", "20.18 to 22.12"],
        ["slower", "done", "20.90", "19.90 to 21.90", "-0.228", "boosted.learning_rate 0.03 -> 0.003"],
        ["wider", "done", "21.50", "20.50 to 22.50", "+0.372", "boosted.leaves 15 -> 31"],
        ["fuse.blocks [gemma, clip_text] -> [gemma]"],
    ]


def test_what_has_not_finished_has_no_score_and_stands_behind():
    waiting = experiment("waiting", state="Queued", boosted__leaves=7.0)
    failed = experiment("failed", 21.0, "Failed", boosted__leaves=9.0)
    rows = [WORKSPACE, COMMIT, waiting, failed, experiment("same", 21.1276)]
    assert words(rows)[2:] == [
        ["same", "done", "21.13", "20.13 to 22.13", "+0.000"],
        ["waiting", "queued", "boosted.leaves 15 -> 7"],
        ["failed", "failed", "boosted.leaves 15 -> 9"],
    ]


def test_a_workspace_that_was_changed_stands_above_the_experiments_of_its_commit_alone():
    older = {**COMMIT, "rev": "add61cc"}
    rows = [{**WORKSPACE, "boosted.leaves": 31.0, "embed_clip.revision": "None"}, COMMIT, experiment("a", 21.0), older]
    assert words(rows)[2:] == [
        ["workspace", "21.13", "20.18 to 22.12", "+0.000", "boosted.leaves 15 -> 31"],
        ["embed_clip.revision absent -> null"],
        ["a", "done", "21.00", "20.00 to 22.00", "-0.128"],
        ["add61cc", "21.13", "20.18 to 22.12"],
    ]


def test_a_commit_without_a_score_leaves_the_change_open():
    rows = [{**WORKSPACE, "smape": None}, {**COMMIT, "smape": None}, experiment("first", 21.0)]
    assert words(rows)[1:] == [["main"], ["first", "done", "21.00", "20.00 to 22.00"]]


@pytest.mark.parametrize("width", [85, 120])
def test_long_values_are_wrapped_within_the_width(width):
    long = str([f"block_{number}" for number in range(20)])
    lines = table([WORKSPACE, COMMIT, experiment("many", 21.0, fuse__blocks=long)], width)
    assert width - 10 < max(map(len, lines)) <= width
    assert "block_19]" in lines[-1]
    start = lines[0].index("changed parameters")
    assert all(not line[:start].strip() for line in lines[3:])


def test_elsewhere_the_command_says_where_to_run_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="Run this in the pipeline's repository"):
        show_experiments(1)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["dvc", "init", "-q"], check=True)
    with pytest.raises(InputError, match="no commit here"):
        show_experiments(1)
