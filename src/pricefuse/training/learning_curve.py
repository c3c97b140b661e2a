"""The learning curve: how far SMAPE falls with the number of training rows, on the same scored rows each time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from tqdm import tqdm

from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.metrics import smape, smape_interval
from pricefuse.models.target import Target
from pricefuse.training.cross_fit import Settings, fit_member

LEAST_GROUPS = 20  # a smaller share is not fitted: nothing could be told apart from luck


def learning_curve(
    features: Features,
    kind: str,
    settings: Settings,
    shares: Sequence[float],
    *,
    target_name: str,
    stopping_share: float,
    threads: int,
    samples: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """Return share, rows (fitted, mean over folds), smape, smape_low and smape_high (percent), a row for each share.

    Every held-out row of every fold is predicted with a share of the other folds' product groups; a smaller share is
    part of a larger one. One member of `kind` a fold, with its first seed. The interval resamples groups. A share that
    leaves fewer than LEAST_GROUPS groups is left out.
    """
    torch.set_num_threads(threads)
    index = features.index
    train = np.flatnonzero(index["split"] == "train")
    prices, folds, groups = (index[name].to_numpy() for name in ("price", "fold", "group"))
    names = np.random.default_rng(seed).permutation(np.unique(groups[train]))
    rank = pd.Series(np.arange(len(names)) / len(names), index=names)[groups[train]].to_numpy()
    held_out_folds = sorted(set(folds[train]) - {NEVER})
    scored = train[folds[train] != NEVER]

    rows = []
    with tqdm(total=len(shares) * len(held_out_folds), desc="learning curve", unit="member", disable=None) as progress:
        for share in shares:
            predicted, used = np.zeros(len(index)), []
            for fold in held_out_folds:
                others = train[(folds[train] != fold) & (rank < share)]
                progress.update()
                if len(np.unique(groups[others])) < LEAST_GROUPS:
                    break
                target = Target.fit(target_name, prices[others])
                member = fit_member(
                    kind, features, others, target, settings, settings.seeds[0], stopping_share, threads
                )
                held_out = train[folds[train] == fold]
                predicted[held_out] = np.exp(member.predict(features.at(held_out)))
                used.append(len(others))
            if len(used) == len(held_out_folds):
                pair = prices[scored], predicted[scored]
                low, high = smape_interval(*pair, groups[scored], samples=samples, confidence=confidence, seed=seed)
                rows.append((share, round(float(np.mean(used))), smape(*pair), low, high))
    return pd.DataFrame(rows, columns=["share", "rows", "smape", "smape_low", "smape_high"]).round(4)


def draw(path: Path, curve: pd.DataFrame, title: str) -> None:
    """Draw SMAPE with its interval against the number of rows as a PNG, atomically."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    below, above = curve["smape"] - curve["smape_low"], curve["smape_high"] - curve["smape"]
    axes.errorbar(curve["rows"], curve["smape"], yerr=[below, above], marker="o", capsize=3, color="tab:blue")
    axes.set(xscale="log", xlabel="training rows", ylabel="SMAPE (%)", title=title)
    axes.set_xticks(curve["rows"], [f"{count:,}" for count in curve["rows"]])
    axes.minorticks_off()
    with replacing(path) as temporary:
        # Matplotlib puts its version into the file unless told not to.
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
