"""Fit a member's folds side by side in workers: each fit is a row, and its files are the record."""

import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pricefuse.device import deterministic, device_name
from pricefuse.errors import InputError
from pricefuse.features.matrix import Features
from pricefuse.progress import progress
from pricefuse.resources import require_room
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.fold_fit import MemberSettings, fit_fold, held_out_folds
from pricefuse.training.memory import expected_memory
from pricefuse.training.settings import TrainSettings
from pricefuse.workers.block import Block, LostRowsError, Record
from pricefuse.workers.records import records
from pricefuse.workers.settings import WorkersSettings


class FitWork:
    """Folds and seeds to finished fits, as the files that checkpoints keep."""

    def __init__(self, features: Features, member: str, settings: MemberSettings, train: TrainSettings) -> None:
        self._features, self._member, self._settings, self._train = features, member, settings, train

    def prepare(self, block: Block) -> Block:
        return block

    def records(self, prepared: Iterator[Block]) -> Generator[tuple[int, Record], None, None]:
        for block in prepared:
            for position, (fold, seed) in zip(block.positions, block.items, strict=True):
                with deterministic(self._train.threads_for(len(self._features))):
                    fit = fit_fold(self._features, self._member, self._settings, self._train, fold, seed)
                with tempfile.TemporaryDirectory() as folder:
                    yield position, Checkpoints(Path(folder), "fit").write(fit).packed(fold, seed)


@dataclass(frozen=True)
class BuildFitWork:
    """Build a FitWork in another process; refuse to on another `device` than the one that the fits are said to be of.

    `features` is a folder for processes of this machine, which then share its memory; another machine is sent what is
    in it.
    """

    features: Features | Path
    member: str
    settings: MemberSettings
    train: TrainSettings
    device: str = field(default_factory=device_name)

    def __call__(self) -> FitWork:
        if device_name() != self.device:
            raise InputError(
                f"a worker would fit {self.member} on {device_name()}, and the process that asks it has {self.device}:"
                " fits differ between devices. Run the stage where there is the same device as in the workers"
            )
        features = Features.load(self.features, training=True) if isinstance(self.features, Path) else self.features
        return FitWork(features, self.member, self.settings, self.train)


def fit_in_workers(
    folder: Path,
    features: Features,
    member: str,
    settings: MemberSettings,
    train: TrainSettings,
    checkpoints: Checkpoints,
    workers: WorkersSettings,
) -> None:
    """Fit what `checkpoints` lacks in workers, and keep it there for `cross_fit`, which has nothing to fit then.

    `features` are those in `folder`. Nothing is done where the workers are this process: `cross_fit` fits as it goes.
    A fit has the CPU threads that it would have here, so that its bytes are the same. Raises InputError where fits kill
    the workers, or the memory does not suffice for those of this machine.
    """
    if workers.kind == "here":
        return
    every = [(fold, seed) for fold in held_out_folds(features.index) for seed in settings.seeds]
    fits = [fit for fit in every if checkpoints.read(*fit, member) is None]
    on_this_machine = workers.kind == "processes"
    if on_this_machine and workers.count != "auto":
        require_room(
            f"train {member}, {len(features):,} rows, {workers.count} at a time",
            "Ask for fewer workers, take fewer rows, or a machine with more memory",
            memory=min(workers.count, len(fits)) * expected_memory(features, settings),
        )
    # As many threads as here, also where a worker's machine has other cores.
    train = train.model_copy(update={"threads": train.threads_for(len(features))})
    build = BuildFitWork(folder.resolve() if on_this_machine else features, member, settings, train)
    blocks = (Block([number], [fit], frozenset([number])) for number, fit in enumerate(fits))
    title = f"train {member}"
    computed = records(workers, blocks, build, build, title=title, silence=False, in_flight=1)
    try:
        with closing(computed), progress(total=len(fits), title=title, unit="fit") as bar:
            for number, record in computed:
                checkpoints.unpack(*fits[number], record)
                bar.update()
    except LostRowsError as lost:
        (fold, seed), reason = fits[min(lost.reasons)], lost.reasons[min(lost.reasons)]
        raise InputError(
            f"{title}: the workers died of {len(lost.reasons)} fits, such as fold {fold}, seed {seed}: {reason}. Ask"
            " for fewer workers if it was memory"
        ) from None
