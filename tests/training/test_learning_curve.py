"""The learning curve: the same rows are scored each time, and more rows help where there is something to learn."""

from member_settings import SETTINGS, TRAIN
from priced import catalog

from pricefuse.training.learning_curve import learning_curve

SCORING = {"samples": 100, "confidence": 0.9, "seed": 0}


def test_more_rows_give_a_lower_smape_and_a_share_too_small_is_left_out_and_named(capsys):
    shares = [0.01, 0.25, 1.0]
    curve = learning_curve(catalog(rows=400), "boosted", SETTINGS["boosted"], TRAIN, shares, **SCORING)
    assert curve["share"].tolist() == [0.25, 1.0]
    assert "share 0.01: fewer than 20 product groups, left out" in capsys.readouterr().out
    assert curve["rows"].iloc[1] == round(400 * 2 / 3)
    assert abs(curve["rows"].iloc[0] - 67) < 12
    assert curve["smape"].iloc[1] < curve["smape"].iloc[0] - 2
    assert (curve["smape_low"] < curve["smape"]).all()
    assert (curve["smape"] < curve["smape_high"]).all()


def test_the_curve_of_a_member_that_is_not_trained_is_refused_with_what_to_do(tmp_path, run_stage, write_params):
    write_params(tmp_path, {"train.members": ["lexical"], "learning_curve.member": "boosted"})
    done = run_stage("learning_curve", tmp_path, "--features", "none", "--plots", "plots", check=False)
    assert done.returncode == 1
    assert "learning_curve.member boosted is not among train.members (lexical)" in done.stderr
