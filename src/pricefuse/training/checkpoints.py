"""Finished fits of a training that may be killed, so that the next run fits only what is missing."""

import json
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

import pricefuse
from pricefuse.device import device_name
from pricefuse.features.matrix import LAYOUT
from pricefuse.files import TEMPORARY_SUFFIX, write_json
from pricefuse.keys import file_digest, row_key
from pricefuse.models import storage
from pricefuse.models.price_model import MEMBERS
from pricefuse.models.trainer import Epoch
from pricefuse.resources import available_cores
from pricefuse.training.fold_fit import FoldFit, MemberSettings, fit_name
from pricefuse.training.settings import TrainSettings

CODE = ("device.py", "metrics.py", "features", "models", "training")  # below src/pricefuse: what a fit depends on
FILES = (*(f"model/{name}" for name in storage.FILES), "log_prices.npy", "epochs.json")  # of a finished fit
LIBRARIES = ("lightgbm", "numpy", "scikit-learn", "scipy", "torch")


class Checkpoints:
    """A folder of finished fits, all of one key.

    A fit is written to a folder of another name first, and renamed when it is complete, so that whatever moment the
    process is killed at, what `read` finds is whole. Fits of another key are deleted.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / key
        if folder.is_dir():
            for other in folder.iterdir():
                if other != self._folder:
                    shutil.rmtree(other)
        self._folder.mkdir(parents=True, exist_ok=True)

    def model_folder(self, fold: int, seed: int) -> Path:
        """Return the folder that `storage.save` wrote the fit's model to."""
        return self._folder / fit_name(fold, seed) / "model"

    def read(self, fold: int, seed: int, member: str) -> FoldFit | None:
        """Return a finished fit, None where there is none; a damaged one is deleted, to be fitted again."""
        folder = self._folder / fit_name(fold, seed)
        if not folder.is_dir():
            return None
        try:
            content = json.loads((folder / "epochs.json").read_text(encoding="utf-8"))
            epochs = TypeAdapter(tuple[Epoch, ...]).validate_python(content)
            log_prices = np.array(np.lib.format.open_memmap(folder / "log_prices.npy", mode="r"))
            model = storage.load(folder / "model", MEMBERS[member])
        except (OSError, EOFError, ValueError):
            shutil.rmtree(folder)
            return None
        return FoldFit(fold, seed, model, log_prices, epochs)

    def write(self, fit: FoldFit) -> "Checkpoints":
        """Keep a finished fit."""
        with self._complete(fit.fold, fit.seed) as folder:
            storage.save(folder / "model", fit.model)
            np.save(folder / "log_prices.npy", fit.log_prices, allow_pickle=False)
            write_json(folder / "epochs.json", [asdict(epoch) for epoch in fit.epochs])
        return self

    def packed(self, fold: int, seed: int) -> dict[str, bytes]:
        """Return the files of a finished fit by name, for another process to `unpack`."""
        folder = self._folder / fit_name(fold, seed)
        return {name: (folder / name).read_bytes() for name in FILES}

    def unpack(self, fold: int, seed: int, files: Mapping[str, bytes]) -> None:
        """Keep a fit that another process has finished and `packed`."""
        with self._complete(fold, seed) as folder:
            (folder / "model").mkdir(parents=True)
            for name in FILES:
                (folder / name).write_bytes(files[name])

    @contextmanager
    def _complete(self, fold: int, seed: int) -> Iterator[Path]:
        """Give a folder of another name, and rename it when it is complete."""
        folder = self._folder / fit_name(fold, seed)
        temporary = folder.with_name(folder.name + TEMPORARY_SUFFIX)
        if temporary.is_dir():
            shutil.rmtree(temporary)
        yield temporary
        temporary.rename(folder)

    def delete(self) -> None:
        """Delete all fits, once the stage's output holds them."""
        shutil.rmtree(self._folder.parent)


def fits_key(features: Path, member: str, settings: MemberSettings, train: TrainSettings) -> str:
    """Return a digest of all that determines the fits: data, settings, code, libraries and the machine's device."""
    root = Path(pricefuse.__file__).parent
    paths = [path for name in CODE for path in ([root / name] if name.endswith(".py") else (root / name).glob("*.py"))]
    code = {path.relative_to(root).as_posix(): file_digest(path) for path in paths}
    data = file_digest(features / LAYOUT)  # it holds the digests of all other files, which Features.load compares
    common = train.model_dump(mode="json", include={"target", "stopping_share", "threads"})
    cores = available_cores() if train.threads == "auto" else train.threads
    machine = [platform.machine(), device_name(), cores, {name: version(name) for name in LIBRARIES}]
    return row_key(member, settings.model_dump(mode="json"), common, code, data, machine)
