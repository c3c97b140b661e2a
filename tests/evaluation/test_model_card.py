"""The model card: metadata that Hugging Face's library reads, numbers of the model, and no Markdown from outside."""

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard

from pricefuse.evaluation.model_card import CARD, base_models, write_card
from pricefuse.evaluation.scores import complete_scores
from pricefuse.evaluation.settings import EvaluateSettings

SETTINGS = EvaluateSettings(bootstrap_samples=100, confidence=0.9, seed=0)
ENCODER = {
    "model": "Qwen/Qwen3-Embedding-0.6B", "revision": "c54f2e6", "license": "Apache-2.0", "parameters": 596_000_000,
    "recipe": "9bcbf69f",
}  # fmt: skip


@pytest.fixture
def out_of_fold():
    rng = np.random.default_rng(0)
    price = rng.lognormal(3, 1, 200)
    predicted = price * rng.lognormal(0, 0.3, 200)
    bounds = {f"{side}_{level}": predicted * f for level in (80, 95) for side, f in (("low", 0.6), ("high", 1.7))}
    ids = pd.DataFrame({"sample_id": map(str, range(200)), "group": np.arange(200) // 2, "fold": np.arange(200) % 4})
    return ids.assign(price=price, predicted=predicted, predicted_lexical=predicted * 1.1, difficulty=0.3, **bounds)


@pytest.fixture
def card(tmp_path, out_of_fold):
    def write(seconds=None, **encoder):
        provenance = {
            "catalog": "mine", "encoders": {"gemma": ENCODER | encoder, "clip": ENCODER | {"license": "MIT"}},
            "machine": {"lexical": {"threads": 2, "device": "cpu"}},
        }  # fmt: skip
        scores = complete_scores(out_of_fold, SETTINGS)
        write_card(tmp_path, scores, out_of_fold, {"lexical": 1.0}, provenance, SETTINGS.confidence, seconds or {})
        return scores, ModelCard.load(tmp_path / CARD)

    return write


def test_the_metadata_is_what_the_hub_reads(card):
    scores, loaded = card()
    assert loaded.data.license == "apache-2.0"
    assert loaded.data.base_model == ["Qwen/Qwen3-Embedding-0.6B"]
    assert loaded.data.pipeline_tag == "tabular-regression"
    results = {result.metric_type: result for result in loaded.data.eval_results}
    assert results["smape"].metric_value == scores["smape"]
    expected = {"confidence": 0.9, "low": scores["smape_low"], "high": scores["smape_high"]}
    assert results["smape"].metric_args == expected
    assert results["smape"].dataset_name == "catalog mine, out of fold"


def test_the_card_has_the_models_numbers(card):
    scores, loaded = card()
    assert f"| **the model** | **{scores['smape']:.2f}** |" in loaded.text
    assert f"| 80 % | {scores['intervals']['80']['coverage']:.1%} |" in loaded.text
    assert f"| `lexical` alone (weight 1.00) | {scores['members']['lexical']:.2f} |" in loaded.text
    assert loaded.text.count("| 20 | ") == 10  # products of each tenth
    assert "200 rows on cpu, 2 CPU threads" in loaded.text
    assert "| gemma | `Qwen/Qwen3-Embedding-0.6B` | `c54f2e6` | Apache-2.0 | 596.0 M | `9bcbf69f` |" in loaded.text


def test_seconds_are_those_that_were_recorded(card):
    assert "Seconds are not recorded for this catalog (`make seconds`)." in card()[1].text
    text = card(seconds={"clean": 4.4, "train@boosted": 1234.5})[1].text
    assert "Seconds a stage, when they were last recorded: clean 4.4, train@boosted 1,234.5." in text


def test_an_encoder_of_another_license_makes_the_models_another(card):
    _, loaded = card(license="Gemma terms of use")
    assert loaded.data.license == "other"
    assert loaded.data.license_name == "terms-of-the-encoders"


def test_what_comes_from_a_models_files_stays_text(card):
    _, loaded = card(license="<script>x</script>|`y`\n# Heading", model="/folder/`a`|b\n<img src=x>", revision=None)
    for foreign in ("<script", "<img", "\n# Heading", "`a`"):
        assert foreign not in loaded.text
    assert "| `none` |" in loaded.text


def test_the_same_numbers_give_the_same_bytes(card, tmp_path):
    card()
    first = (tmp_path / CARD).read_bytes()
    card()
    assert (tmp_path / CARD).read_bytes() == first


def test_base_models_are_names_of_the_hub(tmp_path):
    models = [
        "packaged:minilm-efficientnet-lite0",
        "hf-hub:Marqo/marqo-ecommerce-embeddings-L",
        str(tmp_path),
        "./own/model",
    ]
    assert base_models(models) == [
        "sentence-transformers/all-MiniLM-L6-v2",
        "timm/tf_efficientnet_lite0.in1k",
        "Marqo/marqo-ecommerce-embeddings-L",
    ]
