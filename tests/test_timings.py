"""Seconds: noted by each stage that DVC runs, recorded by a command, and read for one catalog."""

import json
import time

from pricefuse.pipeline import stage
from pricefuse.pipeline.record_seconds import main as record

import pytest

from pricefuse.errors import InputError
from pricefuse.timings import noted_seconds, recorded_seconds


@pytest.fixture
def repository(tmp_path, write_params, monkeypatch):
    write_params(tmp_path, {"catalog": "mine"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stage_that_dvc_runs_notes_its_seconds_and_they_are_recorded(repository, monkeypatch, capsys):
    monkeypatch.setenv("DVC_STAGE", "demo/dvc.yaml:demo")
    stage.run(lambda: time.sleep(0.3))
    monkeypatch.setenv("DVC_STAGE", "train@boosted")
    stage.run(lambda: None)
    noted = noted_seconds()
    assert set(noted) == {"demo/dvc.yaml:demo", "train@boosted"}
    assert 0.3 <= noted["demo/dvc.yaml:demo"] < 5
    record()
    assert json.loads((repository / "data/timings/mine.json").read_text()) == noted
    assert recorded_seconds(repository / "data/timings", "mine") == noted
    assert "2 stages" in capsys.readouterr().out


def test_a_script_that_a_person_runs_or_that_fails_notes_nothing(repository, monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    stage.run(lambda: None)
    monkeypatch.setenv("DVC_STAGE", "clean")

    def fail():
        raise InputError("no")

    with pytest.raises(SystemExit):
        stage.run(fail)
    assert noted_seconds() == {}
    with pytest.raises(InputError, match="no stage has run on this machine"):
        record()


def test_what_is_torn_or_another_catalogs_is_left_out(tmp_path):
    for name, content in {
        "a": '{"stage": "a", "seconds": 1.5}',
        "b": '{"stage',
        "c": "[]",
        "d": '{"stage": "d"}',
    }.items():
        (tmp_path / f"{name}.json").write_text(content)
    assert noted_seconds(tmp_path) == {"a": 1.5}
    assert (
        recorded_seconds(tmp_path, "other") == recorded_seconds(tmp_path, "b") == recorded_seconds(tmp_path, "c") == {}
    )
