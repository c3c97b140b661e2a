"""Cross-fitting: every row that has a fold is predicted by networks that never saw it, nor stopped by it."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from tqdm import tqdm

from pricefuse.errors import InputError
from pricefuse.features import Features
from pricefuse.folds import NEVER, stopping_rows
from pricefuse.models.bundle import PriceModel
from pricefuse.models.simple_nn import Epoch, Settings, SimpleNN
from pricefuse.models.target import Target


@dataclass(frozen=True)
class CrossFit:
    """What cross-fitting gives.

    `model` averages all networks. `out_of_fold` has sample_id, group, fold, price and predicted for each row that was
    held out. `epochs` has fold, seed, epoch, train_loss and the scores on the stopping rows, a row for each epoch.
    """

    model: PriceModel
    out_of_fold: pd.DataFrame
    epochs: pd.DataFrame


def cross_fit(
    features: Features, target_name: str, settings: Settings, *, seeds: tuple[int, ...], stopping_share: float
) -> CrossFit:
    """Fit one network for each fold and seed; a fold's networks are averaged in log space to predict it.

    Three sets of rows are disjoint by product group, as far as the folds are: those that are fitted, those that decide
    when to stop (drawn from the other folds), and those that the score is reported on (the fold).

    Raises InputError where a fold leaves too little to fit.
    """
    index = features.index
    train = np.flatnonzero(index["split"] == "train")
    prices, groups = index["price"].to_numpy(np.float64), index["group"].to_numpy()
    folds = index["fold"].to_numpy()
    held_out_folds = sorted(set(folds[train]) - {NEVER})

    members: dict[str, SimpleNN] = {}
    log_prices = np.zeros(len(index))
    epochs: list[dict[str, float]] = []
    total = len(held_out_folds) * len(seeds)
    with tqdm(total=total * settings.max_epochs, desc="train", unit="epoch", disable=None) as progress:
        for fold in held_out_folds:
            held_out = train[folds[train] == fold]
            others = train[folds[train] != fold]
            target = Target.fit(target_name, prices[others])  # its range, too, must not know the fold
            for seed in seeds:
                stopping = stopping_rows(groups[others], stopping_share, seed)
                if (~stopping).sum() < 2:
                    raise InputError(
                        f"fold {fold} leaves {(~stopping).sum()} rows to fit. Add rows, or lower fuse.folds"
                    )

                def on_epoch(epoch: Epoch, fold: int = int(fold), seed: int = seed) -> None:
                    epochs.append({"fold": fold, "seed": seed, **asdict(epoch)})
                    progress.set_postfix(fold=fold, seed=seed, smape=f"{epoch.smape:.2f}", refresh=False)
                    progress.update()

                member = SimpleNN.fit(
                    features.matrix, prices, others[~stopping], others[stopping], target, settings, seed, on_epoch
                )
                members[f"simple_nn-fold{fold}-seed{seed}"] = member
                log_prices[held_out] += member.predict(features.matrix[held_out]) / len(seeds)
                done = len(members) * settings.max_epochs
                progress.update(done - progress.n)  # early stopping leaves epochs out

    out_of_fold = index.loc[index["fold"].isin(held_out_folds), ["sample_id", "group", "fold", "price"]]
    out_of_fold = out_of_fold.assign(predicted=np.exp(log_prices[out_of_fold.index])).reset_index(drop=True)
    return CrossFit(PriceModel(members, settings, features.blocks), out_of_fold, pd.DataFrame(epochs))
