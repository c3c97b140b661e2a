"""What follows from the rows and the machine, where it is not set."""

import pytest
from member_settings import SETTINGS, TRAIN

from pricefuse.training import settings


@pytest.mark.parametrize(("rows", "cores", "threads"), [(1200, 64, 2), (4999, 1, 2), (5000, 64, 64), (75_000, 2, 2)])
def test_few_rows_are_fitted_with_the_same_threads_on_any_machine(monkeypatch, rows, cores, threads):
    monkeypatch.setattr(settings, "available_cores", lambda: cores)
    auto = TRAIN.model_copy(update={"threads": "auto"})
    assert auto.threads_for(rows) == threads
    assert TRAIN.threads_for(rows) == 1  # as set


@pytest.mark.parametrize(("rows", "landmarks"), [(4000, 4096), (10_000, 4096), (10_001, 2048), (1_000_000, 2048)])
def test_landmarks_follow_from_the_rows_alone(rows, landmarks):
    auto = SETTINGS["boosted"].model_copy(update={"landmarks": "auto"})
    assert auto.landmarks_for(rows) == landmarks
    assert SETTINGS["boosted"].landmarks_for(rows) == 100
