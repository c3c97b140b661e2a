"""The demo catalog is made where params.yaml names it, and only there."""

import shutil
import subprocess

import pytest
import yaml
from paths import ROOT

CLEAN = {
    "cmd": "cp 'data/raw/${catalog}/train.csv' out.csv",
    "deps": ["data/raw/${catalog}"],
    "outs": ["out.csv"],
}


@pytest.fixture
def dvc(tmp_path):
    """Return a function that runs DVC in a repository with this demo pipeline, and one stage that reads a catalog."""

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    demo = yaml.safe_load((ROOT / "demo/dvc.yaml").read_text())
    command = "mkdir -p data/raw/demo && touch data/raw/demo/train.csv demo/best_reachable.json"
    demo["stages"]["demo"] |= {"cmd": command, "deps": []}
    for folder in ("demo", "data/raw/mine", "remote"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "demo/dvc.yaml").write_text(yaml.safe_dump(demo))
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"clean": CLEAN}}))
    (tmp_path / "data/raw/mine/train.csv").write_text("mine\n")
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    shutil.copyfile(ROOT / ".gitignore", tmp_path / ".gitignore")
    run("git", "init", "-q")
    run("dvc", "init", "-q")
    run("dvc", "config", "core.autostage", "true")
    run("dvc", "remote", "add", "-d", "team", str(tmp_path / "remote"))
    return lambda *words: run("dvc", *words)


def choose(folder, name):
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("catalog: demo", f"catalog: {name}"))


@pytest.mark.slow
def test_the_demo_runs_for_its_own_catalog_and_is_never_pushed(tmp_path, dvc):
    assert "Running stage 'demo/dvc.yaml:demo'" in dvc("repro")
    assert "1 file pushed" in dvc("push")  # out.csv
    shutil.rmtree(tmp_path / "data/raw/demo")
    assert "Everything is up to date" in dvc("pull")
    assert dvc("repro", "--dry", "--allow-missing").endswith("Data and pipelines are up to date.\n")


@pytest.mark.slow
def test_the_demo_does_not_run_for_another_catalog(tmp_path, dvc):
    choose(tmp_path, "mine")
    assert "demo" not in dvc("repro")
    assert (tmp_path / "out.csv").read_text() == "mine\n"
    assert not (tmp_path / "data/raw/demo").exists()
    assert dvc("metrics", "show") == ""
