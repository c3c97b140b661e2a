"""embed_gemma: each product's text as a vector of the text encoder."""

from functools import partial
from pathlib import Path

from pricefuse import embedding, rows, stage
from pricefuse.atomic import write_json
from pricefuse.encoders.gemma import TextEncoder
from pricefuse.params import read_params


def main() -> None:
    products, out, card = stage.paths(__doc__, "products", "out", "card")
    params = read_params(Path("params.yaml")).embed_gemma
    encoder = TextEncoder(**params.model_dump())
    ids, keys = embedding.column(products, "sample_id"), embedding.text_keys(products, "text", encoder.key)
    compute = partial(embedding.text_records, encoder, products, out)
    print(rows.refresh(out, ids, keys, compute, encoder.schema, title="texts"))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
