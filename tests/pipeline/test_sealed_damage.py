"""A model by somebody who also computes its digests: what no model has is refused, and every price is positive."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from damage import DELETED, REFUSED, array_changes, changed, damaged, json_changes, refused_or
from damage_runs import MEMBERS, MODEL, files, priced, require_positive, weighed
from safetensors.numpy import load_file, save_file
from sealing import seal, seal_features

from pricefuse.features.matrix import Features
from pricefuse.models import price_model
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.price_model import PriceModel

pytestmark = pytest.mark.slow
UNUSED = {"files", "digest", "provenance", "recipe"}  # what no price of given features follows from


def test_whoever_seals_a_changed_model_json_gets_a_refusal_or_positive_prices(small_workspace):
    path = Path(MODEL) / "model.json"
    content = json.loads(path.read_text())
    described = {name: part for name, part in content.items() if name not in UNUSED}
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
def test_weights_and_ranges_that_no_model_has_are_refused_though_sealed(small_workspace, name, value):
    path = Path(MODEL) / "model.json"
    content = json.loads(path.read_text())
    (content["ensemble"] if name in content["ensemble"] else content)[name] = value
    path.write_text(json.dumps(content))
    seal(Path(MODEL))
    assert "model.json: " in refused_or(priced)


@pytest.mark.parametrize("rows", ["test", "train"])
def test_features_that_were_damaged_before_they_were_sealed_are_refused_or_give_positive_prices(small_workspace, rows):
    run = priced if rows == "test" else lambda: weighed("boosted")
    folder, refused = Path("data/fused") / rows, 0
    layout = (folder / "layout.json").read_bytes()
    for path in files(folder):
        content = path.read_bytes()
        for name, version in damaged(content).items():
            if path.name == "layout.json" or version is None:
                continue
            path.write_bytes(version)
            seal_features(folder)
            got = refused_or(run)
            require_positive(got, None, f"{path}: {name}")
            refused += isinstance(got, str)
        path.write_bytes(content)
        (folder / "layout.json").write_bytes(layout)
    assert refused > 50


def test_whoever_seals_a_changed_layout_gets_a_refusal_or_the_same_prices(small_workspace):
    folder = Path("data/fused/test")
    content = json.loads((folder / "layout.json").read_text())
    del content["digest"]
    described = {name: part for name, part in content.items() if name not in {"files", "attributes"}}
    cases = [*json_changes(described), *((place, DELETED) for place in dict(json_changes(described)) if place)]
    expected, refused = priced(), 0
    for place, new in cases:
        if not place:
            continue
        seal_features(folder, {**content, **changed(described, place, new)})
        got = refused_or(priced)
        assert isinstance(got, str) or np.array_equal(got, expected), f"{place}: {new}"
        refused += isinstance(got, str)
    assert refused > 100


def one_fit(member):
    """Return the folder of a fit, and what prices its model gives alone."""
    features, model = Features.load(Path("data/fused/test")), PriceModel.load(Path(MODEL))
    folder = Path(MODEL) / member / "fold0-seed0"

    def run():
        fit = price_model.load_fit(folder, member, features.layout)
        return replace(model, members={member: {"fit": fit}}, ensemble=Ensemble.mean([member])).predict(features)

    return folder, run


@pytest.mark.parametrize("member", MEMBERS)
def test_arrays_that_no_fit_has_are_refused_and_no_other_gives_a_price_that_is_none(small_workspace, member):
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
def test_values_that_no_fit_has_are_refused_and_no_other_gives_a_price_that_is_none(small_workspace, member):
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


@pytest.mark.parametrize("part", ["intervals", "neighbors"])
def test_parts_that_no_model_has_are_refused_or_give_positive_prices_though_sealed(small_workspace, part):
    folder = Path(MODEL) / part
    arrays, content = load_file(folder / "arrays.safetensors"), json.loads((folder / "fit.json").read_text())
    refused = 0
    for name, array in arrays.items():
        for what, other in array_changes(array).items():
            save_file({**arrays, name: np.ascontiguousarray(other)}, folder / "arrays.safetensors")
            seal(Path(MODEL))
            got = refused_or(priced)
            require_positive(got, None, f"{name}: {what}")
            refused += isinstance(got, str)
    save_file(arrays, folder / "arrays.safetensors")
    cases = [*json_changes(content), *((place, DELETED) for place in dict(json_changes(content)) if place)]
    for place, new in cases[:: 1 + len(cases) // 60]:
        (folder / "fit.json").write_text(json.dumps(changed(content, place, new)))
        seal(Path(MODEL))
        got = refused_or(priced)
        require_positive(got, None, f"{place}: {new}")
        refused += isinstance(got, str)
    assert refused > 30
