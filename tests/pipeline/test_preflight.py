"""What `make repro` says before it runs the pipeline."""

import subprocess

from pricefuse.pipeline.params import read_params
from pricefuse.pipeline.preflight import has_remote, require_data, restore_torn_lock, what_takes_long

import pytest
import yaml
from paths import ROOT

from pricefuse.errors import InputError

LOCK = """schema: '2.0'
stages:
  clean:
    cmd: python stages/clean.py
    deps:
    - path: data/raw/demo
      hash: md5
      md5: 2b00042f7481c7b056c4b410d28f33cf.dir
      size: 5
      nfiles: 1
    outs:
    - path: data/clean/products.parquet
      hash: md5
      md5: d41d8cd98f00b204e9800998ecf8427e
      size: 0
  embed_gemma:
    cmd: python stages/embed_gemma.py
    params:
      params.yaml:
        embed_gemma.model: packaged:all-MiniLM-L6-v2
"""
DATA = ("data/embeddings/gemma", "data/embeddings/clip_text")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".dvc").mkdir()
    for command in ("init -q", "add dvc.lock"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    return tmp_path


def params(**changes):
    return read_params(ROOT / "params.yaml").model_copy(update=changes)


def with_remote(folder):
    (folder / ".dvc/config.local").write_text("['remote \"team\"']\n    url = /shared\n")


def with_outputs(folder):
    for name in DATA:
        (folder / name).mkdir(parents=True)


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
    with pytest.raises(
        InputError, match=r"`dvc pull .*mine.dvc` fetches it. No remote is set up here: `dvc remote add"
    ):
        require_data(params(catalog="mine"), folder)
    with_remote(folder)
    with pytest.raises(InputError, match=r"`dvc pull .*mine.dvc` fetches it$"):
        require_data(params(catalog="mine"), folder)
    require_data(params(catalog="demo"), folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[core]\n    analytics = false\n", False),
        ("['remote \"team\"']\n    url = s3://b/%C3\n", True),
        ("[", False),
    ],
)
def test_a_remote_is_found_in_the_configuration(tmp_path, text, expected):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(text)
    assert has_remote(tmp_path) is expected


def test_the_first_run_says_what_takes_long_and_later_ones_do_not(folder):
    line, _ = what_takes_long(params(), folder)
    assert "First run on catalog demo" in line
    with_remote(folder)
    line, _ = what_takes_long(params(), folder)
    assert "`dvc pull` fetches it" in line
    with_outputs(folder)
    assert what_takes_long(params(), folder) == []
    line, _ = what_takes_long(params(catalog="mine"), folder)
    assert "First run on catalog mine" in line
    (folder / "dvc.lock").unlink()
    line, _ = what_takes_long(params(), folder)
    assert "First run" in line


def test_another_encoder_is_named(folder):
    with_outputs(folder)
    encoder = params().embed_gemma.model_copy(update={"model": "google/embeddinggemma-300m"})
    (line,) = what_takes_long(params(embed_gemma=encoder), folder)
    assert "embed_gemma has another model, google/embeddinggemma-300m (fetched once, from its hub)" in line


def test_the_committed_lock_can_be_read():
    assert restore_torn_lock(ROOT / "dvc.lock") is None
    assert yaml.safe_load((ROOT / "dvc.lock").read_text())["schema"] == "2.0"
