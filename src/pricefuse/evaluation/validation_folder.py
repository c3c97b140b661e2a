"""What stage ensemble leaves to be evaluated: written with digests, and read again unless it is damaged."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.evaluation.intervals import LEVELS
from pricefuse.evaluation.scores import MEMBER_PREFIX
from pricefuse.files import read_json, read_parquet, replacing, require_sealed, seal_folder, write_json

REMEDY = "Run `dvc repro ensemble`, or `dvc pull`"
OUT_OF_FOLD, EPOCHS, WEIGHTS = "out_of_fold.parquet", "epochs.csv", "weights.json"
EPOCH_NUMBERS = ("fold", "seed", "epoch", "train_loss", "smape", "r2", "mae", "rmse")


class Validation(NamedTuple):
    """The out-of-fold predictions, the training of the networks, and the ensemble.

    `out_of_fold` has sample_id, group, fold, price, predicted, predicted_<member>, difficulty (of ln price, positive),
    and for each of LEVELS the bounds low_<level> and high_<level>, a row for each held-out row.
    `epochs` has member, fold, seed, epoch, train_loss and scores, a row for each epoch of each network. `weights` are
    the members' shares of the ensemble.
    """

    out_of_fold: pd.DataFrame
    epochs: pd.DataFrame
    weights: dict[str, Any]


def write_validation(folder: Path, validation: Validation) -> None:
    """Write what `read_validation` reads, each file atomically, and the digests of all last."""
    with replacing(folder / OUT_OF_FOLD) as temporary:
        validation.out_of_fold.to_parquet(temporary, index=False, write_page_checksum=True)
    with replacing(folder / EPOCHS) as temporary:
        validation.epochs.to_csv(temporary, index=False)
    write_json(folder / WEIGHTS, validation.weights)
    seal_folder(folder, [OUT_OF_FOLD, EPOCHS, WEIGHTS])


def read_validation(folder: Path) -> Validation:
    """Read the folder, of which every file is compared with its digest first.

    Raises InputError where a file is missing or damaged.
    """
    require_sealed(folder, REMEDY)
    weights = read_json(folder / WEIGHTS, REMEDY)
    return Validation(_out_of_fold(folder / OUT_OF_FOLD), _epochs(folder / EPOCHS), weights)


def _out_of_fold(path: Path) -> pd.DataFrame:
    table = read_parquet(path, REMEDY)
    bounds = [f"{side}_{level}" for level in LEVELS for side in ("low", "high")]
    needed = ["sample_id", "group", "fold", "price", "predicted", "difficulty", *bounds]
    if missing := [name for name in needed if name not in table]:
        raise InputError(f"{path}: no column {', '.join(missing)}. {REMEDY}")
    whole = all(pd.api.types.is_integer_dtype(table[name]) for name in ("group", "fold"))
    numbers = ["price", "predicted", "difficulty", *bounds]
    prices = table[[*numbers, *(name for name in map(str, table) if name.startswith(MEMBER_PREFIX))]]
    if not (len(table) and whole and all(dtype == np.float64 for dtype in prices.dtypes)):
        raise InputError(f"{path}: no rows, or a column of another type. {REMEDY}")
    if not (np.isfinite(prices.to_numpy()) & (prices.to_numpy() > 0)).all():
        raise InputError(f"{path}: a price or difficulty is not a positive number. {REMEDY}")
    return table


def _epochs(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={"member": str, **dict.fromkeys(EPOCH_NUMBERS, np.float64)})
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: not a table of epochs ({' '.join(str(error).split()):.100}). {REMEDY}") from None
    if list(table) != ["member", *EPOCH_NUMBERS] or not np.isfinite(table[list(EPOCH_NUMBERS)].to_numpy()).all():
        raise InputError(f"{path}: not the columns of the epochs, or one without a number. {REMEDY}")
    return table.astype(dict.fromkeys(("fold", "seed", "epoch"), np.int64))
