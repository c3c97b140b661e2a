"""A planted leak is found: a feature made from the price, and a product on both sides of a fold."""

import numpy as np
import pytest
from priced import catalog

from pricefuse.errors import InputError
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features


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
