"""Two versions compared: matched by product, resampled by group, and judged in one sentence."""

import subprocess

import numpy as np
import pandas as pd
import pytest

from pricefuse.cli.comparison import compare_versions, read_version, verdict
from pricefuse.errors import InputError
from pricefuse.metrics import smape

OPTIONS = {"confidence": 0.95, "samples": 300, "seed": 0}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    price = rng.lognormal(3, 1, 400)
    ids = pd.DataFrame(
        {"sample_id": [str(n) for n in range(400)], "group": np.arange(400) // 2, "fold": np.arange(400) % 5}
    )
    return ids.assign(price=price, predicted=price * rng.lognormal(0, 0.4, 400))


def written(folder, **tables):
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet")
    return [str(folder / f"{name}.parquet") for name in tables]


def test_a_better_version_is_named_with_the_interval_of_the_difference(tmp_path, table):
    better = table.assign(predicted=(table["price"] ** 3 * table["predicted"]) ** 0.25)
    one, two = written(tmp_path, one=table, two=better.sample(frac=1, random_state=1))
    lines = compare_versions(one, two, **OPTIONS)
    scores = [smape(each["price"].to_numpy(), each["predicted"].to_numpy()) for each in (table, better)]
    assert lines[0] == f"{one}: SMAPE {scores[0]:.2f}"
    assert f"difference {scores[1] - scores[0]:+.2f} (95% interval" in lines[2]
    assert "400 products in 200 groups" in lines[2]
    assert lines[-1] == f"{two} is better than {one}: the whole interval is below zero."
    assert compare_versions(two, one, **OPTIONS)[-1] == f"{one} is worse than {two}: the whole interval is above zero."


def test_a_difference_that_may_be_chance_is_no_difference(tmp_path, table):
    other = table.assign(predicted=table["price"] * np.random.default_rng(2).lognormal(0, 0.4, 400))
    one, two = written(tmp_path, one=table, two=other)
    assert "can be told from chance" in compare_versions(one, two, **OPTIONS)[-1]
    assert "predict the same prices" in compare_versions(one, one, **OPTIONS)[-1]


def test_products_that_only_one_has_are_left_out_and_counted(tmp_path, table):
    one, two = written(tmp_path, one=table[:300], two=table[100:].assign(fold=0))
    lines = compare_versions(one, two, **OPTIONS)
    assert f"left out, not in both: 100 products of {one}, 100 of {two}" in lines
    assert any("the folds differ" in line for line in lines)
    assert any("200 products" in line for line in lines)


def test_other_products_or_prices_cannot_be_compared(tmp_path, table):
    away, raised = table.assign(sample_id="x" + table["sample_id"]), table.assign(price=table["price"] * 2)
    one, two, three = written(tmp_path, one=table, two=away, three=raised)
    with pytest.raises(InputError, match="no products in common"):
        compare_versions(one, two, **OPTIONS)
    with pytest.raises(InputError, match="400 products have another price in .*three.parquet"):
        compare_versions(one, three, **OPTIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predicted": -1.0}, "a price that is not a positive number"),
        ({"predicted": np.nan}, "a price that is not a positive number"),
        ({"group": None}, "no column group"),
    ],
)
def test_a_table_of_something_else_is_refused(tmp_path, table, change, message):
    changed = table.drop(columns="group") if "group" in change else table.assign(**change)
    (path,) = written(tmp_path, other=changed)
    with pytest.raises(InputError, match=message):
        read_version(path)


def test_the_workspace_a_folder_and_what_is_no_version(tmp_path, table, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/validation").mkdir(parents=True)
    table.to_parquet("data/validation/out_of_fold.parquet")
    assert len(read_version("workspace")) == len(read_version("data/validation")) == 400
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["dvc", "init", "-q"], check=True)
    with pytest.raises(InputError, match="nonsense: no table of out-of-fold predictions, and no revision"):
        read_version("nonsense")


@pytest.mark.parametrize(
    ("low", "high", "said"), [(-2, -1, "better"), (1, 2, "worse"), (-1, 1, "chance"), (0, 0, "same")]
)
def test_the_verdict_is_that_of_the_interval(low, high, said):
    assert said in verdict("a", "b", low, high)
