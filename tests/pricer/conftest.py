"""The bundle's Pricer, loaded once."""

import pytest

from pricefuse import Pricer


@pytest.fixture(scope="session")
def pricer(bundle):
    return Pricer.load(bundle / "model")
