"""What each part is worth: SMAPE with and without it, on the same folds, with paired intervals by product group.

    python benchmarks/ablation.py --features data/fused/train

`make ablation` does so for the catalog of params.yaml, after `dvc repro`, and writes benchmarks/ablation-<catalog>.md.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pricefuse.pipeline.params import Params, read_params

import numpy as np

from pricefuse.features.matrix import Features
from pricefuse.files import write_text
from pricefuse.metrics import difference_interval, smape
from pricefuse.models.price_model import MEMBERS
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.ensemble_fit import cross_weigh
from pricefuse.training.fold_fit import MemberSettings

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
    settings: dict[str, MemberSettings] = {member: getattr(params, member) for member in MEMBERS}
    lines = [f"Catalog {params.catalog}, {int((features.index['fold'] >= 0).sum()):,} rows, folds by product group."]
    if given.only != "parts" and not given.parts:
        lines += ["", *_table(_members(features, params, settings), features, params, "the default's ensemble")]
    if given.only != "members":
        measured = _parts(features, params, given.parts)
        lines += ["", *_table(measured, features, params, "`boosted` alone")]
    lines += ["", f"`{shlex.join(['python', *sys.argv])}`"]
    write_text(given.out or Path(f"benchmarks/ablation-{params.catalog}.md"), "\n".join(lines) + "\n")
    print("\n".join(lines))


Measured = tuple[str, np.ndarray, float]  # name, out-of-fold ln prices, seconds


def _members(features: Features, params: Params, settings: dict[str, MemberSettings]) -> Iterator[Measured]:
    """Fit every member once; weigh each ensemble of them, fold by fold, by their out-of-fold predictions."""
    log_prices, seconds = {}, {}
    for member, own in settings.items():
        start = time.perf_counter()
        log_prices[member] = cross_fit(features, member, own, params.train).log_prices
        seconds[member] = time.perf_counter() - start
    index = features.index
    held_out = (index["fold"] >= 0).to_numpy()
    known = [index.loc[held_out, name].to_numpy() for name in ("price", "fold", "group")]

    def ensemble(members: Sequence[str], *, spread: bool = params.ensemble.spread) -> tuple[np.ndarray, float]:
        combined = np.full(len(index), np.nan)
        chosen = {member: log_prices[member][held_out] for member in members}
        combined[held_out] = cross_weigh(chosen, *known, spread=spread)
        return combined, sum(seconds[member] for member in members)

    default = tuple(params.train.members)
    yield "default: " + " + ".join(default), *ensemble(default)
    yield "the same without spread and shift", *ensemble(default, spread=False)
    for member in settings:
        yield f"{member} alone", *ensemble([member], spread=False)
    for members in (["simple_nn", "lexical"], ["simple_nn", "boosted"], ["lexical", "boosted"], list(settings)):
        if tuple(members) != default:
            yield " + ".join(members), *ensemble(members)


def _parts(features: Features, params: Params, named: Sequence[str] | None) -> Iterator[Measured]:
    boosted = params.boosted
    parts = {f"without {name}": (boosted, blocks) for name, blocks in BLOCKS.items()}
    for model in boosted.base_models:
        left = tuple(other for other in boosted.base_models if other != model)
        parts[f"without base model {model}"] = boosted.model_copy(update={"base_models": left}), []
    parts["without any base model"] = boosted.model_copy(update={"base_models": ()}), []
    parts["two seeds"] = boosted.model_copy(update={"seeds": (0, 1)}), []
    chosen = {name: part for name, part in parts.items() if not named or any(word in name for word in named)}
    if not chosen:
        raise SystemExit(f"--parts: none is named so; there are {', '.join(parts)}")
    for name, (changed, blocks) in ({"boosted": (boosted, [])} | chosen).items():
        start = time.perf_counter()
        done = cross_fit(features.without(blocks), "boosted", changed, params.train)
        yield name, done.log_prices, time.perf_counter() - start


def _table(measured: Iterator[Measured], features: Features, params: Params, against: str) -> list[str]:
    confidence = params.evaluate.confidence
    lines = [f"| | SMAPE | against {against} ({confidence:.0%} interval) | seconds |", "|---|---|---|---|"]
    base = None
    held_out = (features.index["fold"] >= 0).to_numpy()
    prices, groups = (features.index.loc[held_out, name].to_numpy() for name in ("price", "group"))
    for name, log_prices, seconds in measured:
        predicted = np.exp(log_prices[held_out])
        score = smape(prices, predicted)
        if base is None:
            base, difference = predicted, ""
        else:
            low, high = difference_interval(
                prices, predicted, base, groups,
                samples=params.evaluate.bootstrap_samples, confidence=confidence, seed=params.evaluate.seed,
            )  # fmt: skip
            difference = f"{score - smape(prices, base):+.2f} ({low:+.2f} to {high:+.2f})"
        lines.append(f"| {name} | {score:.2f} | {difference} | {seconds:.0f} |")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
