"""Figures: the same numbers give the same bytes."""

import numpy as np
import pandas as pd

from pricefuse.evaluation.plots import draw_learning_curve, draw_validation
from pricefuse.evaluation.scores import error_by_decile


def drawn_twice(folder, draw):
    for name in ("one.png", "two.png"):
        draw(folder / name)
    assert (folder / "one.png").read_bytes().startswith(b"\x89PNG")
    return (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


def test_the_validation_figure_is_the_same_bytes_every_time(tmp_path):
    prices = np.arange(1, 21, dtype=float)
    rows = pd.DataFrame({"price": prices, "predicted": prices * 1.1})
    epochs = pd.DataFrame({"member": ["lexical"] * 2, "epoch": [1, 2], "smape": [60.0, 50.0]})
    deciles = error_by_decile(rows)
    assert drawn_twice(tmp_path, lambda path: draw_validation(path, rows, deciles, epochs, "SMAPE 9.52"))


def test_a_figure_without_networks_has_no_epochs(tmp_path):
    prices = np.arange(1, 21, dtype=float)
    rows = pd.DataFrame({"price": prices, "predicted": prices})
    epochs = pd.DataFrame({"member": [], "epoch": [], "smape": []})
    assert drawn_twice(tmp_path, lambda path: draw_validation(path, rows, error_by_decile(rows), epochs, "SMAPE 0"))


def test_the_learning_curve_is_the_same_bytes_every_time(tmp_path):
    curve = pd.DataFrame({"rows": [100, 200], "smape": [30.0, 25], "smape_low": [28.0, 24], "smape_high": [33.0, 26]})
    assert drawn_twice(tmp_path, lambda path: draw_learning_curve(path, curve, "boosted"))
