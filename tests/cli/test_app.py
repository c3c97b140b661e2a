"""The command as people call it: results on standard output, messages beside it, and exit codes."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from paths import ROOT
from typer.testing import CliRunner

from pricefuse.cli.app import app

COMMAND = [sys.executable, "-c", "from pricefuse.cli.app import main; main()"]


def run(*arguments, stdin=None):
    """Run a command in this process, which has imported what takes seconds."""
    return CliRunner(env={"COLUMNS": "100"}).invoke(app, [*map(str, arguments)], input=stdin)


def test_help_names_the_commands_and_imports_nothing_heavy():
    script = (
        "import sys\nfrom pricefuse.cli.app import main\ntry:\n    main()\nfinally:\n    print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for command in ("predict", "check", "compare", "experiments", "tune", "card", "report"):
        assert f" {command} " in done.stdout
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "pandas", "numpy", "pyarrow", "dvc", "lightgbm", "sklearn", "pydantic", "optuna"}


def test_the_command_is_installed_under_its_name():
    scripts = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[2]
    assert 'pricefuse = "pricefuse.cli.app:main"' in scripts


def test_a_table_is_priced_from_a_file_or_standard_input(bundle, tmp_path):
    asked = pd.read_csv(bundle / "catalog/test.csv", dtype=str, keep_default_na=False).head(3)
    out = tmp_path / "prices.csv"
    catalog = shutil.copytree(bundle / "catalog", tmp_path / "catalog")
    asked.to_csv(catalog / "three.csv", index=False)
    to_file = run("predict", catalog / "three.csv", "-o", out, "--model", bundle / "model")
    assert to_file.exit_code == 0, to_file.stderr
    assert to_file.stdout == ""
    assert f"{out}: 3 prices" in to_file.stderr
    prices = pd.read_csv(out, dtype={"sample_id": str})
    assert list(prices) == ["sample_id", "price", "price_low", "price_high"]
    assert prices["sample_id"].tolist() == asked["sample_id"].tolist()

    text = asked.to_csv(index=False)
    piped = run("predict", "-", "--model", bundle / "model", "--images", bundle / "catalog/images", stdin=text)
    assert piped.exit_code == 0, piped.stderr
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(piped.stdout), dtype={"sample_id": str}), prices)


def test_one_product_is_explained_for_people_and_as_json(bundle):
    text = "Item Name: \x1b[31mNorthfold Organic Rye Crackers, 6 oz\nValue: 6\nUnit: Ounce"
    shown = run("predict", "--text", text, "--model", bundle / "model")
    assert shown.exit_code == 0, shown.stderr
    assert "80% interval" in shown.stdout
    assert "training products that resemble it" in shown.stdout
    assert "\x1b" not in shown.stdout
    found = json.loads(run("predict", "--text", text, "--model", bundle / "model", "--json").stdout)
    assert found["price_low"] <= found["price"] <= found["price_high"]
    assert {"sample_id", "name", "price", "cosine"} == set(found["neighbors"][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict",), "no TABLE to price, and no --text"),
        (("predict", "gone.csv"), "gone.csv: no such file of products"),
        (("predict", "good.csv", "--text", "Tea"), "a TABLE and a --text: price one or the other"),
        (("predict", "good.csv", "--image", "a.jpg"), "--image and --json are for one product"),
        (("predict", "empty.csv"), "empty.csv: the file is empty"),
        (("predict", "twice.csv"), "column sample_id is there twice"),
        (("predict", "broken.csv"), r"broken.csv, row 1 (ends in line 2): 1 fields where the header has 2"),
        (("predict", "good.csv", "--images", "gone"), "gone: no such folder of images"),
        (("predict", "good.csv", "--encoder", "gemma"), "--encoder gemma: write gemma=FOLDER"),
        (("predict", "good.csv", "--model", "gone"), "gone/model.json: no such file"),
        (("predict", "-"), "standard input: the file is empty"),
        (("check", "gone.csv", "--against", "good.csv"), "gone.csv: no such file"),
        (("card", "--model", "gone"), "gone/README.md: no such file"),
        (("report",), "reports/report.html: no such file. Run `dvc repro report`"),
    ],
)
def test_a_mistake_is_one_line_and_exit_1(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "twice.csv").write_text("sample_id,sample_id\na,b\n")
    (tmp_path / "broken.csv").write_text("sample_id,catalog_content\na\n")
    (tmp_path / "good.csv").write_text("sample_id,catalog_content\na,b\n")
    done = run(*arguments, stdin="")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_submission_is_judged_by_exit_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test.csv").write_text("sample_id,catalog_content\na,x\nb,y\n")
    (tmp_path / "good.csv").write_text("sample_id,price\na,1\nb,2\n")
    (tmp_path / "bad.csv").write_text("sample_id,price\na,1\n")
    good = run("check", "good.csv", "--against", "test.csv")
    assert (good.exit_code, good.stdout) == (0, "good.csv: valid, 2 prices, one for each product of test.csv\n")
    bad = run("check", "bad.csv", "--against", "test.csv")
    assert (bad.exit_code, bad.stdout) == (1, "bad.csv: no price for sample_id: b\n")


def test_the_card_is_printed(bundle):
    done = run("card", "--model", bundle / "model")
    assert (done.exit_code, done.stdout) == (0, "# The card\n")


def test_the_reports_place_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/report.html").write_text("x")
    assert run("report").stdout == "reports/report.html\n"


@pytest.mark.parametrize(
    ("asked", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_command_that_is_asked_to_end_says_so_in_one_line(tmp_path, asked, status, word):
    os.mkfifo(tmp_path / "test.csv")
    (tmp_path / "out.csv").write_text("sample_id,price\n")
    process = subprocess.Popen(
        [*COMMAND, "check", "out.csv", "--against", "test.csv"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads are running
    )  # fmt: skip
    with Path(tmp_path / "test.csv").open("w"):  # waits until the command reads it
        process.send_signal(asked)
        _, err = process.communicate(timeout=20)
    assert process.returncode == status
    assert err == f"{word}: run the command again\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    (tmp_path / "test.csv").write_text("sample_id\n" + "".join(f"{n}\n" for n in range(9)))
    (tmp_path / "out.csv").write_text("price\n")
    line = " ".join(f"'{part}'" for part in [*COMMAND, "check", "out.csv", "--against", "test.csv"])
    done = subprocess.run(f"{line} | true", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
