"""Choosing a catalog: one line of params.yaml changes, and only to a catalog that is there."""

from pricefuse.pipeline.choose_catalog import choose

import pytest
from paths import ROOT

from pricefuse.errors import InputError


@pytest.fixture
def params(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    return path


@pytest.fixture
def catalogs(tmp_path):
    folder = tmp_path / "raw"
    (folder / "mine").mkdir(parents=True)
    for name in ("train.csv", "test.csv"):
        (folder / "mine" / name).touch()
    return folder


def test_a_catalog_is_one_changed_line_and_back(params, catalogs):
    before = params.read_text()
    assert choose("mine", params, catalogs) == "demo"
    assert params.read_text() == before.replace("catalog: demo", "catalog: mine")
    assert choose("mine", params, catalogs) == "mine"
    assert choose("demo", params, catalogs) == "mine"  # made by its stage: no folder is needed
    assert params.read_text() == before


def test_a_catalog_that_is_not_there_is_refused_and_names_those_that_are(params, catalogs):
    (catalogs / "shop.dvc").touch()
    with pytest.raises(InputError, match="no such catalog folder.* There are: demo, mine, shop"):
        choose("mien", params, catalogs)
    with pytest.raises(InputError, match="no such catalog folder"):
        choose("..", params, catalogs)


def test_a_catalog_that_dvc_tracks_is_to_be_pulled_first(params, catalogs):
    (catalogs / "shop.dvc").touch()
    with pytest.raises(InputError, match="`dvc pull .*/shop.dvc` fetches it"):
        choose("shop", params, catalogs)


def test_an_incomplete_catalog_names_what_it_lacks(params, catalogs):
    (catalogs / "mine" / "test.csv").unlink()
    with pytest.raises(InputError, match=r"mine: no test.csv in it"):
        choose("mine", params, catalogs)
    assert params.read_bytes() == (ROOT / "params.yaml").read_bytes()
