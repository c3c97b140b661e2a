"""Search for a member's best settings: trials drawn by TPE, and pruned fold by fold.

The sampler is the tree-structured Parzen estimator of Bergstra, Bardenet, Bengio and Kegl, "Algorithms for
hyper-parameter optimization" (NIPS 2011), as Optuna has it.
"""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from joblib import Parallel, delayed
from optuna.trial import Trial, TrialState

from pricefuse.device import deterministic
from pricefuse.features.folds import NEVER, group_folds
from pricefuse.features.matrix import Features
from pricefuse.keys import row_key
from pricefuse.metrics import smape_terms
from pricefuse.progress import progress
from pricefuse.resources import available_cores, require_room
from pricefuse.training.checkpoints import fits_key
from pricefuse.training.fold_fit import MemberSettings, fit_fold, held_out_folds
from pricefuse.training.memory import expected_memory
from pricefuse.training.settings import TrainSettings
from pricefuse.tuning.journal import FINISHED, Journal
from pricefuse.tuning.spaces import Space, drawn, with_settings

BLOCKS = 20  # of product groups, in a fold: a trial is compared with the best one block by block
P_THRESHOLD = 0.1  # a trial is pruned where it would look as bad by chance in fewer than so many cases
MAX_PROCESSES = 2
DEFAULT = "default"  # marks the trial with the settings of params.yaml


@dataclass(frozen=True)
class Search:
    """What is searched: the settings of `member` in `space`, on the training rows in the folder `features`.

    `journals` holds a folder for each search, named by all that determines its trials' scores.
    """

    features: Path
    member: str
    settings: MemberSettings
    train: TrainSettings
    space: Space
    seed: int
    journals: Path

    @property
    def journal(self) -> Journal:
        space = {name: repr(distribution) for name, distribution in self.space.items()}
        key = row_key(fits_key(self.features, self.member, self.settings, self.train), space, self.seed)
        return Journal(self.journals / self.member / key)

    @property
    def present(self) -> dict[str, Any]:
        """The values of params.yaml, by the names of the space."""
        return {name: getattr(self.settings, name) for name in self.space}


def processes_for(threads: int, cores: int | None = None) -> int:
    """Return how many trials to run at a time, each with `threads` CPU threads."""
    return max(1, min(MAX_PROCESSES, (cores or available_cores()) // threads))


def run(search: Search, trials: int, minutes: float | None, processes: int | None = None) -> None:
    """Run trials until `trials` are finished, those of earlier runs included, or the minutes are over.

    The first trial has the settings of params.yaml. One process gives the same trials every time, also when it was
    killed in between; two draw by what the other has finished. Raises InputError where another search of the same kind
    is running, or where the machine has not the memory.
    """
    deadline = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    features = Features.load(search.features, training=True)
    threads = search.train.threads_for(len(features))
    processes = processes or processes_for(threads)
    require_room(
        f"tune {search.member}, {len(features):,} rows, {processes} at a time",
        "Take fewer rows, or a machine with more memory",
        memory=processes * expected_memory(features, search.settings),
    )
    with search.journal.taken():
        if not search.journal.finished():
            with deterministic(threads):
                _run_default(search, features)
        if processes == 1:
            _run_trials(search, features, trials, deadline, threads)
        else:
            left = deadline - time.monotonic()
            Parallel(processes)(delayed(_work)(search, trials, left, threads, worker) for worker in range(processes))


def _work(search: Search, trials: int, seconds: float, threads: int, worker: int) -> None:
    features = Features.load(search.features, training=True)
    _run_trials(search, features, trials, time.monotonic() + seconds, threads, worker)


def _run_default(search: Search, features: Features) -> None:
    study = search.journal.study()
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.enqueue_trial(search.present, user_attrs={DEFAULT: True})
    trial = study.ask(search.space)
    with progress(
        total=len(held_out_folds(features.index)), title=f"tune {search.member}, default", unit="fold"
    ) as bar:
        log_prices = np.full(len(features), np.nan)
        for fold, predicted in _folds(search, features, search.settings):
            log_prices[features.index["fold"] == fold] = predicted
            bar.update()
    blocks = _blocks(features, search.seed)
    for block in np.unique(blocks[blocks != NEVER]).tolist():
        trial.report(0.0, block)
    _finish(search, study, trial, features, log_prices)


def _run_trials(
    search: Search, features: Features, trials: int, deadline: float, threads: int, worker: int = 0
) -> None:
    journal, study = search.journal, search.journal.study()
    blocks = _blocks(features, search.seed)
    (default,) = [trial for trial in journal.finished() if DEFAULT in trial.user_attrs]
    with (
        deterministic(threads),
        progress(total=trials, title=f"tune {search.member}", unit="trial") as bar,
    ):
        known = _terms(features, journal.read(default.number))
        while time.monotonic() < deadline:
            with journal.alone():
                done = study.get_trials(deepcopy=False, states=FINISHED)
                running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                bar.update(len(done) - bar.n)
                if len(done) + len(running) >= trials:
                    break
                study.sampler = optuna.samplers.TPESampler(seed=_draw(search.seed, len(done), worker))
                study.pruner = _pruner()
                trial = study.ask(search.space)
            bar.set_postfix(trial=trial.number, best=f"{study.best_value:.2f}", refresh=False)
            _try(search, study, trial, features, blocks, known, deadline)


def _pruner() -> optuna.pruners.BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # its version is pinned
        return optuna.pruners.WilcoxonPruner(p_threshold=P_THRESHOLD)


def _draw(*parts: int) -> int:
    """Return a seed that follows from `parts`, so that a search that goes on draws what an undisturbed one draws."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _try(
    search: Search,
    study: optuna.Study,
    trial: Trial,
    features: Features,
    blocks: np.ndarray,
    known: np.ndarray,
    deadline: float,
) -> None:
    """Score one trial, fold by fold, until it is finished, not worth finishing, or the time is over.

    Reported is the SMAPE of each block of a fold less that of the default, so that an easy fold makes no trial look
    better than the ones that have all folds behind them.
    """
    log_prices, seen = np.full(len(features), np.nan), np.zeros(len(features), dtype=bool)
    for fold, predicted in _folds(search, features, with_settings(search.settings, drawn(trial.params))):
        rows = (features.index["fold"] == fold).to_numpy()
        log_prices[rows], seen = predicted, seen | rows
        terms = _terms(features, log_prices)
        for block in np.unique(blocks[rows]).tolist():
            own = blocks == block
            trial.report(float(terms[own].mean() - known[own].mean()), block)
        if seen.sum() == (blocks != NEVER).sum():
            _finish(search, study, trial, features, log_prices)
            return
        if trial.should_prune():
            _note(trial, features, log_prices, seen)
            study.tell(trial, state=TrialState.PRUNED)
            return
        if time.monotonic() >= deadline:
            study.tell(trial, state=TrialState.FAIL)
            return


def _folds(search: Search, features: Features, settings: MemberSettings) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each fold with its rows' ln prices, float64 (rows,), the mean over seeds of fits that never saw it."""
    for fold in held_out_folds(features.index):
        fits = [fit_fold(features, search.member, settings, search.train, fold, seed) for seed in settings.seeds]
        yield fold, np.mean([fit.log_prices for fit in fits], axis=0)


def _finish(search: Search, study: optuna.Study, trial: Trial, features: Features, log_prices: np.ndarray) -> None:
    seen = np.isfinite(log_prices)
    score = _note(trial, features, log_prices, seen)
    search.journal.write(trial.number, log_prices)
    study.tell(trial, score)


def _note(trial: Trial, features: Features, log_prices: np.ndarray, seen: np.ndarray) -> float:
    """Note the SMAPE of the rows seen, and of the first fold, which every trial has; return the former."""
    folds, terms = features.index["fold"].to_numpy(), _terms(features, log_prices)
    first = held_out_folds(features.index)[0]
    score = float(terms[seen].mean())
    trial.set_user_attr("smape", score)
    trial.set_user_attr("first_fold", float(terms[folds == first].mean()))
    trial.set_user_attr("folds", len(np.unique(folds[seen])))
    return score


def _terms(features: Features, log_prices: np.ndarray) -> np.ndarray:
    """Return each row's share of SMAPE, float64 (rows,), NaN where it has no prediction."""
    terms, seen = np.full(len(features), np.nan), np.isfinite(log_prices)
    terms[seen] = smape_terms(features.index["price"].to_numpy(np.float64)[seen], np.exp(log_prices[seen]))
    return terms


def _blocks(features: Features, seed: int) -> np.ndarray:
    """Return the block of each row, int64 (rows,), NEVER for a row that is never held out.

    A block is a share of a fold's product groups; they are numbered from fold to fold.
    """
    folds, groups = features.index["fold"].to_numpy(), features.index["group"].to_numpy()
    blocks = np.full(len(folds), NEVER)
    for fold in held_out_folds(features.index):
        rows = folds == fold
        parts = min(BLOCKS, len(np.unique(groups[rows])))
        blocks[rows] = fold * BLOCKS + (group_folds(groups[rows], parts, seed) if parts > 1 else 0)
    return blocks
