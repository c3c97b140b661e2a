"""Storage: a tree of dataclasses comes back as it was, byte for byte the same each time, and never as a pickle."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from pricefuse.errors import InputError
from pricefuse.models import storage
from pricefuse.models.storage import Array


@dataclass(frozen=True)
class Leaf:
    values: Array
    name: str


@dataclass(frozen=True)
class Other:
    number: float


@dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    by_name: Mapping[str, Leaf | Other]
    weights: dict[str, Array]
    missing: Leaf | None


def tree():
    leaf = Leaf(np.arange(6, dtype=np.float32).reshape(2, 3).T, "transposed")
    return Tree(
        (leaf,),
        {"a": leaf, "b": Other(0.1)},
        {"layer.0.weight": np.array([1, 2], np.int32), "scalar": np.array(3)},
        None,
    )


def test_a_tree_comes_back_as_it_was(tmp_path):
    storage.save(tmp_path, tree())
    back = storage.load(tmp_path, Tree)
    np.testing.assert_array_equal(back.leaves[0].values, tree().leaves[0].values)
    assert back.leaves[0].values.dtype == np.float32
    assert back.by_name["b"] == Other(0.1)
    assert isinstance(back.by_name["a"], Leaf)
    assert back.weights["layer.0.weight"].tolist() == [1, 2]
    assert back.weights["scalar"].shape == ()
    assert back.missing is None


def test_the_same_tree_gives_the_same_bytes_and_nothing_but_json_and_safetensors(tmp_path):
    for name in ("one", "two"):
        storage.save(tmp_path / name, tree())
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["arrays.safetensors", "fit.json"]
    for file in ("arrays.safetensors", "fit.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("name", ["arrays.safetensors", "fit.json"])
def test_a_missing_file_is_named(tmp_path, name):
    storage.save(tmp_path, tree())
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file"):
        storage.load(tmp_path, Tree)
