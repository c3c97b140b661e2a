"""Settings of the encoders for tests: small, in float32, with changes by name."""

from pricefuse.encoders import bundled
from pricefuse.encoders.settings import ImageTextEncoderSettings, TextEncoderSettings


def text_settings(**changes):
    defaults = {
        "model": bundled.MINILM,
        "revision": None,
        "prompt": "",
        "chunk_tokens": 64,
        "normalize": True,
        "batch_tokens": 2048,
        "attention": "auto",
        "dtype": "float32",
    }
    return TextEncoderSettings(**{**defaults, **changes})


def image_text_settings(**changes):
    defaults = {"model": bundled.IMAGE_TEXT, "revision": None, "batch_size": 32, "dtype": "float32"}
    return ImageTextEncoderSettings(**{**defaults, **changes})
