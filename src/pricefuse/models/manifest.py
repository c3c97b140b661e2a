"""model.json: what a price model consists of, and the size and SHA-256 of every file, checked before any is parsed."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from pricefuse.errors import InputError
from pricefuse.features.matrix import NGRAMS, Block
from pricefuse.files import FileDigest, json_digest, read_json, require_files, write_sealed
from pricefuse.models import storage
from pricefuse.models.ensemble import Ensemble

FORMAT: Final = 6
REMEDY = "Run `dvc repro ensemble`, or `dvc pull`"
ATTRIBUTES = "attributes"  # the block whose columns have names
INTERVALS, NEIGHBORS = "intervals", "neighbors"  # folders beside those of the members
# A name is a folder's name and nothing else: a model that travels must not read from elsewhere.
_NAME = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Manifest(_Strict):
    """The content of model.json.

    `members` has the names of each member's fits, `files` a digest for each file of each fit, of the intervals and, if
    there are any, of the neighbors; `blocks` the layout of the features, `attributes` the names of the columns of the
    block of that name, `price_range` the lowest and highest training price, `recipe` the sections of params.yaml by
    which a new product's features are made, and `provenance` says where the model is from.
    """

    format: Literal[6]
    members: Annotated[dict[str, Annotated[tuple[str, ...], Field(min_length=1)]], Field(min_length=1)]
    ensemble: Ensemble
    price_range: tuple[float, float]
    blocks: tuple[Block, ...]
    attributes: tuple[str, ...]
    recipe: dict[str, dict[str, JsonValue]]
    provenance: dict[str, JsonValue]
    files: dict[str, FileDigest]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name in (*self.members, *(fit for fits in self.members.values() for fit in fits)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a member or fit")
        if any(len(set(fits)) < len(fits) for fits in self.members.values()):
            raise ValueError("a fit is named twice")
        self.ensemble.validate(self.members)
        low, high = self.price_range
        if not 0 < low <= high:
            raise ValueError(f"price_range {low} to {high} is not a range of prices")
        if reserved := {INTERVALS, NEIGHBORS} & set(self.members):
            raise ValueError(f"{', '.join(sorted(reserved))} is not the name of a member")
        fits = fit_files(self.members)
        if set(self.files) not in ({*fits, *part_files(INTERVALS)}, {*fits, *part_files(INTERVALS, NEIGHBORS)}):
            raise ValueError("files does not list the files of the members' fits and of the intervals")
        _require_layout(self.blocks)
        width = sum(block.width for block in self.blocks if block.name == ATTRIBUTES)
        if len(set(self.attributes)) != width or len(self.attributes) != width:
            raise ValueError(f"attributes does not name the {width} columns of that block, each once")
        return self

    @property
    def has_neighbors(self) -> bool:
        return set(part_files(NEIGHBORS)) <= set(self.files)

    def write(self, folder: Path) -> None:
        """Write model.json, with a digest of its own content."""
        write_sealed(folder / "model.json", self.model_dump(mode="json"))

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read and check model.json, and every file that it lists by size and SHA-256.

        Raises InputError that names the file at fault.
        """
        path = folder / "model.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file: {folder} is not a complete model. {REMEDY}")
        content = read_json(path, REMEDY)
        if not isinstance(content, dict):
            raise InputError(f"{path}: not an object, but {type(content).__name__}: the model is damaged. {REMEDY}")
        if content.get("format") != FORMAT:
            found = f"{content.get('format')!r:.20}"
            raise InputError(f"{path}: format {found}, but this version reads {FORMAT}. {REMEDY}")
        if content.pop("digest", None) != json_digest(content):
            raise InputError(f"{path}: not as it was written: the model is damaged. {REMEDY}")
        try:
            manifest = cls.model_validate_json(json.dumps(content))
        except ValidationError as error:
            raise InputError(f"{path}: {storage.first_fault(error)}: the model is damaged. {REMEDY}") from None
        require_files(folder, manifest.files, REMEDY)
        return manifest


def fit_files(members: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the paths of the files of the members' fits, relative to the model's folder."""
    return [f"{member}/{fit}/{name}" for member, fits in members.items() for fit in fits for name in storage.FILES]


def part_files(*parts: str) -> list[str]:
    """Return the paths of the files of other parts of a model, such as INTERVALS, relative to its folder."""
    return [f"{part}/{name}" for part in parts for name in storage.FILES]


def _require_layout(blocks: tuple[Block, ...]) -> None:
    stop = 0
    for block in blocks:
        if block.start != (0 if block.name == NGRAMS else stop) or block.stop < block.start:
            raise ValueError(f"block {block.name} does not follow the one before it")
        stop = block.stop
    if len({block.name for block in blocks}) < len(blocks) or NGRAMS in [block.name for block in blocks[:-1]]:
        raise ValueError("a block is named twice, or the n-grams are not last")
