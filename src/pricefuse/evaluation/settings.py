"""Settings of the evaluation."""

from typing import Annotated

from pydantic import Field

from pricefuse.settings import InnerShare, Seed, Settings


class EvaluateSettings(Settings):
    """Section `evaluate` of params.yaml, whose comments say what each key means."""

    bootstrap_samples: Annotated[int, Field(ge=100, le=100_000)]
    confidence: InnerShare
    seed: Seed
