"""embed_clip: encode each product's text and image with the image-text encoder."""

from functools import partial
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.encoders import embed
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.licenses import require_allowed, require_allowed_name
from pricefuse.encoders.summary import summarize
from pricefuse.files import write_json
from pricefuse.tables.refresh import refresh


def main() -> None:
    products, images, text_out, image_out, card = stage.paths(
        __doc__, "products", "images", "text-out", "image-out", "card"
    )
    params = read_params(Path("params.yaml"))
    workers = params.workers.with_environment()
    ids = embed.column(products, "sample_id")
    require_allowed_name(params.embed_clip.model, params.license_policy)
    encoder = ImageTextEncoder(params.embed_clip)
    require_allowed(encoder.describe(), params.license_policy)
    print(summarize(encoder.describe(), encoder.device, f"{encoder.batch_size:,} items"))
    text_keys = embed.text_keys(products, "clip_text", encoder.text_key)
    image_keys = embed.image_keys(images, ids, encoder.image_key)
    texts = partial(embed.clip_text_records, encoder, products, workers)
    pictures = partial(embed.image_records, encoder, images, workers)
    table = partial(refresh, in_batches=True)
    print("texts:", table(text_out, ids, text_keys, texts, encoder.text_schema, title="texts"))
    schema = encoder.image_schema
    # An image of which workers died gets another chance at each run.
    print("images:", table(image_out, ids, image_keys, pictures, schema, title="images", retry_failed=True))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
