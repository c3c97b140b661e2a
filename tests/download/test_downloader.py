import hashlib
import io
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import closing
from functools import partial

import pyarrow as pa
import pytest
from fetching import settings
from image_bytes import jpeg
from misbehaving_server import body, silence, status
from PIL import Image

from pricefuse.download.downloader import SCHEMA, Download, check_failures, failure_table
from pricefuse.download.fetcher import Fetcher
from pricefuse.download.local_files import LocalImages
from pricefuse.errors import InputError
from pricefuse.keys import row_key
from pricefuse.tables.refresh import refresh


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "catalog/images").mkdir(parents=True)
    return tmp_path / "catalog"


quick_fetcher = partial(Fetcher, backoff_s=0.001)


def download(catalog, links, ids=None, make_fetcher=quick_fetcher, **changes):
    ids = ids or [f"id{number}" for number in range(len(links))]
    usual = {"max_bytes": 20_000_000, "read_timeout_s": 15, "deadline_s": 60}
    return Download(ids, links, LocalImages(catalog), settings(**usual | changes), make_fetcher=make_fetcher)


def records(catalog, links, **changes):
    found = dict(download(catalog, links, **changes).compute(range(len(links))))
    return [found[position] for position in range(len(links))]


class TestRecords:
    def test_a_fetched_image_is_a_checked_and_scaled_jpeg(self, catalog, server):
        (record,) = records(catalog, [server.on("/a.jpg", body(jpeg()))])
        assert record | {"jpeg": None, "sha256": None} == {
            "phash": None,  # a plain picture
            "status": "ok",
            "error": None,
            "transient": False,
            "sha256": None,
            "width": 48,
            "height": 32,
            "truncated": False,
            "source": "network",
            "jpeg": None,
        }
        assert record["sha256"] == hashlib.sha256(record["jpeg"]).hexdigest()
        with Image.open(io.BytesIO(record["jpeg"])) as image:
            assert image.size == (48, 32)

    def test_a_local_file_is_not_fetched(self, catalog, server):
        (catalog / "images/a.jpg").write_bytes(jpeg())
        (record,) = records(catalog, [server.on("/a.jpg", body(jpeg()))])
        assert (record["status"], record["source"]) == ("ok", "local file")
        assert server.connections == 0

    def test_every_failure_is_a_record_with_its_reason(self, catalog, server):
        (catalog / "images/broken.jpg").write_bytes(jpeg()[:200])
        (catalog / "images/large.jpg").write_bytes(bytes(60_000))
        (catalog / "images/circle.jpg").symlink_to("circle.jpg")
        links = {
            "": ("no image link", False, "none"),
            "  ": ("no image link", False, "none"),
            "../secret.jpg": ("path leaves the catalog folder", False, "none"),
            "photos/none.jpg": ("no such file", False, "none"),
            "ftp://127.0.0.1/a.jpg": ("unsupported scheme", False, "network"),
            "http://10.0.0.1/a.jpg": ("refused address", False, "network"),
            "broken.jpg": ("broken image", False, "local file"),
            "large.jpg": ("too large", False, "local file"),
            "circle.jpg": ("file cannot be read", False, "none"),
            server.url("/dead"): ("dead link (404)", False, "network"),
            server.on("/down", status(503)): ("server error (503)", True, "network"),
            server.on("/text", body(b"hello")): ("not a readable JPEG, PNG, WebP or GIF image", False, "network"),
            server.on("/big", body(bytes(60_000))): ("too large", False, "network"),
        }
        for link, record in zip(links, records(catalog, list(links), max_bytes=50_000), strict=True):
            assert (record["error"], record["transient"], record["source"]) == links[link], link
            assert record["status"] == "failed"
            assert all(record[name] is None for name in ("jpeg", "sha256", "phash", "width", "height"))

    def test_a_truncated_file_is_marked(self, catalog):
        data = jpeg(size=(400, 400))
        (catalog / "images/a.jpg").write_bytes(data[:-2])
        (record,) = records(catalog, ["a.jpg"])
        assert (record["status"], record["truncated"]) == ("ok", True)

    def test_a_file_that_vanishes_is_worth_another_try(self, catalog):
        (catalog / "images/a.jpg").write_bytes(jpeg())
        late = download(catalog, ["a.jpg"])
        (catalog / "images/a.jpg").unlink()
        [(_, record)] = late.compute([0])
        assert (record["error"], record["transient"]) == ("file cannot be read", True)

    def test_all_records_fit_the_schema(self, catalog, server):
        rows = records(catalog, ["", server.on("/a", body(jpeg())), server.url("/dead")])
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        assert table.to_pylist() == rows
        assert all(list(row) == SCHEMA.names for row in rows)

    def test_only_the_positions_asked_for_are_computed(self, catalog, server):
        links = [server.on(f"/{number}", body(jpeg())) for number in range(6)]
        assert sorted(position for position, _ in download(catalog, links).compute([4, 1])) == [1, 4]
        assert set(server.requests) == {"/4", "/1"}

    def test_a_link_that_products_share_is_fetched_once(self, catalog, server):
        links = [server.on("/a", silence(0.05, body(jpeg())))] * 10
        shared = download(catalog, links)
        keys = [row_key(*shared.determinants(position)) for position in range(10)]
        done = refresh(catalog / "rows", map(str, range(10)), keys, shared.compute, SCHEMA)
        assert server.requests["/a"] == 1
        assert (done.computed, done.shared, done.failed) == (1, 9, 0)

    def test_nothing_to_do_is_nothing(self, catalog):
        assert list(download(catalog, []).compute([])) == []

    def test_two_runs_give_equal_records(self, catalog, server):
        links = [server.on(f"/{number}", body(jpeg((number, 90, 90)))) for number in range(20)]
        assert records(catalog, links) == records(catalog, links)


class TestDeterminants:
    def test_of_a_file_are_its_content_and_not_its_name(self, catalog):
        for name, color in (("a", (1, 2, 3)), ("b", (1, 2, 3)), ("c", (200, 2, 3))):
            (catalog / f"images/{name}.jpg").write_bytes(jpeg(color))
        of = download(catalog, ["a.jpg", "b.jpg", "c.jpg"]).determinants
        assert of(0) == of(1) != of(2)

    def test_of_a_link_are_the_link_and_the_recipe(self, catalog):
        links = ["http://images.test/a", "http://images.test/a", "http://images.test/b", ""]
        of = download(catalog, links).determinants
        assert of(0) == of(1)
        assert len({of(0), of(2), of(3)}) == 3
        assert of(0) != download(catalog, links, side=33).determinants(0)
        assert of(0) != download(catalog, links, jpeg_quality=91).determinants(0)
        assert of(0) != download(catalog, links, max_bytes=99).determinants(0)
        assert of(0) != download(catalog, links, max_redirects=9).determinants(0)
        assert of(0) == download(catalog, links, retries=9).determinants(0)

    def test_change_when_the_file_appears_or_the_host_is_allowed(self, catalog):
        links = ["http://mirror.test/a.jpg", "http://other.test/b.jpg", "http://["]
        before = [download(catalog, links).determinants(position) for position in range(3)]
        allowed = [
            download(catalog, links, allowed_hosts=("mirror.test",)).determinants(position) for position in range(3)
        ]
        assert [one == other for one, other in zip(before, allowed, strict=True)] == [False, True, True]
        (catalog / "images/b.jpg").write_bytes(jpeg())
        assert download(catalog, links).determinants(1) != before[1]

    def test_an_unreadable_file_names_itself_and_what_to_do(self, catalog):
        (catalog / "images/a.jpg").write_bytes(jpeg())
        late = download(catalog, ["a.jpg"])
        (catalog / "images/a.jpg").unlink()
        with pytest.raises(InputError, match=r"a\.jpg: cannot be read .*; make it readable or remove it"):
            late.determinants(0)


class TestScale:
    def test_without_network_thousands_of_links_are_given_up_on_after_a_few(self, catalog):
        def resolve(*_, **__):
            time.sleep(0.02)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        links = [f"https://images.test/{number}.jpg" for number in range(5000)]
        errors = Counter(
            record["error"] for record in records(catalog, links, make_fetcher=partial(Fetcher, resolver=resolve))
        )
        assert errors.keys() == {"name not found", "host unreachable"}
        assert errors["host unreachable"] > 4900

    def test_a_caller_who_is_slow_is_not_run_ahead_of(self, catalog, server):
        links = [server.on(f"/{number}", body(jpeg())) for number in range(200)]
        with closing(download(catalog, links, connections=4).compute(range(200))) as finished:
            next(finished)
            time.sleep(0.5)
            assert server.requests.total() <= 1 + 2 * 4 + 4 + 1

    def test_connections_are_kept_and_shared(self, catalog, server):
        links = [server.on(f"/{number}", body(jpeg())) for number in range(100)]
        assert {record["status"] for record in records(catalog, links, connections=4)} == {"ok"}
        assert server.connections <= 4


class TestStopping:
    def test_closing_ends_transfers_under_way(self, catalog, server):
        before = threading.enumerate()
        links = [server.on("/a", body(jpeg()))]
        links += [server.on(f"/slow{number}", silence(60, body(jpeg()))) for number in range(20)]
        finished = download(catalog, links, read_timeout_s=60).compute(range(len(links)))
        next(finished)
        workers = [thread for thread in threading.enumerate() if thread not in before and "_run" in thread.name]
        assert workers
        since = time.monotonic()
        finished.close()
        assert time.monotonic() - since < 15
        assert not any(worker.is_alive() for worker in workers)

    @pytest.fixture
    def interruptible(self):
        """Heed SIGINT, which a shell's background job ignores."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupt_from_the_keyboard_gets_through_at_once(self, catalog, server):
        links = [server.on(f"/slow{number}", silence(60, body(jpeg()))) for number in range(8)]
        finished = download(catalog, links, read_timeout_s=60).compute(range(8))
        since = time.monotonic()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            next(finished)
        assert time.monotonic() - since < 15

    @pytest.mark.parametrize("defect", [MemoryError("no memory left"), TypeError("a bug"), OSError("a bug")])
    def test_a_defect_of_our_own_is_raised_and_not_recorded(self, catalog, server, defect, monkeypatch):
        def fail(*_):
            raise defect

        monkeypatch.setattr("pricefuse.images.normalize.resampled", fail)
        with pytest.raises(type(defect)) as caught:
            records(catalog, [server.on("/a", body(jpeg()))])
        assert caught.value is defect


class TestFailures:
    def test_the_table_names_the_most_frequent_reason_first(self):
        lines = failure_table({"timed out": 2, "dead link (404)": 1200, "refused (403)": 2}).splitlines()
        assert [line.split(None, 1) for line in lines] == [
            ["1,200", "dead link (404)"],
            ["2", "refused (403)"],
            ["2", "timed out"],
        ]

    def test_as_many_as_allowed_pass(self):
        check_failures({"timed out": 10}, total=100, limit=0.1)
        check_failures({}, total=0, limit=0.0)

    def test_more_than_allowed_are_an_error_that_says_what_to_do(self):
        with pytest.raises(InputError) as caught:
            check_failures({"timed out": 11, "dead link (404)": 1}, total=100, limit=0.1)
        message = str(caught.value)
        assert "12 of 100 images (12.0%)" in message
        assert "dead link (404)" in message
        assert "images folder" in message
