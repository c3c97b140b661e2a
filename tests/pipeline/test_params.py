"""params.yaml: the committed file is valid, DVC reads the same, and a mistake is reported with its place."""

import math

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.yaml_loader import load_yaml

import pytest
import yaml
from paths import ROOT
from ruamel.yaml import YAML

from pricefuse.errors import InputError

TEXT = (ROOT / "params.yaml").read_text()


def test_the_committed_file_is_valid():
    params = read_params(ROOT / "params.yaml")
    assert params.simple_nn.learning_rate == 0.002
    assert params.download.max_pixels == 50_000_000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  learning_rate:",
            "  learning_rat:",
            r"simple_nn\.learning_rate: Field required.*simple_nn\.learning_rat: Extra inputs",
        ),
        ("catalog: demo", "catalog: ../secrets", r"catalog: String should match"),
        ("folds: 5", "folds: 1", r"fuse\.folds: .*greater than or equal to 2 \(found 1\)"),
        ("learning_rate: 0.002", "learning_rate: .nan", r"simple_nn\.learning_rate: Input should be a finite number"),
        (
            "  - 1024\n  - 512\n  - 256\n",
            "",
            r"simple_nn: .*batch_norm has 5 entries, but hidden has 2",
        ),
        ("- gemma\n  - clip_text", "- gemma\n  - gemma", r"fuse\.blocks: .*named twice"),
        ("- 0\n  - 1\n", "- 1\n  - 1\n", r"simple_nn\.seeds: .*named twice"),
        ("target: log ", "target: sqrt ", r"train\.target: Input should be 'log' or 'log1p'"),
        ("evaluate:", "evaluation:", r"evaluate: Field required.*evaluation: Extra inputs"),
        ("catalog: demo", "catalog: [demo", r"not valid YAML"),
        ("catalog: demo", "catalog: no\ncatalog: demo", r"not valid YAML: duplicate key catalog in .*line"),
        ("  width:", "  seeds: [7]\n  width:", r"not valid YAML: duplicate key seeds"),
        ("catalog: demo", "catalog: 2025-02-30", r"not valid YAML: day is out of range"),
        ("learning_rate: 0.002", "learning_rate: 1:30", r"simple_nn\.learning_rate: Input should be a valid number"),
        ("labels: false", "labels: maybe", r"clean\.labels: Input should be a valid boolean"),
    ],
)
def test_a_mistake_is_refused_with_its_place(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_params(path)


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(InputError, match="Run from the repository's top folder"):
        read_params(tmp_path / "params.yaml")


NUMBERS = """2e-3 2E3 1e-5 1e+5 1.5e3 1.e3 -.5e-3 .5e3 .e3 .5 5. +.5 50_000_000 1_0.5 1__2 _1 0 00 08 012 -012 +1 0o14
0o1_7 0o 0x1F 0b1_1 .inf -.INF .nan"""
WORDS = """no yes on off y n No true True TRUE false FALSE tRUE null Null ~ 1:30 1:30.5 2025-01-01 '2e-3' "no" """


@pytest.mark.parametrize("scalar", ["", *NUMBERS.split(), *WORDS.split()])
def test_a_scalar_is_read_as_dvc_reads_it(tmp_path, scalar):
    path = tmp_path / "params.yaml"
    path.write_text(f"key: {scalar}\n")
    ours, dvcs = load_yaml(path)["key"], YAML(typ="safe").load(path)["key"]
    assert type(ours) is type(dvcs)
    assert ours == dvcs or (math.isnan(ours) and math.isnan(dvcs))


def test_the_committed_file_is_read_as_dvc_reads_it():
    assert load_yaml(ROOT / "params.yaml") == YAML(typ="safe").load(ROOT / "params.yaml")


def test_keys_differ_by_their_type_and_a_merge_is_no_duplicate(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("a: &a {1: x, '1': y, b: 1}\nc: {<<: *a, b: 2}\n")
    assert load_yaml(path) == {"a": {1: "x", "1": "y", "b": 1}, "c": {1: "x", "1": "y", "b": 2}}


def test_a_file_may_not_name_python_objects(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("a: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(yaml.YAMLError, match="could not determine a constructor"):
        load_yaml(path)
