"""Settings of cross-fitting and of the learning curve."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pricefuse.resources import available_cores
from pricefuse.settings import Auto, InnerShare, Seed, Settings, require_distinct

# Sums of floating-point numbers differ in their last bits with the threads. Few rows are fitted with the same number
# everywhere: more would hardly be faster, and the demo's results stay the same on any number of cores.
FEW_ROWS, FEW_THREADS = 5000, 2

Member = Literal["simple_nn", "lexical", "boosted"]


class TrainSettings(Settings):
    """Section `train` of params.yaml, whose comments say what each key means."""

    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    target: Literal["log", "log1p"]
    stopping_share: InnerShare
    threads: Annotated[int, Field(ge=1, le=256)] | Auto

    @field_validator("members")
    @classmethod
    def _members_differ(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        return require_distinct(members, "a member is named twice")

    def threads_for(self, rows: int) -> int:
        """Return the CPU threads for so many rows: as set, or for `auto` all cores, and for few rows FEW_THREADS."""
        if self.threads != "auto":
            return self.threads
        return FEW_THREADS if rows < FEW_ROWS else available_cores()


class EnsembleSettings(Settings):
    """Section `ensemble` of params.yaml, whose comments say what each key means."""

    spread: bool
    seed: Seed


class LearningCurveSettings(Settings):
    """Section `learning_curve` of params.yaml, whose comments say what each key means."""

    member: Member | None
    shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1, max_length=100)]
    seed: Seed
