"""The blocks that stage fuse reads: of all rows or of some, of these products alone."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pricefuse.errors import InputError
from pricefuse.features.blocks import count_batches, stored_attributes, stored_mask, stored_vectors, varying
from pricefuse.features.ngrams import count_ngrams
from pricefuse.tables import refresh as rows


@pytest.fixture
def attributes(tmp_path):
    nan = np.nan
    table = pd.DataFrame(
        {"alike": [1.0, 1, 2], "none": [nan, nan, 2], "some": [1.0, nan, 1], "varying": [1.0, 2, 2]}, dtype=np.float32
    )
    table.insert(0, "sample_id", ["a", "b", "c"])
    table.to_parquet(tmp_path / "attributes.parquet", row_group_size=1)
    return tmp_path / "attributes.parquet"


def test_attributes_that_are_alike_in_all_training_rows_are_left_out_and_named(attributes):
    assert varying(attributes, range(2)) == (["some", "varying"], ["alike", "none"])
    assert varying(attributes, range(3)) == (["alike", "none", "some", "varying"], [])


def test_attributes_of_some_rows_are_read(attributes):
    np.testing.assert_array_equal(
        np.concatenate(list(stored_attributes(attributes, ["varying", "none"], range(1, 3)))), [[2, np.nan], [2, 2]]
    )


def test_where_no_attribute_varies_there_are_rows_of_none(attributes):
    assert np.concatenate(list(stored_attributes(attributes, [], range(3)))).shape == (3, 0)


@pytest.fixture
def images(tmp_path):
    schema = pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), 2))])
    vectors = {0: np.array([1, 2], np.float32), 1: None, 2: np.array([5, 6], np.float32)}

    def compute(missing):
        for position in missing:
            yield position, {"has_image": vectors[position] is not None, "vector": vectors[position]}

    rows.refresh(tmp_path / "clip", ["a", "b", "c"], ["1", "2", "3"], compute, schema, rows_per_part=2)
    return tmp_path / "clip"


@pytest.mark.parametrize("part", [None, range(3), range(2), range(1, 3), range(2, 3), range(1, 1)])
def test_a_row_without_an_image_has_no_vector_and_says_so(images, part):
    some = slice(None) if part is None else slice(part.start, part.stop)
    vectors = np.concatenate([np.empty((0, 2)), *stored_vectors(images, ["a", "b", "c"], part)])
    np.testing.assert_array_equal(vectors, np.array([[1, 2], [np.nan, np.nan], [5, 6]])[some])
    mask = np.concatenate([np.empty((0, 1)), *stored_mask(images, ["a", "b", "c"], part)])
    np.testing.assert_array_equal(mask, np.array([[1], [0], [1]])[some])


@pytest.mark.parametrize("ids", [["a", "x", "c"], ["a", "b"], ["a", "b", "c", "d"]])
def test_embeddings_of_other_products_are_refused(images, ids):
    for part in (None, range(2)):
        with pytest.raises(InputError, match="not those of today's products"):
            list(stored_vectors(images, ids, part))


def test_a_part_without_wanted_rows_is_not_read(images):
    whole = (images / "part-00000.parquet").read_bytes()
    zeros = bytes(b if place > len(whole) - 2000 else 0 for place, b in enumerate(whole[4:]))
    (images / "part-00000.parquet").unlink()
    (images / "part-00000.parquet").write_bytes(whole[:4] + zeros)
    np.testing.assert_array_equal(next(stored_vectors(images, ["a", "b", "c"], range(2, 3))), [[5, 6]])


def test_counts_of_some_rows_are_those_of_their_texts(tmp_path):
    texts = [f"tea no {row}" for row in range(7)]
    pd.DataFrame({"name": texts, "text": texts[::-1]}).to_parquet(tmp_path / "p.parquet", row_group_size=3)
    for part in (range(7), range(2, 5), range(7, 7)):
        counted = list(count_batches(tmp_path / "p.parquet", 10, part))
        whole = count_ngrams({"name": [texts[i] for i in part], "text": [texts[6 - i] for i in part]}, 10)
        assert sum(len(each.indptr) - 1 for each in counted) == len(part)
        np.testing.assert_array_equal(np.concatenate([each.toarray() for each in counted]), whole.toarray())
