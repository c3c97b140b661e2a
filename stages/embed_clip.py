"""embed_clip: each product's text and image as vectors of the image-text encoder."""

from functools import partial
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.encoders import embed as embedding
from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.files import write_json
from pricefuse.tables import refresh as rows


def main() -> None:
    products, images, text_out, image_out, card = stage.paths(
        __doc__, "products", "images", "text-out", "image-out", "card"
    )
    params = read_params(Path("params.yaml")).embed_clip
    ids = embedding.column(products, "sample_id")
    encoder = ImageTextEncoder(**params.model_dump())
    text_keys = embedding.text_keys(products, "clip_text", encoder.text_key)
    image_keys = embedding.image_keys(images, ids, encoder.image_key)
    texts = partial(embedding.clip_text_records, encoder, products)
    pictures = partial(embedding.image_records, encoder, images)
    print("texts:", rows.refresh(text_out, ids, text_keys, texts, encoder.text_schema, title="texts"))
    print("images:", rows.refresh(image_out, ids, image_keys, pictures, encoder.image_schema, title="images"))
    write_json(card, encoder.describe())


if __name__ == "__main__":
    stage.run(main)
