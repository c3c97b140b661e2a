"""The learning curve that the report shows is that of its own catalog."""

import pandas as pd
import pytest

from pricefuse.errors import InputError
from pricefuse.report.contents import _learning_curve


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
