"""Images by way of two processes."""

from functools import partial

import pyarrow as pa
import pytest
from encoded import picture
from worker_cases import content, worker_settings

from pricefuse.encoders import embed
from pricefuse.encoders.work import image_record
from pricefuse.tables.refresh import refresh

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


def test_an_image_of_which_workers_died_counts_as_none_and_says_why():
    assert image_record(None, "workers died of it") == {
        "has_image": False,
        "error": "workers died of it",
        "vector": None,
    }
