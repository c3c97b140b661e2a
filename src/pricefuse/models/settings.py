"""Settings of the members of the ensemble: one class a member."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pricefuse.settings import Block, Count, Positive, Seeds, Settings, require_distinct

StackedModel = Literal["words", "kernel", "lasso"]


class NetworkSettings(Settings):
    """Loss, optimizer and length of a network's training."""

    loss: Literal["l1", "huber", "smape"]
    huber_delta: Positive
    optimizer: Literal["adamw", "adam"]
    schedule: Literal["one_cycle", "constant"]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: Annotated[int, Field(ge=2)]
    max_epochs: Count
    patience: Count
    seeds: Seeds

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return require_distinct(seeds, "a seed is named twice: its network would only count double")


class SimpleNNSettings(NetworkSettings):
    """Section `simple_nn` of params.yaml, whose comments say what each key means."""

    hidden: Annotated[tuple[Count, ...], Field(min_length=1)]
    batch_norm: tuple[bool, ...]
    dropout: tuple[Annotated[float, Field(ge=0, lt=1)], ...]

    @model_validator(mode="after")
    def _one_entry_a_layer(self) -> Self:
        for name in ("batch_norm", "dropout"):
            if len(getattr(self, name)) != len(self.hidden):
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} entries, but hidden has {len(self.hidden)} layers"
                )
        return self


class LexicalSettings(NetworkSettings):
    """Section `lexical` of params.yaml, whose comments say what each key means."""

    blocks: tuple[Block, ...]
    width: Count
    hidden: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    min_steps: Annotated[int, Field(ge=0)]


class BoostedSettings(Settings):
    """Section `boosted` of params.yaml, whose comments say what each key means."""

    base_models: tuple[StackedModel, ...]
    inner_folds: Annotated[int, Field(ge=2)]
    landmarks: Count
    learning_rate: Positive
    leaves: Annotated[int, Field(ge=2)]
    min_rows: Count
    feature_share: Annotated[float, Field(gt=0, le=1)]
    max_rounds: Count
    seeds: Seeds
