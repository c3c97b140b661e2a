"""The target: there and back, within the training prices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.models.target import Target


@given(st.sampled_from(["log", "log1p"]), st.lists(st.floats(0.01, 1e5), min_size=1, max_size=10))
def test_the_target_goes_there_and_back(name, prices):
    target = Target.fit(name, np.array(prices))
    np.testing.assert_allclose(np.exp(target.log_price(target.forward(np.array(prices)))), prices, rtol=1e-4)


@pytest.mark.parametrize("name", ["log", "log1p"])
def test_prices_stay_within_the_training_prices_whatever_is_predicted(name):
    target = Target(name, 2.0, 50.0)
    wild = np.array([-1e30, -5, 0, 1e30, 700], dtype=np.float32)
    np.testing.assert_allclose(np.exp(target.log_price(wild)), [2, 2, 2, 50, 50])
