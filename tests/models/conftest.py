"""Members are fitted as training fits them: with deterministic algorithms."""

import pytest

from pricefuse.device import deterministic


@pytest.fixture(autouse=True)
def _deterministic():
    with deterministic(1):
        yield
