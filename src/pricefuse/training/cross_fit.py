"""Cross-fitting: each held-out row is predicted by models that used it neither for fitting nor for early stopping."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from pricefuse.device import deterministic, device_name
from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.models.price_model import Model
from pricefuse.models.trainer import Epoch
from pricefuse.progress import progress
from pricefuse.resources import require_room
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.fold_fit import MemberSettings, fit_fold, fit_name, held_out_folds
from pricefuse.training.memory import expected_memory
from pricefuse.training.settings import TrainSettings

EPOCH_COLUMNS = ["fold", "seed", "epoch", "train_loss", "smape", "r2", "mae", "rmse"]


@dataclass(frozen=True)
class CrossFit:
    """One member, cross-fitted.

    `log_prices` are its out-of-fold ln prices, float64 (rows,), the mean over seeds, NaN for a row that is never held
    out. `epochs` has fold, seed, epoch, train_loss and the scores on the stopping rows, a row for each epoch of a
    network. `models` has each fit by name, unless they are kept as checkpoints. `threads` and `device` say what fitted
    them.
    """

    log_prices: np.ndarray
    epochs: pd.DataFrame
    models: dict[str, Model]
    threads: int
    device: str


def cross_fit(
    features: Features,
    member: str,
    settings: MemberSettings,
    train: TrainSettings,
    checkpoints: Checkpoints | None = None,
) -> CrossFit:
    """Fit `member` without each fold, once a seed, and predict the fold with the mean of these fits in log space.

    Three sets of rows are disjoint by product group, as far as the folds are: those that are fitted, those that decide
    when to stop (drawn from the other folds), and the fold that is predicted. Fits that `checkpoints` holds are not
    fitted again, and new ones are added to it. Raises InputError where a fold leaves too little to fit, and before the
    first fit where the machine has not the memory that it will take.
    """
    folds = features.index["fold"].to_numpy()
    log_prices = np.where(folds == NEVER, np.nan, 0.0)
    models: dict[str, Model] = {}
    epochs: list[dict[str, float]] = []
    fits = [(fold, seed) for fold in held_out_folds(features.index) for seed in settings.seeds]
    columns = features.matrix.shape[1]
    require_room(
        f"train {member}, {len(features):,} rows of {columns:,} features",
        "Take fewer rows, or blocks out of fuse.blocks, or a machine with more memory",
        memory=expected_memory(features, settings),
    )
    threads = train.threads_for(len(features))
    with (
        deterministic(threads),
        progress(total=len(fits), title=f"train {member}", unit="fit") as bar,
    ):
        for fold, seed in fits:
            bar.set_postfix(fold=fold, seed=seed)
            fit = None if checkpoints is None else checkpoints.read(fold, seed, member)
            if fit is None:
                fit = fit_fold(features, member, settings, train, fold, seed, partial(_show_epoch, bar, fold, seed))
                if checkpoints is not None:
                    checkpoints.write(fit)
            if checkpoints is None:
                models[fit_name(fold, seed)] = fit.model
            log_prices[folds == fold] += fit.log_prices / len(settings.seeds)
            epochs += [{"fold": fold, "seed": seed, **asdict(epoch)} for epoch in fit.epochs]
            bar.update()
    return CrossFit(log_prices, pd.DataFrame(epochs, columns=EPOCH_COLUMNS), models, threads, device_name())


def _show_epoch(bar: Any, fold: int, seed: int, epoch: Epoch) -> None:
    bar.set_postfix(fold=fold, seed=seed, epoch=epoch.epoch)
