"""Every number of params.yaml is bounded and every type strict, whatever section it stands in."""

import math

from pricefuse.pipeline.params import Params
from pricefuse.pipeline.yaml_loader import load_yaml

import pytest
from paths import ROOT
from pydantic import ValidationError

COMMITTED = load_yaml(ROOT / "params.yaml")


def leaves(value, place=()):
    """Yield the place and value of everything that is no section, the entries of lists one by one."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*place, key))
    else:
        yield place, value


LEAVES = dict(leaves(COMMITTED))
NUMBERS = {place: value for place, value in LEAVES.items() if type(value) in {int, float}}
BOOLEANS = [place for place, value in LEAVES.items() if type(value) is bool]


def replaced(value, place, new):
    if not place:
        return new
    parts = dict(value) if isinstance(value, dict) else list(value)
    parts[place[0]] = replaced(parts[place[0]], place[1:], new)
    return parts


def require_refused(place, new):
    """The value is refused, in its own place or in that of the list that it is in."""
    with pytest.raises(ValidationError) as refused:
        Params.model_validate(replaced(COMMITTED, place, new))
    assert refused.value.errors()[0]["loc"][:2] == place[:2], new


def named(place):
    return ".".join(map(str, place))


def test_the_places_are_those_of_all_sections():
    assert {place[0] for place in LEAVES} | {"license_policy"} == set(Params.model_fields)  # an empty list
    assert len(NUMBERS) > 60
    assert len(BOOLEANS) > 8


@pytest.mark.parametrize("place", NUMBERS, ids=named)
def test_a_number_has_bounds_and_is_a_number(place):
    for new in (10**15, 1e15, -1, -1e15, math.nan, math.inf, -math.inf, "5", "", True, None, [1]):
        require_refused(place, new)
    if type(NUMBERS[place]) is int:
        require_whole(place)


def require_whole(place):
    """A field of whole numbers refuses 2.5; one of numbers takes 1 for 1.0."""
    section, key = place[:2]
    kind = str(Params.model_fields[section].annotation.model_fields[key].annotation)
    if "float" not in kind:
        require_refused(place, 2.5)
        require_refused(place, float(NUMBERS[place]))


@pytest.mark.parametrize("place", BOOLEANS, ids=named)
def test_a_boolean_is_true_or_false_and_nothing_else(place):
    for new in ("yes", "no", "true", "on", 1, 0, 1.0, None):
        require_refused(place, new)


@pytest.mark.parametrize(
    ("place", "new"),
    [
        (("lexical", "width"), 10**9),
        (("evaluate", "bootstrap_samples"), 10**12),
        (("download", "deadline_s"), 1e300),
        (("download", "requests_per_second_per_host"), 1e-300),
        (("boosted", "learning_rate"), 1e-300),
        (("boosted", "seeds"), [0, 0]),
        (("boosted", "base_models"), ["words", "words"]),
        (("lexical", "blocks"), ["attributes", "attributes"]),
        (("simple_nn", "hidden"), [8] * 33),
        (("simple_nn", "seeds"), list(range(101))),
        (("learning_curve", "shares"), [1.0] * 101),
        (("train", "members"), "boosted"),
    ],
)
def test_what_only_a_slip_would_ask_for_is_refused(place, new):
    require_refused(place, new)
