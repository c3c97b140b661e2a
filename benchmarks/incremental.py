"""What keyed rows cost: memory and time a row at 20,000 and at 200,000 products, and how much a change computes.

    PYTHONPATH=src python benchmarks/incremental.py

The encoder returns vectors at once, so that what is measured is reading, keys, the row mechanism and writing, as the
stage embed_gemma does them. Each step runs in a process of its own. Texts are synthetic, about 900 characters each.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from pricefuse.encoders import embed as embedding
from pricefuse.keys import row_key
from pricefuse.tables import refresh as rows

DIMENSION = 384
SCHEMA = pa.schema([("vector", pa.list_(pa.float32(), DIMENSION))])
STEPS = ("from nothing", "nothing changed", "1 % edited", "1 % appended", "1 % deleted", "reordered")


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
    print(f"peak memory at {arguments.large:,} products: {peaks[arguments.large] / peaks[arguments.small]:.2f} times")


def run(scratch: Path, name: str, count: int) -> int:
    """Run one step in a process of its own, print what it cost, and return its peak resident memory in bytes."""
    write_products(scratch / "products.parquet", name, count)
    command = [sys.executable, __file__, "--step", str(scratch / "products.parquet"), str(scratch / "out")]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - this file
    print(f"  {name:>16}: {found['computed']:>7,} computed, {found['microseconds']:.0f} microseconds a row")
    return found["peak"]


def write_products(path: Path, name: str, count: int) -> None:
    """Write the catalog of a step, always changed from the first one."""
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
    schema = pa.schema([("sample_id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(numbers), 5000):
            some = numbers[start : start + 5000].tolist()
            texts = [f"product {number} of the synthetic catalog, fine and fresh " * 17 for number in some]
            writer.write_table(pa.table([pa.array(map(str, some), pa.string()), texts], schema))


def step(products: Path, out: Path) -> None:
    def key(text: str) -> str:
        return row_key("benchmark", text)

    def compute(missing: np.ndarray) -> rows.Records:
        for positions in embedding.windows(missing):
            for position, text in zip(positions, embedding.texts_at(products, "text", positions), strict=True):
                yield position, {"vector": vectors[len(text) % len(vectors)]}

    vectors = np.random.default_rng(0).standard_normal((1000, DIMENSION), dtype=np.float32)
    start = time.perf_counter()
    ids, keys = embedding.column(products, "sample_id"), embedding.text_keys(products, "text", key)
    done = rows.refresh(out, ids, keys, compute, SCHEMA)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"computed": done.computed, "microseconds": 1e6 * seconds / done.total, "peak": peak}))


if __name__ == "__main__":
    main()
