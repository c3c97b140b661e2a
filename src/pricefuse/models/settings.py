"""Settings of the members of the ensemble: one class a member."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pricefuse.settings import Auto, Block, Count, InnerShare, Seeds, Settings, require_distinct

StackedModel = Literal["words", "kernel", "lasso"]
LearningRate = Annotated[float, Field(ge=1e-8, le=10)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]
Width = Annotated[int, Field(ge=1, le=16_384)]  # of a layer
Dropout = Annotated[float, Field(ge=0, lt=1)]
MAX_LAYERS = 32
# Of the kernel model; they cost their square in the fit, and in every prediction.
LANDMARKS, MANY_ROWS, LANDMARKS_OF_MANY = 4096, 10_000, 2048
MAX_LEAVES = 1024  # of a tree: what evaluating it costs, in memory and time


def _seeds_differ(seeds: tuple[int, ...]) -> tuple[int, ...]:
    return require_distinct(seeds, "a seed is named twice: its fit would only count double")


def _base_models_differ(names: tuple[str, ...]) -> tuple[str, ...]:
    return require_distinct(names, "a base model is named twice")


def _blocks_differ(names: tuple[str, ...]) -> tuple[str, ...]:
    return require_distinct(names, "a block is named twice")


DistinctSeeds = Annotated[Seeds, AfterValidator(_seeds_differ)]


class NetworkSettings(Settings):
    """Loss, optimizer and length of a network's training."""

    loss: Literal["l1", "huber", "smape"]
    huber_delta: Annotated[float, Field(ge=1e-6, le=100)]
    optimizer: Literal["adamw", "adam"]
    schedule: Literal["one_cycle", "constant"]
    learning_rate: LearningRate
    weight_decay: Annotated[float, Field(ge=0, le=10)]
    batch_size: Annotated[int, Field(ge=2, le=1_000_000)]
    max_epochs: Epochs
    patience: Epochs
    seeds: DistinctSeeds


class SimpleNNSettings(NetworkSettings):
    """Section `simple_nn` of params.yaml, whose comments say what each key means."""

    hidden: Annotated[tuple[Width, ...], Field(min_length=1, max_length=MAX_LAYERS)]
    batch_norm: tuple[bool, ...]
    dropout: tuple[Dropout, ...]

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

    blocks: Annotated[tuple[Block, ...], AfterValidator(_blocks_differ)]
    width: Annotated[int, Field(ge=1, le=4096)]
    hidden: Width
    dropout: Dropout
    min_steps: Annotated[int, Field(ge=0, le=1_000_000)]


class BoostedSettings(Settings):
    """Section `boosted` of params.yaml, whose comments say what each key means."""

    base_models: Annotated[tuple[StackedModel, ...], AfterValidator(_base_models_differ)]
    inner_folds: Annotated[int, Field(ge=2, le=100)]
    landmarks: Annotated[int, Field(ge=1, le=65_536)] | Auto
    learning_rate: LearningRate
    leaves: Annotated[int, Field(ge=2, le=MAX_LEAVES)]
    min_rows: Count
    feature_share: Annotated[float, Field(ge=1e-6, le=1)]
    max_rounds: Annotated[int, Field(ge=1, le=100_000)]
    seeds: DistinctSeeds

    def landmarks_for(self, rows: int) -> int:
        """Return the landmarks for so many rows: as set, or for `auto` by the rows alone, whatever the machine."""
        if self.landmarks != "auto":
            return self.landmarks
        return LANDMARKS if rows <= MANY_ROWS else LANDMARKS_OF_MANY


class PredictSettings(Settings):
    """Section `predict` of params.yaml, whose comments say what each key means."""

    coverage: InnerShare
