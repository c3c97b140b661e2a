"""The price model: all members' fits and the ensemble that combines them, in one folder that can be moved anywhere."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.files import digests, replacing
from pricefuse.models import storage
from pricefuse.models.boosted import Boosted, attribute_count
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.intervals import Intervals, difficulty_inputs, input_columns
from pricefuse.models.lexical import Lexical
from pricefuse.models.manifest import (
    ATTRIBUTES,
    FORMAT,
    INTERVALS,
    NEIGHBORS,
    REMEDY,
    Manifest,
    fit_files,
    part_files,
)
from pricefuse.models.mapped import give_back
from pricefuse.models.neighbors import Neighbors
from pricefuse.models.simple_nn import SimpleNN

MEMBERS: dict[str, type[SimpleNN] | type[Lexical] | type[Boosted]] = {
    "simple_nn": SimpleNN,
    "lexical": Lexical,
    "boosted": Boosted,
}

PREDICTED_AT_ONCE = 2048  # rows
T = TypeVar("T")


class Model(Protocol):
    """One fit of a member."""

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,)."""


@dataclass(frozen=True)
class PriceModel:
    """The fits of each member by name, `{member: {fit: model}}`, the ensemble of the members, and the intervals.

    The fits of a member, of different folds and seeds, are averaged in log space. `attributes` names the columns of the
    block of that name. `low` and `high` are the lowest and highest training price, between which every prediction is
    kept. `recipe` has the sections of params.yaml by which a new product's features are made, and `provenance` says
    where the model, of which `folder` is the place, is from.
    """

    members: Mapping[str, Mapping[str, Model]]
    ensemble: Ensemble
    intervals: Intervals
    blocks: tuple[Block, ...]
    attributes: tuple[str, ...]
    low: float
    high: float
    recipe: Mapping[str, Any]
    provenance: Mapping[str, Any]
    folder: Path
    has_neighbors: bool

    def predict(self, features: Features) -> np.ndarray:
        """Return prices, float64 (rows,), positive and within the training prices' range.

        Memory is that of one fit and of some thousand rows, however many there are of either. Raises InputError where
        the features are not laid out as those that the model was trained on, and where a price would not be positive
        and finite.
        """
        return self._prices(self._combined(self._log_prices(features)))

    def predict_with_bounds(self, features: Features, coverage: float) -> pd.DataFrame:
        """Return price, price_low and price_high, float64, a row for each of `features`.

        The interval holds `coverage` (0 to 1) of the prices of products like the training products. Raises InputError
        as `predict`.
        """
        log_prices = self._log_prices(features)
        combined = self._combined(log_prices)
        low, high = np.empty(len(combined)), np.empty(len(combined))
        for start in range(0, len(combined), PREDICTED_AT_ONCE):
            rows = np.arange(start, min(start + PREDICTED_AT_ONCE, len(combined)))
            own = {member: values[rows] for member, values in log_prices.items()}
            inputs = difficulty_inputs(features, rows, own, combined[rows])
            low[rows], high[rows] = self.intervals.bounds(inputs, combined[rows], coverage, (self.low, self.high))
        return pd.DataFrame({"price": self._prices(combined), "price_low": low, "price_high": high})

    @cached_property
    def neighbors(self) -> Neighbors | None:
        """The training products, None where the model's features have no embedding; read when asked for."""
        if not self.has_neighbors:
            return None
        return _checked(self.folder / NEIGHBORS, Neighbors, lambda neighbors: neighbors.validate())

    def _log_prices(self, features: Features) -> dict[str, np.ndarray]:
        self._check(features)
        _give_back(features)
        return {
            member: np.mean([_predict(fit, features) for fit in fits.values()], axis=0)
            for member, fits in self.members.items()
        }

    def _combined(self, log_prices: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the ensemble's ln prices within the range of the training prices, float64 (rows,)."""
        with np.errstate(over="ignore", invalid="ignore"):  # of a member whose fit is not one
            combined = self.ensemble.combine(log_prices)
        if wrong := int((~np.isfinite(combined)).sum()):
            raise InputError(f"the model has no positive price for {wrong:,} of {len(combined):,} rows. {REMEDY}")
        return np.clip(combined, *np.log([self.low, self.high]))

    def _prices(self, combined: np.ndarray) -> np.ndarray:
        return np.clip(np.exp(combined), self.low, self.high)

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Check what `write` wrote; a fit is read when it is used, and not kept.

        Raises InputError where a file is missing or not as it was written, and where a value, a shape or a tree is not
        one that a model of these features can have.
        """
        manifest = Manifest.read(folder)
        if unknown := sorted(set(manifest.members) - set(MEMBERS)):
            path = folder / "model.json"
            raise InputError(f"{path}: no such member: {', '.join(unknown)}. There are: {', '.join(MEMBERS)}")
        members = {
            member: StoredFits(folder / member, member, fits, manifest.blocks)
            for member, fits in manifest.members.items()
        }
        for fits in members.values():
            for _ in fits.values():  # a damaged one is refused here, and not after half of the predictions
                pass
        columns = input_columns(attribute_count(manifest.blocks), len(members))
        intervals = _checked(folder / INTERVALS, Intervals, lambda part: part.validate(columns))
        return cls(
            members, manifest.ensemble, intervals, manifest.blocks, manifest.attributes, *manifest.price_range,
            manifest.recipe, manifest.provenance, folder, manifest.has_neighbors,
        )  # fmt: skip

    def _check(self, features: Features) -> None:
        if features.layout == self.blocks:
            _require_attributes(self.attributes, features.attributes)
            return
        trained, given = ({block.name: block for block in side} for side in (self.blocks, features.layout))
        differ = [name for name in {**trained, **given} if trained.get(name) != given.get(name)]
        raise InputError(
            f"the model was trained on other features: block{'s' * (len(differ) > 1)} {', '.join(differ)} differ"
            f" ({'; '.join(_describe(name, trained.get(name), given.get(name)) for name in differ)}). Run `dvc repro`"
            " to train on today's features"
        )


class StoredFits(Mapping[str, Model]):
    """The fits of a member in a folder: each is read when it is asked for, and not kept."""

    def __init__(self, folder: Path, member: str, names: Sequence[str], layout: Sequence[Block]) -> None:
        self._folder, self._member, self._names, self._layout = folder, member, names, layout

    def __getitem__(self, name: str) -> Model:
        if name not in self._names:
            raise KeyError(name)
        return load_fit(self._folder / name, self._member, self._layout)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def write(
    folder: Path,
    fits: Mapping[str, Mapping[str, Path]],
    ensemble: Ensemble,
    intervals: Intervals,
    features: Features,
    *,
    neighbors: Neighbors | None = None,
    recipe: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any],
) -> None:
    """Write a price model from the folders that `storage.save` wrote the fits to, `{member: {fit: folder}}`.

    `features`, with the training prices, are laid out as those of the rows to be priced will be. Fits are read one at a
    time, so that a damaged one is refused here. model.json, with `recipe` and `provenance` (JSON values), comes last: a
    folder without it is not a model, so that an interrupted write leaves none.
    """
    for member, own in fits.items():
        for name, source in own.items():
            load_fit(source, member, features.layout)
            for file in storage.FILES:
                with replacing(folder / member / name / file) as temporary:
                    shutil.copyfile(source / file, temporary)
    members = {member: tuple(own) for member, own in fits.items()}
    storage.save(folder / INTERVALS, intervals)
    if neighbors is not None:
        storage.save(folder / NEIGHBORS, neighbors)
    parts = part_files(INTERVALS, *([] if neighbors is None else [NEIGHBORS]))
    prices = features.index["price"]
    Manifest(
        format=FORMAT,
        members=members,
        ensemble=ensemble,
        price_range=(float(prices.min()), float(prices.max())),
        blocks=features.layout,
        attributes=features.attributes,
        recipe=dict(recipe or {}),
        provenance=dict(provenance),
        files=digests(folder, [*fit_files(members), *parts]),
    ).write(folder)


def load_fit(folder: Path, member: str, layout: Sequence[Block]) -> Model:
    """Return a fit that `storage.save` wrote. Raises InputError where it is no model of features laid out like this."""
    model: Model = _checked(folder, MEMBERS[member], lambda fit: fit.validate(layout))
    return model


def _checked(folder: Path, kind: type[T], validate: Callable[[Any], None]) -> T:
    """Return what `storage.save` wrote of `kind`. Raises InputError where `validate` finds a fault in it."""
    part = storage.load(folder, kind)
    try:
        validate(part)
    except ValueError as error:
        raise InputError(f"{folder}: {storage.one_line(error)}: the model is damaged. {storage.REMEDY}") from None
    return part


def _predict(fit: Model, features: Features) -> np.ndarray:
    parts = [np.empty(0)]
    for start in range(0, len(features), PREDICTED_AT_ONCE):
        rows, ngrams = slice(start, start + PREDICTED_AT_ONCE), features.ngrams
        part = None if ngrams is None else ngrams[rows]
        asked = Features(features.matrix[rows], features.blocks, features.index[rows], part, features.attributes)
        parts.append(fit.predict(asked))
        _give_back(features)
    return np.concatenate(parts)


def _give_back(features: Features) -> None:
    ngrams = features.ngrams
    for array in (features.matrix, *([] if ngrams is None else [ngrams.data, ngrams.indices])):
        give_back(array)


def _require_attributes(trained: Sequence[str], given: Sequence[str]) -> None:
    if tuple(given) != tuple(trained):
        differ = ", ".join(sorted(set(trained) ^ set(given))) or "their order"
        raise InputError(
            f"the model was trained on other features: the columns of block {ATTRIBUTES} differ ({differ:.200}). Run"
            " `dvc repro` to train on today's features"
        )


def _describe(name: str, trained: Block | None, given: Block | None) -> str:
    sides = ["absent" if block is None else f"{block.width} columns by {block.recipe}" for block in (trained, given)]
    return f"{name}: {sides[0]} in training, {sides[1]} now"
