"""embed_clip: each product's text and image as vectors of the image-text encoder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pricefuse import rows, stage
from pricefuse.atomic import write_json
from pricefuse.encoders.clip import ImageTextEncoder
from pricefuse.params import read_params
from pricefuse.parts import iter_matching, iter_rows


def main() -> None:
    products, images, text_out, image_out, card = stage.paths(
        __doc__, "products", "images", "text-out", "image-out", "card"
    )
    params = read_params(Path("params.yaml")).embed_clip
    table = pd.read_parquet(products, columns=["sample_id", "clip_text"])
    ids, texts = table["sample_id"].tolist(), table["clip_text"].tolist()
    digests = pa.concat_tables(iter_matching(images, ids, ["sha256"]))["sha256"].to_pylist()
    encoder = ImageTextEncoder(**params.model_dump())

    def compute_texts(missing: np.ndarray) -> rows.Records:
        for i, vector in encoder.encode_texts([texts[position] for position in missing]):
            yield missing[i], {"vector": vector}

    def compute_images(missing: np.ndarray) -> rows.Records:
        there = sorted(position for position in missing.tolist() if digests[position])
        for position in set(missing.tolist()).difference(there):
            yield position, {"has_image": False, "vector": None}
        stored = ((position, row["jpeg"]) for position, row in iter_rows(images, there, ["jpeg"]))
        for position, vector in encoder.encode_images(stored):
            yield position, {"has_image": True, "vector": vector}

    text_keys = [encoder.text_key(text) for text in texts]
    print("texts:", rows.refresh(text_out, ids, text_keys, compute_texts, encoder.text_schema, title="texts"))
    image_keys = [encoder.image_key(digest) for digest in digests]
    print("images:", rows.refresh(image_out, ids, image_keys, compute_images, encoder.image_schema, title="images"))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
