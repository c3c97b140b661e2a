"""Settings of the two encoders."""

from typing import Annotated, Literal

from pydantic import Field

from pricefuse.settings import Count, Settings

Dtype = Literal["auto", "float32", "bfloat16"]


class TextEncoderSettings(Settings):
    """Section `embed_gemma` of params.yaml, whose comments say what each key means."""

    model: Annotated[str, Field(min_length=1)]
    revision: str | None
    prompt: str
    chunk_tokens: Annotated[int, Field(ge=8)]
    normalize: bool
    batch_tokens: Count
    dtype: Dtype


class ImageTextEncoderSettings(Settings):
    """Section `embed_clip` of params.yaml, whose comments say what each key means."""

    model: Annotated[str, Field(min_length=1)]
    revision: str | None
    batch_size: Count
    dtype: Dtype
