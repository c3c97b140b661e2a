"""The license gate: what an encoder's files state, and what a policy refuses before anything is embedded."""

import shutil

import pandas as pd
import pytest

from pricefuse.encoders import bundled
from pricefuse.encoders.licenses import (
    MAX_CARD_BYTES,
    UNKNOWN,
    require_allowed,
    require_allowed_name,
    same_license,
    stated_license,
)
from pricefuse.encoders.weights import resolve
from pricefuse.errors import InputError
from pricefuse.text.tables import PRODUCTS_SCHEMA

POLICY = ("MIT", "Apache-2.0")


def card(**changes):
    return {"model": "some/model", "license": "apache-2.0", "parameters": 600_000_000} | changes


@pytest.mark.parametrize(
    ("front_matter", "license_name"),
    [
        ("---\nlicense: apache-2.0\ntags: [x]\n---\n# Model\n", "apache-2.0"),
        ("---\r\nlicense: mit\r\n---\r\ntext", "mit"),
        ("---\nlicense: other\nlicense_name: my license\n---\n", "my license"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\nlicense: [mit, gpl]\n---\n", None),
        ("---\nlicense: ''\n---\n", None),
        ("---\n- license\n---\n", None),
        ("---\n: : {\n---\n", None),
        ("---\nlicense: !!python/object/apply:os.system ['true']\n---\n", None),
        ("# license: mit\n", None),
        ("---\nlicense: mit\n", None),
        ('---\nlicense: "mit\\n  evil"\n---\n', "mit evil"),
        (f"---\nfiller: {'x' * MAX_CARD_BYTES}\nlicense: mit\n---\n", None),
        ("---\nlicense: " + "[" * 5000 + "\n---\n", None),
    ],
)
def test_the_license_is_what_the_front_matter_states(tmp_path, front_matter, license_name):
    (tmp_path / "README.md").write_bytes(front_matter.encode())
    assert stated_license(tmp_path) == license_name


def test_a_folder_states_its_license_and_without_a_card_it_is_unknown(tmp_path):
    folder = shutil.copytree(bundled.minilm().folder, tmp_path / "model")
    (folder / "README.md").unlink(missing_ok=True)
    assert resolve(str(folder), None).license == UNKNOWN
    identity = resolve(str(folder), None).identity
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert resolve(str(folder), None).license == "mit"
    assert resolve(str(folder), None).identity == identity  # documentation changes no vector


@pytest.mark.parametrize(
    ("one", "other"), [("apache-2.0", "Apache-2.0"), ("Apache License 2.0", "apache-2.0"), ("mit", "MIT License")]
)
def test_names_of_one_license(one, other):
    assert same_license(one, other)


@pytest.mark.parametrize("name", ["gemma", "Gemma terms of use", UNKNOWN, "apache-1.1", "mit-0", "other", ""])
def test_another_license_is_refused_and_without_a_policy_allowed(name):
    with pytest.raises(InputError, match=r"some/model: its license is .* allows MIT, Apache-2.0"):
        require_allowed(card(license=name), POLICY)
    require_allowed(card(license=name), ())


def test_an_encoder_above_the_challenges_limit_is_refused():
    require_allowed(card(parameters=8_000_000_000), POLICY)
    with pytest.raises(InputError, match="8.2 billion parameters, and license_policy in params.yaml allows 8"):
        require_allowed(card(parameters=8_200_000_000), POLICY)
    require_allowed(card(parameters=8_200_000_000), ())


def test_a_hub_model_of_a_known_license_is_refused_by_its_name():
    with pytest.raises(InputError, match="Gemma terms of use"):
        require_allowed_name("google/embeddinggemma-300m", POLICY)
    for model in ("Qwen/Qwen3-Embedding-0.6B", "hf-hub:Marqo/marqo-ecommerce-embeddings-L", "who/knows"):
        require_allowed_name(model, POLICY)
    require_allowed_name("google/embeddinggemma-300m", ())


@pytest.mark.parametrize("stated", ["gemma", None])
def test_a_stage_refuses_before_anything_is_embedded(run_stage, write_params, tmp_path, stated):
    model = shutil.copytree(bundled.minilm().folder, tmp_path / "model")
    (model / "README.md").write_text(f"---\nlicense: {stated}\n---\n" if stated else "")
    write_params(tmp_path, {"embed_gemma.model": str(model), "license_policy": list(POLICY)})
    pd.DataFrame({name: ["x"] for name in PRODUCTS_SCHEMA.names}).to_parquet(tmp_path / "products.parquet")
    arguments = ("--products", "products.parquet", "--out", "gemma", "--card", "gemma.json")
    ended = run_stage("embed_gemma", tmp_path, *arguments, check=False)
    assert ended.returncode == 1
    assert f"its license is {stated or UNKNOWN}" in ended.stderr
    assert not (tmp_path / "gemma").exists()
    assert not (tmp_path / "gemma.json").exists()
