"""Profiles: whole recipes, which replace one another without a remainder."""

import re

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.profiles import KEYS, RECIPE, about, use
from pricefuse.pipeline.yaml_loader import load_yaml

import pytest
import yaml
from paths import ROOT

from pricefuse.errors import InputError

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
DEFAULT = ROOT / "profiles" / "default.yaml"
COMMITTED = load_yaml(ROOT / "params.yaml")


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    return path


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_valid_and_replaces_every_parameter_of_a_recipe(profile, params):
    use(profile, params)
    stated = load_yaml(profile)
    assert {section: list(values) for section, values in stated.items() if section not in KEYS} == {
        section: list(COMMITTED[section]) for section in RECIPE
    }
    assert set(KEYS) < set(stated)
    assert load_yaml(params) == {**COMMITTED, **stated}


def test_the_default_profile_is_what_is_committed_and_undoes_the_others(params):
    committed = params.read_bytes()
    for profile in PROFILES:
        use(profile, params)
    assert params.read_bytes() != committed
    assert use(DEFAULT, params)
    assert params.read_bytes() == committed
    assert use(DEFAULT, params) == []


@pytest.mark.parametrize(
    ("section", "key"), [(section, key) for section in RECIPE for key in COMMITTED[section]], ids=lambda name: name
)
def test_the_default_profile_undoes_an_edit_of_any_parameter_of_a_recipe(params, section, key):
    text = params.read_text()
    before, within = text.split(f"\n{section}:\n")
    line_and_items = rf"^(  {key}:)[^#\n]*?( *(?:#.*)?)(?:\n  - .*)*$"
    edited = re.sub(line_and_items, r"\1 edited\2", within, count=1, flags=re.MULTILINE)
    params.write_text(f"{before}\n{section}:\n{edited}")
    assert load_yaml(params)[section][key] == "edited"
    assert use(DEFAULT, params) == [f"{section}.{key}: edited -> {COMMITTED[section][key]}"]
    assert params.read_text() == text


def test_the_seeds_recipe_is_the_seeds(params):
    changes = use(ROOT / "profiles" / "seed.yaml", params)
    assert "train.target: log -> log1p" in changes
    found = read_params(params)
    assert found.simple_nn.dropout == (0.3, 0.2, 0.2, 0.1, 0.1)
    assert found.fuse.blocks == ("gemma", "clip_text", "clip_image")
    assert (found.simple_nn.optimizer, found.simple_nn.weight_decay, found.simple_nn.batch_size) == ("adam", 1e-5, 512)


def test_the_seeds_profile_says_that_the_challenge_excludes_its_encoder():
    assert "Gemma terms" in about(ROOT / "profiles" / "seed.yaml")


def test_comments_and_the_sections_outside_a_recipe_stay(params):
    params.write_text(params.read_text().replace("catalog: demo", "catalog: mine"))
    comments = [line.split("#", 1)[1] for line in params.read_text().splitlines() if "#" in line]
    use(ROOT / "profiles" / "seed.yaml", params)
    assert [line.split("#", 1)[1] for line in params.read_text().splitlines() if "#" in line] == comments
    assert read_params(params).catalog == "mine"


def renamed(recipe):
    recipe["train"]["learning_rat"] = 1


def foreign(recipe):
    recipe["evaluate"] = {"seed": 1}


def without_section(recipe):
    recipe["catalog"] = "demo"


def incomplete(recipe):
    del recipe["lexical"]["width"]


def partial(recipe):
    del recipe["boosted"]


def invalid(recipe):
    recipe["simple_nn"]["max_epochs"] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (renamed, "not parameters of a recipe: train.learning_rat"),
        (foreign, "not parameters of a recipe: evaluate.seed"),
        (without_section, r"not parameters of a recipe: catalog\."),
        (incomplete, "lexical.width missing. A profile states every parameter"),
        (partial, "boosted.learning_rate.* missing"),
        (invalid, "simple_nn.max_epochs"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_profile_is_refused_and_changes_nothing(tmp_path, params, change, message):
    before = params.read_bytes()
    recipe = load_yaml(DEFAULT)
    change(recipe)
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(recipe))
    with pytest.raises(InputError, match=message):
        use(tmp_path / "wrong.yaml", params)
    assert params.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "wrong.yaml"]


@pytest.mark.parametrize(("text", "message"), [("[1", "not valid YAML"), ("", "not a file of sections")])
def test_a_file_that_is_no_profile_is_refused(tmp_path, params, text, message):
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        use(tmp_path / "wrong.yaml", params)


def test_an_unknown_profile_names_those_that_there_are(params):
    with pytest.raises(InputError, match="There are: challenge, default, seed"):
        use(ROOT / "profiles" / "sede.yaml", params)
