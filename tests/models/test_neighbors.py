"""The training products that a new product resembles."""

from dataclasses import replace

import numpy as np
import pytest
from priced import catalog

from pricefuse.features.look_alikes import unit_length
from pricefuse.models import neighbors as module
from pricefuse.models import storage
from pricefuse.models.neighbors import Neighbors


@pytest.fixture(scope="module")
def features():
    return catalog(rows=300)


@pytest.fixture(scope="module")
def neighbors(features):
    return Neighbors.of(features, seed=0)


def test_a_training_product_is_nearest_to_itself_and_has_its_own_name_and_price(features, neighbors):
    cosines, positions = neighbors.nearest(features.matrix[40:45, :6], 3)
    np.testing.assert_array_equal(positions[:, 0], np.arange(40, 45))
    np.testing.assert_allclose(cosines[:, 0], 1, atol=0.01)
    assert neighbors.names[42] == features.index["name"][42]
    assert neighbors.prices[42] == features.index["price"][42]


def test_neighbors_are_those_of_the_exact_vectors(features, neighbors):
    exact = unit_length(features.matrix[:, :6])
    cosines, positions = neighbors.nearest(features.matrix[:50, :6], 5)
    np.testing.assert_allclose(cosines, np.take_along_axis(exact[:50] @ exact.T, positions, axis=1), atol=0.01)
    np.testing.assert_allclose(cosines, -np.sort(-(exact[:50] @ exact.T), axis=1)[:, :5], atol=0.01)


def test_rows_are_read_some_at_a_time(features, neighbors, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 70)
    again = Neighbors.of(features, seed=0)
    np.testing.assert_array_equal(again.vectors, neighbors.vectors)
    query = features.matrix[:9, :6]
    for one, other in zip(again.nearest(query, 4), neighbors.nearest(query, 4), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_product_unlike_all_training_products_is_far(neighbors, features):
    assert not neighbors.far(features.matrix[:20, :6]).any()
    assert neighbors.far(-np.ones((1, 6), np.float32)).all()


def test_features_without_an_embedding_have_no_neighbors(features):
    assert Neighbors.of(features.without(["gemma", "clip_image"]), seed=0) is None


def test_neighbors_come_back_as_they_were_and_other_rows_are_refused(neighbors, tmp_path):
    storage.save(tmp_path, neighbors)
    loaded = storage.load(tmp_path, Neighbors)
    loaded.validate()
    assert loaded.names == neighbors.names
    np.testing.assert_array_equal(loaded.vectors, neighbors.vectors)
    for changes in (
        {"names": neighbors.names[1:]},
        {"prices": -neighbors.prices},
        {"reference": neighbors.reference + 300},
        {"scales": neighbors.scales[1:]},
        {"far_cosine": 2.0},
    ):
        with pytest.raises(ValueError):
            replace(neighbors, **changes).validate()
