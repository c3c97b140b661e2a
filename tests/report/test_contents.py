"""The learning curve and the searches that the report shows are those of its own catalog."""

import json

import pandas as pd
import pytest

from pricefuse.errors import InputError
from pricefuse.report.contents import _learning_curve, _searches


def test_another_catalogs_learning_curve_is_left_out(tmp_path):
    path = tmp_path / "learning_curve.csv"
    assert _learning_curve(path, "mine") is None
    curve = pd.DataFrame({"share": [0.5, 1.0], "rows": [10, 20], "smape": [60.0, 50.0]})
    curve.to_csv(path, index=False)  # of an earlier version
    assert _learning_curve(path, "mine") is None
    curve.assign(catalog="mine").to_csv(path, index=False)
    pd.testing.assert_frame_equal(_learning_curve(path, "mine")[list(curve)], curve)
    assert _learning_curve(path, "demo") is None
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a table"):
        _learning_curve(path, "mine")


def test_another_catalogs_search_is_left_out(tmp_path):
    folder = tmp_path / "tuning"
    assert _searches(folder, "mine") == {}
    folder.mkdir()
    trials = pd.DataFrame({"trial": [0], "state": ["finished"], "smape": [50.0]})
    for member, catalog in (("boosted", "mine"), ("lexical", "demo")):
        (folder / f"{member}.json").write_text(json.dumps({"catalog": catalog}))
        trials.to_csv(folder / f"{member}.csv", index=False)
    (found,) = _searches(folder, "mine").items()
    assert found[0] == "boosted"
    pd.testing.assert_frame_equal(found[1].trials, trials)
    (folder / "boosted.csv").unlink()
    with pytest.raises(InputError, match=r"boosted\.csv: no such file"):
        _searches(folder, "mine")
