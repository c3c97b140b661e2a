"""Why a product has its price: training products that resemble it, and what its words and attributes are worth.

Worth is measured by occlusion: the price, over the price without a word or a statement, all else equal. The vectors of
the encoders are kept as they are, so that it is what the models of words and attributes make of it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import vstack

from pricefuse.features.matrix import Block, Features
from pricefuse.models.price_model import PriceModel
from pricefuse.pricer.feature_rows import FeatureRows
from pricefuse.text import attributes
from pricefuse.text.prepare import ProductText

NEIGHBORS, STRONGEST = 5, 6
MAX_WORDS = 80  # of a text that are tried
MIN_WORTH = 0.005  # of the price; less is no reason
_WORD = re.compile(r"\w+")
Change = Callable[[np.ndarray], np.ndarray]


class Neighbor(NamedTuple):
    """A training product that resembles the product: cosine of the two texts' vectors, 1 at most."""

    sample_id: str
    name: str
    price: float
    cosine: float


class Worth(NamedTuple):
    """What a word or statement does to the price: 0.12 raises it by 12 %."""

    what: str
    share: float


@dataclass(frozen=True)
class Reasons:
    """The price of one product with its interval, and the reasons for it, the strongest first."""

    price: float
    price_low: float
    price_high: float
    coverage: float
    neighbors: list[Neighbor]
    words: list[Worth]
    statements: list[Worth]
    notes: list[str]


def reasons(
    model: PriceModel, rows: FeatureRows, text: ProductText, features: Features, coverage: float, notes: Sequence[str]
) -> Reasons:
    """Return the price of the product of `features`, one row made of `text`, and the reasons for it."""
    price, low, high = model.predict_with_bounds(features, coverage).iloc[0]
    words = _words(text)
    without_words = [(_without(text.name, word), _without(text.text, word)) for word in words]
    statements = _statements(rows, features)
    changed = [features.matrix] * len(words) + [change(features.matrix.copy()) for _, change in statements]
    worth = np.empty(0)
    if changed:
        counts = rows.ngrams([name for name, _ in without_words], [each for _, each in without_words])
        ngrams = features.ngrams
        if ngrams is not None and counts is not None:
            ngrams = vstack([counts, *[features.ngrams] * len(statements)], format="csr")
        worth = price / model.predict(rows.laid_out(np.concatenate(changed), ngrams)) - 1
    found, far = _neighbors(model, features)
    said = [*notes, *(["a guess: no training product resembles it"] if far else [])]
    return Reasons(
        float(price), float(low), float(high), coverage, found,
        _strongest(words, worth[: len(words)]), _strongest([name for name, _ in statements], worth[len(words) :]), said,
    )  # fmt: skip


def _words(text: ProductText) -> list[str]:
    """Return the words of the name, then those of the text, each once and at most MAX_WORDS."""
    found = dict.fromkeys(word for word in _WORD.findall(f"{text.name} {text.text}".lower()) if not word.isdigit())
    return [word for word in found if len(word) > 1][:MAX_WORDS]


def _without(text: str, word: str) -> str:
    return re.sub(rf"\b{re.escape(word)}\b", " ", text, flags=re.IGNORECASE)


def _statements(rows: FeatureRows, features: Features) -> list[tuple[str, Change]]:
    """Return what the product states, each with a change to its row, float32 (1, columns), that takes it back."""

    def unstated(columns: Sequence[int], value: float) -> Change:
        def change(matrix: np.ndarray) -> np.ndarray:
            matrix[:, columns] = value
            return matrix

        return change

    matrix, found = features.matrix, []
    quantities = {"size": attributes.SIZE, "pack and pieces": attributes.PACKS, "side lengths": attributes.SIDES}
    for name, group in quantities.items():
        columns = rows.columns(group)
        if np.isfinite(matrix[:, columns]).any():
            found.append((name, unstated(columns, np.nan)))
    for claim in attributes.CLAIMS:
        columns = rows.columns([claim])
        if (matrix[:, columns] > 0).any():
            found.append((f"claim: {claim.replace('_', ' ')}", unstated(columns, 0)))
    if pictured := [block for block in features.blocks if block.name in {"clip_image", "image_mask"}]:
        found += [("picture", _without_picture(pictured))] if np.nansum(matrix[:, pictured[-1].start]) else []
    return found


def _without_picture(blocks: Sequence[Block]) -> Change:
    def change(matrix: np.ndarray) -> np.ndarray:
        for block in blocks:
            matrix[:, block.start : block.stop] = 0 if block.name == "image_mask" else np.nan
        return matrix

    return change


def _strongest(names: Sequence[str], worth: np.ndarray) -> list[Worth]:
    order = np.argsort(-np.abs(np.log1p(worth)), kind="stable")[:STRONGEST]
    return [Worth(names[at], float(worth[at])) for at in order if abs(worth[at]) >= MIN_WORTH]


def _neighbors(model: PriceModel, features: Features) -> tuple[list[Neighbor], bool]:
    known = model.neighbors
    if known is None:
        return [], False
    vector = next(features.matrix[:, b.start : b.stop] for b in features.blocks if b.name == known.block)
    ((cosines,), (positions,)) = known.nearest(vector, NEIGHBORS)
    found = [
        Neighbor(known.sample_ids[at], known.names[at], float(known.prices[at]), float(cosine))
        for at, cosine in zip(positions.tolist(), cosines, strict=True)
    ]
    return found, bool(known.far(vector)[0])
