"""Settings of cross-fitting and of the learning curve."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from pricefuse.settings import InnerShare, Seed, Settings, require_distinct

Member = Literal["simple_nn", "lexical", "boosted"]


class TrainSettings(Settings):
    """Section `train` of params.yaml, whose comments say what each key means."""

    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    target: Literal["log", "log1p"]
    stopping_share: InnerShare
    threads: Annotated[int, Field(ge=1, le=256)]

    @field_validator("members")
    @classmethod
    def _members_differ(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        return require_distinct(members, "a member is named twice")


class EnsembleSettings(Settings):
    """Section `ensemble` of params.yaml, whose comments say what each key means."""

    spread: bool


class LearningCurveSettings(Settings):
    """Section `learning_curve` of params.yaml, whose comments say what each key means."""

    member: Member
    shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1, max_length=100)]
    seed: Seed
