"""The report on out-of-fold predictions, against a table worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from pricefuse.evaluation.scores import error_by_decile, mean_epochs, validation_scores, verdict


@pytest.fixture
def predicted():
    """Prices 1 to 20; the dearest tenth is predicted at half its price, everything else exactly."""
    prices = np.arange(1, 21, dtype=float)
    return pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(20)],
            "group": np.arange(20) // 2,
            "fold": np.arange(20) % 5,
            "price": prices[::-1],
            "predicted": np.where(prices[::-1] > 18, prices[::-1] / 2, prices[::-1]),
            "predicted_boosted": prices[::-1],
        }
    )


def test_scores_name_the_rows_the_groups_and_what_has_to_be_beaten(predicted):
    found = validation_scores(predicted, samples=200, confidence=0.9, seed=0)
    assert found["smape"] == pytest.approx(2 * 66.6667 / 20, abs=1e-3)
    assert (found["n"], found["groups"], found["folds"]) == (20, 10, 5)
    assert found["members"] == {"boosted": 0}
    assert found["smape_low"] <= found["smape"] <= found["smape_high"]
    median = 200 * np.abs(np.arange(1, 21) - 10.5) / (np.arange(1, 21) + 10.5)
    assert found["smape_of_median"] == pytest.approx(median.mean(), abs=1e-3)


def test_scores_say_when_the_median_price_is_better(predicted):
    assert validation_scores(predicted, samples=50, confidence=0.9, seed=0)["worse_than_median"] is False
    reverse = predicted.assign(predicted=predicted["predicted"].to_numpy()[::-1])
    assert validation_scores(reverse, samples=50, confidence=0.9, seed=0)["worse_than_median"] is True
    median = predicted.assign(predicted=predicted["price"].median())
    assert validation_scores(median, samples=50, confidence=0.9, seed=0)["worse_than_median"] is True


def test_the_verdict_says_what_to_do():
    bad = {"smape": 120.7, "smape_high": 130.0, "smape_of_median": 60.24, "worse_than_median": True}
    assert verdict(bad).startswith("worse than the median price for every row (60.24): price these products by the")
    assert "Add training rows" in verdict(bad)
    unsure = {"smape": 58.0, "smape_high": 61.0, "smape_of_median": 60.24, "worse_than_median": False}
    assert verdict(unsure).startswith("not surely better than the median price for every row (60.24)")
    assert verdict(unsure | {"smape_high": 60.0}) == ""


def test_the_error_is_shown_where_it_lies(predicted):
    table = error_by_decile(predicted)
    assert table["decile"].tolist() == list(range(1, 11))
    assert table["rows"].tolist() == [2] * 10
    assert table["price_from"].tolist() == list(range(1, 20, 2))
    assert table["smape"].tolist() == [0] * 9 + [66.6667]
    assert table["bias"].tolist() == [1] * 9 + [0.5]


def test_epochs_are_averaged_over_the_networks_that_were_still_training():
    epochs = pd.DataFrame(
        {
            "member": ["simple_nn"] * 3,
            "fold": [0, 0, 1],
            "seed": [0, 0, 0],
            "epoch": [1, 2, 1],
            "train_loss": [2.0, 1.0, 4.0],
            "smape": [60.0, 50, 70],
        }
    )
    means = mean_epochs(epochs)
    assert means["train_loss"].tolist() == [3, 1]
    assert means["smape"].tolist() == [65, 50]
    assert means["networks"].tolist() == [2, 1]
