"""Measure what keyed rows cost: memory and time a row at 20,000 and at 200,000 products, and what a change computes.

    python benchmarks/incremental.py

The encoder returns vectors at once, so that reading, keys, the row mechanism and writing are measured, as the stage
embed_gemma does them: products.parquet is what stages/clean.py wrote, and texts are read in its windows. Each step runs
in a process of its own. Texts are synthetic, about 900 characters each. In the end, two ratios: looking up a window's
keys among a million earlier ones, and reading all windows of the large catalog.
"""

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from pricefuse.encoders import embed
from pricefuse.keys import row_key
from pricefuse.tables.index import RecordIndex
from pricefuse.tables.parquet import ID_FIELDS, part_path, write_part
from pricefuse.tables.refresh import Records, refresh

ROOT = Path(__file__).resolve().parents[1]
DIMENSION = 384
SCHEMA = pa.schema([("vector", pa.list_(pa.float32(), DIMENSION))])
STEPS = ("from nothing", "nothing changed", "1 % edited", "1 % appended", "1 % deleted", "reordered")
INDEXED_ROWS = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=20_000)
    parser.add_argument("--large", type=int, default=200_000)
    parser.add_argument("--step", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(*arguments.step)
        return
    peaks = {}
    for count in (arguments.small, arguments.large):
        print(f"{count:,} products")
        with TemporaryDirectory(prefix="pricefuse-") as scratch:
            peaks[count] = max(run(Path(scratch), name, count) for name in tqdm(STEPS, disable=None))
            if count == arguments.large:
                compare_reading(Path(scratch) / "products.parquet", count)
    print(f"peak memory at {arguments.large:,} products: {peaks[arguments.large] / peaks[arguments.small]:.2f} times")
    compare_lookups()


def run(scratch: Path, name: str, count: int) -> int:
    """Run one step in a process of its own, print what it cost, and return its peak resident memory in bytes."""
    write_products(scratch, name, count)
    command = [sys.executable, __file__, "--step", str(scratch / "products.parquet"), str(scratch / "out")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - this file
    print(f"  {name:>16}: {found['computed']:>7,} computed, {found['microseconds']:.0f} microseconds a row")
    return found["peak"]


def write_products(folder: Path, name: str, count: int) -> None:
    """Write the catalog of a step, always changed from the first one, and run the clean stage on it."""
    numbers = np.arange(count)
    hundredth = count // 100
    if name == "1 % edited":
        numbers[::100] += 10 * count
    elif name == "1 % appended":
        numbers = np.append(numbers, np.arange(hundredth) + 20 * count)
    elif name == "1 % deleted":
        numbers = numbers[hundredth:]
    elif name == "reordered":
        numbers = np.random.default_rng(0).permutation(numbers)
    rows = (
        (number, f"product {number} of the synthetic catalog, fine and fresh " * 17, "", 1)
        for number in numbers.tolist()
    )
    columns = ("sample_id", "catalog_content", "image_link", "price")
    for split, length, width in (("train", len(numbers) - 1, 4), ("test", 1, 3)):
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns[:width])
            writer.writerows(next(rows)[:width] for _ in range(length))
    paths = {"catalog": folder, "products": folder / "products.parquet", "attributes": folder / "attributes.parquet"}
    arguments = [part for option, path in paths.items() for part in (f"--{option}", str(path))]
    subprocess.run(  # noqa: S603 - the stage of this checkout
        [sys.executable, str(ROOT / "stages" / "clean.py"), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
    )


def step(products: Path, out: Path) -> None:
    def key(text: str) -> str:
        return row_key("benchmark", text)

    def compute(missing: np.ndarray) -> Records:
        for positions, texts in embed.text_windows(products, "text", missing):
            for position, text in zip(positions, texts, strict=True):
                yield position, {"vector": vectors[len(text) % len(vectors)]}

    vectors = np.random.default_rng(0).standard_normal((1000, DIMENSION), dtype=np.float32)
    start = time.perf_counter()
    ids, keys = embed.column(products, "sample_id"), embed.text_keys(products, "text", key)
    done = refresh(out, ids, keys, compute, SCHEMA)
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"computed": done.computed, "microseconds": 1e6 * taken / done.total, "peak": peak}))


def compare_reading(products: Path, count: int) -> None:
    """Print how much faster one pass reads all windows than a pass for each."""
    positions = np.arange(count)

    def each() -> Iterator[embed.TextWindow]:
        for start in range(0, count, embed.TEXTS_A_BLOCK):
            yield from embed.text_windows(products, "text", positions[start : start + embed.TEXTS_A_BLOCK])

    def all_windows() -> int:
        return sum(1 for _ in embed.text_windows(products, "text", positions))

    ratios = [seconds(lambda: sum(1 for _ in each())) / seconds(all_windows) for _ in range(3)]
    print(f"  one pass over all windows: {spread(ratios)} times as fast as opening the file for each")


def compare_lookups() -> None:
    """Print how much faster the index finds the keys of a window than Arrow's lookup, which hashes all keys anew."""
    keys = [row_key(number) for number in range(INDEXED_ROWS)]
    asked = pa.array(np.random.default_rng(0).choice(keys, embed.TEXTS_A_BLOCK))
    schema = pa.schema(ID_FIELDS)
    with TemporaryDirectory(prefix="pricefuse-") as folder:
        for number in range(4):
            some = keys[number::4]
            write_part(pa.table([some, some], schema), part_path(Path(folder), number))
        index = RecordIndex(Path(folder), schema)
    build = seconds(lambda: index.find(asked))
    ratios = [
        seconds(lambda: pc.index_in(asked, value_set=index.keys)) / seconds(lambda: index.find(asked)) for _ in range(9)
    ]
    print(f"a window's keys among {INDEXED_ROWS:,}: found {spread(ratios)} times as fast as by hashing all keys anew")
    first = seconds(lambda: pc.index_in(asked, value_set=index.keys)) / build
    print(f"  the first window, which sorts the keys: {first:.2f} times")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


if __name__ == "__main__":
    main()
