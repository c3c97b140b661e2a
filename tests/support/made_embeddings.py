"""Embedding tables in their real format with made-up vectors: equal content has equal keys and vectors."""

import json
from random import Random

import numpy as np
import pyarrow as pa

from pricefuse.keys import row_key
from pricefuse.tables import refresh as rows

DIMENSION = 8


def vector_of(content):
    rng = Random(row_key(content))
    vector = np.array([rng.gauss(0, 1) for _ in range(DIMENSION)], np.float32)
    return vector / np.linalg.norm(vector)


def write_table(folder, ids, keys, vectors):
    """Write a table as the embedding stages do; a vector may be None."""
    schema = pa.schema([("has_image", pa.bool_()), ("vector", pa.list_(pa.float32(), DIMENSION))])

    def compute(missing):
        for position in missing:
            yield position, {"has_image": vectors[position] is not None, "vector": vectors[position]}

    rows.refresh(folder, ids, keys, compute, schema, rows_per_part=16)


def write_embeddings(folder, ids, texts, images):
    """Write all that stage fuse reads: `texts` are strings, `images` bytes or None."""
    for name, contents in (("gemma", texts), ("clip_text", texts), ("clip_image", images)):
        keys = [row_key(name, str(content)) for content in contents]
        write_table(
            folder / name, ids, keys, [None if content is None else vector_of(str(content)) for content in contents]
        )
    for name in ("gemma", "clip"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps({"recipe": f"made-up {name}", "dimension": DIMENSION}))
