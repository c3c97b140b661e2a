"""Cross-fitting: each held-out row is predicted by models that used it neither for fitting nor for early stopping."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from pricefuse.device import deterministic
from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.models.price_model import Model
from pricefuse.training.checkpoints import Checkpoints
from pricefuse.training.fold_fit import MemberSettings, fit_fold, fit_name, held_out_folds
from pricefuse.training.settings import TrainSettings

EPOCH_COLUMNS = ["fold", "seed", "epoch", "train_loss", "smape", "r2", "mae", "rmse"]


@dataclass(frozen=True)
class CrossFit:
    """One member, cross-fitted.

    `log_prices` are its out-of-fold ln prices, float64 (rows,), the mean over seeds, NaN for a row that is never held
    out. `epochs` has fold, seed, epoch, train_loss and the scores on the stopping rows, a row for each epoch of a
    network. `models` has each fit by name, unless they are kept as checkpoints.
    """

    log_prices: np.ndarray
    epochs: pd.DataFrame
    models: dict[str, Model]


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
    fitted again, and new ones are added to it. Raises InputError where a fold leaves too little to fit.
    """
    folds = features.index["fold"].to_numpy()
    log_prices = np.where(folds == NEVER, np.nan, 0.0)
    models: dict[str, Model] = {}
    epochs: list[dict[str, float]] = []
    fits = [(fold, seed) for fold in held_out_folds(features.index) for seed in settings.seeds]
    with (
        deterministic(train.threads),
        tqdm(total=len(fits), desc=f"train {member}", unit="fit", disable=None) as progress,
    ):
        for fold, seed in fits:
            progress.set_postfix(fold=fold, seed=seed)
            fit = None if checkpoints is None else checkpoints.read(fold, seed, member)
            if fit is None:
                fit = fit_fold(features, member, settings, train, fold, seed)
                if checkpoints is not None:
                    checkpoints.write(fit)
            if checkpoints is None:
                models[fit_name(fold, seed)] = fit.model
            log_prices[folds == fold] += fit.log_prices / len(settings.seeds)
            epochs += [{"fold": fold, "seed": seed, **asdict(epoch)} for epoch in fit.epochs]
            progress.update()
    return CrossFit(log_prices, pd.DataFrame(epochs, columns=EPOCH_COLUMNS), models)
