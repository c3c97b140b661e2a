"""The fused features: what stands where, and what is refused, of whatever is left of them."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pricefuse import resources
from pricefuse.errors import InputError
from pricefuse.features import fuse as fuse_module
from pricefuse.features import ngrams as ngrams_module
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams

INDEX = pd.DataFrame(
    {"sample_id": list("abcde"), "price": [1.0, 2, 3, 4, 5], "group": [0, 1, 2, 3, 4], "fold": [0, 1, 0, 1, 0]}
)
TEXTS = ["honey", "rice", "tea", "soup", "honey"]


def count(texts):
    return count_ngrams({"name": texts, "text": texts}, 10)


def blocks(chunk):
    left, right = np.arange(10, dtype=np.float32).reshape(5, 2), np.array([[7], [np.nan], [9], [1], [2]], np.float32)
    return [
        BlockData("gemma", "m@1", 2, [left[i : i + chunk] for i in range(0, 5, chunk)]),
        BlockData("mask", "has", 1, [right]),
    ], np.hstack([left, right])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_features_that_do_not_fit_the_disk_are_refused_with_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr(resources.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    index = pd.DataFrame({"sample_id": np.arange(150_000).astype(str)})
    blocks = [BlockData("gemma", "r", 2304, iter(()))]
    with pytest.raises(
        InputError, match="150,000 rows of 2,304 features: needs some 1.4 GB of disk, but 1.0 GB is free"
    ):
        fuse(tmp_path / "train", index, blocks)
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize("window", [1, 2, 3, 1024])
@pytest.mark.parametrize("chunk", [1, 2, 3, 5])
def test_blocks_stand_side_by_side_whatever_the_pieces_they_come_in(tmp_path, monkeypatch, chunk, window):
    monkeypatch.setattr(fuse_module, "WINDOW_ROWS", window)
    data, whole = blocks(chunk)
    counted = count(TEXTS)
    parts = [counted[start : start + chunk] for start in range(0, 5, chunk)]
    layout = fuse(tmp_path, INDEX, data, parts, ["x"])
    features = Features.load(tmp_path, training=True)
    np.testing.assert_array_equal(features.matrix, whole)
    assert isinstance(features.matrix, np.memmap)
    assert [(block.name, block.start, block.stop, block.recipe) for block in features.blocks] == [
        ("gemma", 0, 2, "m@1"),
        ("mask", 2, 3, "has"),
    ]
    assert features.blocks == layout
    pd.testing.assert_frame_equal(features.index, INDEX)
    np.testing.assert_array_equal(features.ngrams.toarray(), counted.toarray())
    assert features.attributes == ("x",)
    np.save(tmp_path / "expected.npy", whole)
    assert (tmp_path / "features.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_equal_rows_give_equal_files_whatever_the_pieces_they_come_in(tmp_path):
    for chunk in (1, 5):
        fuse(tmp_path / str(chunk), INDEX, blocks(chunk)[0], [count(TEXTS[:2]), count(TEXTS[2:])])
    assert contents(tmp_path / "1") == contents(tmp_path / "5")
    assert len(contents(tmp_path / "1")) == 6


def test_no_rows_are_features_too(tmp_path):
    data = [BlockData("gemma", "m@1", 2, [])]
    fuse(tmp_path, INDEX[:0], data, [count([])])
    features = Features.load(tmp_path)
    assert (features.matrix.shape, features.ngrams.shape) == ((0, 2), (0, 3 << 10))


@pytest.mark.parametrize("rows", [0, 2, 6])
def test_a_block_with_another_number_of_rows_is_refused_and_no_features_are_left(tmp_path, rows):
    fuse(tmp_path, INDEX, blocks(5)[0])
    with pytest.raises(InputError, match=f"block x has {rows} rows where there are 5 products"):
        fuse(tmp_path, INDEX, [*blocks(5)[0], BlockData("x", "s", 1, [np.ones((rows, 1), np.float32)])])
    with pytest.raises(InputError, match=r"layout\.json: no such file"):
        Features.load(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", ["features.npy", "index.parquet", "ngrams/data.npy", "ngrams/indices.npy"])
def test_a_number_that_changed_on_disk_is_found_before_anything_is_parsed(tmp_path, name):
    fuse(tmp_path, INDEX, blocks(5)[0], [count(TEXTS)])
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: not as it was written .* Run `dvc repro fuse`, or `dvc pull`"):
        Features.load(tmp_path)


def test_a_layout_of_another_version_or_with_another_name_in_it_is_refused(tmp_path):
    fuse(tmp_path, INDEX, blocks(5)[0], attributes=["x"])
    path = tmp_path / "layout.json"
    content = json.loads(path.read_text())
    for other in ({**content, "attributes": ["y"]}, {k: v for k, v in content.items() if k != "digest"}):
        path.write_text(json.dumps(other))
        with pytest.raises(InputError, match=r"layout\.json: not as it was written: .* or another version's"):
            Features.load(tmp_path)


def test_more_counts_than_32_bits_number_are_written_with_64(tmp_path, monkeypatch):
    counted = count(TEXTS)
    for limit, expected in ((counted.nnz, np.int32), (counted.nnz - 1, np.int64)):
        monkeypatch.setattr(ngrams_module, "MAX_INT32", limit)
        folder = tmp_path / expected.__name__
        fuse(folder, INDEX, blocks(5)[0], [counted[:2], counted[2:]])
        ngrams = Features.load(folder).ngrams
        assert ngrams.indices.dtype == ngrams.indptr.dtype == expected
        np.testing.assert_array_equal(ngrams.toarray(), counted.toarray())
        assert not list(folder.rglob("*.tmp*"))


GROWTH = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd
from pricefuse.features.fuse import BlockData, fuse
from pricefuse.features.ngrams import count_ngrams

def write(rows):
    index = pd.DataFrame({"sample_id": [str(row) for row in range(rows)]})
    texts = [f"tea no {row} of many" for row in range(1000)]
    counted = count_ngrams({"name": texts, "text": texts}, 10)
    chunks = (np.ones((1000, 1000), np.float32) for _ in range(rows // 1000))
    fuse(Path(sys.argv[1]), index, [BlockData("x", "r", 1000, chunks)], (counted for _ in range(rows // 1000)))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

few = write(2000)
print(write(40_000) - few)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path):
    done = subprocess.run([sys.executable, "-c", GROWTH, tmp_path], capture_output=True, text=True, check=True)
    assert (tmp_path / "features.npy").stat().st_size > 150 * 2**20
    assert float(done.stdout) < 30  # MiB
