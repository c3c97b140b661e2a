"""What each part is worth: SMAPE with and without it, on the same folds, with paired intervals by product group.

    PYTHONPATH=src python benchmarks/ablation.py --features data/fused

`make ablation` does so for the catalog of params.yaml, after `dvc repro`, and writes benchmarks/ablation-<catalog>.md.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.features.matrix import Features
from pricefuse.files import write_text
from pricefuse.metrics import difference_interval, smape
from pricefuse.pipeline.params import Params, read_params
from pricefuse.training.cross_fit import SETTINGS, CrossFit, Settings, cross_fit, nested_blend

BLOCKS = {
    "text encoder (gemma)": ["gemma"],
    "CLIP text": ["clip_text"],
    "CLIP image and its mask": ["clip_image", "image_mask"],
    "attributes": ["attributes"],
    "n-grams": ["ngrams"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="the table's file, by default benchmarks/ablation-<catalog>.md")
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--only", choices=["members", "parts"], help="one half of the table")
    some.add_argument("--parts", nargs="+", metavar="NAME", help="only the parts named so: lasso, attributes, ...")
    given = parser.parse_args()
    params = read_params(Path("params.yaml"))
    features = Features.load(given.features)
    settings = {kind: SETTINGS[kind](**getattr(params, kind).model_dump()) for kind in SETTINGS}
    lines = [f"Catalog {params.catalog}, {int((features.index['fold'] >= 0).sum()):,} rows, folds by product group."]
    if given.only != "parts" and not given.parts:
        lines += ["", *_table(_members(features, params, settings), params, "the default's blend")]
    if given.only != "members":
        measured = _parts(features, params, settings, given.parts)
        lines += ["", *_table(measured, params, "`boosted` alone, one bag")]
    lines += ["", f"`PYTHONPATH=src {shlex.join(['python', *sys.argv])}`"]
    write_text(given.out or Path(f"benchmarks/ablation-{params.catalog}.md"), "\n".join(lines) + "\n")
    print("\n".join(lines))


Measured = tuple[str, np.ndarray, pd.DataFrame, float]  # name, prices predicted, out-of-fold rows, seconds


def _members(features: Features, params: Params, settings: dict[str, Settings]) -> Iterator[Measured]:
    """Every member is fitted once; each blend is weighed anew, fold by fold, from their out-of-fold predictions."""
    rows, seconds = {}, {}
    for kind, own in settings.items():
        start = time.perf_counter()
        rows[kind] = _cross_fit(features, params, {kind: own}, spread=False).out_of_fold
        seconds[kind] = time.perf_counter() - start

    def blended(kinds: Sequence[str], *, spread: bool = params.train.spread) -> tuple[np.ndarray, pd.DataFrame, float]:
        table = rows[kinds[0]]
        known = [table[name].to_numpy() for name in ("price", "fold", "group")]
        log_prices = {kind: np.log(rows[kind]["predicted"].to_numpy()) for kind in kinds}
        return np.exp(nested_blend(log_prices, *known, spread=spread)), table, sum(seconds[kind] for kind in kinds)

    default = tuple(params.train.members)
    yield "default: " + " + ".join(default), *blended(default)
    yield "the same without spread and shift", *blended(default, spread=False)
    for kind in settings:
        yield f"{kind} alone", *blended([kind], spread=False)
    for kinds in (["simple_nn", "lexical"], ["simple_nn", "boosted"], ["lexical", "boosted"], list(settings)):
        if tuple(kinds) != default:
            yield " + ".join(kinds), *blended(kinds)


def _parts(
    features: Features, params: Params, settings: dict[str, Settings], named: Sequence[str] | None
) -> Iterator[Measured]:
    one = replace(settings["boosted"], bags=1)
    parts = {f"without {name}": (one, blocks) for name, blocks in BLOCKS.items()}
    for column in one.columns:
        left = tuple(other for other in one.columns if other != column)
        parts[f"without the column {column}"] = replace(one, columns=left), []
    parts["without any column"] = replace(one, columns=()), []
    parts["with 8 components of each embedding"] = replace(one, components=8), []
    parts["three bags"] = replace(one, bags=3), []
    chosen = {name: part for name, part in parts.items() if not named or any(word in name for word in named)}
    if not chosen:
        raise SystemExit(f"--parts: none is named so; there are {', '.join(parts)}")
    for name, (changed, blocks) in ({"boosted": (one, [])} | chosen).items():
        start = time.perf_counter()
        done = _cross_fit(features.without(blocks), params, {"boosted": changed}, spread=False)
        yield name, *_predicted(done, "predicted"), time.perf_counter() - start


def _cross_fit(
    features: Features, params: Params, members: dict[str, Settings], *, spread: bool | None = None
) -> CrossFit:
    train = params.train
    return cross_fit(
        features,
        train.target,
        members,
        stopping_share=train.stopping_share,
        spread=train.spread if spread is None else spread,
        threads=train.threads,
    )


def _predicted(done: CrossFit, column: str) -> tuple[np.ndarray, pd.DataFrame]:
    return done.out_of_fold[column].to_numpy(), done.out_of_fold


def _table(measured: Iterator[Measured], params: Params, against: str) -> list[str]:
    confidence = params.evaluate.confidence
    lines = [f"| | SMAPE | against {against} ({confidence:.0%} interval) | seconds |", "|---|---|---|---|"]
    base = None
    for name, predicted, rows, seconds in measured:
        prices, groups = rows["price"].to_numpy(), rows["group"].to_numpy()
        score, took = smape(prices, predicted), "" if np.isnan(seconds) else f"{seconds:.0f}"
        if base is None:
            base, difference = predicted, ""
        else:
            low, high = difference_interval(
                prices, predicted, base, groups,
                samples=params.evaluate.bootstrap_samples, confidence=confidence, seed=params.evaluate.seed,
            )  # fmt: skip
            difference = f"{score - smape(prices, base):+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"| {name} | {score:.2f} | {difference} | {took} |")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
