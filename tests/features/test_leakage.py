"""A planted leak is found: a feature made from the price, and a product on both sides of a fold."""

import numpy as np
import pytest
from priced import catalog

from pricefuse.errors import InputError
from pricefuse.features import leakage
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features
from pricefuse.features.stored import gather


@pytest.fixture
def features():
    return catalog()


def with_column(features, values, column=12):
    matrix = features.matrix.copy()
    matrix[:, column] = values
    return Features(matrix, features.blocks, features.index, features.ngrams, features.attributes)


def test_honest_features_pass(features):
    check_leakage(features)


@pytest.mark.parametrize(
    "made",
    [
        lambda price, _: price,
        lambda price, _: -np.log(price),
        lambda price, _: np.round(price),
        lambda price, rng: price * rng.normal(1, 0.05, len(price)),
        lambda price, rng: np.where(rng.random(len(price)) < 0.5, price, np.nan),
    ],
    ids=["price", "logarithm", "rounded", "blurred", "half of the rows"],
)
def test_a_feature_made_from_the_price_is_found(features, made):
    prices = features.index["price"].to_numpy()
    with pytest.raises(InputError, match="column 1 of block attributes is ordered as the prices are"):
        check_leakage(with_column(features, made(prices, np.random.default_rng(0))))


def test_a_leak_in_a_wide_block_is_found_also_on_disk(tmp_path, monkeypatch):
    rows = catalog(rows=400)
    monkeypatch.setattr(leakage, "SAMPLE_ROWS", 100)
    monkeypatch.setattr(leakage, "MAX_WHOLE_COLUMNS", 3)
    for leak in (False, True):
        matrix = rows.matrix.copy()
        if leak:  # where there is an image, in a block of four columns
            there = np.isfinite(matrix[:, 6])
            matrix[there, 7] = rows.index["price"].to_numpy()[there]
        data = [BlockData(b.name, b.recipe, b.width, [matrix[:, b.start : b.stop]]) for b in rows.blocks]
        fuse(tmp_path, rows.index, data)
        features = Features.load(tmp_path)
        if not leak:
            check_leakage(features)
            continue
        for each in (features, features.at(np.arange(len(features)))):
            with pytest.raises(InputError, match="column 1 of block clip_image is ordered as the prices are"):
                check_leakage(each)


def test_the_sample_of_a_wide_block_is_of_rows_that_have_it(features, monkeypatch):
    monkeypatch.setattr(leakage, "SAMPLE_ROWS", 35)
    monkeypatch.setattr(leakage, "MAX_WHOLE_COLUMNS", 3)
    matrix = features.matrix.copy()
    matrix[40:, 6:10] = np.nan
    matrix[:40, 6:10] = features.index["price"].to_numpy()[:40, None]
    with pytest.raises(InputError, match="column 0 of block clip_image"):
        check_leakage(Features(matrix, features.blocks, features.index))


@pytest.mark.parametrize("rows", [[0, 3, 299], [7], []])
@pytest.mark.parametrize("columns", [slice(0, 1), slice(6, 10), slice(14, 15)])
def test_columns_are_gathered_from_a_file_as_from_memory(tmp_path, features, rows, columns):
    np.save(tmp_path / "m.npy", features.matrix)
    mapped = np.load(tmp_path / "m.npy", mmap_mode="r")
    for matrix in (mapped, features.matrix):
        np.testing.assert_array_equal(gather(matrix, np.array(rows, int), columns), features.matrix[rows, columns])
    np.testing.assert_array_equal(gather(mapped[5:], np.array([0]), columns), features.matrix[5:6, columns])


def test_a_variant_across_folds_is_found(features):
    index = features.index.copy()
    index.loc[0, "fold"] = (index.loc[0, "fold"] + 1) % 3
    with pytest.raises(InputError, match="1 product groups are in more than one fold, such as that of sample_id 0, 1"):
        check_leakage(Features(features.matrix, features.blocks, index, features.ngrams))


def test_a_random_split_may_part_variants(features):
    index = features.index.copy()
    index["fold"] = np.where(np.arange(len(index)) % 5 == 0, 0, -1)
    check_leakage(Features(features.matrix, features.blocks, index, features.ngrams))


def test_a_handful_of_rows_is_no_evidence(features):
    few = features.at(np.arange(10))
    check_leakage(Features(few.matrix * 0 + few.index["price"].to_numpy()[:, None], few.blocks, few.index, few.ngrams))
