"""A member's folder, written by stage train and read by stage ensemble: its fits and its out-of-fold predictions."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER
from pricefuse.files import replacing
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.cross_fit import CrossFit
from pricefuse.training.fold_fit import fit_name

_FITS = "fits"


@dataclass(frozen=True)
class MemberFits:
    """The folder of each fit, as `storage.save` wrote it, and what `CrossFit` says of log_prices and epochs."""

    folders: dict[str, Path]
    log_prices: np.ndarray
    epochs: pd.DataFrame


def write(folder: Path, fit: CrossFit, checkpoints: Checkpoints, index: pd.DataFrame, seeds: Iterable[int]) -> None:
    """Write the fits, copied from `checkpoints`, then epochs.csv and out_of_fold.parquet, each file atomically."""
    for fold in sorted(set(index["fold"]) - {NEVER}):
        for seed in seeds:
            shutil.copytree(
                checkpoints.model_folder(fold, seed), folder / _FITS / fit_name(fold, seed), dirs_exist_ok=True
            )
    with replacing(folder / "epochs.csv") as temporary:
        fit.epochs.to_csv(temporary, index=False)
    held_out = (index["fold"] != NEVER).to_numpy()
    table = index.loc[held_out, ["sample_id", "fold"]].assign(log_price=fit.log_prices[held_out])
    with replacing(folder / "out_of_fold.parquet") as temporary:
        table.to_parquet(temporary, index=False)


def read(folder: Path, index: pd.DataFrame) -> MemberFits:
    """Read a member's folder for the training rows of `index`.

    Raises InputError where it is not there, or its predictions are those of other rows or folds.
    """
    path = folder / "out_of_fold.parquet"
    if not path.is_file():
        raise InputError(f"{path}: no such file: member {folder.name} is not fitted. Run `dvc repro`, or `dvc pull`")
    table = pd.read_parquet(path)
    held_out = index["fold"] != NEVER
    rows = index.loc[held_out, ["sample_id", "fold"]].reset_index(drop=True)
    if not table[["sample_id", "fold"]].equals(rows):
        raise InputError(f"{path}: not the predictions of today's rows and folds. Run `dvc repro`")
    log_prices = np.full(len(index), np.nan)
    log_prices[held_out] = table["log_price"]
    folders = {fit.name: fit for fit in sorted((folder / _FITS).iterdir())}
    return MemberFits(folders, log_prices, pd.read_csv(folder / "epochs.csv"))


def all_epochs(fits: Mapping[str, MemberFits]) -> pd.DataFrame:
    """Return the epochs of all members, with the member's name as the first column."""
    tables = [fit.epochs.assign(member=member)[["member", *fit.epochs]] for member, fit in fits.items()]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def delete_others(folder: Path, members: Sequence[str]) -> None:
    """Delete the folders of members that are not among `members`.

    They belong to earlier parameters. DVC takes the whole folder as a dependency, and would find a difference that is
    none where one clone still has them and another does not.
    """
    for other in folder.iterdir():
        if other.is_dir() and other.name not in members:
            shutil.rmtree(other)
