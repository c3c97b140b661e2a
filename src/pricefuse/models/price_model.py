"""The price model: all members' fits and the ensemble that combines them, in one folder that can be moved anywhere."""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import TypeAdapter

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.files import replacing, write_json
from pricefuse.models import storage
from pricefuse.models.boosted import Boosted
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.lexical import Lexical
from pricefuse.models.simple_nn import SimpleNN

FORMAT = 3
MEMBERS: dict[str, type[SimpleNN] | type[Lexical] | type[Boosted]] = {
    "simple_nn": SimpleNN,
    "lexical": Lexical,
    "boosted": Boosted,
}
_NAME = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")


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

        Raises InputError where the features are not laid out as those that the model was trained on.
        """
        self._check(features.layout)
        log_prices = {
            member: np.mean([fit.predict(features) for fit in fits.values()], axis=0)
            for member, fits in self.members.items()
        }
        return np.clip(np.exp(self.ensemble.combine(log_prices)), self.low, self.high)

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Read what `write` wrote, on the CPU.

        Raises InputError where model.json is missing, of another format, or has a name that no member or fit has.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file: {folder} is not a complete model. Run `dvc repro`, or `dvc pull`")
        described = json.loads(path.read_text(encoding="utf-8"))
        if described.get("format") != FORMAT:
            raise InputError(f"{path}: format {described.get('format')}, but this version reads {FORMAT}. Train again")
        named = TypeAdapter(dict[str, list[str]]).validate_python(described["members"])
        for name in (*named, *(name for names in named.values() for name in names)):
            # A name is a folder's name and nothing else: a model that travels must not read from elsewhere.
            if not _NAME.fullmatch(name):
                raise InputError(f"{path}: {name!r} is not the name of a member or fit. The model is damaged")
        if unknown := sorted(set(named) - set(MEMBERS)):
            raise InputError(f"{path}: no such member: {', '.join(unknown)}. There are: {', '.join(MEMBERS)}")
        members = {
            member: {fit: storage.load(folder / member / fit, MEMBERS[member]) for fit in fits}
            for member, fits in named.items()
        }
        ensemble = TypeAdapter(Ensemble).validate_python(described["ensemble"])
        blocks = TypeAdapter(tuple[Block, ...]).validate_python(described["blocks"])
        low, high = TypeAdapter(tuple[float, float]).validate_python(described["price_range"])
        return cls(members, ensemble, blocks, low, high)

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

    No fit is read into memory. model.json, with `provenance` (JSON values), comes last: a folder without it is not a
    model, so that an interrupted write leaves none.
    """
    for member, own in fits.items():
        for name, source in own.items():
            for path in sorted(source.iterdir()):
                with replacing(folder / member / name / path.name) as temporary:
                    shutil.copyfile(path, temporary)
    described = {
        "format": FORMAT,
        "members": {member: list(own) for member, own in fits.items()},
        "ensemble": asdict(ensemble),
        "price_range": list(price_range),
        "blocks": [asdict(block) for block in blocks],
        "provenance": dict(provenance),
    }
    write_json(folder / "model.json", described)


def _describe(name: str, trained: Block | None, given: Block | None) -> str:
    sides = ["absent" if block is None else f"{block.width} columns by {block.recipe}" for block in (trained, given)]
    return f"{name}: {sides[0]} in training, {sides[1]} now"
