"""Images that workers fetch and decode: the same table, within the same limits."""

import csv
import os
import time
from collections import Counter
from itertools import islice
from types import SimpleNamespace

import psutil
import pyarrow as pa
import pytest
from download_faults import KILLS, BuildFragileWork
from fetching import closed_port, settings
from image_bytes import jpeg
from misbehaving_server import MisbehavingServer, body, redirect, silence, status
from worker_cases import content, worker_settings

from pricefuse.download import lanes
from pricefuse.download.dispatch import with_share
from pricefuse.download.downloader import SCHEMA, Download
from pricefuse.download.lanes import file_blocks, interleaved, lane_of, link_blocks
from pricefuse.download.local_files import LocalImages
from pricefuse.download.record import FILE, LINK, Source
from pricefuse.keys import row_key
from pricefuse.tables.parquet import iter_parts
from pricefuse.tables.refresh import refresh

pytestmark = pytest.mark.timeout(120)

HOSTS = ("127.0.0.1", "localhost")
WORKERS = worker_settings("processes", count=2, download=True)
LINKS = 14  # to each host, beside those that are wrong
RATE = 8  # requests a second


def asker(handler):
    """Return the process that sent a request: this one, or one that it started, directly or not."""
    port = handler.client_address[1]
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        if any(each.laddr.port == port for each in process.net_connections("tcp") if each.raddr):
            return process
    raise AssertionError(f"nobody has port {port}")


def table(folder, download, ids, keys):
    done = refresh(folder, ids, keys, download.compute, SCHEMA, rows_per_part=10, title="images")
    return done, {row["sample_id"]: row for row in pa.concat_tables(iter_parts(folder)).to_pylist()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What two workers made of a catalog of files and of links to two hosts, what this process did, what hosts saw."""
    folder = tmp_path_factory.mktemp("run")
    images = folder / "catalog/images"
    images.mkdir(parents=True)
    for number in range(5):
        (images / f"{number}.jpg").write_bytes(jpeg((number * 30, 70, 70)))
    (images / "broken.jpg").write_bytes(jpeg()[:200])
    (images / "large.jpg").write_bytes(bytes(200_000))
    (images / "vanishes.jpg").write_bytes(jpeg())
    with MisbehavingServer() as first, MisbehavingServer() as second, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "LINKS_A_BLOCK", 1)
        patch.setattr(lanes, "FILES_A_BLOCK", 2)
        servers, askers, paused = (first, second), {first: Counter(), second: Counter()}, []

        def watched(server, answer):
            def watch(handler):
                askers[server][asker(handler).pid] += 1
                until = time.monotonic() + 30
                while min(each.most_busy for each in servers) < 2 and time.monotonic() < until:
                    time.sleep(0.01)  # none is done before each host has two requests at a time
                answer(handler)

            return watch

        def pause(handler):
            paused.append(time.monotonic())
            status(429, retry_after="1")(handler)

        links = []
        for number in range(LINKS):
            for server, host in zip(servers, HOSTS, strict=True):
                good = watched(server, silence(0.1, body(jpeg((number * 15, 90, 90)))))
                answers = [watched(server, pause), good] if (number, host) == (3, "localhost") else [good]
                links.append(server.on(f"/link{number}", *answers).replace("127.0.0.1", host))
        links += [first.on("/dead", watched(first, status(404))), first.on("/text", watched(first, body(b"hello")))]
        links += [first.on("/moved", watched(first, redirect("/link0")))]
        links += [f"http://127.0.0.1:{closed_port()}/a", "http://10.0.0.1/a", "http://[", "ftp://127.0.0.1/a"]
        links += ["", "../outside.jpg", "nothing.jpg", "broken.jpg", "large.jpg", "vanishes.jpg"]
        ids = [str(number) for number in range(5)] + [f"id{number}" for number in range(len(links))]
        links = [""] * 5 + links

        def download(workers, **changes):
            usual = {"allowed_hosts": HOSTS, "retries": 1, "deadline_s": 30, "connections": 5}
            return Download(ids, links, LocalImages(images.parent), settings(**usual | changes), workers=workers)

        there, here = download(WORKERS, requests_per_second_per_host=RATE), download(None)
        keys = [row_key(*there.determinants(position)) for position in range(len(ids))]
        (images / "vanishes.jpg").unlink()
        done, rows = table(folder / "there", there, ids, keys)
        patch.undo()
        seen = [SimpleNamespace(askers=dict(askers[server]), arrivals=list(server.arrivals), most_busy=server.most_busy)
                for server in servers]  # fmt: skip
        table(folder / "here", here, ids, keys)
        yield SimpleNamespace(folder=folder, done=done, rows=rows, first=seen[0], second=seen[1], paused=paused[0])


def test_the_table_has_the_same_bytes_as_without_workers(run):
    assert content(run.folder / "there") == content(run.folder / "here")
    assert run.done.computed == len(run.rows)
    assert Counter((row["error"], row["transient"], row["source"]) for row in run.rows.values()) == {
        (None, False, "network"): 2 * LINKS + 1,
        (None, False, "local file"): 5,
        ("dead link (404)", False, "network"): 1,
        ("not a readable JPEG, PNG, WebP or GIF image", False, "network"): 1,
        ("connection failed", True, "network"): 1,
        ("refused address", False, "network"): 1,
        ("malformed link", False, "network"): 1,
        ("unsupported scheme", False, "network"): 1,
        ("no image link", False, "none"): 1,
        ("path leaves the catalog folder", False, "none"): 1,
        ("no such file", False, "none"): 1,
        ("broken image", False, "local file"): 1,
        ("too large", False, "local file"): 1,
        ("file cannot be read", True, "local file"): 1,
    }


def test_all_requests_to_a_host_come_from_one_worker(run):
    (first,), (second,) = run.first.askers, run.second.askers
    assert len({first, second, os.getpid()}) == 3
    assert sum(run.first.askers.values()) == LINKS + 4  # a redirect is two
    assert sum(run.second.askers.values()) == LINKS + 1  # one was asked again


def test_the_workers_share_the_connections(run):
    assert (run.first.most_busy, run.second.most_busy) == (2, 2)  # of 5


def test_the_rate_of_a_host_is_kept_to(run):
    steady = run.first.arrivals[2:]  # the first two wait for the other host
    assert steady[-1] - steady[0] > 0.9 * (len(steady) - 1) / RATE


def test_the_pause_that_a_host_asks_for_holds_for_all_blocks(run):
    def in_pause(host):
        return [at for at in host.arrivals if 0.3 < at - run.paused < 0.9]  # by 0.3 s the worker knows of it

    assert not in_pause(run.second)
    assert in_pause(run.first)
    assert run.second.arrivals[-1] > run.paused + 0.9


@pytest.mark.parametrize("workers", [WORKERS.model_copy(update={"download": False}), worker_settings(download=True)])
def test_this_process_downloads_unless_it_is_told_otherwise(server, tmp_path, workers):
    seen = []

    def answer(handler):
        seen.append(asker(handler).pid)
        body(jpeg())(handler)

    found = Download(["a"], [server.on("/a", answer)], LocalImages(tmp_path), settings(), workers=workers).compute([0])
    assert [record["status"] for _, record in found] == ["ok"]
    assert seen == [os.getpid()]


def test_an_image_that_kills_workers_is_a_failed_record(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    files = {"before": jpeg(), "kills": KILLS, "after": jpeg((1, 2, 3))}
    for name, data in files.items():
        (tmp_path / f"images/{name}.jpg").write_bytes(data)
    monkeypatch.setattr("pricefuse.download.dispatch.BuildDownloadWork", BuildFragileWork)
    monkeypatch.setattr("pricefuse.workers.scheduler.MAX_DEATHS", 1)  # each takes seconds
    download = Download(list(files), [""] * 3, LocalImages(tmp_path), settings(), workers=WORKERS)
    keys = [row_key(*download.determinants(position)) for position in range(3)]
    _, rows = table(tmp_path / "rows", download, list(files), keys)
    assert [rows[name]["status"] for name in files] == ["ok", "failed", "ok"]
    killed = rows["kills"]
    assert killed["error"].startswith("workers died of it: it was killed by SIGKILL")
    assert (killed["transient"], killed["source"], killed["jpeg"]) == (False, "local file", None)
    assert table(tmp_path / "rows", download, list(files), keys)[0].computed == 0


@pytest.mark.slow
def test_the_stage_has_workers_download_where_params_say_so(server, tmp_path, monkeypatch, run_stage, write_params):
    commands = []

    def answer(handler):
        commands.append(asker(handler).cmdline())
        body(jpeg())(handler)

    (tmp_path / "catalog").mkdir()
    for split, link in (("train", server.on("/a", answer)), ("test", server.on("/b", answer))):
        names = ["sample_id", "catalog_content", "image_link", "price"]
        with (tmp_path / f"catalog/{split}.csv").open("w", newline="") as file:
            rows = [names, [split, "Item Name: tea", link, "3.5"]]
            csv.writer(file).writerows(row[: 4 if split == "train" else 3] for row in rows)
    write_params(tmp_path, {"download.allowed_hosts": ["127.0.0.1"], "workers.download": True})
    monkeypatch.setenv("PRICEFUSE_WORKERS", "processes:2")
    paths = ("--catalog", "catalog", "--out", "images", "--hashes", "hashes.parquet", "--card", "card.json")
    done = run_stage("download", tmp_path, *paths)
    assert "2 rows: 0 reused, 2 computed" in done.stdout
    assert ["pricefuse.workers.process_main" in command for command in commands] == [True, True]


def link_rows(count, host="a.test"):
    return [(position, Source(LINK, f"http://{host}/{position}")) for position in range(count)]


def test_a_lane_is_that_of_the_host_alone_and_the_same_in_every_process():
    assert lane_of(Source(LINK, "http://localhost/a")) == 35
    assert len({lane_of(Source(LINK, url)) for url in ("http://a.test", "HTTPS://A.TEST:8443/x?y", "//a.test/")}) == 1
    found = Counter(lane_of(Source(LINK, f"http://host{number}.test/")) for number in range(6400))
    assert set(found) == set(range(64))
    assert max(found.values()) < 200
    assert lane_of(Source(LINK, "http://[")) in range(64)


@pytest.mark.parametrize("count", [1, 7, 8, 300, 4096, 5000])
def test_a_lane_is_cut_into_blocks_in_the_order_of_the_catalog(count):
    rows = link_rows(count)
    blocks = [block for _, block in link_blocks(3, rows, fair_share=1)]
    assert [row for block in blocks for row in zip(block.positions, block.items, strict=True)] == rows
    assert {block.lane for block in blocks} == {3}
    assert all(block.wanted == set(block.positions) for block in blocks)
    assert max(len(block.positions) for block in blocks) <= 512
    assert len(blocks) >= min(count, 5)
    assert blocks == [block for _, block in link_blocks(3, rows, fair_share=10_000)]


def test_a_block_of_files_is_bounded_in_rows_and_bytes():
    sizes = [100] * 150 + [3 * 2**20] * 3 + [9 * 2**20, 10, 2 * 2**20, 2 * 2**20, 1]
    files = [(position, Source(FILE, "", bytes(size))) for position, size in enumerate(sizes)]
    blocks = [block for _, block in file_blocks(files, len(files))]
    assert [[len(source.content) for source in block.items] for block in blocks] == [
        [100] * 64, [100] * 64, [100] * 22 + [3 * 2**20], [3 * 2**20], [3 * 2**20], [9 * 2**20],
        [10, 2 * 2**20], [2 * 2**20, 1],
    ]  # fmt: skip
    assert {block.lane for block in blocks} == {None}
    assert [position for block in blocks for position in block.positions] == list(range(len(sizes)))


@pytest.mark.parametrize(
    ("sizes", "workers", "first"),
    [
        ([6000, 6000], 2, [0] * 8 + [1] * 8),
        ([6000, 6000, 6000], 2, [0] * 8 + [1] * 8 + [2] * 8),
        ([6000, 80, 6000], 2, [0] * 8 + [1] + [2] * 8),
        ([6000] * 8, 2, [lane for lane in range(8) for _ in range(2)]),
        ([600] * 64, 2, list(range(64))),
    ],
)
def test_the_worker_that_is_ready_first_does_not_get_all_lanes(sizes, workers, first):
    fair = sum(sizes) // workers
    streams = [link_blocks(lane, link_rows(size), fair) for lane, size in enumerate(sizes)]
    assert [block.lane for block in islice(interleaved(streams), len(first))] == first


def test_lanes_and_files_come_equally_far():
    files = ((position, Source(FILE, "", b"")) for position in range(900))
    sizes = {0: 90_000, 1: 9000, None: 900}
    streams = [
        link_blocks(0, link_rows(90_000), 50_000),
        link_blocks(1, link_rows(9000), 50_000),
        file_blocks(files, 900),
    ]
    done = Counter()
    for block in interleaved(streams):
        done[block.lane] += len(block.positions)
        shares = [done[lane] / size for lane, size in sizes.items()]
        assert max(shares) - min(shares) < 0.15
    assert done == sizes


@pytest.mark.parametrize(("total", "workers", "each"), [(32, 1, 32), (32, 3, 10), (5, 2, 2), (2, 8, 1), (32, 0, 32)])
def test_a_workers_share_of_the_connections(total, workers, each):
    assert with_share(settings(connections=total), workers).open_connections == each
