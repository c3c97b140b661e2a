"""The learning curve: how far SMAPE falls with the number of training rows, on the same scored rows each time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricefuse.device import deterministic
from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.metrics import smape, smape_interval
from pricefuse.models.settings import BoostedSettings
from pricefuse.progress import progress
from pricefuse.training.fold_fit import MemberSettings, fit_rows, held_out_folds
from pricefuse.training.settings import TrainSettings

MIN_GROUPS = 20  # a smaller share is not fitted: nothing could be told apart from luck


def learning_curve(
    features: Features,
    member: str,
    settings: MemberSettings,
    train: TrainSettings,
    shares: Sequence[float],
    *,
    samples: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Return share, rows (fitted, mean over folds), smape, smape_low and smape_high (percent), a row for each share.

    Every held-out row of every fold is predicted with a share of the other folds' product groups; a smaller share is
    part of a larger one. `member` is fitted once a fold, with its first seed. The interval resamples groups. A share
    that leaves fewer than MIN_GROUPS groups is left out, and printed.
    """
    prices, folds, groups = (features.index[name].to_numpy() for name in ("price", "fold", "group"))
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    rank = pd.Series(np.arange(len(names)) / len(names), index=names)[groups].to_numpy()
    held_out = held_out_folds(features.index)
    scored = folds != NEVER

    curve = []
    total = len(shares) * len(held_out)
    if isinstance(settings, BoostedSettings):  # the same for every share: only the rows are to differ
        settings = settings.model_copy(update={"landmarks": settings.landmarks_for(len(features))})
    threads = train.threads_for(len(features))
    with deterministic(threads), progress(total=total, title="learning curve", unit="fit") as bar:
        for share in shares:
            predicted = np.zeros(len(prices))
            used: list[int] = []
            for fold in held_out:
                rows = np.flatnonzero((folds != fold) & (rank < share))
                if len(np.unique(groups[rows])) < MIN_GROUPS:
                    bar.update(len(held_out) - len(used))
                    print(f"share {share}: fewer than {MIN_GROUPS} product groups, left out")
                    break
                model = fit_rows(features, member, settings, train, rows, settings.seeds[0])
                predicted[folds == fold] = np.exp(model.predict(features.at(np.flatnonzero(folds == fold))))
                used.append(len(rows))
                bar.update()
            else:
                pair = prices[scored], predicted[scored]
                low, high = smape_interval(*pair, groups[scored], samples=samples, confidence=confidence, seed=seed)
                curve.append((share, round(float(np.mean(used))), smape(*pair), low, high))
    return pd.DataFrame(curve, columns=["share", "rows", "smape", "smape_low", "smape_high"]).round(4)
