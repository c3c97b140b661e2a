"""Refresh a folder with records that are computed from their keys alone, and count the computations."""

import hashlib

import numpy as np
import pyarrow as pa

from pricefuse.tables.parquet import iter_parts
from pricefuse.tables.refresh import refresh

SCHEMA = pa.schema([("vector", pa.list_(pa.float32(), 3)), ("error", pa.string()), ("transient", pa.bool_())])


class KeyEncoder:
    """Compute a record from a key; note the keys in `seen`, and fail or stop on the way where asked to."""

    def __init__(self, keys, stop_after=None, failing=(), transient=()):
        self.keys, self.stop_after, self.failing, self.transient = keys, stop_after, set(failing), set(transient)
        self.seen = []

    def __call__(self, missing):
        for position in reversed(missing):
            if self.stop_after is not None and len(self.seen) >= self.stop_after:
                raise KeyboardInterrupt
            key = self.keys[position]
            self.seen.append(key)
            failed = key in self.failing | self.transient
            yield (
                position,
                {
                    "vector": None if failed else vector_of(key),
                    "error": "no answer" if failed else None,
                    "transient": key in self.transient,
                },
            )


def vector_of(key):
    return np.frombuffer(hashlib.sha256(key.encode()).digest()[:12], np.uint32).astype(np.float32)


def refresh_keys(folder, keys, encoder=None, **options):
    """Refresh `folder` in parts of four rows; return what it did, and the encoder."""
    ids = [f"id{i}-{key}" for i, key in enumerate(keys)]
    encoder = encoder or KeyEncoder(keys)
    return refresh(folder, ids, keys, encoder, SCHEMA, rows_per_part=4, **options), encoder


def table(folder):
    return pa.concat_tables(iter_parts(folder))


def content(folder):
    """Return the bytes of every file by its name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
