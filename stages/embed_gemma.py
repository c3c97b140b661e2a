"""embed_gemma: each product's text as a vector of the text encoder."""

from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse import rows, stage
from pricefuse.atomic import write_json
from pricefuse.encoders.gemma import TextEncoder
from pricefuse.params import read_params


def main() -> None:
    products_path, out, card = stage.paths(__doc__, "products", "out", "card")
    params = read_params(Path("params.yaml")).embed_gemma
    products = pd.read_parquet(products_path, columns=["sample_id", "text"])
    encoder = TextEncoder(**params.model_dump())
    texts = list(encoder.chunk(products["text"]))

    def compute(missing: np.ndarray) -> rows.Records:
        for i, vector in encoder.encode([texts[position] for position in missing]):
            yield missing[i], {"vector": vector}

    keys = [encoder.key(text) for text in texts]
    print(rows.refresh(out, products["sample_id"].tolist(), keys, compute, encoder.schema, title="texts"))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
