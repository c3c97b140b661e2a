"""Settings of the demo catalog."""

from typing import Annotated

from pydantic import Field

from pricefuse.settings import Count, Seed, Settings


class DemoSettings(Settings):
    """Section `demo` of params.yaml, whose comments say what each key means."""

    train_products: Annotated[int, Field(ge=20, le=1_000_000)]
    test_products: Count
    noise_sd: Annotated[float, Field(ge=0, le=2)]
    seed: Seed
