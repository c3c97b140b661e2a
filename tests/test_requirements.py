"""requirements.txt against constraints.txt, and both against what is installed."""

import platform
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from paths import ROOT


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    stated = [line.partition(" #")[0] for line in lines if line and not line.startswith(("#", "-e "))]
    return [Requirement(line) for line in stated]


REQUIREMENTS = pins("requirements.txt")
CONSTRAINTS = {canonicalize_name(pin.name): pin for pin in pins("constraints.txt")}
RESOLVED_HERE = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the constraints are resolved on x86_64 Linux: elsewhere there may be other dependencies",
)
STALE = "constraints.txt is stale: run `make constraints`"


def installed(name):
    try:
        return distribution(name)
    except PackageNotFoundError:  # CUDA's packages, in an environment without
        return None


def closure():
    """Return the names of all installed distributions that requirements.txt needs, directly or not."""
    names, waiting = set(), [(canonicalize_name(pin.name), frozenset(pin.extras)) for pin in REQUIREMENTS]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen or not (found := installed(name)):
            continue
        seen.add((name, extras))
        names.add(name)
        waiting += [
            (canonicalize_name(needed.name), frozenset(needed.extras))
            for needed in map(Requirement, found.requires or [])
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        ]
    return names


@pytest.mark.parametrize("pin", REQUIREMENTS, ids=str)
def test_a_requirement_is_one_version_and_the_constraint_is_the_same(pin):
    assert [clause.operator for clause in pin.specifier] == ["=="]
    assert CONSTRAINTS[canonicalize_name(pin.name)].specifier == pin.specifier, STALE


def test_ray_and_what_it_needs_are_one_version_each_and_are_not_required():
    optional = {canonicalize_name(pin.name): pin for pin in pins("requirements-ray.txt")}
    assert all([clause.operator for clause in pin.specifier] == ["=="] for pin in optional.values())
    assert not set(optional) & set(CONSTRAINTS)
    if (ray := installed("ray")) is None:
        pytest.skip("Ray is not installed: make ray")
    needed = [Requirement(line) for line in ray.requires or []]
    needed = {canonicalize_name(each.name) for each in needed if not each.marker or each.marker.evaluate({"extra": ""})}
    assert needed <= set(optional) | set(CONSTRAINTS)
    assert {name: str(pin.specifier) for name, pin in optional.items()} == {
        name: f"=={installed(name).version}" for name in optional
    }


@RESOLVED_HERE
def test_every_installed_dependency_has_a_constraint():
    assert closure() - set(CONSTRAINTS) == set(), STALE


def test_what_is_installed_is_what_the_constraints_say():
    versions = {name: found.version for name in CONSTRAINTS if (found := installed(name))}
    assert {
        name: version
        for name, version in versions.items()
        if not CONSTRAINTS[name].specifier.contains(version, prereleases=True)
    } == {}, "run `make setup`"


@RESOLVED_HERE
def test_the_constraints_hold_nothing_else():
    """A constraint that nothing installs any more would hide that a dependency is gone."""
    needed = {name for name, pin in CONSTRAINTS.items() if not pin.marker}  # CUDA's may be left out
    assert needed - closure() == set(), STALE
