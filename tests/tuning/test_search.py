"""A search: where it begins, what it prunes, that a kill changes nothing, and that nobody else may write to it."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import searching
from member_settings import SETTINGS, TRAIN
from optuna.trial import TrialState
from searching import small_search

from pricefuse.errors import InputError
from pricefuse.metrics import smape
from pricefuse.training.cross_fit import cross_fit
from pricefuse.tuning.search import run


def told(search):
    """Return what the finished trials tried and scored."""
    return [
        (trial.state, trial.params, trial.intermediate_values, trial.user_attrs) for trial in search.journal.finished()
    ]


def test_it_begins_with_the_present_settings_scored_as_training_does(searched, features):
    default, *others = searched.journal.finished()
    assert default.params == {name: getattr(SETTINGS["simple_nn"], name) for name in searching.SPACE}
    fit = cross_fit(features, "simple_nn", SETTINGS["simple_nn"], TRAIN)
    np.testing.assert_array_equal(searched.journal.read(default.number), fit.log_prices)
    assert default.value == pytest.approx(smape(features.index["price"].to_numpy(), np.exp(fit.log_prices)))
    assert len({tuple(trial.params.values()) for trial in [default, *others]}) == 14


def test_settings_that_learn_nothing_are_stopped_after_the_first_fold(searched):
    default, *others = searched.journal.finished()
    bad = [trial for trial in others if trial.params["learning_rate"] < 1e-4]
    assert bad
    for trial in bad:
        assert trial.state == TrialState.PRUNED
        assert trial.user_attrs["folds"] == 1
        assert len(trial.intermediate_values) == 20  # blocks of product groups: enough to tell from one fold
    finished = [trial for trial in others if trial.state == TrialState.COMPLETE]
    assert finished
    assert all(trial.user_attrs["folds"] == 3 for trial in [default, *finished])


@pytest.mark.timeout(240)
@pytest.mark.slow
def test_a_search_that_was_killed_twice_ends_as_an_undisturbed_one(searched, stored, tmp_path):
    command = [sys.executable, searching.__file__, stored, tmp_path, "14"]
    ours = small_search(stored, tmp_path)
    for trials in (3, 8):
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
        while ended(tmp_path) < trials:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert 1 <= len(ours.journal.finished()) < 14
    run(ours, 14, minutes=None, processes=1)
    assert told(ours) == told(searched)
    for trial in searched.journal.study().get_trials(states=(TrialState.COMPLETE,)):
        twin = next(t for t in ours.journal.finished() if t.params == trial.params)
        np.testing.assert_array_equal(ours.journal.read(twin.number), searched.journal.read(trial.number))
    states = {trial.state for trial in ours.journal.study().get_trials()}
    assert TrialState.RUNNING not in states


def ended(folder):
    """Return how many trials were told finished or pruned, by the journal, which may be in the midst of a line."""
    return sum(len(re.findall(rb'"state": ?[12]\b', path.read_bytes())) for path in folder.rglob("journal.log"))


def test_a_line_that_a_kill_cut_off_and_a_lock_it_left_are_mended(stored, tmp_path):
    search = small_search(stored, tmp_path)
    run(search, 2, minutes=None, processes=1)
    (log,) = tmp_path.rglob("journal.log")
    before = told(search)
    log.with_name("journal.log.lock").symlink_to(log)  # as Optuna's lock of a process that is gone
    for _ in range(2):
        with log.open("ab") as file:
            file.write(b'{"op_code": 4, "worker_id": "x')
        with search.journal.taken():
            pass
        assert told(search)[:2] == before
    run(search, 4, minutes=None, processes=1)
    assert told(search)[:2] == before
    assert len(told(search)) == 4


def test_a_second_search_of_the_same_kind_is_refused_while_one_runs(stored, tmp_path):
    search = small_search(stored, tmp_path)
    with search.journal.taken(), pytest.raises(InputError, match="another search is running there"):
        run(search, 1, minutes=None, processes=1)
    run(small_search(stored, tmp_path, seed=1), 1, minutes=None, processes=1)  # of another seed
    run(search, 1, minutes=None, processes=1)


def test_no_time_scores_the_default_alone_and_more_trials_go_on(stored, tmp_path):
    search = small_search(stored, tmp_path)
    run(search, 5, minutes=0, processes=1)
    assert len(search.journal.finished()) == 1
    run(search, 3, minutes=None, processes=1)
    run(search, 3, minutes=None, processes=1)
    assert len(search.journal.finished()) == 3


@pytest.mark.slow
def test_two_processes_share_one_search(stored, tmp_path):
    search = small_search(stored, tmp_path)
    run(search, 8, minutes=None, processes=2)
    finished = search.journal.finished()
    assert len(finished) == 8
    assert len({tuple(trial.params.values()) for trial in finished}) == 8
    for trial in finished:
        if trial.state == TrialState.COMPLETE:
            assert np.isfinite(search.journal.read(trial.number)).all()


def test_predictions_that_are_damaged_are_named(searched, stored, tmp_path):
    search = small_search(stored, tmp_path)
    run(search, 1, minutes=None, processes=1)
    (kept,) = tmp_path.rglob("*.npy")
    kept.write_bytes(kept.read_bytes()[:50])
    with pytest.raises(InputError, match=r"0\.npy: missing or damaged\. Delete .*, and search again"):
        search.journal.read(0)
