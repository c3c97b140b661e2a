"""Compare the images a second of the download stage, img2dataset, and the seed's Pool(100), on a local server.

    python benchmarks/download.py --images /path/to/images --peer-python /path/to/peer/bin/python
    python benchmarks/download.py --images /path/to/images --memory

All fetch the same distinct links to the same images and convert them to JPEGs of the same shorter side and quality.
Every run is a fresh process with an empty folder, in turn, and the server shares the machine with all. Printed are the
median ratios over several rounds, with the range. "Work" is timed inside the process, without start-up and imports:

    pricefuse      from Download() to the durable parquet parts, checked and hashed, as stages/download.py has it
    img2dataset    from its first shard's start to its last shard's end as it reports them: without its processes' start
    the seed       pool_of_urlretrieve.py, then one file after the other decoded in full by Pillow, as its loop did
    the seed+      the same, but decoding by our `normalize`
    the seed++     the same, by one process a core

"Whole run" is the time of the process from the outside; "processor time" that of a whole run and all its children,
which other work on the machine disturbs least. img2dataset writes parquet with one process a core and 256 threads
each, the fastest of the settings tried; of its extras, hashes, EXIF and robots headers are switched off.

An image looks the same if it differs by at most 2 of 255 on average from one that was decoded in full, resampled at
once, and encoded alike.
"""

import argparse
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool, get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

import pandas as pd  # noqa: F401 - pyarrow would import it when it first meets text; the stage has it by then
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from reference_decoder import decoded_in_full, difference, plainly_scaled
from tqdm import tqdm

from pricefuse.download.downloader import ROWS_PER_PART, SCHEMA, Download
from pricefuse.download.local_files import LocalImages
from pricefuse.download.malloc import reuse_freed_memory
from pricefuse.download.settings import DownloadSettings
from pricefuse.images.normalize import ImageError, normalize
from pricefuse.keys import row_key
from pricefuse.tables import refresh as rows
from pricefuse.tables.parquet import iter_parts

MAX_PIXELS = 50_000_000
ALIKE = 2.0  # of 255
SETTINGS: dict[str, Any] = {
    "max_pixels": MAX_PIXELS,
    "max_bytes": 20_000_000,
    "connections": 32,
    "connections_per_host": 32,
    "requests_per_second_per_host": 10_000,
    "connect_timeout_s": 10,
    "read_timeout_s": 15,
    "deadline_s": 60,
    "retries": 3,
    "max_redirects": 5,
    "give_up_after": 20,
    "allowed_hosts": ("127.0.0.1",),
    "retry": "transient",
    "max_failed_share": 1.0,
}
SEED = [sys.executable, str(Path(__file__).with_name("pool_of_urlretrieve.py"))]
PEER = "import json, sys, img2dataset; img2dataset.download(**json.loads(sys.argv[1]))"
PEER_SETTINGS = {
    "input_format": "parquet",
    "resize_mode": "keep_ratio",
    "resize_only_if_bigger": True,
    "encode_format": "jpg",
    "output_format": "parquet",
    "thread_count": 256,
    "compute_hash": None,
    "extract_exif": False,
    "disallowed_header_directives": [],
    "enable_wandb": False,
}
NO_PEER = (
    "{}: img2dataset does not run there. Its dependencies are not ours, so make it an environment of its own:\n"
    "  python3.11 -m venv /tmp/peer && /tmp/peer/bin/pip install -r benchmarks/peers.txt\n"
    "and give --peer-python /tmp/peer/bin/python"
)


@dataclass(frozen=True)
class Job:
    links: list[str]
    side: int
    quality: int

    def normalize(self, data: bytes) -> bytes | None:
        try:
            return normalize(data, side=self.side, quality=self.quality, max_pixels=MAX_PIXELS).jpeg
        except ImageError:
            return None

    def plainly_scale(self, data: bytes) -> bytes | None:
        try:
            return plainly_scaled(data, self.side, self.quality)
        except OSError:
            return None


class Took(NamedTuple):
    """Seconds by what they are the time of; images that came out; bytes of memory at the peak."""

    seconds: dict[str, float]
    images: int
    memory: int = 0


def pricefuse(job: Job, folder: Path) -> Took:
    reuse_freed_memory()
    start = time.perf_counter()
    ids = [str(number) for number in range(len(job.links))]
    settings = DownloadSettings(side=job.side, jpeg_quality=job.quality, **SETTINGS)
    download = Download(ids, job.links, LocalImages(folder), settings)
    keys = [row_key(*download.determinants(position)) for position in range(len(ids))]
    report = rows.refresh(folder / "out", ids, keys, download.compute, SCHEMA, rows_per_part=ROWS_PER_PART)
    seconds = time.perf_counter() - start
    return Took({"work": seconds}, report.total - report.failed, getrusage(RUSAGE_SELF).ru_maxrss)


def img2dataset(job: Job, folder: Path, python: str) -> Took:
    cores = os.cpu_count() or 1
    pq.write_table(pa.table({"url": job.links}), folder / "links.parquet")
    settings = PEER_SETTINGS | {
        "url_list": str(folder / "links.parquet"),
        "output_folder": str(folder / "out"),
        "image_size": job.side,
        "encode_quality": job.quality,
        "processes_count": cores,
        "number_sample_per_shard": max(2, math.ceil(len(job.links) / cores)),
    }
    # albumentations would ask the network for a newer version of itself.
    environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1"}
    command = [python, "-c", PEER, json.dumps(settings)]
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603 - the user's own command
    shards = [json.loads(path.read_text()) for path in (folder / "out").glob("*_stats.json")]
    work = max(shard["end_time"] for shard in shards) - min(shard["start_time"] for shard in shards)
    return Took({"work": work}, sum(shard["successes"] for shard in shards))


def seed(job: Job, folder: Path, decode: str, decoders: int) -> Took:
    start = time.perf_counter()
    subprocess.run([*SEED, str(folder)], input="\n".join(job.links), text=True, check=True)  # noqa: S603 - our script
    with Pool(decoders) as pool:
        work = partial(_decode_file, decode=getattr(job, decode))
        made = sum(pool.imap_unordered(work, folder.iterdir(), chunksize=8))
    return Took({"work": time.perf_counter() - start}, made)


def _decode_file(path: Path, decode: Callable[[bytes], bytes | None]) -> bool:
    return decode(path.read_bytes()) is not None


def apart(way: Callable[..., Took], job: Job, *arguments: Any) -> Took:
    """Run a way in a fresh process and an empty folder; add the time of the whole run."""
    os.sync()  # or this way's flushes would wait for what the one before it wrote
    with tempfile.TemporaryDirectory(prefix="pricefuse-") as folder:
        start, before = time.perf_counter(), _processor_time()
        if way is img2dataset:  # starts a process itself
            took = way(job, Path(folder), *arguments)
        else:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
                took = process.submit(way, job, Path(folder), *arguments).result()
        outside = {"whole run": time.perf_counter() - start, "processor time": _processor_time() - before}
        return took._replace(seconds=took.seconds | outside)


def _processor_time() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(job: Job, python: str, rounds: int) -> None:
    ways: dict[str, tuple[Any, ...]] = {
        "pricefuse": (pricefuse,),
        "img2dataset": (img2dataset, python),
        "the seed": (seed, "plainly_scale", 1),
        "the seed+": (seed, "normalize", 1),
        "the seed++": (seed, "normalize", os.cpu_count()),
    }
    took: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in tqdm(range(rounds), disable=None):
        for name, (way, *arguments) in ways.items():
            took[name].append(apart(way, job, *arguments))
    print(f"{len(job.links):,} links, {rounds} rounds, {os.cpu_count()} cores: images a second of pricefuse")
    for name in list(ways)[1:]:
        for what in took[name][0].seconds:
            pairs = zip(took[name], took["pricefuse"], strict=True)
            ratios = [other.seconds[what] / mine.seconds[what] for other, mine in pairs]
            median = statistics.median(ratios)
            print(f"  {median:.2f} times those of {name} ({what}; {min(ratios):.2f} to {max(ratios):.2f})")
    images = ", ".join(f"{name} {min(run.images for run in runs):,}" for name, runs in took.items())
    print(f"  images that came out, at least: {images}")


def compare_looks(job: Job, images: Path, python: str) -> None:
    """Print how far our pictures are from full decoding, and from img2dataset's; `job` has every image once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pricefuse(job, folder)
        ours = {
            link: record["jpeg"]
            for part in iter_parts(folder / "out", ["sample_id", "jpeg"])
            for record in part.to_pylist()
            for link in [job.links[int(record["sample_id"])]]
        }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        img2dataset(job, folder, python)
        table = [row for path in sorted((folder / "out").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
        peer = {row["url"]: row["jpg"] for row in table if row["jpg"]}
    full, others = [], []
    for link, jpeg in ours.items():
        if jpeg is None:
            continue
        mine = Image.open(io.BytesIO(jpeg))
        reference = decoded_in_full((images / link.rsplit("/", 1)[1]).read_bytes(), mine.size, job.quality)
        full.append(difference(mine, reference))
        if link in peer:
            other = Image.open(io.BytesIO(peer[link]))
            if max(abs(a - b) for a, b in zip(mine.size, other.size, strict=True)) <= 1:  # it rounds otherwise
                others.append(difference(mine, other.resize(mine.size, Image.Resampling.BICUBIC)))
    alike = sum(value <= ALIKE for value in full)
    print(f"mean absolute difference, of 255, over {len(full)} images:")
    print(f"  to full decoding: median {statistics.median(full):.2f}, greatest {max(full):.2f}; {alike} within {ALIKE}")
    print(f"  to img2dataset's: median {statistics.median(others):.2f}, greatest {max(others):.2f} ({len(others)})")


def compare_memory(make: Callable[[int], Job], counts: list[int]) -> None:
    peaks = [apart(pricefuse, make(count)).memory for count in tqdm(counts, disable=None)]
    for count, peak in zip(counts[1:], peaks[1:], strict=True):
        print(f"peak memory with {count:,} images: {peak / peaks[0]:.2f} times that with {counts[0]:,}")


@contextmanager
def serving(images: Path) -> Iterator[str]:
    """Yield the address of a server for `images` in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("image_server.py")), str(images)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own script
        try:
            assert server.stdout
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def _has_img2dataset(python: str) -> bool:
    try:
        subprocess.run([python, "-c", "import img2dataset"], capture_output=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of image files, all of which are served")
    parser.add_argument("--peer-python", help=NO_PEER.format("an interpreter with img2dataset. Where none is"))
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--memory", action="store_true", help="only compare the peak memory of --counts")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 50_000])
    arguments = parser.parse_args()

    peer = arguments.peer_python or ""
    if not arguments.memory and not _has_img2dataset(peer):
        parser.error(NO_PEER.format(peer or "--peer-python is missing"))
    names = sorted(path.name for path in arguments.images.iterdir())
    with serving(arguments.images) as address:

        def make(count: int) -> Job:
            links = [f"{address}/{number}/{names[number % len(names)]}" for number in range(count)]
            return Job(links, arguments.side, arguments.quality)

        if arguments.memory:
            compare_memory(make, arguments.counts)
            return
        compare_looks(make(len(names)), arguments.images, peer)
        compare(make(arguments.requests), peer, arguments.rounds)


if __name__ == "__main__":
    main()
