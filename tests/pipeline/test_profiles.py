"""Profiles: complete recipes that switch without leaving anything of one another behind."""

import pytest
from paths import ROOT
from ruamel.yaml import YAML

from pricefuse.errors import InputError
from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.profiles import use

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    return path


def keys(path):
    return {(section, key) for section, values in YAML(typ="safe").load(path).items() for key in values}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_valid_and_states_the_same_keys_as_the_others(profile, params):
    use(profile, params)
    assert keys(profile) == keys(ROOT / "profiles" / "default.yaml")


def test_the_default_profile_is_what_is_committed_and_undoes_the_others(params):
    committed = params.read_bytes()
    for profile in PROFILES:
        use(profile, params)
    assert params.read_bytes() != committed
    assert use(ROOT / "profiles" / "default.yaml", params)
    assert params.read_bytes() == committed
    assert use(ROOT / "profiles" / "default.yaml", params) == []


def test_the_seeds_recipe_is_the_seeds(params):
    changes = use(ROOT / "profiles" / "seed.yaml", params)
    assert "train.target: log -> log1p" in changes
    found = read_params(params)
    assert found.simple_nn.dropout == (0.3, 0.2, 0.2, 0.1, 0.1)
    assert found.fuse.blocks == ("gemma", "clip_text", "clip_image")
    assert (found.simple_nn.optimizer, found.simple_nn.weight_decay, found.simple_nn.batch_size) == ("adam", 1e-5, 512)


def test_comments_and_what_a_profile_does_not_state_stay(params):
    params.write_text(params.read_text().replace("catalog: demo ", "catalog: mine "))
    comments = [line.split("#", 1)[1] for line in params.read_text().splitlines() if "#" in line]
    use(ROOT / "profiles" / "seed.yaml", params)
    assert [line.split("#", 1)[1] for line in params.read_text().splitlines() if "#" in line] == comments
    assert read_params(params).catalog == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {learning_rat: 1}", "train.learning_rat is not a parameter"),
        ("trian: {seed: 1}", "trian.seed is not a parameter"),
        ("catalog: demo", "a profile states sections"),
        ("simple_nn: {max_epochs: 0}", "simple_nn.max_epochs"),
    ],
)
def test_a_wrong_profile_is_refused_and_changes_nothing(tmp_path, params, text, message):
    before = params.read_bytes()
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        use(tmp_path / "wrong.yaml", params)
    assert params.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "wrong.yaml"]


def test_an_unknown_profile_names_those_that_there_are(params):
    with pytest.raises(InputError, match="There are: challenge, default, seed"):
        use(ROOT / "profiles" / "sede.yaml", params)
