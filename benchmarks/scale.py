"""What each stage costs as a catalog grows: wall seconds, CPU seconds, peak memory and disk, and how fast they grow.

    python benchmarks/scale.py [--rows 5000 20000 75000] [--width 2304] [--stages clean fuse train ...]
    python benchmarks/scale.py --rows 20000 20000+180000 --stages clean fuse train ensemble predict

A size is the number of training rows, with as many rows to be priced, or both as TRAIN+TEST. The catalog is synthetic
(benchmarks/scale_catalog.py), and random vectors stand where the encoders would put theirs, of equal length for each of
the three embeddings; 2 % of the images are missing. All else is the pipeline's own: its stage scripts, its params.yaml
(--set lexical.width=32 changes a value), each in a process of its own. The exponent says how a figure grows from the
first size to the last: 1 is in proportion to the rows.
"""

import argparse
import hashlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from scale_catalog import write_catalog
from tqdm import tqdm

from pricefuse.encoders import embed
from pricefuse.images.perceptual_hash import HASH_BYTES
from pricefuse.keys import row_key
from pricefuse.tables.parquet import iter_column
from pricefuse.tables.refresh import Records, refresh

ROOT = Path(__file__).resolve().parents[1]
EMBEDDINGS = ("gemma", "clip_text", "clip_image")
STAGES = ("clean", "fuse", "train", "ensemble", "evaluate", "predict")
MISSING_IMAGES = 0.02
OUTPUTS = {
    "clean": ("data/clean",),
    "fuse": ("data/fused",),
    "train": ("models/members",),
    "ensemble": ("models/price_model",),
    "evaluate": ("metrics",),
    "predict": ("data/predictions",),
}


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, peak resident memory of the largest process and size of the outputs, both in MB."""

    wall: float
    cpu: float
    peak: float
    disk: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", default=["5000", "20000", "75000"])
    parser.add_argument("--width", type=int, default=2304, help="of the three embeddings together")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="parameters to change")
    parser.add_argument("--folder", type=Path, help="where to work, and to keep what was made")
    given = parser.parse_args()
    scratch = given.folder or Path(mkdtemp(prefix="pricefuse-scale-"))
    costs: dict[str, dict[str, Cost]] = {}
    try:
        for size in given.rows:
            train, test = _rows(size)
            print(
                f"{train:,} training rows and {test:,} to be priced, {given.width:,} numbers of embeddings", flush=True
            )
            folder = scratch / size
            _prepare(folder, train, test, given.set)
            costs[size] = dict(_run(folder, given.stages, given.width))
    finally:
        if given.folder is None:
            shutil.rmtree(scratch)
    _print_growth(costs, given.rows)


def _rows(size: str) -> tuple[int, int]:
    train, _, test = size.partition("+")
    return int(train), int(test or train)


def _prepare(folder: Path, train: int, test: int, changes: Sequence[str]) -> None:
    """Write params.yaml and the catalog, unless an earlier run with --folder left them."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["catalog"] = "scale"
    for change in changes:
        path, _, value = change.partition("=")
        section, _, key = path.rpartition(".")
        (params[section] if section else params)[key] = yaml.safe_load(value)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    if not (folder / "data/raw/scale/test.csv").exists():
        write_catalog(folder / "data/raw/scale", train, test)


def _run(folder: Path, stages: Sequence[str], width: int) -> Iterator[tuple[str, Cost]]:
    dvc = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    for stage in stages:
        if stage == "fuse" and not (folder / "data/embeddings/clip.json").exists():
            _write_vectors(folder, width)
        if stage == "evaluate":
            (folder / "data/images.json").write_text("{}", encoding="utf-8")
        for member in params["train"]["members"] if stage == "train" else [""]:
            name = f"{stage} {member}".strip()
            command = dvc[stage]["cmd"].replace("${catalog}", "scale").replace("${item.member}", member)
            cost = _measure(command, folder, [folder / output for output in OUTPUTS[stage]])
            print(f"  {name:>16}: {cost.wall:7,.0f} s, {cost.cpu:7,.0f} s of CPU, {cost.peak:7,.0f} MB peak,"
                  f" {cost.disk:7,.1f} MB on disk", flush=True)  # fmt: skip
            yield name, cost


def _measure(command: str, folder: Path, outputs: Sequence[Path]) -> Cost:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - a stage of this checkout
        [sys.executable, str(ROOT / command.split()[1]), *command.split()[2:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}: exit status {os.waitstatus_to_exitcode(status)}")
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    files = [path for output in outputs for path in output.rglob("*") if path.is_file()]
    return Cost(wall, cpu, usage.ru_maxrss / 1024, sum(path.stat().st_size for path in files) / 1e6)


def _write_vectors(folder: Path, width: int) -> None:
    """Write the tables and cards of the embedding stages, with random vectors, and the pictures' hashes."""
    products, embeddings = folder / "data/clean/products.parquet", folder / "data/embeddings"
    ids, dimension = embed.column(products, "sample_id"), width // len(EMBEDDINGS)
    schema = pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), dimension))])
    for number, name in enumerate(tqdm(EMBEDDINGS, desc="vectors", disable=None)):
        column, missing = ("image_link", MISSING_IMAGES) if name == "clip_image" else ("text", 0.0)
        keys = [row_key(name, text) for part in iter_column(products, column) for text in part.to_pylist()]
        compute = partial(_random_records, np.random.default_rng(number), dimension, missing)
        refresh(embeddings / name, ids, keys, compute, schema)
    links = [link for part in iter_column(products, "image_link") for link in part.to_pylist()]
    hashes = [hashlib.sha256(link.encode()).digest() for link in links]
    table = {
        "sample_id": ids,
        "sha256": [each.hex() for each in hashes],
        "phash": pa.array(hashes, pa.binary(HASH_BYTES)),
    }
    pq.write_table(pa.table(table), folder / "data/image_hashes.parquet")
    for name in ("gemma", "clip"):
        card = {"model": "random", "revision": None, "license": "none", "parameters": 0}
        card |= {"recipe": "random", "dimension": dimension}
        (embeddings / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")


def _random_records(rng: np.random.Generator, dimension: int, missing_share: float, missing: np.ndarray) -> Records:
    for row in missing.tolist():
        vector = rng.standard_normal(dimension, dtype=np.float32)
        vector = None if rng.random() < missing_share else vector / np.linalg.norm(vector)
        yield row, {"has_image": vector is not None, "vector": vector}


def _print_growth(costs: dict[str, dict[str, Cost]], sizes: Sequence[str]) -> None:
    first, last = sizes[0], sizes[-1]
    rows = sum(_rows(last)) / sum(_rows(first))
    if rows == 1:
        return
    print(f"from {first} to {last}, {rows:.1f} times the rows:")
    for name, small in costs[first].items():
        large = costs[last][name]
        exponent = math.log(large.cpu / small.cpu) / math.log(rows)
        print(f"  {name:>16}: CPU {large.cpu / small.cpu:5.1f} times (exponent {exponent:.2f}),"
              f" peak memory {large.peak / small.peak:4.2f} times")  # fmt: skip


if __name__ == "__main__":
    main()
