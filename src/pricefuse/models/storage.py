"""Save and load a dataclass of arrays: arrays as safetensors, everything else as JSON, never a pickle."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, InstanceOf, TypeAdapter
from safetensors.numpy import load_file, save_file

from pricefuse.errors import InputError
from pricefuse.files import replacing, write_json

Array = InstanceOf[np.ndarray]  # the type of an array field, which pydantic then takes as it is
T = TypeVar("T")
_ARRAY = "$array"  # {"$array": name} stands in the JSON for an array of that name in the safetensors file


def save(folder: Path, value: Any) -> None:
    """Write `value`, a dataclass, as arrays.safetensors and then fit.json, each atomically.

    Its fields may be arrays, JSON values, settings, dataclasses of these, and mappings and tuples of all of them.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = _tree(value, "", arrays)
    with replacing(folder / "arrays.safetensors") as temporary:
        save_file(arrays, temporary)
    write_json(folder / "fit.json", tree)


def load(folder: Path, kind: type[T]) -> T:
    """Return what `save` wrote of a dataclass `kind`. Raises InputError where a file is missing."""
    for name in ("fit.json", "arrays.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file: the model is incomplete. Run `dvc repro`")
    arrays = load_file(folder / "arrays.safetensors")
    tree = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
    return TypeAdapter(kind).validate_python(_restored(tree, arrays))


def _tree(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = np.ascontiguousarray(value)
        return {_ARRAY: path}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: _tree(part, f"{path}.{name}".lstrip("."), arrays) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_tree(part, f"{path}.{number}", arrays) for number, part in enumerate(value)]
    return value


def _restored(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(tree, dict):
        if set(tree) == {_ARRAY}:
            return arrays[tree[_ARRAY]]
        return {name: _restored(part, arrays) for name, part in tree.items()}
    return [_restored(part, arrays) for part in tree] if isinstance(tree, list) else tree
