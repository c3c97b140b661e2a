"""The typed view of params.yaml: unknown keys, wrong types and values out of range are refused, with their place."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pricefuse.errors import InputError

T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]
InnerShare = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Dtype = Literal["auto", "float32", "bfloat16"]
Block = Literal["gemma", "clip_text", "clip_image", "image_mask", "attributes"]
Column = Literal["words", "joint", "kernel", "lasso"]
Member = Literal["simple_nn", "lexical", "boosted"]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]


class Section(BaseModel):
    """A section of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _different(values: tuple[T, ...], otherwise: str) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError(otherwise)
    return values


class Demo(Section):
    train_products: Annotated[int, Field(ge=20)]
    test_products: Count
    noise_sd: Annotated[float, Field(ge=0, le=2)]
    seed: Seed


class Clean(Section):
    labels: bool
    lowercase: bool
    ascii_only: bool


class Download(Section):
    side: Annotated[int, Field(ge=16, le=4096)]
    jpeg_quality: Annotated[int, Field(ge=1, le=95)]
    max_pixels: Count
    max_bytes: Count
    connections: Annotated[int, Field(ge=1, le=512)]
    connections_per_host: Count
    requests_per_second_per_host: Positive
    connect_timeout_s: Positive
    read_timeout_s: Positive
    deadline_s: Positive
    retries: Annotated[int, Field(ge=0)]
    max_redirects: Annotated[int, Field(ge=0)]
    give_up_after: Count
    allowed_hosts: tuple[str, ...]
    retry: Literal["transient", "all"]
    max_failed_share: Share


class EmbedGemma(Section):
    model: Annotated[str, Field(min_length=1)]
    revision: str | None
    prompt: str
    chunk_tokens: Annotated[int, Field(ge=8)]
    normalize: bool
    batch_tokens: Count
    dtype: Dtype


class EmbedClip(Section):
    model: Annotated[str, Field(min_length=1)]
    revision: str | None
    batch_size: Count
    dtype: Dtype


class Fuse(Section):
    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]
    ngrams: bool
    ngram_bits: Annotated[int, Field(ge=10, le=24)]
    split: Literal["group", "random"]
    folds: Annotated[int, Field(ge=2)]
    validation_share: InnerShare
    seed: Seed

    @field_validator("blocks")
    @classmethod
    def _blocks_differ(cls, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        return _different(blocks, "a block is named twice")


class Train(Section):
    members: Annotated[tuple[Member, ...], Field(min_length=1)]
    target: Literal["log", "log1p"]
    stopping_share: InnerShare
    spread: bool
    threads: Annotated[int, Field(ge=1, le=256)]

    @field_validator("members")
    @classmethod
    def _members_differ(cls, members: tuple[Member, ...]) -> tuple[Member, ...]:
        return _different(members, "a member is named twice")


class Network(Section):
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
        return _different(seeds, "a seed is named twice: its network would only count double")


class SimpleNN(Network):
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


class Lexical(Network):
    blocks: tuple[Block, ...]
    width: Count
    hidden: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    least_steps: Annotated[int, Field(ge=0)]


class Boosted(Section):
    columns: tuple[Column, ...]
    components: Annotated[int, Field(ge=0)]
    inner_folds: Annotated[int, Field(ge=2)]
    landmarks: Count
    learning_rate: Positive
    leaves: Annotated[int, Field(ge=2)]
    least_rows: Count
    feature_share: Annotated[float, Field(gt=0, le=1)]
    most_rounds: Count
    bags: Count
    seeds: Seeds


class LearningCurve(Section):
    member: Member
    shares: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)]
    seed: Seed


class Evaluate(Section):
    bootstrap_samples: Annotated[int, Field(ge=100)]
    confidence: InnerShare
    seed: Seed


class Params(Section):
    """All of params.yaml, section by section; see the comments there for what each key means."""

    catalog: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # one folder name: it cannot lead elsewhere
    demo: Demo
    clean: Clean
    download: Download
    embed_gemma: EmbedGemma
    embed_clip: EmbedClip
    fuse: Fuse
    train: Train
    simple_nn: SimpleNN
    lexical: Lexical
    boosted: Boosted
    evaluate: Evaluate
    learning_curve: LearningCurve

    @model_validator(mode="after")
    def _members_have_their_features(self) -> Self:
        if "lexical" in self.train.members and not self.fuse.ngrams:
            raise ValueError("train.members has lexical, which needs fuse.ngrams: true")
        return self


def read_params(path: Path) -> Params:
    """Read and check params.yaml as a whole, so that a slip in the last section is told before the first stage's work.

    Raises InputError naming the file and every key at fault.
    """
    try:
        # YAML 1.2, as DVC reads it: YAML 1.1 takes 2e-3 for a string and `no` for false.
        return Params.model_validate(YAML(typ="safe").load(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository's top folder") from None
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']} (found {fault['input']!r:.80})"
            for fault in error.errors()
        )
        raise InputError(f"{path}: {faults}") from None
