"""Set up every test, and provide the fixtures that several modules use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from paths import ROOT

import pricefuse

# The same examples at every run: a failure tells of a change, not of luck. `pytest --hypothesis-profile=explore` looks
# for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None)
settings.load_profile("repeatable")

# An environment may be shared, and its editable install point to another checkout: these tests are of this one's code,
# also in the processes that they start in other folders.
if not Path(pricefuse.__file__).is_relative_to(ROOT):
    raise pytest.UsageError(f"pricefuse comes from {pricefuse.__file__}, not from {ROOT}. Run `make setup`")
os.environ["PYTHONPATH"] = str(ROOT / "src")

# No test may reach a model hub: what is loaded comes from packages or is made on the spot.
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_modifyitems(items):
    """Run the files whose tests may take longest first: no process is left alone with one of them at the end."""
    limits = {}
    for item in items:
        marker = item.get_closest_marker("timeout")
        limits[item.path] = max(limits.get(item.path, 0), marker.args[0] if marker else 0)
    items.sort(key=lambda item: -limits[item.path])


@pytest.fixture(scope="session")
def run_stage():
    """Run a stage script in a folder, as dvc.yaml would, and return the finished process."""

    def run(name, folder, *arguments, check=True):
        command = [sys.executable, str(ROOT / "stages" / f"{name}.py"), *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def write_params():
    """Write params.yaml into a folder: the committed one with some values changed, by their dotted names."""
    from ruamel.yaml import YAML

    def write(folder, changes):
        document = YAML(typ="safe").load(ROOT / "params.yaml")
        for name, value in changes.items():
            *sections, key = name.split(".")
            section = document
            for part in sections:
                section = section[part]
            assert key in section, name
            section[key] = value
        YAML().dump(document, folder / "params.yaml")

    return write


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """Return a folder with a price model in `model`, and the demo catalog that it was trained on in `catalog`.

    All tests of a run share it: whoever changes it takes a copy.
    """
    from bundle import make_bundle
    from once import once

    return once(tmp_path_factory, "bundle", make_bundle)
