"""Read the out-of-fold predictions and epochs that stage ensemble left, and refuse damaged ones."""

from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.evaluation.scores import MEMBER_PREFIX
from pricefuse.files import read_parquet

REMEDY = "Run `dvc repro ensemble`, or `dvc pull`"
EPOCH_NUMBERS = ("fold", "seed", "epoch", "train_loss", "smape", "r2", "mae", "rmse")


def read_out_of_fold(folder: Path) -> pd.DataFrame:
    """Return sample_id, group, fold, price, predicted and predicted_<member>, a row for each held-out row.

    Raises InputError where the table is missing or damaged.
    """
    path = folder / "out_of_fold.parquet"
    table = read_parquet(path, REMEDY)
    if missing := [name for name in ("sample_id", "group", "fold", "price", "predicted") if name not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}. {REMEDY}")
    whole = all(pd.api.types.is_integer_dtype(table[name]) for name in ("group", "fold"))
    prices = table[["price", "predicted", *(name for name in map(str, table) if name.startswith(MEMBER_PREFIX))]]
    if not (len(table) and whole and all(dtype == np.float64 for dtype in prices.dtypes)):
        raise InputError(f"{path}: no rows, or a column of another type. {REMEDY}")
    if not (np.isfinite(prices.to_numpy()) & (prices.to_numpy() > 0)).all():
        raise InputError(f"{path}: a price is not a positive number. {REMEDY}")
    return table


def read_epochs(folder: Path) -> pd.DataFrame:
    """Return member, fold, seed, epoch, train_loss and scores, a row for each epoch of each network.

    Raises InputError where the table is missing or damaged.
    """
    path = folder / "epochs.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such file. {REMEDY}")
    try:
        table = pd.read_csv(path, dtype={"member": str, **dict.fromkeys(EPOCH_NUMBERS, np.float64)})
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not a table of epochs ({' '.join(str(error).split()):.100}). {REMEDY}") from None
    if list(table) != ["member", *EPOCH_NUMBERS] or not np.isfinite(table[list(EPOCH_NUMBERS)].to_numpy()).all():
        raise InputError(f"{path}: not the columns of the epochs, or one without a number. {REMEDY}")
    return table.astype(dict.fromkeys(("fold", "seed", "epoch"), np.int64))
