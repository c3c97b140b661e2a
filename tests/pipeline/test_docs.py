"""The documentation against what it is about: stages that an edit runs again, commands, parameters, plug-ins."""

import re

from pricefuse.pipeline.remote_url import KINDS

import pytest
import yaml
from closure import NO_OUTPUT, SOURCE
from paths import ROOT

HEAD = ["| edited in `src/pricefuse/` | stages that run again |", "|---|---|"]


def stages():
    found = {}
    for pipeline in ("demo/dvc.yaml", "dvc.yaml", "learning_curve/dvc.yaml"):
        found |= yaml.safe_load((ROOT / pipeline).read_text())["stages"]
    return found


def reruns():
    """Return, for every package and module of the library, the stages that depend on it, in the order of the data."""
    names = sorted(path.name for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists())
    return {
        name: [stage for stage, content in stages().items() if f"src/pricefuse/{name}" in content["deps"]]
        for name in names
    }


def table():
    """Return the lines of the table; names with the same stages share one, those that change no output are last."""
    order = list(stages())
    rows = {}
    for name, affected in reruns().items():
        rows.setdefault(tuple(affected), []).append(f"`{name}`")
    found = sorted(rows.items(), key=lambda row: (not row[0], [order.index(stage) for stage in row[0]]))
    return HEAD + [f"| {', '.join(names)} | {', '.join(affected) or 'none'} |" for affected, names in found]


def test_the_documentation_says_what_an_edit_runs_again():
    expected = table()
    documented = (ROOT / "docs/team.md").read_text().splitlines()
    assert HEAD[0] in documented
    start = documented.index(HEAD[0])
    assert documented[start : start + len(expected) + 1] == [*expected, ""], "\n".join(["it should be", *expected])


def test_what_changes_no_output_runs_nothing_again():
    assert {name for name, affected in reruns().items() if not affected} >= NO_OUTPUT
    # A script's edit runs its own stage.
    assert all(f"stages/{name}.py" in content["deps"] for name, content in stages().items())


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_name_parameters_and_targets_that_there_are(page):
    text = page.read_text()
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for name in re.findall(r"-S '?([\w.]+)=", text):
        section, _, key = name.partition(".")
        assert key in params[section] if key else section in params, name
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"[`$] ?make ([a-z-]+)", text)) <= {*targets}


def test_each_kind_of_remote_is_shown_and_a_plug_in_has_one_version():
    shown = set(re.findall(r"^\$ make remote URL=(\w+)://", (ROOT / "docs/team.md").read_text(), re.MULTILINE))
    assert [scheme for scheme, kind in KINDS.items() if kind not in map(KINDS.get, shown)] == []
    pins = {kind.plug_in for kind in KINDS.values()} | {*(ROOT / "requirements.txt").read_text().splitlines()}
    assert {pin for page in PAGES for pin in re.findall(r"dvc-\w+==[\d.]+", page.read_text())} <= pins
