"""Embedding tables in their real format with made-up vectors: equal content has equal keys and vectors."""

import hashlib
import json
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pricefuse.images.normalize import ImageError, normalize
from pricefuse.images.perceptual_hash import HASH_BYTES
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


def write_image_hashes(path, ids, images):
    """Write the hashes of `images`, bytes or None, as stage download does; what is no picture has no phash."""
    phashes = [None if image is None else _phash(image) for image in images]
    sha256 = [None if image is None else hashlib.sha256(image).hexdigest() for image in images]
    columns = {"sample_id": ids, "sha256": pa.array(sha256, pa.string())}
    pq.write_table(pa.table(columns | {"phash": pa.array(phashes, pa.binary(HASH_BYTES))}), path)


def _phash(image):
    try:
        return normalize(image, side=256, quality=90, max_pixels=10**7).phash
    except ImageError:
        return None


def write_embeddings(folder, ids, texts, images):
    """Write all embeddings that stage fuse reads: `texts` are strings, `images` bytes or None."""
    for name, contents in (("gemma", texts), ("clip_text", texts), ("clip_image", images)):
        keys = [row_key(name, str(content)) for content in contents]
        write_table(
            folder / name, ids, keys, [None if content is None else vector_of(str(content)) for content in contents]
        )
    for name in ("gemma", "clip"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps({"recipe": f"made-up {name}", "dimension": DIMENSION}))
