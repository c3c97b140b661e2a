"""The price model as a folder: a JSON file that says what it is, and a folder for each member."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import TypeAdapter

from pricefuse.errors import InputError
from pricefuse.features.matrix import Block, Features
from pricefuse.files import write_json
from pricefuse.models.boosted import Boosted
from pricefuse.models.ensemble import Blend
from pricefuse.models.lexical import Lexical
from pricefuse.models.simple_nn import SimpleNN

FORMAT = 2
KINDS: dict[str, type[SimpleNN] | type[Lexical] | type[Boosted]] = {
    "simple_nn": SimpleNN,
    "lexical": Lexical,
    "boosted": Boosted,
}
_NAME = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")


class Member(Protocol):
    """What a model needs of its members; how one is fitted is between its module and `training`."""

    def predict(self, features: Features) -> np.ndarray:
        """Return ln price, float64 (rows,)."""

    def save(self, folder: Path) -> None:
        """Write the member into a folder of its own."""


@dataclass(frozen=True)
class PriceModel:
    """Members by kind and name, `{kind: {name: member}}`, and the blend of the kinds.

    Members of one kind, of different folds and seeds, are averaged in log space. `low` and `high` are the cheapest and
    dearest training price, between which every prediction is kept.
    """

    members: dict[str, dict[str, Member]]
    blend: Blend
    blocks: tuple[Block, ...]
    low: float
    high: float

    def predict(self, features: Features) -> np.ndarray:
        """Return prices, float64 (rows,), positive and within the training prices' range.

        Raises InputError where the features are not laid out as those that the model was trained on.
        """
        self._check(features.layout)
        log_prices = {
            kind: np.mean([member.predict(features) for member in members.values()], axis=0)
            for kind, members in self.members.items()
        }
        return np.clip(np.exp(self.blend.apply(log_prices)), self.low, self.high)

    def save(self, folder: Path, provenance: dict[str, Any]) -> None:
        """Write the members, then model.json with `provenance` (JSON values): a folder without it is not a model."""
        for members in self.members.values():
            for name, member in members.items():
                member.save(folder / name)
        described = {
            "format": FORMAT,
            "members": {kind: list(members) for kind, members in self.members.items()},
            "blend": asdict(self.blend),
            "range": [self.low, self.high],
            "blocks": [asdict(block) for block in self.blocks],
            "provenance": provenance,
        }
        write_json(folder / "model.json", described)

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Read what `save` wrote, on the CPU.

        Raises InputError where model.json is missing, of another format, or names a member as no member is named.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file, so that {folder} is not a whole model. Run `dvc repro train`")
        described = json.loads(path.read_text(encoding="utf-8"))
        if described.get("format") != FORMAT:
            raise InputError(f"{path}: format {described.get('format')}, but this version reads {FORMAT}. Train again")
        named = TypeAdapter(dict[str, list[str]]).validate_python(described["members"])
        for name in (*named, *(name for names in named.values() for name in names)):
            # A name is a folder's name and nothing else: a model that travels must not read from elsewhere.
            if not _NAME.fullmatch(name):
                raise InputError(f"{path}: {name!r} is not a member's name. The model is damaged: train again")
        if unknown := sorted(set(named) - set(KINDS)):
            raise InputError(f"{path}: no such kind of member: {', '.join(unknown)}. There are: {', '.join(KINDS)}")
        members = {kind: {name: KINDS[kind].load(folder / name) for name in names} for kind, names in named.items()}
        blend = TypeAdapter(Blend).validate_python(described["blend"])
        blocks = TypeAdapter(tuple[Block, ...]).validate_python(described["blocks"])
        low, high = TypeAdapter(tuple[float, float]).validate_python(described["range"])
        return cls({kind: dict(own) for kind, own in members.items()}, blend, blocks, low, high)

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


def _describe(name: str, trained: Block | None, given: Block | None) -> str:
    sides = ["absent" if block is None else f"{block.width} columns from {block.source}" for block in (trained, given)]
    return f"{name}: {sides[0]} in training, {sides[1]} now"
