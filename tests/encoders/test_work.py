"""Images by way of two processes."""

from functools import partial

import pyarrow as pa
import pytest
from encoded import picture
from encoder_settings import image_text_settings
from worker_cases import content, worker_settings

from pricefuse.encoders import embed
from pricefuse.encoders.work import ImageTextWork, image_record
from pricefuse.tables.refresh import refresh
from pricefuse.workers.block import Block

COLORS = ["red", "olive", None, "navy", "teal", "gold", "plum"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_two_processes_give_the_same_bytes(tmp_path, monkeypatch, image_text):
    monkeypatch.setattr(embed, "ITEMS_A_BLOCK", 3)
    jpegs = [color and picture(color) for color in COLORS]
    ids = [str(number) for number in range(len(jpegs))]
    schema = pa.schema([("jpeg", pa.binary())])

    def images(missing):
        for position in missing:
            yield position, {"jpeg": jpegs[position]}

    refresh(tmp_path / "images", ids, ids, images, schema)
    keys = [image_text.image_key(color) for color in COLORS]
    found = []
    for kind in ("here", "processes"):
        compute = partial(embed.image_records, image_text, tmp_path / "images", worker_settings(kind, count=2))
        refresh(tmp_path / kind, ids, keys, compute, image_text.image_schema, in_batches=True)
        found.append(content(tmp_path / kind))
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", ["texts", "images"])
def test_memory_that_runs_out_is_forgotten_at_the_next_block(image_text, monkeypatch, kind):
    """Another process may have had the block before: its records must not depend on it."""
    monkeypatch.setattr(image_text, "settings", image_text_settings(batch_size=2))
    tower, sizes = getattr(image_text, kind), []

    def small_device(batch, **options):
        if len(batch) > 1 and len(sizes) < 2:  # in the first block alone
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        sizes.append(len(batch))
        return tower.encode(batch, **options)

    monkeypatch.setattr(image_text, kind, tower._replace(encode=small_device))
    items = [picture("red"), picture("navy")] * 6 if kind == "images" else ["tea", "olives"] * 6
    blocks = [
        Block(range(start, start + 6), items[start : start + 6], frozenset(range(start, start + 6))) for start in (0, 6)
    ]
    assert len(dict(ImageTextWork(image_text, kind).records(iter(blocks)))) == 12
    assert sizes == [1] * 6 + [2] * 3


def test_an_image_of_which_workers_died_counts_as_none_and_says_why():
    assert image_record(None, "workers died of it") == {
        "has_image": False,
        "error": "workers died of it",
        "vector": None,
    }
