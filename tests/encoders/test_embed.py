"""Embeddings row by row: what a change of the catalog or of the window costs, and what it leaves as it was."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from pricefuse.encoders import bundled as packaged
from pricefuse.encoders import embed as embedding
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.features.matrix import stored_vectors
from pricefuse.tables import refresh as rows

SHORT = [f"green tea number {number}" for number in range(12)]
LONG = [f"olive oil {number} from the hills of the south " * 12 for number in range(4)]


@pytest.fixture(scope="module")
def encoders():
    return {window: TextEncoder(packaged.MINILM, chunk_tokens=window) for window in (48, 64)}


class Embedded:
    """A table of texts in a folder, brought up to date as the stage does it."""

    def __init__(self, folder):
        self.out, self.products = folder / "gemma", folder / "products.parquet"

    def refresh(self, encoder, texts, ids=None):
        self.ids = ids or [f"id{number}" for number in range(len(texts))]
        frame = pd.DataFrame({"sample_id": self.ids, "text": texts})
        frame.to_parquet(self.products, index=False, row_group_size=5)
        keys = embedding.text_keys(self.products, "text", encoder.key)
        compute = partial(embedding.text_records, encoder, self.products, self.out)
        ids = embedding.column(self.products, "sample_id")
        done = rows.refresh(self.out, ids, keys, compute, encoder.schema, rows_per_part=6)
        return done.reused, done.computed, done.shared, done.dropped

    def vectors(self):
        return np.concatenate(list(stored_vectors(self.out, self.ids)))

    def content(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir()}


@pytest.fixture
def embedded(tmp_path):
    return Embedded(tmp_path)


def test_a_change_of_the_catalog_computes_exactly_the_new_texts(embedded, encoders):
    texts = SHORT + LONG
    assert embedded.refresh(encoders[64], texts) == (0, 16, 0, 0)
    assert embedded.refresh(encoders[64], texts) == (16, 0, 0, 0)
    assert embedded.refresh(encoders[64], [*texts, "a new tea"]) == (16, 1, 0, 0)  # appended
    assert embedded.refresh(encoders[64], ["an edited tea", *texts[1:]]) == (15, 1, 0, 2)  # edited, one deleted
    assert embedded.refresh(encoders[64], texts[1:][::-1]) == (15, 0, 0, 1)  # deleted and reordered
    assert embedded.refresh(encoders[64], [texts[3], *texts[1:], "twice", "twice"]) == (16, 1, 1, 0)


def test_what_the_history_left_is_what_one_run_gives(tmp_path, encoders):
    texts = SHORT + LONG
    grown, fresh, again = (Embedded(tmp_path / name) for name in ("grown", "fresh", "again"))
    for table in (grown, fresh, again):
        table.products.parent.mkdir()
    grown.refresh(encoders[64], texts[5:])
    grown.refresh(encoders[64], texts)
    fresh.refresh(encoders[64], texts)
    again.refresh(encoders[64], texts)
    assert (grown.vectors() * fresh.vectors()).sum(1).min() > 0.999
    assert fresh.content() == again.content()


def test_another_window_computes_only_the_texts_that_it_cuts_otherwise(embedded, encoders):
    texts = SHORT + LONG
    embedded.refresh(encoders[64], texts)
    short_before = embedded.vectors()[: len(SHORT)]
    assert embedded.refresh(encoders[48], texts) == (12, 4, 0, 16)
    np.testing.assert_array_equal(embedded.vectors()[: len(SHORT)], short_before)
    found = dict(encoders[48].encode(encoders[48].chunk(texts)))
    expected = np.stack([found[i] for i in range(len(texts))])
    assert (embedded.vectors() * expected).sum(1).min() > 0.9999


def test_an_empty_column_and_texts_over_several_row_groups_are_read(embedded, encoders):
    assert embedded.refresh(encoders[64], [""] * 13) == (0, 1, 12, 0)
    assert embedded.vectors().shape == (13, 384)
