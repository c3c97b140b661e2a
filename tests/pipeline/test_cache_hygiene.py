"""What docs/troubleshooting.md says of the cache: which `dvc gc` keeps experiments' embeddings, and half a push."""

import json
import subprocess

import pytest
import yaml
from finished_pipeline import copied, finished_pipeline
from paths import ROOT
from workspace import ENVIRONMENT, Workspace

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]  # it may be the first that asks for the finished pipeline

SAFE_GC = "dvc gc --all-branches --all-tags --all-experiments"
UNSAFE_GC = "dvc gc --workspace"
TABLE = "data/embeddings/gemma"
PART, CARD = f"{TABLE}/part-00000.parquet", f"{TABLE}.json"
NOT_IN_REMOTE = ("dvc", "data", "status", "--not-in-remote", "--granular")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_params):
    return finished_pipeline(tmp_path_factory, write_params)


@pytest.fixture
def workspace(finished, tmp_path):
    return copied(finished, tmp_path / "work")


def failing(workspace, *command):
    """Run a command that must fail, and return what it printed."""
    done = subprocess.run(command, cwd=workspace.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def locked(workspace):
    """Return where a cache or remote has the embeddings' list of files, their part, and the encoder's card."""
    outs = yaml.safe_load((workspace.folder / "dvc.lock").read_text())["stages"]["embed_gemma"]["outs"]
    listed, card = (stored(next(out["md5"] for out in outs if out["path"] == path)) for path in (TABLE, CARD))
    (entry,) = json.loads((workspace.folder / ".dvc/cache" / listed).read_text())
    return listed, stored(entry["md5"]), card


def stored(md5):
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def test_the_recommended_gc_keeps_an_experiments_embeddings_and_the_other_does_not(workspace):
    page = (ROOT / "docs/troubleshooting.md").read_text()
    assert f"$ {SAFE_GC} --dry\n" in page
    assert f"$ {UNSAFE_GC} --dry " in page
    workspace("dvc", "exp", "run", "-n", "short", "-S", "embed_gemma.chunk_tokens=32", "embed_gemma")
    cache = workspace.folder / ".dvc/cache"
    experiment = locked(workspace)
    back = ("git", "checkout", "-q", "HEAD", "--", "params.yaml", "dvc.lock")
    workspace(*back)
    workspace("dvc", "checkout")
    assert not set(experiment) & set(locked(workspace))

    workspace(*SAFE_GC.split(), "--force")
    workspace("dvc", "exp", "apply", "short")
    assert workspace("dvc", "repro", "embed_gemma").endswith("Data and pipelines are up to date.\n")
    workspace(*back)
    workspace("dvc", "checkout")

    workspace(*UNSAFE_GC.split(), "--force")
    assert not any((cache / name).exists() for name in experiment)
    assert all((cache / name).exists() for name in locked(workspace))
    said = failing(workspace, "dvc", "exp", "apply", "short")
    assert "Checkout failed for following targets:" in said
    assert TABLE in said


def test_half_a_push_is_seen_by_whoever_pushed_and_healed_by_another(workspace, tmp_path):
    remote = tmp_path / "remote"
    listed, part, card = locked(workspace)
    name_remote = ("dvc", "remote", "add", "--local", "--default", "team", str(remote))
    workspace(*name_remote)
    (remote / part).parent.parent.mkdir(parents=True)
    (remote / part).parent.symlink_to(tmp_path / "nowhere")  # all can be pushed but this part

    assert "2 files failed to upload" in failing(workspace, "dvc", "push", "embed_gemma")
    assert (remote / card).is_file()
    assert not (remote / listed).exists()  # whoever finds the list takes the folder for whole
    said = workspace(*NOT_IN_REMOTE, TABLE)
    assert f'Not in remote:\n  (use "dvc push <file>..." to upload files)\n        {TABLE}/\n' in said
    assert f"        {PART}\n" in said
    clone = Workspace.clone(workspace, tmp_path / "clone", "mate")
    clone(*name_remote)
    assert "Missing cache files" in failing(clone, "dvc", "pull", TABLE)

    (remote / part).parent.unlink()
    assert "2 files pushed" in workspace("dvc", "push", "embed_gemma")
    assert "Not in remote" not in workspace(*NOT_IN_REMOTE, TABLE)
    clone("dvc", "pull", TABLE)
    assert (clone.folder / PART).read_bytes() == (workspace.folder / PART).read_bytes()

    # A part that the remote lost: DVC trusts the list beside it, so that the list has to go, too.
    (remote / part).unlink()
    assert "up to date" in workspace("dvc", "push", "embed_gemma")
    assert f"        {PART}\n" in workspace(*NOT_IN_REMOTE, TABLE)
    (remote / listed).unlink()
    assert "2 files pushed" in workspace("dvc", "push", "embed_gemma")
    assert (remote / part).is_file()
