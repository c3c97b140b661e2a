"""Search for better settings of a member, say what was found, and write them where the gain is real."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.params_file import editing

from pricefuse.errors import InputError
from pricefuse.features.matrix import Features
from pricefuse.tuning import outcome as found_by
from pricefuse.tuning.bias_corrected import Estimate
from pricefuse.tuning.outcome import Outcome
from pricefuse.tuning.search import Search, run
from pricefuse.tuning.spaces import read_space

PARAMS, SPACES = Path("params.yaml"), Path("search_spaces.yaml")
FEATURES, JOURNALS, RESULTS = Path("data/fused/train"), Path("tmp/tuning"), Path("metrics/tuning")
MEMBERS = ("simple_nn", "lexical", "boosted")


@dataclass(frozen=True)
class Effort:
    """How far to search: trials in all, minutes of this run (None: no limit), and trials at a time (None: auto)."""

    trials: int
    minutes: float | None
    processes: int | None


def tune(member: str, effort: Effort, seed: int, *, write: bool) -> Iterator[str]:
    """Search on the fused features of this folder, and yield what was found, a line each.

    It is written to metrics/tuning, too, and the best settings to params.yaml if `write` is true. Raises InputError for
    an unknown member, missing features, a search space that params.yaml does not fit, and where a gain that cannot be
    told from chance is to be written.
    """
    if member not in MEMBERS:
        raise InputError(f"--member {member}: no such member. There are: {', '.join(MEMBERS)}")
    params = read_params(PARAMS)
    settings = getattr(params, member)
    search = Search(FEATURES, member, settings, params.train, read_space(SPACES, member, settings), seed, JOURNALS)
    features = Features.load(FEATURES, training=True)
    run(search, effort.trials, effort.minutes, effort.processes)
    outcome = found_by.judge(
        search,
        features,
        samples=params.evaluate.bootstrap_samples,
        confidence=params.evaluate.confidence,
        seed=params.evaluate.seed,
    )
    found_by.write(RESULTS, params.catalog, member, params.evaluate.confidence, outcome)
    yield from _describe(member, outcome, params.evaluate.confidence)
    if write:
        yield from _write(member, outcome)
        yield "params.yaml has them: run `dvc repro`"


def _describe(member: str, outcome: Outcome, confidence: float) -> Iterator[str]:
    trials, corrected = outcome.trials, outcome.corrected
    pruned = trials.loc[trials["state"] == "pruned", "folds"]
    after = f", {(pruned == 1).sum()} of them after one fold" if len(pruned) else ""
    yield f"{member}: {len(trials)} trials, {len(pruned)} pruned{after}"

    def interval(estimate: Estimate, form: str) -> str:
        return f"{confidence:.0%} interval {estimate.low:{form}} to {estimate.high:{form}}"

    yield f"the default         {outcome.default.value:.2f}  {interval(outcome.default, '.2f')}"
    yield f"the best trial      {outcome.best.value:.2f}  flattered: the rows that chose it also score it"
    score, difference = corrected.score, corrected.difference
    yield f"choosing like this  {score.value:.2f}  {interval(score, '.2f')}: BBC-CV, on rows that did not choose"
    yield f"  less the default {difference.value:+.2f}  {interval(difference, '+.2f')}, on the same rows"
    changed = {name: value for name, value in outcome.settings.items() if value != outcome.present[name]}
    yield f"trial {outcome.best_trial}: " + (
        ", ".join(f"{name} {outcome.present[name]} -> {value}" for name, value in changed.items()) or "the default"
    )


def _write(member: str, outcome: Outcome) -> list[str]:
    """Write the best settings into params.yaml; return the changes. Raises InputError where no gain is shown."""
    difference = outcome.corrected.difference
    if not outcome.gains:
        raise InputError(
            f"params.yaml stays as it is: that {member} gains cannot be told from chance (the interval"
            f" {difference.low:+.2f} to {difference.high:+.2f} is not below zero). More trials or rows may show a gain"
        )
    changes = []
    with editing(PARAMS, "what the search found") as document:
        for name, value in outcome.settings.items():
            old = document[member][name]
            if old != value:
                changes.append(f"{member}.{name}: {old} -> {value}")
                document[member][name] = value
    return changes
