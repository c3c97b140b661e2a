"""A disk that fills while stages write: one clear line, exit status 1, and nothing half-written in a file's place."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from damage_runs import command_line, files
from paths import ROOT

WRITE_FEATURES = """
import sys
from pathlib import Path
from pricefuse.pipeline import stage
from priced import catalog
from pricefuse.features.fuse import BlockData, fuse
rows = catalog(rows=160)
blocks = [BlockData(b.name, b.recipe, b.width, [rows.matrix[:, b.start : b.stop]]) for b in rows.blocks]
stage.run(lambda: fuse(Path(sys.argv[1]), rows.index, blocks, [rows.ngrams[:99], rows.ngrams[99:]], rows.attributes))
"""


def run(limit, *command, cwd):
    """Run Python with a limit on the size of files, in bytes: what is over it fails like a full disk."""
    path = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests/support")))
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env={**os.environ, "PYTHONPATH": path}, text=True,
        capture_output=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip


def require_one_line(done):
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: no space left on the disk or within its limits ("), done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """Return the size of each file of some features."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(resource.RLIM_INFINITY, "-c", WRITE_FEATURES, folder, cwd=folder).returncode == 0
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["features.npy", "index.parquet", "ngrams/indices.npy", "ngrams/data.npy"])
def test_features_that_do_not_fit_the_disk_are_one_line_and_no_features(tmp_path, sizes, name):
    done = run(sizes[name] - 1, "-c", WRITE_FEATURES, tmp_path, cwd=tmp_path)
    require_one_line(done)
    assert not (tmp_path / "layout.json").exists()
    assert not list(tmp_path.rglob("*.tmp"))
    assert all(path.stat().st_size == sizes[path.relative_to(tmp_path).as_posix()] for path in files(tmp_path))


@pytest.mark.slow
def test_fits_and_a_model_that_do_not_fit_the_disk_are_one_line(small_workspace):
    train = ("--features", "data/fused/train", "--checkpoints", "tmp/again", "--out", "models/members/lexical")
    largest = max(path.stat().st_size for path in files(Path("models/members/lexical")) if path.suffix != ".csv")
    require_one_line(run(largest // 2, ROOT / "stages/train.py", *train, cwd=small_workspace))
    require_one_line(run(100, ROOT / "stages/ensemble.py", *command_line("ensemble"), cwd=small_workspace))
    assert not [path for folder in ("models", "data") for path in Path(folder).rglob("*.tmp")]
