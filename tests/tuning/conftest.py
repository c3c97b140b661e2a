"""Stored features of a small made-up catalog, to search on."""

import pytest
from priced import catalog
from searching import small_search

from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.matrix import Features
from pricefuse.tuning.search import run


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features") / "train"
    rows = catalog(rows=160, folds=3)
    blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[:, b.start : b.stop]]) for b in rows.blocks]
    fuse(folder, rows.index, blocks, [rows.ngrams], rows.attributes)
    return folder


@pytest.fixture(scope="session")
def features(stored):
    return Features.load(stored, training=True)


@pytest.fixture(scope="session")
def searched(stored, tmp_path_factory):
    """Return a search that ran 14 trials undisturbed, and never change it."""
    search = small_search(stored, tmp_path_factory.mktemp("undisturbed"))
    run(search, 14, minutes=None, processes=1)
    return search
