"""Settings of the fused features."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pricefuse.settings import Block, InnerShare, Seed, Settings, require_distinct


class FuseSettings(Settings):
    """Section `fuse` of params.yaml, whose comments say what each key means."""

    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]
    ngrams: bool
    ngram_bits: Annotated[int, Field(ge=10, le=24)]
    split: Literal["group", "random"]
    folds: Annotated[int, Field(ge=2, le=100)]
    validation_share: InnerShare
    seed: Seed

    @field_validator("blocks")
    @classmethod
    def _blocks_differ(cls, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return require_distinct(blocks, "a block is named twice")
