"""Base class and field types of all settings: one pydantic class a section of params.yaml."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]
Block = Literal["gemma", "clip_text", "clip_image", "image_mask", "attributes"]


class Settings(BaseModel):
    """A section of params.yaml: unknown keys, wrong types, infinity and NaN are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def require_distinct(values: tuple[T, ...], message: str) -> tuple[T, ...]:
    """Return `values`; raise ValueError with `message` where one of them stands twice."""
    if len(set(values)) < len(values):
        raise ValueError(message)
    return values
