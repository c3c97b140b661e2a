"""embed_gemma: encode each product's text with the text encoder."""

from functools import partial
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.encoders import embed
from pricefuse.encoders.licenses import require_allowed, require_allowed_name
from pricefuse.encoders.summary import summarize
from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.files import write_json
from pricefuse.tables.refresh import refresh


def main() -> None:
    products, out, card = stage.paths(__doc__, "products", "out", "card")
    params = read_params(Path("params.yaml"))
    workers = params.workers.with_environment()
    require_allowed_name(params.embed_gemma.model, params.license_policy)
    encoder = TextEncoder(params.embed_gemma)
    require_allowed(encoder.describe(), params.license_policy)
    print(summarize(encoder.describe(), encoder.device, f"{encoder.batch_tokens:,} tokens"))
    ids, keys = embed.column(products, "sample_id"), embed.text_keys(products, "text", encoder.key)
    compute = partial(embed.text_records, encoder, products, out, workers)
    print(refresh(out, ids, keys, compute, encoder.schema, in_batches=True, title="texts"))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
