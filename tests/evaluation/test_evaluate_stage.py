"""Stage evaluate: what it writes and says of good and of useless predictions."""

import json

import numpy as np
import pandas as pd
import pytest

from pricefuse.files import seal_folder

SIDES = {"low": 0.5, "high": 2.0}


@pytest.fixture
def evaluate(run_stage, write_params, tmp_path):
    """Return a function that evaluates predictions of given prices: the metrics, and what was printed."""

    def run(predicted, look_alikes=0):
        rows = len(predicted)
        (tmp_path / "validation").mkdir()
        table = pd.DataFrame({"sample_id": range(rows), "group": range(rows), "fold": np.arange(rows) % 2})
        table = table.assign(price=np.geomspace(1, 100, rows), predicted=predicted)
        bounds = {
            f"{side}_{level}": table["predicted"] * factor for level in (80, 95) for side, factor in SIDES.items()
        }
        table = table.assign(difficulty=0.3, **bounds)
        table.to_parquet(tmp_path / "validation/out_of_fold.parquet")
        epochs = "member,fold,seed,epoch,train_loss,smape,r2,mae,rmse\nlexical,0,0,1,1.5,80,0.1,3,5\n"
        (tmp_path / "validation/epochs.csv").write_text(epochs)
        (tmp_path / "validation/weights.json").write_text('{"lexical": 1.0}')
        seal_folder(tmp_path / "validation", ["out_of_fold.parquet", "epochs.csv", "weights.json"])
        (tmp_path / "images.json").write_text("{}")
        folds = {"look_alikes_across_folds": look_alikes, "look_alikes_sampled": rows}
        (tmp_path / "folds.json").write_text(json.dumps(folds))
        write_params(tmp_path, {"evaluate.bootstrap_samples": 100})
        inputs = ("--validation", "validation", "--images", "images.json", "--folds", "folds.json")
        outputs = (
            "--headline",
            "scores.json",
            "--metrics",
            "metrics.json",
            "--image-metrics",
            "image-metrics.json",
            "--plots",
            "plots",
            "--points",
            "points.csv",
        )
        printed = run_stage("evaluate", tmp_path, *inputs, *outputs).stdout
        return json.loads((tmp_path / "metrics.json").read_text()), printed

    return run


def test_a_score_worse_than_the_medians_is_no_number_like_any_other(evaluate):
    metrics, printed = evaluate(np.geomspace(100, 1, 60))
    assert metrics["worse_than_median"] is True
    assert f"warning: SMAPE {metrics['smape']:.2f} is worse than the median price for every row" in printed


def test_a_good_score_has_no_warning(evaluate):
    metrics, printed = evaluate(np.geomspace(1, 100, 60) * 1.1, look_alikes=4)
    assert metrics["worse_than_median"] is False
    assert metrics["look_alikes_across_folds"] == 4
    assert "warning" not in printed
    assert metrics["intervals"]["80"]["coverage"] == 1
    assert metrics["surest"]["30"] == pytest.approx(metrics["smape"], abs=1e-3)
    assert "prices within the intervals, at 80 %: 100.0%" in printed
    assert "4 of 60 rows look like a row in another fold" in printed
