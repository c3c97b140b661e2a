"""Base class and field types of all settings: one pydantic class a section of params.yaml."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100)]
Auto = Literal["auto"]  # what follows from the machine or the catalog
Block = Literal["gemma", "clip_text", "clip_image", "image_mask", "attributes"]


class Settings(BaseModel):
    """A section of params.yaml: unknown keys, wrong types, infinity and NaN are refused.

    Types are strict: 'yes' and 1 are no booleans, 64.0 and '64' no integers. Every number has an upper bound, beyond
    which it is a slip rather than a wish.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, values: Any) -> Any:
        """Take a list, which YAML and JSON have, as the tuple that a strict field asks for."""
        if not isinstance(values, dict):
            return values
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def require_distinct(values: tuple[T, ...], message: str) -> tuple[T, ...]:
    """Return `values`; raise ValueError with `message` where one of them stands twice."""
    if len(set(values)) < len(values):
        raise ValueError(message)
    return values
