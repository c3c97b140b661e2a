"""The folder of a search: Optuna's journal of its trials, and the predictions of each that was finished.

A process may be killed at any moment: the next one that takes the folder goes on from its finished trials.
"""

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from pricefuse.errors import InputError
from pricefuse.files import replacing

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
STUDY = "search"

optuna.logging.set_verbosity(logging.ERROR)


class Journal:
    """A folder of trials that several processes of one search may write to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the folder for one search, and mend what a killed one left; raise InputError where another has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "taken").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{self._folder}: another search is running there. Wait for it, or end it") from None
            _mend(self._file)
            study = self.study()
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(trial.number, state=TrialState.FAIL)
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the search's other processes from what they do under this, such as counting trials before one more."""
        with (self._folder / "alone").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def _file(self) -> Path:
        return self._folder / "journal.log"

    def study(self) -> optuna.Study:
        """Return the study of the trials so far, with Optuna's default sampler and no pruner."""
        storage = JournalStorage(JournalFileBackend(str(self._file)))
        return optuna.create_study(
            storage=storage, study_name=STUDY, load_if_exists=True, direction="minimize",
            pruner=optuna.pruners.NopPruner(),
        )  # fmt: skip

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that were scored on all folds, or pruned, by their number."""
        return self.study().get_trials(deepcopy=False, states=FINISHED)

    def write(self, number: int, log_prices: np.ndarray) -> None:
        """Keep a trial's out-of-fold ln prices, float64 (rows,)."""
        with replacing(self._predictions(number)) as temporary, temporary.open("wb") as file:
            np.save(file, log_prices, allow_pickle=False)

    def read(self, number: int) -> np.ndarray:
        """Return what `write` kept; raise InputError where it is damaged."""
        path = self._predictions(number)
        try:
            return np.array(np.lib.format.open_memmap(path, mode="r"))
        except (OSError, EOFError, ValueError):
            raise InputError(f"{path}: missing or damaged. Delete {self._folder}, and search again") from None

    def _predictions(self, number: int) -> Path:
        return self._folder / "out_of_fold" / f"{number}.npy"


def _mend(path: Path) -> None:
    """Drop a line that a kill cut off, and the lock that a killed process held: nobody else is at work here."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if path.is_file():
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with replacing(path) as temporary:
                temporary.write_bytes(whole)
