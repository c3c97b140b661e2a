"""search_spaces.yaml: what it may say, and that the committed one fits every member and recipe."""

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.profiles import use
from pricefuse.pipeline.yaml_loader import load_yaml

import pytest
from member_settings import SETTINGS
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from paths import ROOT
from pydantic import ValidationError

from pricefuse.errors import InputError
from pricefuse.tuning.spaces import bounds, drawn, read_space, with_settings

COMMITTED = ROOT / "search_spaces.yaml"
MEMBERS = ("simple_nn", "lexical", "boosted")
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_the_committed_spaces_fit_every_member_of_every_recipe(profile, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    use(profile, path)
    params, content = read_params(path), load_yaml(COMMITTED)
    assert sorted(content) == sorted(MEMBERS)
    for member in MEMBERS:
        space = read_space(COMMITTED, member, getattr(params, member))
        assert list(space) == list(content[member])
        assert {name: {"log": False, **value} if "low" in value else value for name, value in content[member].items()} \
            == {name: bounds(distribution) for name, distribution in space.items()}  # fmt: skip


def test_a_range_is_whole_where_its_bounds_are(tmp_path):
    path = tmp_path / "spaces.yaml"
    path.write_text(
        "boosted:\n  leaves: {low: 4, high: 63, log: true}\n  feature_share: {low: 0.1, high: 1.0}\n"
        "simple_nn:\n  loss: {choices: [l1, huber]}\n"
    )
    assert read_space(path, "boosted", SETTINGS["boosted"]) == {
        "leaves": IntDistribution(4, 63, log=True),
        "feature_share": FloatDistribution(0.1, 1.0),
    }
    assert read_space(path, "simple_nn", SETTINGS["simple_nn"]) == {"loss": CategoricalDistribution(("l1", "huber"))}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("boosted:\n  leafs: {low: 4, high: 63}\n", r"boosted\.leafs: no such setting\. There are: .*leaves"),
        ("boosted:\n  leaves: {low: 4, hi: 63}\n", r"boosted\.leaves\.(high|hi): "),
        ("boosted:\n  leaves: {low: 63, high: 4}\n", r"boosted\.leaves: .*low must be below high"),
        ("boosted:\n  feature_share: {low: 0.0, high: 1.0, log: true}\n", "above 0 where log is true"),
        ("boosted:\n  feature_share: {low: 0.1, high: 1.5}\n", r"feature_share: 1\.5 is no value of it"),
        ("boosted:\n  leaves: {low: 16, high: 63}\n", r"the present value 7 of params\.yaml is not in the space"),
        ("boosted:\n  feature_share: {low: 0, high: 1}\n", "0 is no value of it|present value 0.5"),
        ("simple_nn:\n  loss: {choices: [l1, l2]}\n", "'l2' is no value of it"),
        ("simple_nn:\n  loss: {choices: [huber, smape]}\n", "present value 'l1'"),
        ("boosted: []\n", "no settings to search below `boosted:`"),
        ("lexical:\n  width: {low: 4, high: 63}\n", "no settings to search below"),
        ("boosted: {leaves\n", "not valid YAML"),
        ("boosted:\n  leaves: [4, 63]\n", r"boosted\.leaves: "),
    ],
)
def test_a_faulty_space_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "spaces.yaml"
    path.write_text(text)
    member = "simple_nn" if text.startswith("simple_nn") else "boosted"
    with pytest.raises(InputError, match=said) as caught:
        read_space(path, member, SETTINGS[member])
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"spaces\.yaml: no such file"):
        read_space(tmp_path / "spaces.yaml", "boosted", SETTINGS["boosted"])


def test_what_is_tried_can_be_written_down():
    assert drawn({"learning_rate": 0.0123456, "leaves": 7, "loss": "l1", "share": 123456.0}) == {
        "learning_rate": 0.01235, "leaves": 7, "loss": "l1", "share": 123500.0,
    }  # fmt: skip
    assert with_settings(SETTINGS["boosted"], {"leaves": 31}).leaves == 31
    with pytest.raises(ValidationError):
        with_settings(SETTINGS["boosted"], {"leaves": 0})
