"""What workers cost and gain: overhead a row, two processes on two cores, and the time to replace a dead worker.

    python benchmarks/workers.py                          without Ray, where that is not installed
    python benchmarks/workers.py --products data/clean/products.parquet --texts 1000

Overhead: a table of rows whose work answers at once, by each kind of workers, less the time of the same table in this
process; most of it is what carries blocks and records. Replacement: from the death of a worker in the middle of a table
to the next record of its block. Devices: the rate of four workers to that of one, where a device would have 2,000 rows
a second and the worker sleeps meanwhile: what is measured is whether blocks and records travel fast enough. Speed-up:
the text encoder of params.yaml on the texts of `--products`, in this process and in two with half of its CPU threads
each, and with as many, and whether the tables are equal. The cluster has a head and two nodes, all on this machine.
Printed are medians over rounds, with the least and the most.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

# Read when Ray is imported: all of it on the loopback address, and no reports to its makers.
os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])

from pricefuse.pipeline.params import read_params

import numpy as np
import pyarrow as pa
from instant_work import DIMENSION, BuildInstantWork
from tqdm import tqdm

from pricefuse.encoders import embed
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.keys import row_key
from pricefuse.resources import available_cores
from pricefuse.tables.refresh import refresh
from pricefuse.workers.block import Block
from pricefuse.workers.records import own_threads, records
from pricefuse.workers.settings import WorkersSettings

TEXT = "a listing of some three hundred characters, " * 7
SCHEMA = pa.schema([("content", pa.string()), ("vector", pa.list_(pa.float32(), DIMENSION))])
BLOCK = embed.TEXTS_A_BLOCK
DEVICE_ROWS_A_S = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--products", type=Path, default=Path("data/clean/products.parquet"))
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    settings = read_params(Path("params.yaml")).workers
    kinds = {name: settings.model_copy(update={"kind": name, "count": 2}) for name in ("here", "processes")}
    with cluster() as address:
        if address is not None:
            kinds["ray"] = settings.model_copy(update={"kind": "ray", "count": 2, "address": address})
        overhead(kinds, arguments.rows, arguments.rounds)
        replacement(kinds, arguments.rounds)
        devices(settings)
    speed_up(kinds, arguments.products, arguments.texts, arguments.rounds)


@contextmanager
def cluster() -> Iterator[str | None]:
    try:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - it is optional
    except ImportError:
        print("Ray is not installed: without it")
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        os.environ["HOME"] = folder
        node = {"node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": 300 * 2**20}
        there = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "temp_dir": folder, **node})
        try:
            for _ in range(2):
                there.add_node(num_cpus=1, **node)
            there.wait_for_nodes()
            yield there.address
        finally:
            there.shutdown()


def overhead(kinds: dict[str, WorkersSettings], rows: int, rounds: int) -> None:
    ids = [str(number) for number in range(rows)]
    keys = [row_key(number) for number in ids]
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in tqdm(range(rounds), desc="overhead", disable=None):
        for name, settings in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                compute = Timed(settings, BuildInstantWork())
                refresh(Path(folder), ids, keys, compute, SCHEMA, rows_per_part=20_000)
                found[name].append(compute.seconds / (rows - compute.before) * 1e6)
    print(f"{rows:,} rows, vectors of {DIMENSION}, texts of {len(TEXT)} characters, {available_cores()} cores:")
    for name, each in found.items():
        extra = [value - base for value, base in zip(each, found["here"], strict=True)]
        print(f"  {name:10} {shown(each)} microseconds a row, {statistics.median(extra):.0f} more than here")


class Timed:
    """Compute, timed from the first record on: before it, workers start, once and not a row."""

    def __init__(self, settings: WorkersSettings, build: BuildInstantWork) -> None:
        self._settings, self._build = settings, build
        self.seconds, self.before = 0.0, 0

    def __call__(self, missing: np.ndarray) -> Iterator[tuple[int, dict]]:
        started = None
        for each in records(self._settings, blocks(missing), self._build, self._build, title="rows"):
            if started is None:
                started = time.perf_counter()
            yield each
        self.seconds = time.perf_counter() - started


def blocks(missing: np.ndarray, killing: int = -1) -> Iterator[Block]:
    for number, start in enumerate(range(0, len(missing), BLOCK)):
        positions = missing[start : start + BLOCK].tolist()
        texts = [*([TEXT] * (len(positions) - 1)), "kill" if number == killing else TEXT]
        yield Block(positions, texts, frozenset(positions))


def replacement(kinds: dict[str, WorkersSettings], rounds: int) -> None:
    missing = np.arange(20 * BLOCK)
    for name, settings in kinds.items():
        if name == "here":
            continue
        found = []
        for _ in tqdm(range(rounds), desc=f"replacement, {name}", disable=None):
            with tempfile.TemporaryDirectory() as folder:
                mark = Path(folder, "mark")
                build = BuildInstantWork(mark)
                lost = {*missing[8 * BLOCK : 9 * BLOCK].tolist()}
                for position, _ in records(settings, blocks(missing, 8), build, build, title="rows"):
                    if position in lost:
                        found.append(time.time() - mark.stat().st_mtime)
                        break
        print(f"  {name}: a dead worker is replaced within {shown(found)} s; a model's loading comes to it")


def devices(settings: WorkersSettings) -> None:
    missing, build = np.arange(33 * BLOCK), BuildInstantWork(row_s=1 / DEVICE_ROWS_A_S)
    rates = []
    for count in (1, 4):
        processes = settings.model_copy(update={"kind": "processes", "count": count})
        at = [time.perf_counter() for _ in records(processes, blocks(missing), build, build, title="rows")]
        first, last = count * BLOCK, len(at) - count * BLOCK  # all are busy in between
        rates.append((last - first) / (at[last] - at[first]))
    print(f"  four devices of {DEVICE_ROWS_A_S:,} rows a second: {rates[1] / rates[0]:.2f} times the rate of one")


def speed_up(kinds: dict[str, WorkersSettings], products: Path, texts: int, rounds: int) -> None:
    encoder = TextEncoder(read_params(Path("params.yaml")).embed_gemma)
    ids = embed.column(products, "sample_id")[:texts]
    keys = embed.text_keys(products, "text", encoder.key)[:texts]
    embed.TEXTS_A_BLOCK = 128  # enough blocks for two, with so few texts
    half = max(1, own_threads() // 2)
    runs = {
        "here": kinds["here"],
        f"two processes of {half}": kinds["processes"].model_copy(update={"threads": half}),
        f"two processes of {own_threads()}": kinds["processes"],
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    tables: dict[str, dict[str, bytes]] = {}
    for _ in tqdm(range(rounds), desc="speed-up", disable=None):
        for name, settings in runs.items():
            with tempfile.TemporaryDirectory() as folder:
                compute = FirstLast(partial(embed.text_records, encoder, products, Path(folder), settings))
                refresh(Path(folder), ids, keys, compute, encoder.schema, in_batches=True)
                found[name].append(compute.rate)
                tables[name] = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    print(f"{encoder.settings.model}, {len(ids):,} texts, {own_threads()} CPU threads here:")
    for name in list(runs)[1:]:
        ratios = [rate / base for rate, base in zip(found[name], found["here"], strict=True)]
        same = "the same bytes" if tables[name] == tables["here"] else "OTHER BYTES"
        print(f"  {name} CPU threads each: {shown(ratios)} times the texts a second of here, {same}")


class FirstLast:
    """Compute, whose rate is that of the records after the first ones: before them, models are loaded."""

    def __init__(self, compute: partial) -> None:
        self._compute, self.rate = compute, 0.0

    def __call__(self, missing: np.ndarray, together: np.ndarray) -> Iterator[tuple[int, dict]]:
        at: list[float] = []
        for each in self._compute(missing, together):
            at.append(time.perf_counter())
            yield each
        skipped = len(at) // 5
        self.rate = (len(at) - skipped) / (at[-1] - at[skipped])


def shown(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
