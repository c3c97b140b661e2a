"""Embeddings row by row: what a change of the catalog or of the window costs, and what stays the same."""

from functools import partial
from itertools import islice

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from encoder_settings import text_settings
from worker_cases import worker_settings

from pricefuse.encoders import embed
from pricefuse.encoders.chunking import Chunks
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.encoders.work import BuildTextWork
from pricefuse.errors import InputError
from pricefuse.features.blocks import stored_vectors
from pricefuse.keys import row_key
from pricefuse.tables.refresh import refresh

SHORT = [f"green tea number {number}" for number in range(12)]
LONG = [f"olive oil {number} from the hills of the south " * 12 for number in range(4)]


@pytest.fixture(scope="module")
def encoders():
    return {window: TextEncoder(text_settings(chunk_tokens=window)) for window in (48, 64)}


class Embedded:
    """A table of texts in a folder, brought up to date as the stage does it, from what the clean stage wrote."""

    def __init__(self, folder, clean, workers="here"):
        self.folder, self.out, self._clean = folder, folder / "gemma", clean
        self._workers = worker_settings(workers, count=2)

    def refresh(self, encoder, texts):
        products = self._clean(self.folder, texts)
        self.ids = embed.column(products, "sample_id")
        keys = embed.text_keys(products, "text", encoder.key)
        compute = partial(embed.text_records, encoder, products, self.out, self._workers)
        done = refresh(self.out, self.ids, keys, compute, encoder.schema, in_batches=True, rows_per_part=6)
        return done.reused, done.computed, done.shared, done.dropped

    def vectors(self):
        return np.concatenate(list(stored_vectors(self.out, self.ids)))

    def content(self):
        return {path.name: path.read_bytes() for path in self.out.iterdir()}


@pytest.fixture
def embedded(tmp_path, clean, monkeypatch):
    monkeypatch.setattr(embed, "TEXTS_A_BLOCK", 5)  # so that a small catalog has several windows
    return Embedded(tmp_path, clean)


def test_a_change_of_the_catalog_computes_exactly_the_new_texts(embedded, encoders):
    texts = SHORT + LONG
    assert embedded.refresh(encoders[64], texts) == (0, 16, 0, 0)
    assert embedded.refresh(encoders[64], texts) == (16, 0, 0, 0)
    assert embedded.refresh(encoders[64], [*texts, "a new tea"]) == (16, 1, 0, 0)  # appended
    assert embedded.refresh(encoders[64], ["an edited tea", *texts[1:]]) == (15, 1, 0, 2)  # edited, one deleted
    assert embedded.refresh(encoders[64], texts[1:][::-1]) == (15, 0, 0, 1)  # deleted and reordered
    assert embedded.refresh(encoders[64], [texts[3], *texts[1:], "twice", "twice"]) == (16, 1, 1, 0)


def test_a_table_with_a_history_has_the_vectors_of_a_single_run(tmp_path, clean, encoders):
    texts = SHORT + LONG
    grown, fresh, again = (Embedded(tmp_path / name, clean) for name in ("grown", "fresh", "again"))
    grown.refresh(encoders[64], texts[5:])
    grown.refresh(encoders[64], texts)
    fresh.refresh(encoders[64], texts)
    again.refresh(encoders[64], texts)
    np.testing.assert_allclose(grown.vectors(), fresh.vectors(), atol=1e-6)
    assert fresh.content() == again.content()


@pytest.mark.parametrize("stops", [(3,), (11, 1), (21, 9, 4)])
def test_a_run_that_was_interrupted_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, clean, monkeypatch, stops):
    """A vector's last bits depend on its batch: what is left is computed in the batches that it had."""
    monkeypatch.setattr(embed, "TEXTS_A_BLOCK", 25)
    encoders = [TextEncoder(text_settings(chunk_tokens=window, batch_tokens=150)) for window in (64, 32)]
    texts = [f"{number} fine green tea " * (1 + number * 7 % 19) for number in range(40)]
    undisturbed, interrupted = (Embedded(tmp_path / name, clean) for name in ("undisturbed", "interrupted"))
    for table in (undisturbed, interrupted):
        table.refresh(encoders[0], texts[::3])  # some of which both windows cut alike
    undisturbed.refresh(encoders[1], texts)
    whole = embed.text_records
    for stop in stops:

        def cut_short(*arguments, together, stop=stop):
            yield from islice(whole(*arguments, together), stop)
            raise KeyboardInterrupt

        monkeypatch.setattr(embed, "text_records", cut_short)
        with pytest.raises(KeyboardInterrupt):
            interrupted.refresh(encoders[1], texts)
    monkeypatch.setattr(embed, "text_records", whole)
    reused, computed, _, _ = interrupted.refresh(encoders[1], texts)
    assert reused >= sum(stops)
    assert reused + computed == 40
    assert interrupted.content() == undisturbed.content()


def test_another_chunk_size_computes_only_the_texts_that_it_cuts_differently(embedded, encoders):
    texts = SHORT + LONG
    embedded.refresh(encoders[64], texts)
    short_before = embedded.vectors()[: len(SHORT)]
    assert embedded.refresh(encoders[48], texts) == (12, 4, 0, 16)
    np.testing.assert_array_equal(embedded.vectors()[: len(SHORT)], short_before)
    cleaned = pd.read_parquet(embedded.folder / "products.parquet")["text"].tolist()
    found = dict(encoders[48].encode(encoders[48].chunk(cleaned)))
    np.testing.assert_allclose(embedded.vectors(), np.stack([found[i] for i in range(len(texts))]), atol=1e-6)


def test_two_processes_give_the_same_bytes(tmp_path, clean, monkeypatch):
    """Also where one run was cut short, and where a table is there whose chunks can be reused."""
    monkeypatch.setattr(embed, "TEXTS_A_BLOCK", 25)
    encoders = [TextEncoder(text_settings(chunk_tokens=window, batch_tokens=150)) for window in (64, 32)]
    texts = [f"{number} fine green tea " * (1 + number * 7 % 19) for number in range(60)]
    here, there = Embedded(tmp_path / "here", clean), Embedded(tmp_path / "there", clean, "processes")
    for table in (here, there):
        table.refresh(encoders[0], texts[::3])
        reused, computed, _, _ = table.refresh(encoders[1], texts)
        assert reused > 0
        assert computed > 25
    assert there.content() == here.content()


def test_a_worker_that_would_compute_other_vectors_is_refused():
    build = BuildTextWork(text_settings(), "another recipe")
    with pytest.raises(InputError, match="a worker would compute other vectors than this process"):
        build()


def test_equal_texts_over_several_windows_are_computed_once(embedded, encoders):
    assert embedded.refresh(encoders[64], [""] * 13) == (0, 1, 12, 0)
    assert embedded.vectors().shape == (13, 384)


class CountingEncoder:
    """Stands in for TextEncoder where only the flow of texts matters: a text's vector is its length."""

    schema = pa.schema([("content", pa.string()), ("vector", pa.list_(pa.float32(), 1))])
    settings = text_settings()

    def describe(self):
        return {"recipe": "length"}

    def __init__(self):
        self.windows = []

    def key(self, text):
        return row_key(text)

    def chunk(self, texts):
        self.windows.append(len(texts))
        return [Chunks((text,), (np.zeros(1, np.int32),), (1,)) for text in texts]

    def content_key(self, chunks):
        return row_key(chunks.texts)

    def encode_windows(self, windows, needed):
        for number, texts in enumerate(windows):
            yield [(number, i, np.array([len(each.texts[0])], np.float32)) for i, each in enumerate(texts)]


@pytest.mark.parametrize(("rows", "window"), [(700, 128), (9000, embed.TEXTS_A_BLOCK)])
def test_all_windows_read_the_products_once(tmp_path, clean, monkeypatch, rows, window):
    monkeypatch.setattr(embed, "TEXTS_A_BLOCK", window)
    products = clean(tmp_path, [f"tea number {number} {'fine ' * (number % 40)}" for number in range(rows)])
    encoder, out = CountingEncoder(), tmp_path / "gemma"
    keys = embed.text_keys(products, "text", encoder.key)
    compute = partial(embed.text_records, encoder, products, out, worker_settings())
    decoded = count_decoded_rows(monkeypatch, "text")
    ids = [str(number) for number in range(rows)]
    assert refresh(out, ids, keys, compute, encoder.schema, in_batches=True).computed == rows
    assert sum(decoded) == rows
    assert encoder.windows == [window] * (rows // window) + [rows % window]
    lengths = np.concatenate(list(stored_vectors(out, ids)))[:, 0]
    np.testing.assert_array_equal(lengths, pd.read_parquet(products)["text"].str.len())


def count_decoded_rows(monkeypatch, column):
    """Return a list that gets the number of rows of every read of `column` through ParquetFile."""
    decoded, batches, group = [], pq.ParquetFile.iter_batches, pq.ParquetFile.read_row_group

    def iter_batches(self, *arguments, columns=None, **options):
        for batch in batches(self, *arguments, columns=columns, **options):
            decoded.append(len(batch) if column in columns else 0)
            yield batch

    def read_row_group(self, *arguments, columns=None, **options):
        table = group(self, *arguments, columns=columns, **options)
        decoded.append(len(table) if column in columns else 0)
        return table

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read_row_group)
    return decoded
