"""A small workspace with features, members, a model and validation, for the tests that damage its files."""

import json
import shutil

from pricefuse.pipeline.params import read_params

import pytest
from damage_runs import MEMBERS, QUICK, command_line
from priced import catalog

from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.matrix import Features
from pricefuse.training import member_fits
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.cross_fit import cross_fit


@pytest.fixture(scope="session")
def intact(tmp_path_factory, write_params, run_stage):
    """Return a workspace with features, members, model and validation, and never change it."""
    folder = tmp_path_factory.mktemp("intact")
    rows = catalog(rows=160, folds=2)
    indexes = {"train": rows.index[:120], "test": rows.index.loc[120:, ["sample_id"]]}
    for name, part in (("train", slice(0, 120)), ("test", slice(120, None))):
        blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[part, b.start : b.stop]]) for b in rows.blocks]
        fuse(folder / f"data/fused/{name}", indexes[name], blocks, [rows.ngrams[part]], rows.attributes)
    (folder / "data/embeddings").mkdir()
    for name in ("gemma", "clip"):
        card = {"model": "folder", "revision": None, "license": "MIT", "parameters": 1000, "recipe": f"{name}@1"}
        (folder / f"data/embeddings/{name}.json").write_text(json.dumps(card))
    (folder / "images.json").write_text("{}")
    (folder / "folds.json").write_text('{"look_alikes_across_folds": 0, "look_alikes_sampled": 120}')
    write_params(folder, QUICK)
    params, train = read_params(folder / "params.yaml"), Features.load(folder / "data/fused/train", training=True)
    for member in MEMBERS:
        checkpoints = Checkpoints(folder / "tmp" / member, "k")
        fit = cross_fit(train, member, getattr(params, member), params.train, checkpoints)
        member_fits.write(folder / "models/members" / member, fit, checkpoints, train.index, [0])
    run_stage("ensemble", folder, *command_line("ensemble"))
    run_stage("predict", folder, *command_line("predict"))
    run_stage("evaluate", folder, *command_line("evaluate"))
    return folder


@pytest.fixture
def small_workspace(tmp_path, intact, monkeypatch):
    shutil.copytree(intact, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"
