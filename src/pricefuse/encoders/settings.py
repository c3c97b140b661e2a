"""Settings of the two encoders."""

from typing import Annotated, Literal

from pydantic import Field

from pricefuse.settings import Auto, Settings

Dtype = Literal["auto", "float32", "bfloat16"]
Attention = Literal["auto", "eager", "sdpa", "flash_attention_2"]
NonEmpty = Annotated[str, Field(min_length=1)]


class TextEncoderSettings(Settings):
    """Section `embed_gemma` of params.yaml, whose comments say what each key means."""

    model: NonEmpty
    revision: NonEmpty | None
    prompt: str
    chunk_tokens: Annotated[int, Field(ge=8, le=131_072)]
    normalize: bool
    batch_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | Auto
    attention: Attention
    dtype: Dtype


class ImageTextEncoderSettings(Settings):
    """Section `embed_clip` of params.yaml, whose comments say what each key means."""

    model: NonEmpty
    revision: NonEmpty | None
    batch_size: Annotated[int, Field(ge=1, le=65_536)] | Auto
    dtype: Dtype
