"""What `make repro` says before it runs the pipeline."""

import subprocess

from pricefuse.pipeline.preflight import require_data, restore_torn_lock

import pytest
import yaml
from locked import LOCK, params, with_remote
from paths import ROOT

from pricefuse.errors import InputError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".dvc").mkdir()
    for command in ("init -q", "add dvc.lock"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("length", [0, 1, 20, 200, 400])
def test_a_torn_lock_is_restored(folder, length):
    lock = folder / "dvc.lock"
    lock.write_text(LOCK[:length])
    assert "Restored git's version" in restore_torn_lock(lock)
    assert lock.read_text() == LOCK


def test_every_torn_lock_that_dvc_refuses_is_found_and_no_other(folder):
    from dvc.dvcfile import Lockfile
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    subprocess.run(["dvc", "init", "-q", "--force"], cwd=folder, check=True, capture_output=True)
    lock = folder / "dvc.lock"
    lock_file = Lockfile(Repo(str(folder)), str(lock))
    for length in range(0, len(LOCK), 7):
        lock.write_text(LOCK[:length])
        try:
            lock_file.load()
        except DvcException:
            refused = True
        else:
            refused = False
        assert (restore_torn_lock(lock) is not None) == refused, LOCK[:length]


def test_a_whole_lock_and_a_missing_one_stay(folder):
    assert restore_torn_lock(folder / "dvc.lock") is None
    assert restore_torn_lock(folder / "demo/dvc.lock") is None


def test_a_torn_lock_that_git_does_not_have_is_to_be_removed(tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nsta")
    with pytest.raises(InputError, match="is torn.* Remove it"):
        restore_torn_lock(tmp_path / "dvc.lock")
    assert (tmp_path / "dvc.lock").read_text() == "schema: '2.0'\nsta"


def test_a_merges_conflicts_are_not_overwritten(folder):
    conflict = f"<<<<<<< HEAD\n{LOCK}=======\n{LOCK}>>>>>>> theirs\n"
    (folder / "dvc.lock").write_text(conflict)
    with pytest.raises(InputError, match="a merge's conflicts.*git checkout --theirs"):
        restore_torn_lock(folder / "dvc.lock")
    assert (folder / "dvc.lock").read_text() == conflict


def test_a_catalog_that_is_still_to_be_pulled_is_named(folder):
    (folder / "data/raw").mkdir(parents=True)
    (folder / "data/raw/mine.dvc").touch()
    with pytest.raises(InputError, match=r"`dvc pull .*mine.dvc` fetches it. No remote is set up here: `make remote"):
        require_data(params(catalog="mine"), folder)
    with_remote(folder)
    with pytest.raises(InputError, match=r"`dvc pull .*mine.dvc` fetches it$"):
        require_data(params(catalog="mine"), folder)
    require_data(params(catalog="demo"), folder)


def test_the_committed_lock_can_be_read():
    assert restore_torn_lock(ROOT / "dvc.lock") is None
    assert yaml.safe_load((ROOT / "dvc.lock").read_text())["schema"] == "2.0"
