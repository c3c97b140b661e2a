"""Figures: the same numbers give the same bytes, and every label can be read."""

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pricefuse.evaluation.plots import draw_learning_curve, draw_validation, log_ticks, price_label
from pricefuse.evaluation.scores import error_by_decile
from pricefuse.evaluation.tables import plot_tables, points_drawn

EPOCHS = pd.DataFrame({"member": ["lexical"] * 2, "epoch": [1, 2], "smape": [60.0, 50.0]})
NO_EPOCHS = EPOCHS[:0]
CURVE = pd.DataFrame({"rows": [100, 200], "smape": [30.0, 25], "smape_low": [28.0, 24], "smape_high": [33.0, 26]})


def predictions(lowest=1.0, highest=20.0):
    prices = np.geomspace(lowest, highest, 40)
    predicted = np.exp(np.log(prices).mean() + np.log(prices) * 0.5)
    bounds = {f"{side}_{level}": predicted * f for level in (80, 95) for side, f in (("low", 0.5), ("high", 2.0))}
    return pd.DataFrame({"price": prices, "predicted": predicted, "difficulty": np.arange(40) + 1.0, **bounds})


def draw(path, rows, epochs=EPOCHS, weights=None):
    weights = weights or {"lexical": 0.06, "boosted": 0.94}
    tables = plot_tables(rows, epochs.assign(fold=0, seed=0)) | {"epochs": epochs}
    draw_validation(path, rows, tables, weights, "Catalog demo: SMAPE 9.52")


@pytest.fixture
def drawn(monkeypatch):
    """Return the figures that are written while the test runs."""
    figures, save = [], Figure.savefig

    def keep(figure, *arguments, **options):
        figures.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def drawn_twice(folder, draw):
    for name in ("one.png", "two.png"):
        draw(folder / name)
    assert (folder / "one.png").read_bytes().startswith(b"\x89PNG")
    return (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


def test_the_validation_figure_is_the_same_bytes_every_time(tmp_path):
    assert drawn_twice(tmp_path, lambda path: draw(path, predictions()))


def test_the_learning_curve_is_the_same_bytes_every_time(tmp_path):
    assert drawn_twice(tmp_path, lambda path: draw_learning_curve(path, CURVE, "boosted"))


def colliding(figure):
    """Return the pairs of neighboring tick labels that overlap."""
    canvas = figure.canvas.get_renderer()
    pairs = []
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        shown = [label for label in axis.get_ticklabels(which="both") if label.get_visible() and label.get_text()]
        for one, two in itertools.pairwise(sorted(shown, key=lambda label: label.get_position())):
            # Text is rotated about its middle: its lines collide if their distance is below the height of a letter.
            distance = np.subtract(
                two.get_window_extent(canvas).get_points(), one.get_window_extent(canvas).get_points()
            )
            apart = np.abs(distance.mean(axis=0)).max()
            upright = axis.axis_name == "y" or one.get_rotation() != 0
            needed = one.get_fontsize() * figure.dpi / 72 if upright else one.get_window_extent(canvas).width
            pairs += [(one.get_text(), two.get_text())] if apart < needed else []
    return pairs


@pytest.mark.parametrize(
    ("lowest", "highest"), [(1, 20), (0.99, 2950), (200, 1700), (900, 99_000), (0.01, 12_345_678), (10, 10.5)]
)
def test_tick_labels_do_not_collide_whatever_the_prices(tmp_path, drawn, lowest, highest):
    draw(tmp_path / "one.png", predictions(lowest, highest))
    assert colliding(drawn[0]) == []


def test_the_learning_curves_labels_do_not_collide(tmp_path, drawn):
    rows = [9_000, 18_000, 36_000, 54_000, 60_000]
    curve = pd.DataFrame({"rows": rows, "smape": 50.0, "smape_low": 49.0, "smape_high": 51.0})
    draw_learning_curve(tmp_path / "one.png", curve, "boosted")
    assert colliding(drawn[0]) == []


@pytest.mark.parametrize(
    ("price", "label"),
    [
        (0.0123, "0.0123"), (5.831, "5.83"), (5.8, "5.8"), (129.31, "129"), (945, "945"), (2950.4, "2,950"),
        (12_345, "12.3k"), (1_234_567, "1.23M"), (99e9, "99G"),
    ],
)  # fmt: skip
def test_a_price_is_labeled_without_an_exponent(price, label):
    assert price_label(price) == label


def test_the_ticks_of_a_log_axis_are_round_and_few():
    assert log_ticks(1.5, 130) == [2, 5, 10, 20, 50, 100]
    assert log_ticks(0.8, 3000) == [1, 3, 10, 30, 100, 300, 1000, 3000]
    assert log_ticks(2.4, 3.9) == [3]
    assert log_ticks(1.05, 1.64) == [1.5]
    for exponent in range(1, 16):
        assert 1 <= len(log_ticks(0.9, 10.0**exponent)) <= 8


def test_the_bias_of_each_decile_is_drawn(tmp_path, drawn):
    rows = predictions()
    draw(tmp_path / "one.png", rows)
    (axes,) = [axes for axes in drawn[0].axes if axes.get_title("left").startswith("Priced")]
    heights = [bar.get_height() for bar in axes.patches]
    np.testing.assert_allclose(heights, 100 * (error_by_decile(rows)["bias"] - 1))


@pytest.mark.parametrize(
    ("epochs", "weights", "labels"),
    [
        (
            EPOCHS,
            {"lexical": 0.06, "boosted": 0.94},
            ["lexical, weight 0.06", "boosted, weight 0.94: has no epochs"],
        ),
        (NO_EPOCHS, {"boosted": 1.0}, ["boosted, weight 1.00: has no epochs"]),
    ],
)
def test_the_curves_by_epoch_say_what_each_member_weighs_and_who_has_none(tmp_path, drawn, epochs, weights, labels):
    draw(tmp_path / "one.png", predictions(), epochs, weights)
    (axes,) = [axes for axes in drawn[0].axes if axes.get_title("left").startswith("Training")]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == labels


def test_the_learning_curve_names_the_shares_that_it_leaves_out(tmp_path, drawn):
    draw_learning_curve(tmp_path / "one.png", CURVE, "boosted", [0.01, 0.02])
    assert "share 0.01, 0.02" in drawn[0].axes[0].get_title("left")
    draw_learning_curve(tmp_path / "two.png", CURVE[:0], "boosted", [0.01])


def test_the_coverage_of_both_intervals_and_the_surest_predictions_are_drawn(tmp_path, drawn):
    rows = predictions()
    draw(tmp_path / "one.png", rows)
    titled = {axes.get_title("left"): axes for axes in drawn[0].axes}
    tables = plot_tables(rows, EPOCHS.assign(fold=0, seed=0))
    lines = titled["Do the intervals hold what they promise?"].get_lines()
    held = [line.get_ydata() for line in lines if len(line.get_ydata()) == 5]
    np.testing.assert_allclose(np.concatenate(held), tables["coverage"]["held"])
    (curve,) = titled["The surest predictions"].get_lines()
    np.testing.assert_allclose(curve.get_ydata(), tables["risk_coverage"]["smape"])


def test_the_points_that_dvc_plots_are_at_most_some_thousand_of_the_predictions():
    rows = pd.concat([predictions()] * 100, ignore_index=True)
    points = points_drawn(rows)
    assert list(points) == ["actual", "predicted"]
    assert len(points) == 2000
    assert points.equals(points_drawn(rows))
    np.testing.assert_allclose(points_drawn(predictions()), predictions()[["price", "predicted"]], rtol=1e-3)
