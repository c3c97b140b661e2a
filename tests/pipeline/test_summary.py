"""What `make repro` says at its end."""

import json

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.summary import summary

import pytest
from paths import ROOT

PARAMS = read_params(ROOT / "params.yaml")
SCORES = {"smape": 21.2884, "smape_low": 20.2875, "smape_high": 22.2741, "smape_of_median": 54.3171, "n": 1200}


def write(folder, name, content=""):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_score_stands_beside_its_interval_and_its_baseline(tmp_path):
    write(tmp_path, "metrics/validation.json", SCORES | {"members": {"boosted": 22.0}})
    write(tmp_path, "demo/best_reachable.json", {"note": "synthetic", "best_smape_realized": 19.80})
    lines = summary(PARAMS, tmp_path)
    score = "SMAPE 21.29 (95% interval 20.29 to 22.27), out of fold on 1,200 products"
    assert lines[0] == f"Catalog demo: {score}; the median price for every product has 54.32."
    assert lines[1] == "The demo's noise leaves 19.80 reachable."
    assert not any("reachable" in line for line in summary(PARAMS.model_copy(update={"catalog": "mine"}), tmp_path))


def test_a_score_that_the_median_price_reaches_is_a_warning(tmp_path):
    write(tmp_path, "metrics/validation.json", SCORES | {"smape_of_median": 20.0})
    assert "WARNING: this is no better than the median price." in summary(PARAMS, tmp_path)


def test_results_that_are_there_are_named_and_others_are_not(tmp_path):
    write(tmp_path, "metrics/validation.json", SCORES)
    write(tmp_path, "metrics/images.json", {"products": 1500, "ok": 1484, "failed": 16})
    write(tmp_path, "data/images/part-00000.parquet")
    write(tmp_path, "data/predictions/test_out.csv")
    text = "\n".join(summary(PARAMS, tmp_path))
    assert "  prices  data/predictions/test_out.csv\n" in text
    assert "data/images (1,484 of 1,500); why others are missing: metrics/images.json\n" in text
    assert "models/price_model" not in text
    assert "report.html" not in text


def test_what_to_do_next_names_the_remote_only_if_there_is_one(tmp_path):
    write(tmp_path, "metrics/validation.json", SCORES)
    assert "dvc push" not in "\n".join(summary(PARAMS, tmp_path))
    write(tmp_path, ".dvc/config", "['remote \"team\"']\n    url = /shared\n")
    assert "`git commit -am '...'` and `dvc push`" in "\n".join(summary(PARAMS, tmp_path))


@pytest.mark.parametrize("content", [None, "", "{", "[1]", "{}", '{"smape": "none"}', '{"smape": null}'])
def test_files_that_are_missing_or_broken_end_nothing(tmp_path, content):
    if content is not None:
        for name in ("metrics/validation.json", "metrics/images.json", "demo/best_reachable.json"):
            write(tmp_path, name, content)
    lines = summary(PARAMS, tmp_path)
    assert lines[0] == "No score yet: `dvc repro` has not run to its end."
    assert lines[1] == "Next:"


def test_scores_of_an_older_version_lack_what_it_did_not_have(tmp_path):
    write(tmp_path, "metrics/validation.json", {"smape": 30.0})
    assert summary(PARAMS, tmp_path)[0] == "Catalog demo: SMAPE 30.00."
