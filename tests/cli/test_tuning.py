"""`pricefuse tune`: what it says and leaves, and that only a gain that is more than chance is written down."""

import json
import re

from pricefuse.pipeline.params_file import editing
from pricefuse.pipeline.yaml_loader import load_yaml

import pandas as pd
import pytest
from paths import ROOT
from priced import catalog
from typer.testing import CliRunner

from pricefuse.cli.app import app
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.report.contents import FoundSettings
from pricefuse.report.figure import Figure, finished
from pricefuse.report.search_charts import search_charts

QUICK = {
    "hidden": [16], "batch_norm": [True], "dropout": [0.0], "batch_size": 32, "max_epochs": 15, "patience": 15,
    "seeds": [0], "learning_rate": 0.01,
}  # fmt: skip
SPACES = "simple_nn:\n  learning_rate: {low: 0.00001, high: 0.03, log: true}\n  loss: {choices: [l1, huber]}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the committed params.yaml, made quick, and features; the current one."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "search_spaces.yaml").write_text(SPACES)
    set_up(tmp_path, QUICK)
    rows = catalog(rows=160, folds=3)
    blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[:, b.start : b.stop]]) for b in rows.blocks]
    fuse(tmp_path / "data/fused/train", rows.index, blocks, [rows.ngrams], rows.attributes)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_up(folder, settings):
    with editing(folder / "params.yaml", "the test's settings") as document:
        document["train"]["threads"] = 1
        document["evaluate"]["bootstrap_samples"] = 200
        for name, value in settings.items():
            document["simple_nn"][name] = value


def tune(*options):
    return CliRunner(env={"COLUMNS": "100"}).invoke(
        app, ["tune", "--member", "simple_nn", "--processes", "1", *options]
    )


@pytest.mark.slow
def test_a_gain_is_written_down_and_comments_stay(folder):
    set_up(folder, {"learning_rate": 0.0001})
    before = (folder / "params.yaml").read_text()
    done = tune("--trials", "12", "--write")
    assert done.exit_code == 0, done.output
    assert re.search(r"^simple_nn: 12 trials, \d+ pruned", done.stdout, re.MULTILINE)
    assert re.search(
        r"^  less the default -\d+\.\d\d  95% interval -\d+\.\d\d to -\d+\.\d\d", done.stdout, re.MULTILINE
    )
    result = json.loads((folder / "metrics/tuning/simple_nn.json").read_text())
    after = load_yaml(folder / "params.yaml")["simple_nn"]
    assert {name: after[name] for name in ("learning_rate", "loss")} == result["best"]["settings"]
    changed = [
        (old, new)
        for old, new in zip(before.splitlines(), (folder / "params.yaml").read_text().splitlines(), strict=True)
        if old != new
    ]
    assert 1 <= len(changed) <= 2
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)
    trials = pd.read_csv(folder / "metrics/tuning/simple_nn.csv")
    assert trials["trial"].tolist() == list(range(12))
    assert result["best"]["smape"]["value"] == trials.loc[trials["state"] == "finished", "smape"].min()

    # What it wrote is the default of the next search, in which nothing is left to gain.
    again = tune("--trials", "3", "--write")
    assert again.exit_code == 1
    assert "params.yaml stays as it is" in again.stderr
    assert load_yaml(folder / "params.yaml")["simple_nn"] == after

    found = {"simple_nn": FoundSettings(result, trials)}
    figures = [Figure(*said, finished(chart)) for *said, chart in search_charts(found, 0.95)]
    assert [figure.name for figure in figures] == [
        "search_simple_nn", "importance_simple_nn", *(f"slice_simple_nn_{name}" for name in result["importance"]),
    ]  # fmt: skip
    assert sorted(result["importance"]) == ["learning_rate", "loss"]
    assert "more than chance" in figures[0].summary


def test_what_cannot_be_searched_is_one_line(folder):
    for options, said in (
        (["--member", "boosting"], "no such member. There are: simple_nn, lexical, boosted"),
        (["--trials", "0"], "--trials"),
        (["--member", "lexical"], "search_spaces.yaml: no settings to search below `lexical:`"),
    ):
        done = tune(*options)
        assert done.exit_code != 0
        assert said in " ".join(done.stderr.replace("│", " ").split())
    (folder / "data/fused/train/layout.json").unlink()
    done = tune()
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert not (folder / "metrics").exists()
