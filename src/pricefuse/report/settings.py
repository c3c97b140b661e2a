"""Settings of the report."""

from typing import Annotated

from pydantic import Field

from pricefuse.settings import Count, Seed, Settings


class ReportSettings(Settings):
    """Section `report` of params.yaml, whose comments say what each key means."""

    gallery: Annotated[int, Field(ge=1, le=100)]
    permuted_rows: Count
    seed: Seed
