"""Cross-fitting: a row that has a fold is predicted by members that never saw it, nor stopped or weighed by it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pricefuse.errors import InputError
from pricefuse.features.folds import NEVER, group_folds, stopping_rows
from pricefuse.features.matrix import Features
from pricefuse.models import boosted, lexical, simple_nn
from pricefuse.models.ensemble import Blend
from pricefuse.models.price_model import KINDS, Member, PriceModel
from pricefuse.models.target import Target
from pricefuse.models.trainer import Epoch

Settings = simple_nn.Settings | lexical.Settings | boosted.Settings

SETTINGS: dict[str, type[simple_nn.Settings] | type[lexical.Settings] | type[boosted.Settings]] = {
    "simple_nn": simple_nn.Settings,
    "lexical": lexical.Settings,
    "boosted": boosted.Settings,
}
BLEND_FOLDS = 5  # where there is one fold, the blend is cross-fitted within it
LEAST_BLEND_ROWS = 20


@dataclass(frozen=True)
class CrossFit:
    """What cross-fitting gives.

    `model` holds all members and their blend. `out_of_fold` has sample_id, group, fold, price, predicted, and each
    kind's own prediction as predicted_<kind>, for each row that was held out. `epochs` has member, fold, seed, epoch,
    train_loss and the scores on the stopping rows, a row for each epoch of a network.
    """

    model: PriceModel
    out_of_fold: pd.DataFrame
    epochs: pd.DataFrame


def cross_fit(
    features: Features,
    target_name: str,
    members: Mapping[str, Settings],
    *,
    stopping_share: float,
    spread: bool = False,
    threads: int = 1,
) -> CrossFit:
    """Fit each kind of member for each fold and seed; a kind's members are averaged in log space to predict a fold.

    Four sets of rows are disjoint by product group, as far as the folds are: those that are fitted, those that decide
    when to stop (drawn from the other folds), those that weigh the members (the other folds' own out-of-fold
    predictions), and those that the score is reported on (the fold). The model's own blend is weighed by all of them.

    `threads` CPU threads are used, whatever the machine has: sums of floating-point numbers differ with their number.
    Raises InputError where a fold leaves too little to fit.
    """
    torch.set_num_threads(threads)
    index = features.index
    train = np.flatnonzero(index["split"] == "train")
    prices, folds = index["price"].to_numpy(np.float64), index["fold"].to_numpy()
    held_out_folds = sorted(set(folds[train]) - {NEVER})

    fitted: dict[str, dict[str, Member]] = {kind: {} for kind in members}
    log_prices = {kind: np.zeros(len(index)) for kind in members}
    epochs: list[dict[str, float | str]] = []
    with tqdm(total=len(held_out_folds) * _seeds(members), desc="train", unit="member", disable=None) as progress:
        for fold in held_out_folds:
            held_out, others = train[folds[train] == fold], train[folds[train] != fold]
            target = Target.fit(target_name, prices[others])  # its range, too, must not know the fold
            asked = features.at(held_out)
            for kind, settings in members.items():
                for seed in settings.seeds:
                    named: dict[str, float | str] = {"member": kind, "fold": int(fold), "seed": seed}
                    noted = partial(_note, epochs, named)
                    member = fit_member(kind, features, others, target, settings, seed, stopping_share, threads, noted)
                    fitted[kind][f"{kind}-fold{fold}-seed{seed}"] = member
                    log_prices[kind][held_out] += member.predict(asked) / len(settings.seeds)
                    progress.set_postfix(member=kind, fold=fold, seed=seed, refresh=False)
                    progress.update()

    rows = np.flatnonzero(index["fold"].isin(held_out_folds))
    own = {kind: values[rows] for kind, values in log_prices.items()}
    nested = nested_blend(own, prices[rows], folds[rows], index["group"].to_numpy()[rows], spread=spread)
    out_of_fold = index.loc[rows, ["sample_id", "group", "fold", "price"]].reset_index(drop=True)
    out_of_fold["predicted"] = np.clip(np.exp(nested), *_ranges(prices, train, folds, rows))
    for kind, values in own.items():
        out_of_fold[f"predicted_{kind}"] = np.exp(values)
    blend = _weighed(own, prices[rows], spread=spread)
    low, high = float(prices[train].min()), float(prices[train].max())
    model = PriceModel(fitted, blend, features.layout, low, high)
    return CrossFit(model, out_of_fold, pd.DataFrame(epochs, columns=_EPOCH_COLUMNS))


_EPOCH_COLUMNS = ["member", "fold", "seed", "epoch", "train_loss", "smape", "r2", "mae", "rmse"]


def fit_member(
    kind: str,
    features: Features,
    others: np.ndarray,
    target: Target,
    settings: Settings,
    seed: int,
    stopping_share: float,
    threads: int,
    noted: Callable[[Epoch], None] = lambda _: None,
) -> Member:
    """Fit one member of `kind` on `others` (ascending positions), a `stopping_share` of whose groups stops it.

    Raises InputError where too few rows are left to fit.
    """
    stopping = stopping_rows(features.index["group"].to_numpy()[others], stopping_share, seed)
    if (~stopping).sum() < 2:
        raise InputError(f"a fold leaves {(~stopping).sum()} rows to fit. Add rows, or lower fuse.folds")
    own = {"threads": threads} if kind == "boosted" else {}
    fit: Callable[..., Member] = KINDS[kind].fit
    return fit(features, others[~stopping], others[stopping], target, settings, seed, noted, **own)


def _note(epochs: list[dict[str, float | str]], named: dict[str, float | str], epoch: Epoch) -> None:
    epochs.append({**named, **asdict(epoch)})


def _seeds(members: Mapping[str, Settings]) -> int:
    return sum(len(settings.seeds) for settings in members.values())


def nested_blend(
    log_prices: dict[str, np.ndarray], prices: np.ndarray, folds: np.ndarray, groups: np.ndarray, *, spread: bool
) -> np.ndarray:
    """Return blended ln prices (rows,), each row's blend fitted on the other folds' predictions."""
    if len(np.unique(folds)) == 1:
        parts = min(BLEND_FOLDS, len(np.unique(groups)))
        folds = group_folds(groups, parts, 0) if parts > 1 else folds
    blended = np.zeros(len(prices))
    for fold in np.unique(folds):
        others, own = folds != fold, folds == fold
        blend = _weighed({kind: values[others] for kind, values in log_prices.items()}, prices[others], spread=spread)
        blended[own] = blend.apply({kind: values[own] for kind, values in log_prices.items()})
    return blended


def _weighed(log_prices: dict[str, np.ndarray], prices: np.ndarray, *, spread: bool) -> Blend:
    if len(prices) < LEAST_BLEND_ROWS:  # too few to weigh anything by
        return Blend.even(list(log_prices))
    return Blend.fit(log_prices, prices, spread=spread)


def _ranges(
    prices: np.ndarray, train: np.ndarray, folds: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each of `rows`, the cheapest and the dearest price of the other folds."""
    low, high = np.zeros(len(rows)), np.zeros(len(rows))
    for fold in np.unique(folds[rows]):
        others, own = prices[train[folds[train] != fold]], folds[rows] == fold
        low[own], high[own] = others.min(), others.max()
    return low, high
