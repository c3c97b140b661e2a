"""What a search found: its trials, the best of them, and what choosing it is worth on rows that did not choose."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from pricefuse.features.folds import NEVER
from pricefuse.features.matrix import Features
from pricefuse.files import replacing, write_json
from pricefuse.metrics import smape, smape_interval
from pricefuse.tuning.bias_corrected import Corrected, Estimate, bias_corrected
from pricefuse.tuning.search import DEFAULT, Search
from pricefuse.tuning.spaces import Space, bounds, drawn

MIN_TRIALS = 10  # with fewer, the importance of settings is a guess
COLUMNS = ["trial", "state", "folds", "smape", "first_fold"]


@dataclass(frozen=True)
class Outcome:
    """A search so far.

    `trials` has COLUMNS and each setting, a row a trial: `smape` is that of the folds that it got to, `first_fold` that
    of the first, which all have. `default` and `best` are SMAPE out of fold with its interval, `corrected` is BBC-CV's
    of choosing, against the default. `importance` is each setting's share of the variance of `first_fold` (fANOVA),
    empty for few trials.
    """

    trials: pd.DataFrame
    default: Estimate
    best: Estimate
    best_trial: int
    settings: Mapping[str, Any]
    present: Mapping[str, Any]
    space: Space
    corrected: Corrected
    importance: Mapping[str, float]

    @property
    def gains(self) -> bool:
        """Whether the interval of the difference is below zero: choosing is better than the default."""
        return self.corrected.difference.high < 0


def judge(search: Search, features: Features, *, samples: int, confidence: float, seed: int) -> Outcome:
    """Judge the finished trials of a search, of which there is at least the default's.

    Trials that were pruned have no predictions of all rows and cannot be chosen; nor could they have been.
    """
    journal, finished = search.journal, search.journal.finished()
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (DEFAULT not in trial.user_attrs, trial.number))
    index = features.index
    rows = (index["fold"] != NEVER).to_numpy()
    prices, groups = index.loc[rows, "price"].to_numpy(np.float64), index.loc[rows, "group"].to_numpy()
    predicted = np.exp(np.stack([journal.read(trial.number)[rows] for trial in complete]))
    scores = [smape(prices, row) for row in predicted]
    best = int(np.argmin(scores))

    def estimate(at: int) -> Estimate:
        low, high = smape_interval(prices, predicted[at], groups, samples=samples, confidence=confidence, seed=seed)
        return Estimate(scores[at], low, high)

    return Outcome(
        trials=_table(finished, list(search.space)),
        default=estimate(0),
        best=estimate(best),
        best_trial=complete[best].number,
        settings=search.present if best == 0 else drawn(complete[best].params),
        present=search.present,
        space=search.space,
        corrected=bias_corrected(prices, predicted, groups, samples=samples, confidence=confidence, seed=seed),
        importance=_importance(finished, search),
    )


def _table(trials: Sequence[FrozenTrial], names: list[str]) -> pd.DataFrame:
    found = []
    for trial in trials:
        state = "pruned" if trial.state == TrialState.PRUNED else "finished"
        said = trial.user_attrs
        found.append((trial.number, state, said["folds"], round(said["smape"], 4), round(said["first_fold"], 4),
                      *(drawn(trial.params)[name] for name in names)))  # fmt: skip
    return pd.DataFrame(found, columns=[*COLUMNS, *names])


def _importance(trials: Sequence[FrozenTrial], search: Search) -> dict[str, float]:
    """Return each setting's share of the variance of the first fold's SMAPE, the greatest first.

    Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance" (ICML 2014).
    """
    if len(trials) < MIN_TRIALS:
        return {}
    study = optuna.create_study(direction="minimize")
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params=trial.params, distributions=trial.distributions, value=trial.user_attrs["first_fold"]
            )
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=search.seed)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: round(float(value), 4) for name, value in found.items()}


def write(folder: Path, catalog: str, member: str, confidence: float, outcome: Outcome) -> None:
    """Write <member>.json and <member>.csv, the trials, into `folder`, from where the report reads them."""
    corrected = outcome.corrected
    write_json(
        folder / f"{member}.json",
        {
            "catalog": catalog,
            "confidence": confidence,
            "space": {name: bounds(distribution) for name, distribution in outcome.space.items()},
            "default": {"smape": _rounded(outcome.default), "settings": dict(outcome.present)},
            "best": {
                "trial": outcome.best_trial,
                "smape": _rounded(outcome.best),
                "settings": dict(outcome.settings),
            },
            "bias_corrected": {"smape": _rounded(corrected.score), "difference": _rounded(corrected.difference)},
            "importance": dict(outcome.importance),
        },
    )
    with replacing(folder / f"{member}.csv") as temporary:
        outcome.trials.to_csv(temporary, index=False)


def _rounded(estimate: Estimate) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(estimate).items()}
