"""Checkpoints: a training that is killed goes on where it was, twice in a row, and gives the same as undisturbed."""

import numpy as np
import pytest
from crossfit_data import QUICK, TRAIN, features, linear_prices

from pricefuse.errors import InputError
from pricefuse.features.folds import group_folds
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.training import cross_fit as module
from pricefuse.training import member_fits
from pricefuse.training.checkpoints import Checkpoints, fits_key
from pricefuse.training.cross_fit import cross_fit

SETTINGS = QUICK.model_copy(update={"seeds": (0, 1), "max_epochs": 4})


@pytest.fixture
def rows():
    return features(*linear_prices(), group_folds(np.arange(240), 3, 0))


def killed_after(count, monkeypatch):
    """Let `count` more fits finish, and then end as a kill would: before the next one is kept."""
    real, finished = module.fit_fold, []

    def fit_fold(*arguments):
        if len(finished) == count:
            raise KeyboardInterrupt
        finished.append(arguments[4:6])  # fold and seed
        return real(*arguments)

    monkeypatch.setattr(module, "fit_fold", fit_fold)
    return finished


def test_two_kills_cost_no_finished_fit_and_change_nothing(tmp_path, rows, monkeypatch):
    undisturbed = cross_fit(rows, "simple_nn", SETTINGS, TRAIN, Checkpoints(tmp_path / "undisturbed", "k"))
    fitted = []
    for count in (2, 3):
        with monkeypatch.context() as patch:
            done = killed_after(count, patch)
            with pytest.raises(KeyboardInterrupt):
                cross_fit(rows, "simple_nn", SETTINGS, TRAIN, Checkpoints(tmp_path / "killed", "k"))
            fitted += done
    with monkeypatch.context() as patch:
        done = killed_after(99, patch)
        resumed = cross_fit(rows, "simple_nn", SETTINGS, TRAIN, Checkpoints(tmp_path / "killed", "k"))
    fitted += done
    assert sorted(fitted) == [(fold, seed) for fold in range(3) for seed in (0, 1)]  # each once
    np.testing.assert_array_equal(resumed.log_prices, undisturbed.log_prices)
    assert resumed.epochs.equals(undisturbed.epochs)
    for fold, seed in [(0, 0), (2, 1)]:
        one, other = (Checkpoints(tmp_path / name, "k").model_folder(fold, seed) for name in ("undisturbed", "killed"))
        for file in ("arrays.safetensors", "fit.json"):
            assert (one / file).read_bytes() == (other / file).read_bytes()


def test_a_fit_that_was_being_written_is_made_again(tmp_path, rows):
    checkpoints = Checkpoints(tmp_path, "k")
    whole = cross_fit(rows, "simple_nn", SETTINGS, TRAIN, checkpoints)
    kept = checkpoints.model_folder(1, 0).parent
    half = kept.with_name(kept.name + ".tmp")
    kept.rename(half)
    (half / "epochs.json").unlink()
    again = cross_fit(rows, "simple_nn", SETTINGS, TRAIN, Checkpoints(tmp_path, "k"))
    np.testing.assert_array_equal(again.log_prices, whole.log_prices)
    assert kept.is_dir()


@pytest.mark.parametrize("file", ["epochs.json", "log_prices.npy", "model/fit.json", "model/arrays.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40])
def test_a_damaged_fit_is_made_again(tmp_path, rows, file, content):
    once = SETTINGS.model_copy(update={"seeds": (0,), "max_epochs": 1})
    whole = cross_fit(rows, "simple_nn", once, TRAIN, Checkpoints(tmp_path, "k"))
    (Checkpoints(tmp_path, "k").model_folder(1, 0).parent / file).write_bytes(content)
    again = cross_fit(rows, "simple_nn", once, TRAIN, Checkpoints(tmp_path, "k"))
    np.testing.assert_array_equal(again.log_prices, whole.log_prices)


def test_fits_of_another_key_are_deleted(tmp_path, rows):
    cross_fit(rows, "simple_nn", SETTINGS, TRAIN, Checkpoints(tmp_path, "before"))
    now = Checkpoints(tmp_path, "now")
    assert now.read(0, 0, "simple_nn") is None
    assert [path.name for path in tmp_path.iterdir()] == ["now"]


def test_the_key_names_data_settings_and_what_members_share(tmp_path, rows):
    index, matrix = rows.index, rows.matrix

    def key(settings=SETTINGS, train=TRAIN, factor=1.0, member="simple_nn"):
        block = BlockData("gemma", "m", matrix.shape[1], [matrix * np.float32(factor)])
        fuse(tmp_path, index, [block])
        return fits_key(tmp_path, member, settings, train)

    same = key()
    assert key() == same
    assert key(train=TRAIN.model_copy(update={"members": ("simple_nn", "boosted")})) == same
    others = {
        key(settings=SETTINGS.model_copy(update={"max_epochs": 5})),
        key(train=TRAIN.model_copy(update={"threads": 2})),
        key(factor=2.0),
        key(member="lexical"),
    }
    assert len(others | {same}) == 5


def test_a_members_folder_comes_back_and_refuses_other_rows(tmp_path, rows):
    checkpoints = Checkpoints(tmp_path / "checkpoints", "k")
    fit = cross_fit(rows, "simple_nn", SETTINGS, TRAIN, checkpoints)
    folder = tmp_path / "members" / "simple_nn"
    member_fits.write(folder, fit, checkpoints, rows.index, SETTINGS.seeds)
    back = member_fits.read(folder, rows.index)
    np.testing.assert_array_equal(back.log_prices, fit.log_prices)
    assert sorted(back.folders) == sorted(f"fold{fold}-seed{seed}" for fold in range(3) for seed in (0, 1))
    assert set(member_fits.all_epochs({"simple_nn": back})["member"]) == {"simple_nn"}
    with pytest.raises(InputError, match="not the predictions of today's rows"):
        member_fits.read(folder, rows.index.iloc[1:].reset_index(drop=True))
    with pytest.raises(InputError, match="member lexical is not fitted"):
        member_fits.read(folder.with_name("lexical"), rows.index)
    (tmp_path / "members" / "lexical").mkdir()
    member_fits.delete_others(tmp_path / "members", ["simple_nn"])
    assert [path.name for path in (tmp_path / "members").iterdir()] == ["simple_nn"]
