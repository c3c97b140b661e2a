"""Search spaces: which settings of a member a search varies, and within what bounds (search_spaces.yaml)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pricefuse.pipeline.yaml_loader import load_yaml

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import Field, ValidationError, model_validator
from yaml import YAMLError

from pricefuse.errors import InputError
from pricefuse.settings import Settings
from pricefuse.training.fold_fit import MemberSettings

REMEDY = "README: Better settings"


class Range(Settings):
    """Numbers from `low` to `high`, both included: whole ones where the bounds are; `log` draws by ln of the number."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("low must be below high, and above 0 where log is true")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.low, self.high

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)


class Choices(Settings):
    """Values to choose among."""

    choices: Annotated[tuple[str | bool | int | float, ...], Field(min_length=2, max_length=100)]

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.choices

    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""
        return CategoricalDistribution(self.choices)


Space = Mapping[str, BaseDistribution]


def read_space(path: Path, member: str, settings: MemberSettings) -> dict[str, BaseDistribution]:
    """Return the search space of `member` by the name of the setting, in the order of the file.

    Raises InputError that names the key where the file is no such file, a key is no setting of the member, a bound is
    a value that the setting refuses, or the present value lies outside: the search starts from it.
    """
    try:
        content = load_yaml(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {REMEDY}") from None
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get(member), dict) or not content[member]:
        raise InputError(f"{path}: no settings to search below `{member}:`. {REMEDY}")
    return {
        key: _distribution(f"{path}: {member}.{key}", key, value, settings) for key, value in content[member].items()
    }


def _distribution(place: str, key: str, value: Any, settings: MemberSettings) -> BaseDistribution:
    if key not in type(settings).model_fields:
        known = ", ".join(type(settings).model_fields)
        raise InputError(f"{place}: no such setting. There are: {known}")
    kind: type[Range | Choices] = Choices if isinstance(value, dict) and "choices" in value else Range
    try:
        space = kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{place}{f'.{where}' if where else ''}: {fault['msg']}. {REMEDY}") from None
    present = getattr(settings, key)
    for end in space.ends:
        try:
            with_settings(settings, {key: end})
        except ValidationError as error:
            raise InputError(f"{place}: {end!r} is no value of it: {error.errors()[0]['msg']}") from None
    distribution = space.distribution()
    whole = isinstance(distribution, IntDistribution) and isinstance(present, float)
    if whole or not _holds(distribution, present):
        raise InputError(
            f"{place}: the present value {present!r} of params.yaml is not in the space, and the search starts from it."
            " Widen the space, or leave this setting out"
        )
    return distribution


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))  # noqa: SLF001 - there is no other way
    except ValueError:
        return False


def bounds(distribution: BaseDistribution) -> dict[str, Any]:
    """Return a distribution in the form of search_spaces.yaml."""
    if isinstance(distribution, CategoricalDistribution):
        return {"choices": list(distribution.choices)}
    return {name: getattr(distribution, name) for name in ("low", "high", "log")}


def with_settings(settings: MemberSettings, changed: Mapping[str, Any]) -> MemberSettings:
    """Return the settings with some of them changed. Raises ValidationError where a value is refused."""
    return type(settings).model_validate({**settings.model_dump(), **changed})


def drawn(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's settings, numbers with four digits: what is tried is what would be written to params.yaml."""
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in params.items()}
