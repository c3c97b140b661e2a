"""The price model as a folder: a JSON file that says what it is, and a safetensors file for each member."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pricefuse.atomic import write_json
from pricefuse.errors import InputError
from pricefuse.features import Block
from pricefuse.models.simple_nn import Settings, SimpleNN
from pricefuse.models.target import Target

FORMAT = 1


@dataclass(frozen=True)
class PriceModel:
    """Networks whose log prices are averaged; `members` maps each one's name to it."""

    members: dict[str, SimpleNN]
    settings: Settings
    blocks: tuple[Block, ...]

    def predict(self, matrix: np.ndarray, blocks: Sequence[Block]) -> np.ndarray:
        """Return prices, float64 (rows,), positive, for features float32 (rows, columns) laid out as `blocks`.

        Raises InputError where the blocks are not the ones that the model was trained on.
        """
        self._check(blocks)
        return np.exp(np.mean([member.predict(matrix) for member in self.members.values()], axis=0))

    def save(self, folder: Path, provenance: dict[str, Any]) -> None:
        """Write the members, then model.json with `provenance` (JSON values): a folder without it is not a model."""
        for name, member in self.members.items():
            member.save(folder / f"{name}.safetensors")
        described = {
            "format": FORMAT,
            "members": {name: {"target": asdict(member.target)} for name, member in self.members.items()},
            "settings": asdict(self.settings),
            "blocks": [asdict(block) for block in self.blocks],
            "provenance": provenance,
        }
        write_json(folder / "model.json", described)

    @classmethod
    def load(cls, folder: Path) -> "PriceModel":
        """Read what `save` wrote, on the CPU.

        Raises InputError where model.json is missing or of another format.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file, so that {folder} is not a whole model. Run `dvc repro train`")
        described = json.loads(path.read_text(encoding="utf-8"))
        if described.get("format") != FORMAT:
            raise InputError(f"{path}: format {described.get('format')}, but this version reads {FORMAT}. Train again")
        targets = {
            name: TypeAdapter(Target).validate_python(member["target"]) for name, member in described["members"].items()
        }
        settings = TypeAdapter(Settings).validate_python(described["settings"])
        blocks = TypeAdapter(tuple[Block, ...]).validate_python(described["blocks"])
        # A name is a file's name and nothing else: a model that travels must not read from elsewhere.
        paths = {name: folder / f"{Path(name).name}.safetensors" for name in targets}
        members = {name: SimpleNN.load(path, targets[name], settings) for name, path in paths.items()}
        return cls(members, settings, blocks)

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
