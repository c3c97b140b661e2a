"""A member's folder: named arrays as safetensors and its plain facts as JSON, never a pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from pricefuse.errors import InputError
from pricefuse.files import replacing, write_json


def save(folder: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write arrays.safetensors, then member.json with `facts` (JSON values), each atomically."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing(folder / "arrays.safetensors") as temporary:
        save_file(whole, temporary)
    write_json(folder / "member.json", dict(facts))


def load(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return what `save` wrote. Raises InputError where a file is missing."""
    for name in ("member.json", "arrays.safetensors"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file, so that the model is not whole. Run `dvc repro train`")
    facts = json.loads((folder / "member.json").read_text(encoding="utf-8"))
    return load_file(folder / "arrays.safetensors"), facts
