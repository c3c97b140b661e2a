"""The notebook runs in an ordinary workspace, and its numbers are the pipeline's."""

import json
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
from finished_pipeline import copied, finished_pipeline
from nbclient import NotebookClient
from paths import ROOT

from pricefuse.metrics import smape_terms

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]  # it may be the first that asks for the finished pipeline

NOTEBOOK = ROOT / "notebooks/explore.ipynb"
# What is run after the last cell, in the same kernel: what the variables hold, a fit of unchanged settings by the same
# lines, and the table of products in a catalog without pictures.
AFTERWARDS = """
import json, shutil
again = np.exp(cross_fit(one_fold, member, settings, params.train).log_prices[held_out])
shutil.rmtree("data/images")
print(json.dumps({
    "found": found,
    "deciles": deciles.to_dict("list"),
    "by_attribute": by_attribute.reset_index().to_dict("records"),
    "worst": worst["sample_id"].tolist(),
    "blocks": blocks.to_dict("index"),
    "fold": int(fold), "again": again.tolist(), "stored": stored.tolist(), "tried": tried.tolist(),
    "difference": difference,
    "without_pictures": with_pictures(worst).data,
}))
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, write_params):
    finished = finished_pipeline(tmp_path_factory, write_params)
    return copied(finished, tmp_path_factory.mktemp("notebook") / "work")


@pytest.fixture(scope="module")
def ran(workspace):
    """Run the notebook from its own folder; return its outputs, and what AFTERWARDS printed."""
    folder = workspace.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    shutil.copy(NOTEBOOK, folder)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(AFTERWARDS))
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    *cells, last = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in cells for output in cell.outputs], json.loads(printed(last.outputs))


def printed(outputs):
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def test_the_notebook_in_git_is_valid_and_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    # It would also be refused for ids of cells that change with every save.
    checked = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", str(NOTEBOOK)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_errors_are_those_of_the_pipelines_metrics(ran, workspace):
    _, after = ran
    metrics = json.loads((workspace.folder / "metrics/validation.json").read_text())
    for name in ("smape", "r2", "mae", "rmse"):
        assert round(after["found"]["predicted"][name], 4) == metrics[name]
    members = {name: round(after["found"][f"predicted_{name}"]["smape"], 4) for name in metrics["members"]}
    assert members == metrics["members"]
    deciles = pd.read_csv(workspace.folder / "metrics/plots/deciles.csv")
    pd.testing.assert_frame_equal(pd.DataFrame(after["deciles"]), deciles, check_dtype=False)


def test_products_are_found_by_attribute_and_by_error(ran, workspace):
    outputs, after = ran
    rows = workspace.table("data/validation/out_of_fold.parquet")
    errors = smape_terms(rows["price"].to_numpy(), rows["predicted"].to_numpy())
    attributes = workspace.table("data/clean/attributes.parquet").set_index("sample_id").loc[rows["sample_id"]]
    assert len(after["by_attribute"]) > 3
    for row in after["by_attribute"]:
        has = (attributes[row["attribute"]] == 1).to_numpy()
        assert row["products"] == has.sum() >= 5
        np.testing.assert_allclose([row["with it"], row["without"]], [errors[has].mean(), errors[~has].mean()])

    assert after["worst"] == rows["sample_id"].iloc[np.argsort(-errors, kind="stable")[:20]].tolist()
    shown = [output.get("data", {}).get("text/html", "") for output in outputs]
    (table,) = [html for html in shown if "<img" in html]
    assert 15 <= table.count('<img src="data:image/jpeg;base64,') <= 20
    assert all(f"<td>{sample_id}</td>" in table for sample_id in after["worst"])
    assert "<img" not in after["without_pictures"]
    assert all(f"<td>{sample_id}</td>" in after["without_pictures"] for sample_id in after["worst"])


def test_the_blocks_are_those_of_the_features(ran, workspace):
    _, after = ran
    layout = json.loads((workspace.folder / "data/fused/train/layout.json").read_text())
    widths = {block["name"]: block["stop"] - block["start"] for block in layout["blocks"]}
    widths["ngrams"] = layout["ngram_columns"]
    assert {name: block["columns"] for name, block in after["blocks"].items()} == widths
    trained = workspace.table("data/fused/train/index.parquet")["sample_id"]
    digests = workspace.table("data/image_hashes.parquet").set_index("sample_id")["sha256"]
    missing = 100 * digests.loc[trained].isna().mean()
    assert after["blocks"]["clip_image"]["missing %"] == pytest.approx(missing)
    assert missing > 0


def test_a_fit_by_hand_is_the_pipelines_own_but_for_what_was_changed(ran, workspace):
    outputs, after = ran
    kept = workspace.table("models/members/boosted/out_of_fold.parquet")
    stored = np.exp(kept.loc[kept["fold"] == after["fold"], "log_price"])
    assert after["again"] == after["stored"] == stored.tolist()
    assert after["tried"] != after["stored"]
    low, high = after["difference"]
    said = printed(outputs).splitlines()
    assert said[-2].endswith(f"interval {low:+.2f} to {high:+.2f}")
    assert "stored" in said[-1]
    assert "tried" in said[-1]
