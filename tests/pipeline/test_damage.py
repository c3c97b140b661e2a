"""Whatever is done to the files that predict, ensemble and evaluate read: one clear line, or the same prices."""

import json
import shutil
from pathlib import Path

import pytest
from damage import DELETED, changed, damaged, json_changes, refused_or
from damage_runs import (
    MEMBERS,
    MODEL,
    VALIDATION,
    command_line,
    files,
    priced,
    require_same,
    scored,
    weighed,
)  # fmt: skip

pytestmark = pytest.mark.slow


def damage_all(folder, run, require):
    """Damage every file below `folder` in every way, one at a time; return how often that was refused, and accepted."""
    expected, outcomes = run(), []
    for path in files(Path(folder)):
        if path.name == "README.md":  # the model card, which nothing reads
            continue
        content = path.read_bytes()
        for name, version in damaged(content).items():
            path.unlink()
            if version is not None:
                path.write_bytes(version)
            got = refused_or(run)
            require(got, expected, f"{path}: {name}")
            outcomes.append(isinstance(got, str))
            path.write_bytes(content)
    require_same(run(), expected, "restored")
    return sum(outcomes), len(outcomes) - sum(outcomes)


def test_a_damaged_file_of_the_model_is_refused_or_gives_the_same_prices(small_workspace):
    refused, accepted = damage_all(MODEL, priced, require_same)
    assert refused > 200
    assert accepted < 10  # a line end more or less of model.json


@pytest.mark.parametrize("rows", ["test", "train"])
def test_damaged_features_are_refused_or_give_the_same_prices(small_workspace, rows):
    run = priced if rows == "test" else lambda: weighed("boosted")
    refused, accepted = damage_all(f"data/fused/{rows}", run, require_same)
    assert refused > 120
    assert accepted < 5  # a line end more or less of layout.json


def test_a_price_of_an_epoch_or_a_row_that_changed_in_a_digit_is_refused(small_workspace):
    for path in files(Path(VALIDATION)):
        content = path.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 50)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert isinstance(refused_or(scored), str) or content[place : place + 1].isspace(), (path, place)
        path.write_bytes(content)
    scored()


@pytest.mark.parametrize("member", MEMBERS)
def test_a_damaged_file_of_a_member_is_refused_or_gives_the_same_prices(small_workspace, member):
    refused, accepted = damage_all(f"models/members/{member}", lambda: weighed(member), require_same)
    assert refused > 100
    assert accepted < 10


def test_damaged_predictions_and_epochs_are_refused_or_give_the_same_scores(small_workspace):
    refused, accepted = damage_all(VALIDATION, scored, require_same)
    assert refused > 80
    assert accepted < 5


@pytest.mark.parametrize("folder", [MODEL, "data/fused/test", "models/members/boosted/fits", VALIDATION])
def test_files_that_changed_places_are_refused(small_workspace, folder):
    run = {MODEL: priced, "data/fused/test": priced, VALIDATION: scored}.get(folder, lambda: weighed("boosted"))
    found = files(Path(folder))
    expected = run()
    for one, other in zip(found, found[1:] + found[:1], strict=True):
        contents = one.read_bytes(), other.read_bytes()
        one.write_bytes(contents[1])
        other.write_bytes(contents[0])
        require_same(refused_or(run), expected, f"{one} and {other}")
        assert contents[0] == contents[1] or isinstance(refused_or(run), str), (one, other)
        one.write_bytes(contents[0])
        other.write_bytes(contents[1])


def test_rows_of_the_other_folder_are_refused(small_workspace):
    for name in ("index.parquet", "features.npy", "ngrams/indptr.npy"):
        path = Path("data/fused/test") / name
        content = path.read_bytes()
        shutil.copy(Path("data/fused/train") / name, path)
        assert isinstance(refused_or(priced), str), name
        path.write_bytes(content)
    shutil.rmtree("data/fused/train")
    Path("data/fused/test").rename("data/fused/train")
    assert "no column price" in refused_or(lambda: weighed("boosted"))


def test_another_layout_is_refused(small_workspace):
    path = Path("data/fused/test/layout.json")
    content = json.loads(path.read_text())
    for place, new in [*json_changes(content), *((place, DELETED) for place in dict(json_changes(content)) if place)]:
        other = changed(content, place, new)
        path.write_text(json.dumps(other))
        assert isinstance(refused_or(priced), str) or other == content, f"{place}: {new}"


@pytest.mark.parametrize(
    ("stage", "file", "content"),
    [
        ("predict", f"{MODEL}/model.json", b""),
        ("predict", f"{MODEL}/boosted/fold0-seed0/arrays.safetensors", b"\xff" * 100),
        ("predict", "data/fused/test/features.npy", b"\x93NUMPY"),
        ("ensemble", "models/members/lexical/epochs.csv", b"fold"),
        ("ensemble", "data/fused/train/index.parquet", b"PAR1"),
        ("evaluate", f"{VALIDATION}/out_of_fold.parquet", b"PAR1"),
        ("evaluate", f"{VALIDATION}/epochs.csv", b"member,fold"),
    ],
)
def test_a_stage_script_says_one_line_and_writes_nothing(small_workspace, run_stage, stage, file, content):
    (small_workspace / file).write_bytes(content)
    before = (small_workspace / "prices.csv").read_bytes()
    done = run_stage(stage, small_workspace, *command_line(stage), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}: ")
    assert done.stderr.count("\n") == 1
    assert "Run `dvc " in done.stderr
    assert (small_workspace / "prices.csv").read_bytes() == before
