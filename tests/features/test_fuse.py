"""The fused features: what stands where, training rows apart from rows to be priced, and what is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pricefuse.errors import InputError
from pricefuse.features.fuse import BlockData, fuse, stored_mask, stored_vectors, varying
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.tables import refresh as rows

TRAIN = pd.DataFrame({"sample_id": ["a", "b"], "price": [1.0, 2.0], "group": [0, 1], "fold": [0, 1]})
TEST = pd.DataFrame({"sample_id": ["c", "d", "e"]})


def blocks(chunk):
    left, right = np.arange(10, dtype=np.float32).reshape(5, 2), np.array([[7], [np.nan], [9], [1], [2]], np.float32)
    return [
        BlockData("gemma", "m@1", 2, [left[i : i + chunk] for i in range(0, 5, chunk)]),
        BlockData("mask", "has", 1, [right]),
    ], np.hstack([left, right])


@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_blocks_stand_side_by_side_and_each_folder_has_its_rows(tmp_path, chunk):
    data, whole = blocks(chunk)
    texts = ["honey", "rice", "tea", "soup", "honey"]
    ngrams = count_ngrams({"name": texts, "text": texts}, 10)
    fuse([tmp_path / "train", tmp_path / "test"], [TRAIN, TEST], data, ngrams, ["x"])
    train, test = (Features.load(tmp_path / name) for name in ("train", "test"))
    np.testing.assert_array_equal(np.vstack([train.matrix, test.matrix]), whole)
    assert isinstance(train.matrix, np.memmap)
    assert [(block.name, block.start, block.stop, block.recipe) for block in train.blocks] == [
        ("gemma", 0, 2, "m@1"),
        ("mask", 2, 3, "has"),
    ]
    assert train.layout == test.layout
    pd.testing.assert_frame_equal(train.index, TRAIN)
    pd.testing.assert_frame_equal(test.index, TEST)
    np.testing.assert_array_equal(test.ngrams.toarray(), ngrams.toarray()[2:])
    assert train.attributes == ("x",)


def test_a_new_row_to_be_priced_leaves_the_training_rows_files_as_they_were(tmp_path):
    contents = []
    for count in (2, 3):
        data, _ = blocks(2)
        data = [BlockData(b.name, b.recipe, b.width, [np.vstack(list(b.chunks))[: 2 + count]]) for b in data]
        texts = ["honey", "rice", "tea", "soup", "honey"][: 2 + count]
        folder = tmp_path / str(count)
        ngrams = count_ngrams({"name": texts, "text": texts}, 10)
        fuse([folder / "train", folder / "test"], [TRAIN, TEST.iloc[:count]], data, ngrams)
        files = sorted(path for path in (folder / "train").rglob("*") if path.is_file())
        contents.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 6


def test_a_block_with_too_few_rows_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(InputError, match="block x has 2 rows where there are 5 products"):
        fuse([tmp_path / "a", tmp_path / "b"], [TRAIN, TEST], [BlockData("x", "s", 1, [np.ones((2, 1), np.float32)])])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_attributes_that_are_alike_in_all_training_rows_are_left_out_and_named():
    nan = np.nan
    table = pd.DataFrame(
        {"alike": [1.0, 1, 2], "none": [nan, nan, 2], "some": [1.0, nan, 1], "varying": [1.0, 2, 2]}, dtype=np.float32
    )
    kept, constant = varying(table, 2)
    assert list(kept) == ["some", "varying"]
    assert constant == ["alike", "none"]
    assert len(kept) == 3


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
