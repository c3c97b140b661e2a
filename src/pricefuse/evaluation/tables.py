"""The tables behind the figures, which `dvc plots` draws and compares between experiments."""

from pathlib import Path

import pandas as pd

from pricefuse.evaluation.intervals import coverage_by_fifth, risk_coverage
from pricefuse.evaluation.scores import error_by_decile, mean_epochs
from pricefuse.files import replacing

MAX_POINTS, SEED = 2000, 0


def plot_tables(out_of_fold: pd.DataFrame, epochs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables of metrics/plots by name: deciles, epochs, coverage and risk_coverage."""
    return {
        "deciles": error_by_decile(out_of_fold),
        "epochs": mean_epochs(epochs),
        "coverage": coverage_by_fifth(out_of_fold),
        "risk_coverage": risk_coverage(out_of_fold),
    }


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, atomically."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def points_drawn(out_of_fold: pd.DataFrame) -> pd.DataFrame:
    """Return actual and predicted price, in four digits, of at most MAX_POINTS products."""
    table = sampled(out_of_fold, MAX_POINTS, SEED)[["price", "predicted"]].set_axis(["actual", "predicted"], axis=1)
    return table.map(lambda price: float(f"{price:.4g}"))


def sampled(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Return at most so many of the rows, in their order."""
    return rows if len(rows) <= most else rows.sample(most, random_state=seed).sort_index()
