"""A small demo catalog, and many synthetic products with their texts."""

from random import Random

import pandas as pd
import pytest
from demo_catalog import ARGUMENTS, listing_of

from pricefuse.demo.catalog import write_demo
from pricefuse.demo.product import draw_products


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog") / "demo"
    facts = write_demo(folder, **ARGUMENTS)
    return folder, facts


@pytest.fixture(scope="session")
def rows(demo):
    folder, _ = demo
    tables = [pd.read_csv(folder / name, keep_default_na=False) for name in ("train.csv", "test.csv")]
    return pd.concat(tables, ignore_index=True)


@pytest.fixture(scope="session")
def products():
    return draw_products(1500, singles=15, rng=Random(1))


@pytest.fixture(scope="session")
def texts(products):
    return [listing_of(product, row) for row, product in enumerate(products)]
