"""One fit of one member: on the rows of all folds but one, to predict the rows of that fold."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER, stopping_rows
from pricefuse.features.matrix import Features
from pricefuse.models.price_model import MEMBERS, Model
from pricefuse.models.settings import BoostedSettings, LexicalSettings, SimpleNNSettings
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch
from pricefuse.training.settings import TrainSettings

MemberSettings = SimpleNNSettings | LexicalSettings | BoostedSettings


@dataclass(frozen=True)
class FoldFit:
    """A model fitted without one fold: its ln prices of that fold's rows, float64 (rows,), and its epochs."""

    fold: int
    seed: int
    model: Model
    log_prices: np.ndarray
    epochs: tuple[Epoch, ...]


def fit_name(fold: int, seed: int) -> str:
    """Return the name of a fit, which is its folder's name."""
    return f"fold{fold}-seed{seed}"


def held_out_folds(index: pd.DataFrame) -> list[int]:
    """Return the folds that hold rows out, ascending."""
    return sorted(set(index["fold"]) - {NEVER})


def fit_fold(
    features: Features,
    member: str,
    settings: MemberSettings,
    train: TrainSettings,
    fold: int,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> FoldFit:
    """Fit `member` on the rows of the other folds, and predict those of `fold`."""
    folds = features.index["fold"].to_numpy()
    epochs: list[Epoch] = []

    def keep(epoch: Epoch) -> None:
        epochs.append(epoch)
        on_epoch(epoch)

    model = fit_rows(features, member, settings, train, np.flatnonzero(folds != fold), seed, keep)
    predicted = model.predict(features.at(np.flatnonzero(folds == fold)))
    return FoldFit(fold, seed, model, predicted, tuple(epochs))


def fit_rows(
    features: Features,
    member: str,
    settings: MemberSettings,
    train: TrainSettings,
    rows: np.ndarray,
    seed: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Model:
    """Fit `member` on `rows` (ascending positions), of which a share of the product groups decides when to stop.

    The target's range is that of `rows` alone: a held-out price must not move it. Raises InputError where too few rows
    are left to fit.
    """
    prices, groups = features.index["price"].to_numpy(np.float64), features.index["group"].to_numpy()
    target = Target.fit(train.target, prices[rows])
    stopping = stopping_rows(groups[rows], train.stopping_share, seed)
    if (~stopping).sum() < 2:
        raise InputError(f"a fold leaves {(~stopping).sum()} rows to fit. Add rows, or lower fuse.folds")
    fit: Callable[..., Model] = MEMBERS[member].fit
    return fit(features, rows[~stopping], rows[stopping], target, settings, seed, on_epoch)
