"""What a fit takes, and what is said where there is less."""

from dataclasses import replace

import numpy as np
import pytest
from member_settings import SETTINGS, TRAIN
from priced import catalog

from pricefuse import resources
from pricefuse.errors import InputError
from pricefuse.features.matrix import Block
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.memory import expected_memory


def wide(rows, columns):
    """Return features of so many rows and columns that take no memory."""
    features = catalog(rows=60)
    matrix = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (rows, columns), (0, 0))
    return replace(features, matrix=matrix, blocks=(Block("gemma", 0, columns, "m"),), ngrams=None)


@pytest.mark.parametrize("member", SETTINGS)
def test_a_machine_without_the_memory_is_told_before_the_first_fit(monkeypatch, member):
    features = catalog(rows=60)
    monkeypatch.setattr(resources, "available_memory", lambda: 1000)
    with pytest.raises(
        InputError, match=rf"train {member}, 60 rows of 15 features: needs some .* of memory, but 0.0 MB"
    ):
        cross_fit(features, member, SETTINGS[member], TRAIN)


def test_the_estimate_grows_with_what_is_fitted():
    boosted = SETTINGS["boosted"]
    assert expected_memory(wide(80_000, 100), boosted) > 3.5 * expected_memory(wide(20_000, 100), boosted)
    assert expected_memory(catalog(rows=300), boosted) > expected_memory(
        replace(catalog(rows=300), ngrams=None), boosted
    )
    more = boosted.model_copy(update={"landmarks": 4096})
    assert expected_memory(wide(80_000, 100), more) > expected_memory(wide(80_000, 100), boosted) + 4096**2 * 8
