"""The price model: all members' fits and the ensemble that combines them, in one folder that can be moved anywhere."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.files import digests, replacing
from pricefuse.models import storage
from pricefuse.models.boosted import Boosted
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.lexical import Lexical
from pricefuse.models.manifest import FORMAT, REMEDY, Manifest, fit_files
from pricefuse.models.simple_nn import SimpleNN

MEMBERS: dict[str, type[SimpleNN] | type[Lexical] | type[Boosted]] = {
    "simple_nn": SimpleNN,
    "lexical": Lexical,
    "boosted": Boosted,
}


class Model(Protocol):
    """One fit of a member."""

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,)."""


@dataclass(frozen=True)
class PriceModel:
    """The fits of each member by name, `{member: {fit: model}}`, and the ensemble of the members.

    The fits of a member, of different folds and seeds, are averaged in log space. `low` and `high` are the lowest and
    highest training price, between which every prediction is kept.
    """

    members: Mapping[str, Mapping[str, Model]]
    ensemble: Ensemble
    blocks: tuple[Block, ...]
    low: float
    high: float

    def predict(self, features: Features) -> np.ndarray:
        """Return prices, float64 (rows,), positive and within the training prices' range.

        Raises InputError where the features are not laid out as those that the model was trained on, and where a price
        would not be positive and finite.
        """
        self._check(features.layout)
        log_prices = {
            member: np.mean([fit.predict(features) for fit in fits.values()], axis=0)
            for member, fits in self.members.items()
        }
        with np.errstate(over="ignore", invalid="ignore"):
            prices = np.clip(np.exp(self.ensemble.combine(log_prices)), self.low, self.high)
        if wrong := int((~(np.isfinite(prices) & (prices > 0))).sum()):
            raise InputError(f"the model has no positive price for {wrong:,} of {len(prices):,} rows. {REMEDY}")
        return prices

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Read what `write` wrote, on the CPU.

        Raises InputError where a file is missing or not as it was written, and where a value, a shape or a tree is not
        one that a model of these features can have.
        """
        manifest = Manifest.read(folder)
        if unknown := sorted(set(manifest.members) - set(MEMBERS)):
            path = folder / "model.json"
            raise InputError(f"{path}: no such member: {', '.join(unknown)}. There are: {', '.join(MEMBERS)}")
        members = {
            member: {fit: load_fit(folder / member / fit, member, manifest.blocks) for fit in fits}
            for member, fits in manifest.members.items()
        }
        return cls(members, manifest.ensemble, manifest.blocks, *manifest.price_range)

    def _check(self, blocks: Sequence[Block]) -> None:
        if tuple(blocks) == self.blocks:
            return
        trained, given = ({block.name: block for block in side} for side in (self.blocks, blocks))
        differ = [name for name in {**trained, **given} if trained.get(name) != given.get(name)]
        raise InputError(
            f"the model was trained on other features: block{'s' * (len(differ) > 1)} {', '.join(differ)} differ"
            f" ({'; '.join(_describe(name, trained.get(name), given.get(name)) for name in differ)}). Run `dvc repro`"
            " to train on today's features"
        )


def write(
    folder: Path,
    fits: Mapping[str, Mapping[str, Path]],
    ensemble: Ensemble,
    blocks: Sequence[Block],
    price_range: tuple[float, float],
    provenance: Mapping[str, Any],
) -> None:
    """Write a price model from the folders that `storage.save` wrote the fits to, `{member: {fit: folder}}`.

    Fits are read one at a time, so that a damaged one is refused here. model.json, with `provenance` (JSON values),
    comes last: a folder without it is not a model, so that an interrupted write leaves none.
    """
    for member, own in fits.items():
        for name, source in own.items():
            load_fit(source, member, blocks)
            for file in storage.FILES:
                with replacing(folder / member / name / file) as temporary:
                    shutil.copyfile(source / file, temporary)
    members = {member: tuple(own) for member, own in fits.items()}
    low, high = map(float, price_range)
    Manifest(
        format=FORMAT,
        members=members,
        ensemble=ensemble,
        price_range=(low, high),
        blocks=tuple(blocks),
        provenance=dict(provenance),
        files=digests(folder, fit_files(members)),
    ).write(folder)


def load_fit(folder: Path, member: str, layout: Sequence[Block]) -> Model:
    """Return a fit that `storage.save` wrote. Raises InputError where it is no model of features laid out like this."""
    model = storage.load(folder, MEMBERS[member])
    try:
        model.validate(layout)
    except ValueError as error:
        raise InputError(f"{folder}: {storage.one_line(error)}: the fit is damaged. {storage.REMEDY}") from None
    return model


def _describe(name: str, trained: Block | None, given: Block | None) -> str:
    sides = ["absent" if block is None else f"{block.width} columns by {block.recipe}" for block in (trained, given)]
    return f"{name}: {sides[0]} in training, {sides[1]} now"
