"""Save and load a dataclass of arrays: arrays as safetensors, everything else as JSON, never a pickle."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, InstanceOf, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pricefuse.errors import InputError
from pricefuse.files import raising_os_errors, read_json, replacing, write_json

Array = InstanceOf[np.ndarray]  # the type of an array field, which pydantic then takes as it is
T = TypeVar("T")
FILES = ("arrays.safetensors", "fit.json")
REMEDY = "Run `dvc repro`, or `dvc pull`"
_ARRAY = "$array"  # {"$array": name} stands in the JSON for an array of that name in the safetensors file


def save(folder: Path, value: Any) -> None:
    """Write `value`, a dataclass, as arrays.safetensors and then fit.json, each atomically.

    Its fields may be arrays, JSON values, settings, dataclasses of these, and mappings and tuples of all of them.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = _tree(value, "", arrays)
    with replacing(folder / FILES[0]) as temporary, raising_os_errors(temporary):
        save_file(arrays, temporary)
    write_json(folder / FILES[1], tree)


def load(folder: Path, kind: type[T]) -> T:
    """Return what `save` wrote of a dataclass `kind`. Raises InputError where a file is missing or damaged."""
    for name in FILES:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file: the model is incomplete. {REMEDY}")
    path = folder / FILES[0]
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not valid safetensors ({one_line(error)}). {REMEDY}") from None
    path = folder / FILES[1]
    tree = read_json(path, REMEDY)
    try:
        return TypeAdapter(kind).validate_python(_restored(tree, arrays))
    except ValidationError as error:
        raise InputError(f"{path}: {first_fault(error)}. {REMEDY}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {one_line(error)}. {REMEDY}") from None


def first_fault(error: ValidationError) -> str:
    """Return the first fault of a validation in one line, with its place."""
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    return one_line(f"{place}: {fault['msg']}" if place else fault["msg"])


def one_line(message: object) -> str:
    """Return a message in one line, cut where it is long."""
    return f"{' '.join(str(message).split()):.160}"


def require_array(
    name: str, value: np.ndarray, dtype: type, shape: tuple[int | None, ...], *, infinity: bool = False
) -> None:
    """Raise ValueError unless `value` has this type and shape (None: any length), no NaN, and no infinity."""
    fits = value.ndim == len(shape) and all(want in {None, has} for want, has in zip(shape, value.shape, strict=True))
    if value.dtype != dtype or not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(f"{name} is {value.dtype} {value.shape}, not {np.dtype(dtype)} ({wanted})")
    if np.isnan(value).any() or not (infinity or np.isfinite(value).all()):
        raise ValueError(f"{name} has a number that is not finite")


def _tree(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = np.asarray(value, order="C")
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
            name = tree[_ARRAY]
            if not isinstance(name, str) or name not in arrays:
                raise ValueError(f"there is no array {name!r:.80}")
            return arrays[name]
        return {name: _restored(part, arrays) for name, part in tree.items()}
    return [_restored(part, arrays) for part in tree] if isinstance(tree, list) else tree
