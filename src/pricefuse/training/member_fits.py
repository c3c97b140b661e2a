"""A member's folder, written by stage train and read by stage ensemble: its fits and its out-of-fold predictions.

files.json lists the size and SHA-256 of every file, which are checked before any is read.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import TypeAdapter, ValidationError

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER
from pricefuse.files import FileDigest, digests, read_json, read_parquet, replacing, require_files, write_json
from pricefuse.models import storage
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.cross_fit import EPOCH_COLUMNS, CrossFit
from pricefuse.training.fold_fit import fit_name

REMEDY = "Run `dvc repro`, or `dvc pull`"
_FITS = "fits"
_TABLES = ("epochs.csv", "out_of_fold.parquet")
_MACHINE = "machine.json"
_FIT_FILE = re.compile(rf"{_FITS}/(fold\d+-seed\d+)/({'|'.join(map(re.escape, storage.FILES))})")


@dataclass(frozen=True)
class MemberFits:
    """The folder of each fit, as `storage.save` wrote it, and what `CrossFit` says of the other fields.

    `machine` has the CPU threads and the device, as JSON values.
    """

    folders: dict[str, Path]
    log_prices: np.ndarray
    epochs: pd.DataFrame
    machine: dict[str, Any]


def write(folder: Path, fit: CrossFit, checkpoints: Checkpoints, index: pd.DataFrame, seeds: Iterable[int]) -> None:
    """Write the fits, copied from `checkpoints`, the tables, machine.json and files.json, each file atomically."""
    names = [*_TABLES, _MACHINE]
    write_json(folder / _MACHINE, {"threads": fit.threads, "device": fit.device})
    for fold in sorted(set(index["fold"]) - {NEVER}):
        for seed in seeds:
            fit_folder = f"{_FITS}/{fit_name(fold, seed)}"
            shutil.copytree(checkpoints.model_folder(fold, seed), folder / fit_folder, dirs_exist_ok=True)
            names += [f"{fit_folder}/{name}" for name in storage.FILES]
    with replacing(folder / "epochs.csv") as temporary:
        fit.epochs.to_csv(temporary, index=False)
    held_out = (index["fold"] != NEVER).to_numpy()
    table = index.loc[held_out, ["sample_id", "fold"]].assign(log_price=fit.log_prices[held_out])
    with replacing(folder / "out_of_fold.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    write_json(folder / "files.json", {name: kept.model_dump() for name, kept in digests(folder, names).items()})


def read(folder: Path, index: pd.DataFrame) -> MemberFits:
    """Read a member's folder for the training rows of `index`.

    Raises InputError where it is not there or damaged, or its predictions are those of other rows or folds.
    """
    path = folder / "out_of_fold.parquet"
    if not path.is_file():
        raise InputError(f"{path}: no such file: member {folder.name} is not fitted. {REMEDY}")
    fits = _require_whole(folder)
    table = read_parquet(path, REMEDY)
    if list(table) != ["sample_id", "fold", "log_price"] or not np.isfinite(table["log_price"]).all():
        raise InputError(f"{path}: not finite predictions of rows and folds. {REMEDY}")
    held_out = index["fold"] != NEVER
    rows = index.loc[held_out, ["sample_id", "fold"]].reset_index(drop=True)
    if not table[["sample_id", "fold"]].equals(rows):
        raise InputError(f"{path}: not the predictions of today's rows and folds. Run `dvc repro`")
    log_prices = np.full(len(index), np.nan)
    log_prices[held_out] = table["log_price"]
    epochs = pd.read_csv(folder / "epochs.csv")
    if list(epochs) != EPOCH_COLUMNS:
        raise InputError(f"{folder / 'epochs.csv'}: not the columns of the epochs. {REMEDY}")
    machine = read_json(folder / _MACHINE, REMEDY)
    return MemberFits({fit: folder / _FITS / fit for fit in fits}, log_prices, epochs, machine)


def _require_whole(folder: Path) -> list[str]:
    """Return the names of the fits; raise InputError unless all files are there and as they were written."""
    path = folder / "files.json"
    content = read_json(path, REMEDY)
    try:
        files = TypeAdapter(dict[str, FileDigest]).validate_python(content)
    except ValidationError as error:
        raise InputError(f"{path}: {storage.first_fault(error)}. {REMEDY}") from None
    found = [_FIT_FILE.fullmatch(name) for name in files if name not in (*_TABLES, _MACHINE)]
    fits = sorted({match[1] for match in found if match})
    expected = {*_TABLES, _MACHINE, *(f"{_FITS}/{fit}/{name}" for fit in fits for name in storage.FILES)}
    if not fits or set(files) != expected:
        raise InputError(f"{path}: does not list the files of a member. {REMEDY}")
    require_files(folder, files, REMEDY)
    return fits


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
