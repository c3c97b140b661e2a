"""The download stage as a process: what it tells, what another run asks for, and what a kill or a full disk costs."""

import csv
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_bytes import jpeg
from misbehaving_server import body, silence, status
from paths import ROOT
from PIL import Image

from pricefuse.tables.parquet import iter_parts


@pytest.fixture
def stage(tmp_path, write_params):
    return Stage(tmp_path, write_params)


class Stage:
    """The stage in a folder with a catalog of some links."""

    def __init__(self, folder, write_params):
        self.folder, self.write_params = folder, write_params
        self.images, self.card = folder / "data/images", folder / "data/images.json"
        self.hashes = folder / "data/image_hashes.parquet"
        self.set()

    def set(self, **changes):
        quick = {"allowed_hosts": ["127.0.0.1"], "requests_per_second_per_host": 1000, "retries": 0} | changes
        self.write_params(self.folder, {f"download.{name}": value for name, value in quick.items()})

    def catalog(self, links):
        (self.folder / "catalog").mkdir(exist_ok=True)
        rows = [(f"p{number}", "Item Name: tea", link, "3.5") for number, link in enumerate(links)]
        for split, products, columns in (("train", rows[1:], 4), ("test", rows[:1], 3)):
            with (self.folder / f"catalog/{split}.csv").open("w", newline="") as file:
                names = ["sample_id", "catalog_content", "image_link", "price"]
                csv.writer(file).writerows(row[:columns] for row in [names, *products])

    def start(self, **options):
        paths = {"--catalog": "catalog", "--out": self.images, "--hashes": self.hashes, "--card": self.card}
        return subprocess.Popen(
            [sys.executable, ROOT / "stages/download.py", *(part for pair in paths.items() for part in pair)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, exit_status=0, **options):
        process = self.start(**options)
        out, err = process.communicate()
        assert process.returncode == exit_status, out + err
        return out, err

    def table(self):
        return pa.concat_tables(iter_parts(self.images))

    def content(self):
        return {path.name: path.read_bytes() for path in self.images.iterdir()}


@pytest.mark.slow
def test_another_run_asks_only_for_what_may_succeed_now_unless_told_otherwise(stage, server):
    links = {
        "good": server.on("/good", body(jpeg())),
        "dead": server.url("/dead"),
        "busy": server.on("/busy", status(503), body(jpeg())),
        "truncated": server.on("/truncated", body(jpeg(size=(400, 400))[:-2])),
    }
    stage.catalog(links.values())
    out, _ = stage.run()
    assert "2 of 4 products are without an image:\n        1  dead link (404)\n        1  server error (503)" in out
    assert json.loads(stage.card.read_text()) == {
        "products": 4,
        "ok": 2,
        "failed": 2,
        "failed_share": 0.5,
        "truncated": 1,
        "reasons": {"dead link (404)": 1, "server error (503)": 1},
    }

    hashes, table = pq.read_table(stage.hashes), stage.table()
    assert hashes.equals(table.select(hashes.column_names))
    assert hashes.column_names == ["sample_id", "sha256", "phash"]

    server.requests.clear()
    out, _ = stage.run()
    assert dict(server.requests) == {"/busy": 1}
    assert "4 rows: 3 reused, 1 computed" in out
    assert json.loads(stage.card.read_text())["reasons"] == {"dead link (404)": 1}

    server.on("/dead", body(jpeg()))
    server.requests.clear()
    stage.run()
    assert not server.requests
    stage.set(retry="all")
    stage.run()
    assert dict(server.requests) == {"/dead": 1}
    assert json.loads(stage.card.read_text())["ok"] == 4


def test_too_many_failures_fail_the_stage_after_the_reasons_are_written(stage, server):
    stage.catalog([server.on("/good", body(jpeg())), server.url("/dead"), server.url("/gone")])
    stage.set(max_failed_share=0.5)
    _, err = stage.run(exit_status=1)
    assert "2 of 3 images (66.7%) are missing; at most 50.0% may fail" in err
    assert json.loads(stage.card.read_text())["failed"] == 2
    assert stage.table()["status"].to_pylist().count("failed") == 2


def slow_links(server, count):
    return [server.on(f"/{number}", silence(0.2, body(jpeg((number, 80, 80))))) for number in range(count)]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_ends_like_an_undisturbed_run(stage, server):
    stage.catalog(slow_links(server, 90))
    stage.set(connections=2)

    def checkpointed():
        return list(stage.images.glob("checkpoint-*.arrow"))

    # Before the first checkpoint, of five seconds, and after it.
    for reached in (lambda: sum(server.requests.values()) >= 4, checkpointed):
        process = stage.start(start_new_session=True)
        while not reached():
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    server.requests.clear()
    out, _ = stage.run()
    asked = sum(server.requests.values())
    assert 0 < asked < 90
    assert f"90 rows: {90 - asked} reused, {asked} computed" in out
    disturbed = stage.content()

    shutil.rmtree(stage.images)
    stage.set(connections=32)
    stage.run()
    assert stage.content() == disturbed


@pytest.mark.slow
def test_an_interrupt_exits_130_and_keeps_what_was_finished(stage, server):
    stage.catalog(slow_links(server, 60))
    stage.set(connections=2)
    # A shell's background job ignores interrupts, and its children inherit that.
    process = stage.start(preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while sum(server.requests.values()) < 8:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "interrupted: run `dvc repro` again" in err
    server.requests.clear()
    stage.run()
    assert sum(server.requests.values()) <= 60 - 5


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def noise(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (200, 200, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_loses_nothing(stage, server, small_disk):
    stage.images = small_disk / "images"
    few = [server.on(f"/{number}", body(noise(number))) for number in range(4)]
    stage.catalog(few)
    stage.run()
    before = stage.content()
    stage.catalog([*few, *(server.on(f"/more{number}", body(noise(number))) for number in range(40))])
    _, err = stage.run(exit_status=1)
    assert err.startswith("error: no space left on the disk")
    assert "run `dvc repro` again" in err
    assert before.items() <= stage.content().items()

    shutil.copytree(stage.images, stage.folder / "larger")
    stage.images = stage.folder / "larger"
    server.requests.clear()
    stage.run()
    assert not {f"/{number}" for number in range(4)} & set(server.requests)
    assert stage.table()["status"].to_pylist() == ["ok"] * 44


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_the_same_clear_error(stage, server):
    stage.catalog([server.on(f"/{number}", body(noise(number))) for number in range(40)])

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    _, err = stage.run(exit_status=1, preexec_fn=limited)
    assert err.startswith("error: no space left on the disk")
    assert not list(stage.images.glob("*.tmp"))
    stage.run()
    assert stage.table()["status"].to_pylist() == ["ok"] * 40


@pytest.mark.slow
def test_links_in_the_images_folder_that_lead_nowhere_end_in_no_traceback(stage):
    stage.catalog(["0.jpg", "1.jpg", "2.jpg"])
    images = stage.folder / "catalog/images"
    images.symlink_to("images")
    _, err = stage.run(exit_status=1)
    assert err == (
        "error: catalog/images: cannot be listed (Too many levels of symbolic links)."
        " Make it a readable folder of images, or remove it\n"
    )
    images.unlink()
    images.mkdir()
    (images / "0.jpg").write_bytes(jpeg())
    (images / "1.jpg").symlink_to("1.jpg")
    stage.run()
    assert json.loads(stage.card.read_text())["reasons"] == {"file cannot be read": 1, "no such file": 1}
