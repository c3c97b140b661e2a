"""embed_gemma: each product's text as a vector of the text encoder."""

from functools import partial
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.encoders import embed as embedding
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.files import write_json
from pricefuse.tables import refresh as rows


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
