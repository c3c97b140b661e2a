"""The learning curve: the same rows are scored each time, and more rows help where there is something to learn."""

from member_settings import SETTINGS
from priced import catalog

from pricefuse.training.learning_curve import draw, learning_curve

ARGUMENTS = {
    "target_name": "log", "stopping_share": 0.1, "threads": 1, "samples": 100, "confidence": 0.9, "seed": 0,
}  # fmt: skip


def test_more_rows_give_a_lower_smape_and_a_share_too_small_is_left_out():
    curve = learning_curve(catalog(rows=400), "boosted", SETTINGS["boosted"], [0.01, 0.25, 1.0], **ARGUMENTS)
    assert curve["share"].tolist() == [0.25, 1.0]
    assert curve["rows"].iloc[1] == round(400 * 2 / 3)
    assert abs(curve["rows"].iloc[0] - 67) < 12
    assert curve["smape"].iloc[1] < curve["smape"].iloc[0] - 2
    assert (curve["smape_low"] < curve["smape"]).all()
    assert (curve["smape"] < curve["smape_high"]).all()


def test_the_picture_is_the_same_bytes_every_time(tmp_path):
    curve = learning_curve(catalog(), "boosted", SETTINGS["boosted"], [0.5, 1.0], **ARGUMENTS)
    for name in ("one.png", "two.png"):
        draw(tmp_path / name, curve, "boosted")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
