"""The fused matrix: what stands where, and what is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pricefuse.errors import InputError
from pricefuse.features.matrix import BlockData, Features, stored_mask, stored_vectors, write
from pricefuse.tables import refresh as rows

INDEX = pd.DataFrame({"sample_id": ["a", "b", "c"], "split": ["train", "train", "test"], "price": [1.0, 2.0, np.nan]})


def test_blocks_stand_side_by_side_and_come_back_as_they_were(tmp_path):
    left, right = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([[7], [np.nan], [9]], dtype=np.float32)
    write(tmp_path, [BlockData("gemma", "m@1", 2, [left[:2], left[2:]]), BlockData("mask", "has", 1, [right])], INDEX)
    features = Features.load(tmp_path)
    np.testing.assert_array_equal(features.matrix, np.hstack([left, right]))
    assert isinstance(features.matrix, np.memmap)
    assert [(block.name, block.start, block.stop, block.source) for block in features.blocks] == [
        ("gemma", 0, 2, "m@1"),
        ("mask", 2, 3, "has"),
    ]
    pd.testing.assert_frame_equal(features.index, INDEX)


def test_the_same_blocks_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / name, [BlockData("x", "s", 1, [np.ones((3, 1), np.float32)])], INDEX)
    for file in ("features.npy", "blocks.json", "index.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_block_with_too_few_rows_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="block x has 2 rows where there are 3 products"):
        write(tmp_path, [BlockData("x", "s", 1, [np.ones((2, 1), np.float32)])], INDEX)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def images(tmp_path):
    schema = pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), 2))])
    vectors = {0: np.array([1, 2], np.float32), 1: None, 2: np.array([5, 6], np.float32)}

    def compute(missing):
        for position in missing:
            yield position, {"has_image": vectors[position] is not None, "vector": vectors[position]}

    rows.refresh(tmp_path / "clip", ["a", "b", "c"], ["1", "2", "3"], compute, schema, rows_per_part=2)
    return tmp_path / "clip"


def test_a_row_without_an_image_has_no_vector_and_says_so(images):
    np.testing.assert_array_equal(
        np.concatenate(list(stored_vectors(images, ["a", "b", "c"]))), [[1, 2], [np.nan, np.nan], [5, 6]]
    )
    np.testing.assert_array_equal(np.concatenate(list(stored_mask(images, ["a", "b", "c"]))), [[1], [0], [1]])


@pytest.mark.parametrize("ids", [["a", "x", "c"], ["a", "b"], ["a", "b", "c", "d"]])
def test_embeddings_of_other_products_are_refused(images, ids):
    with pytest.raises(InputError, match="not those of today's products"):
        list(stored_vectors(images, ids))
