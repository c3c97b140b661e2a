"""Whatever is done to the files that predict, ensemble and evaluate read: one clear line, or the same prices."""

import json
import shutil
from pathlib import Path

from pricefuse.pipeline.params import read_params

import numpy as np
import pytest
from damage import DELETED, REFUSED, array_changes, changed, damaged, json_changes, refused_or
from priced import catalog
from safetensors.numpy import load_file, save_file
from sealing import seal

from pricefuse.evaluation.scores import error_by_decile, mean_epochs, validation_scores
from pricefuse.evaluation.validation_folder import read_epochs, read_out_of_fold
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.matrix import Features
from pricefuse.models import price_model
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.price_model import PriceModel
from pricefuse.training import member_fits
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.ensemble_fit import fit_ensemble

pytestmark = pytest.mark.slow

MEMBERS = ("simple_nn", "lexical", "boosted")
QUICK = {
    "train.members": list(MEMBERS), "train.threads": 1, "ensemble.spread": False, "fuse.folds": 2,
    "simple_nn.hidden": [8], "simple_nn.batch_norm": [True], "simple_nn.dropout": [0.0], "simple_nn.max_epochs": 3,
    "simple_nn.seeds": [0], "lexical.seeds": [0], "lexical.width": 4, "lexical.hidden": 4, "lexical.max_epochs": 2,
    "lexical.min_steps": 0, "boosted.max_rounds": 12, "boosted.landmarks": 40, "boosted.inner_folds": 2,
    "boosted.min_rows": 5, "evaluate.bootstrap_samples": 100,
}  # fmt: skip
MODEL, VALIDATION = "models/price_model", "data/validation"
ARGUMENTS = {
    "ensemble": {
        "features": "data/fused/train", "embeddings": "data/embeddings", "members": "models/members", "model": MODEL,
        "validation": VALIDATION,
    },
    "predict": {"features": "data/fused/test", "model": MODEL, "out": "prices.csv"},
    "evaluate": {
        "validation": VALIDATION, "images": "images.json", "metrics": "metrics.json",
        "image-metrics": "image_metrics.json", "plots": "plots",
    },
}  # fmt: skip


def command_line(name, **other):
    return [part for key, value in (ARGUMENTS[name] | other).items() for part in (f"--{key}", value)]


@pytest.fixture(scope="module")
def intact(tmp_path_factory, write_params, run_stage):
    """Return a workspace with features, members, model and validation, and never change it."""
    folder = tmp_path_factory.mktemp("intact")
    rows = catalog(rows=160, folds=2)
    blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[:, b.start : b.stop]]) for b in rows.blocks]
    indexes = [rows.index[:120], rows.index.loc[120:, ["sample_id"]]]
    fuse([folder / f"data/fused/{name}" for name in ("train", "test")], indexes, blocks, rows.ngrams, rows.attributes)
    (folder / "data/embeddings").mkdir()
    for name in ("data/embeddings/gemma.json", "data/embeddings/clip.json", "images.json"):
        (folder / name).write_text("{}")
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
def workspace(tmp_path, intact, monkeypatch):
    shutil.copytree(intact, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def priced(model=MODEL):
    features = Features.load(Path("data/fused/test"))
    return PriceModel.load(Path(model)).predict(features)


def weighed(*members):
    """Do what stage ensemble does, with the plain mean of `members`, and predict by the model that it gives."""
    features = Features.load(Path("data/fused/train"), training=True)
    fits = {member: member_fits.read(Path("models/members") / member, features.index) for member in members}
    fit_ensemble({member: fit.log_prices for member, fit in fits.items()}, features.index, spread=False)
    folders = {member: fit.folders for member, fit in fits.items()}
    prices = features.index["price"]
    shutil.rmtree("again", ignore_errors=True)
    ensemble = Ensemble.mean(list(members))
    price_model.write(Path("again"), folders, ensemble, features.layout, (prices.min(), prices.max()), {})
    return priced("again")


def scored():
    table = read_out_of_fold(Path(VALIDATION))
    epochs = mean_epochs(read_epochs(Path(VALIDATION)))
    assert len(epochs)
    error_by_decile(table)
    return np.array([validation_scores(table, samples=10, confidence=0.9, seed=0)["smape"]])


def require_positive(got, _, what):
    assert isinstance(got, str) or (np.isfinite(got).all() and (got > 0).all()), what


def require_same(got, expected, what):
    assert isinstance(got, str) or np.array_equal(got, expected), what


def damage_all(folder, run, require):
    """Damage every file below `folder` in every way, one at a time; return how often that was refused, and accepted."""
    expected, outcomes = run(), []
    for path in files(Path(folder)):
        content = path.read_bytes()
        for name, version in damaged(content).items():
            path.unlink()
            if version is not None:
                path.write_bytes(version)
            got = refused_or(run)
            require(got, expected, f"{path}: {name}")
            outcomes.append(isinstance(got, str))
            path.write_bytes(content)
    require_same(run(), expected, "restored")
    return sum(outcomes), len(outcomes) - sum(outcomes)


def test_a_damaged_file_of_the_model_is_refused_or_gives_the_same_prices(workspace):
    refused, accepted = damage_all(MODEL, priced, require_same)
    assert refused > 200
    assert accepted < 10  # a line end more or less of model.json


def test_damaged_features_of_rows_to_be_priced_are_refused_or_give_positive_prices(workspace):
    refused, accepted = damage_all("data/fused/test", priced, require_positive)
    assert refused > 60 < refused + accepted


def test_damaged_features_of_training_rows_are_refused_or_give_positive_prices(workspace):
    refused, _ = damage_all("data/fused/train", lambda: weighed("boosted"), require_positive)
    assert refused > 60


@pytest.mark.parametrize("member", MEMBERS)
def test_a_damaged_file_of_a_member_is_refused_or_gives_the_same_prices(workspace, member):
    refused, accepted = damage_all(f"models/members/{member}", lambda: weighed(member), require_same)
    assert refused > 100
    assert accepted < 10


def test_damaged_predictions_and_epochs_are_refused_or_give_the_same_scores(workspace):
    refused, _ = damage_all(VALIDATION, scored, require_same)
    assert refused > 20


@pytest.mark.parametrize("folder", [MODEL, "data/fused/test", "models/members/boosted/fits"])
def test_files_that_changed_places_are_refused(workspace, folder):
    run = (lambda: weighed("boosted")) if "members" in folder else priced
    found = files(Path(folder))
    expected = run()
    for one, other in zip(found, found[1:] + found[:1], strict=True):
        contents = one.read_bytes(), other.read_bytes()
        one.write_bytes(contents[1])
        other.write_bytes(contents[0])
        require_same(refused_or(run), expected, f"{one} and {other}")
        assert contents[0] == contents[1] or isinstance(refused_or(run), str), (one, other)
        one.write_bytes(contents[0])
        other.write_bytes(contents[1])


def test_rows_of_the_other_folder_are_refused(workspace):
    for name in ("index.parquet", "features.npy", "ngrams/indptr.npy"):
        path = Path("data/fused/test") / name
        content = path.read_bytes()
        shutil.copy(Path("data/fused/train") / name, path)
        assert isinstance(refused_or(priced), str), name
        path.write_bytes(content)
    shutil.rmtree("data/fused/train")
    Path("data/fused/test").rename("data/fused/train")
    assert "no column price" in refused_or(lambda: weighed("boosted"))


def test_whoever_seals_a_changed_model_json_gets_a_refusal_or_positive_prices(workspace):
    path = Path(MODEL) / "model.json"
    content = json.loads(path.read_text())
    described = {name: part for name, part in content.items() if name not in {"files", "digest", "provenance"}}
    cases = [*json_changes(described), *((place, DELETED) for place, _ in json_changes(described))]
    refused = 0
    for place, new in sorted({repr(case): case for case in cases if case[0]}.values(), key=repr)[::3]:
        path.write_text(json.dumps({**content, **changed(described, place, new)}))
        seal(Path(MODEL))
        got = refused_or(priced)
        require_positive(got, None, f"{place}: {new}")
        refused += isinstance(got, str)
    assert refused > 150


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", {"simple_nn": float("nan"), "lexical": 0.5, "boosted": 0.5}),
        ("weights", {"simple_nn": -0.5, "lexical": 1.0, "boosted": 0.5}),
        ("weights", {"simple_nn": 0.5, "lexical": 0.5, "boosted": 0.5}),
        ("weights", {"boosted": 1.0}),
        ("spread", float("inf")),
        ("spread", -1.0),
        ("price_range", [90.0, 0.5]),
        ("price_range", [-2.0, -1.0]),
        ("price_range", [0.0, 1.0]),
        ("price_range", [1.0, float("inf")]),
        ("price_range", [1.0]),
    ],
)
def test_weights_and_ranges_that_no_model_has_are_refused_though_sealed(workspace, name, value):
    path = Path(MODEL) / "model.json"
    content = json.loads(path.read_text())
    (content["ensemble"] if name in content["ensemble"] else content)[name] = value
    path.write_text(json.dumps(content))
    seal(Path(MODEL))
    assert "model.json: " in refused_or(priced)


def one_fit(member):
    """Return the folder of a fit, and what prices its model gives alone."""
    features = Features.load(Path("data/fused/test"))
    folder = Path(MODEL) / member / "fold0-seed0"

    def run():
        fit = price_model.load_fit(folder, member, features.layout)
        return PriceModel({member: {"fit": fit}}, Ensemble.mean([member]), features.layout, 0.5, 90.0).predict(features)

    return folder, run


@pytest.mark.parametrize("member", MEMBERS)
def test_arrays_that_no_fit_has_are_refused_and_no_other_gives_a_price_that_is_none(workspace, member):
    folder, run = one_fit(member)
    path = folder / "arrays.safetensors"
    arrays = load_file(path)
    for name, array in arrays.items():
        for what, other in array_changes(array).items():
            save_file({**arrays, name: np.ascontiguousarray(other)}, path)
            got = refused_or(run)
            require_positive(got, None, f"{name}: {what}")
            harmless = array.size == 0 and what == "a row short"
            assert harmless or what not in REFUSED or isinstance(got, str), (name, what)
        save_file({key: kept for key, kept in arrays.items() if key != name}, path)
        assert isinstance(refused_or(run), str)


@pytest.mark.parametrize("member", MEMBERS)
def test_values_that_no_fit_has_are_refused_and_no_other_gives_a_price_that_is_none(workspace, member):
    folder, run = one_fit(member)
    path = folder / "fit.json"
    content = json.loads(path.read_text())
    cases = [*json_changes(content), *((place, DELETED) for place in dict(json_changes(content)) if place)]
    refused = 0
    for place, new in cases[:: 1 + len(cases) // 400]:
        path.write_text(json.dumps(changed(content, place, new)))
        got = refused_or(run)
        require_positive(got, None, f"{place}: {new}")
        refused += isinstance(got, str)
    assert refused > 100


@pytest.mark.parametrize("name", ["layout.json"])
def test_another_layout_is_refused(workspace, name):
    path = Path("data/fused/test") / name
    content = json.loads(path.read_text())
    expected = priced()
    for place, new in [*json_changes(content), *((place, DELETED) for place in dict(json_changes(content)) if place)]:
        if place[:1] == ("attributes",):  # names, which no model reads
            continue
        path.write_text(json.dumps(changed(content, place, new)))
        require_same(refused_or(priced), expected, f"{place}: {new}")


@pytest.mark.parametrize(
    ("stage", "file", "content"),
    [
        ("predict", f"{MODEL}/model.json", b""),
        ("predict", f"{MODEL}/boosted/fold0-seed0/arrays.safetensors", b"\xff" * 100),
        ("predict", "data/fused/test/features.npy", b"\x93NUMPY"),
        ("ensemble", "models/members/lexical/epochs.csv", b"fold"),
        ("ensemble", "data/fused/train/index.parquet", b"PAR1"),
        ("evaluate", f"{VALIDATION}/out_of_fold.parquet", b"PAR1"),
        ("evaluate", f"{VALIDATION}/epochs.csv", b"member,fold"),
    ],
)
def test_a_stage_script_says_one_line_and_writes_nothing(workspace, run_stage, stage, file, content):
    (workspace / file).write_bytes(content)
    before = (workspace / "prices.csv").read_bytes()
    done = run_stage(stage, workspace, *command_line(stage), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}: ")
    assert done.stderr.count("\n") == 1
    assert "Run `dvc " in done.stderr
    assert (workspace / "prices.csv").read_bytes() == before
