"""Round trips of a team's data over a folder, an S3 server, an OpenSSH server and HTTP, counted in files and bytes."""

import csv
import hashlib
import re
import shutil
import sys

import pytest
import yaml
from finished_pipeline import copied, finished_pipeline
from PIL import Image
from remote_servers import SERVERS, FolderRemote, http_server, written
from workspace import Workspace, stages_run

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

ROWS_PER_PART = 16  # instead of thousands: 70 products make five parts of each table
TABLES = ("images", "embeddings/gemma", "embeddings/clip_text", "embeddings/clip_image")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_params):
    return finished_pipeline(tmp_path_factory, write_params)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, finished):
    """Return a workspace with a catalog that DVC tracks, and with small parts. No test changes it."""
    workspace = copied(finished, tmp_path_factory.mktemp("mine") / "work")
    for stage in ("download", "embed_gemma", "embed_clip"):
        script = workspace.folder / "stages" / f"{stage}.py"
        code = re.sub(r"rows_per_part=\w+,\s*", "", script.read_text())
        script.write_text(code.replace("title=", f"rows_per_part={ROWS_PER_PART}, title="))
    raw = workspace.folder / "data/raw"
    shutil.copytree(raw / "demo", raw / "mine", copy_function=shutil.copyfile)
    train = raw / "mine/train.csv"
    train.write_text(re.sub(r"https?://[^,\s]+", "", train.read_text()))  # a dead link, which every run tries again
    workspace("dvc", "add", "-q", "data/raw/mine")
    params = workspace.folder / "params.yaml"
    params.write_text(params.read_text().replace("catalog: demo", "catalog: mine"))
    assert workspace.repro("train")[0] == ["clean", "download", "embed_gemma", "embed_clip", "fuse"]
    workspace.commit()
    return workspace


def name_remote(clone, url, endpoint="", **options):
    """Do what docs/team.md tells: `make remote`, and this machine's own options; return what was printed."""
    # -o setup: the environment is that of the tests
    said = clone("make", "-o", "setup", "remote", f"VENV={sys.prefix}", f"URL={url}", f"ENDPOINT={endpoint}")
    for option, value in options.items():
        clone("dvc", "remote", "modify", "-q", "--local", "team", option, value)
    return said


def published(workspace, remote, folder):
    """Return a clone, without data in its workspace, that has named the remote and pushed the data to it."""
    clone = Workspace.clone(workspace, folder, "publisher")
    clone("dvc", "config", "--local", "cache.dir", str(workspace.folder / ".dvc/cache"))
    name_remote(clone, remote.url, remote.endpoint, **remote.options)
    clone.commit()
    clone("dvc", "push")
    return clone


def object_name(md5):
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def contents(path):
    """Return the size of a file, or of each file below a folder, by its name on a remote."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return {object_name(hashlib.md5(file.read_bytes()).hexdigest()): file.stat().st_size for file in files}


def tracked(workspace):
    """Return the size of every file that DVC, not git, tracks, by its name on a remote; of a folder's list, None."""
    locked = yaml.safe_load((workspace.folder / "dvc.lock").read_text())["stages"].values()
    (catalog,) = yaml.safe_load((workspace.folder / "data/raw/mine.dvc").read_text())["outs"]
    outs = [{**catalog, "path": "data/raw/mine"}, *(out for stage in locked for out in stage["outs"])]
    outs = [out for out in outs if not out["path"].startswith("metrics/")]
    found = {object_name(out["md5"]): None for out in outs}
    for out in outs:
        found |= contents(workspace.folder / out["path"])
    return found


def without_lists(sizes):
    return {name: None if name.endswith(".dir") else size for name, size in sizes.items()}


def parts(workspace, table):
    """Return the names of a table's parts on a remote, in order."""
    return [name for path in sorted((workspace.folder / "data" / table).glob("part-*")) for name in contents(path)]


def change(catalog):
    """Edit the text of the first test product, delete the last one, and append another with an image."""
    with (catalog / "test.csv").open(encoding="utf-8", newline="") as file:
        header, first, *others, _ = csv.reader(file)
    first[1] += "Extra fine.\n"
    new = ["new-1", "Item Name: Northfold Rye Crackers 6 oz\nValue: 6.0\nUnit: Ounce\n", ""]
    with (catalog / "test.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, first, *others, new])
    Image.new("RGB", (300, 300), "teal").save(catalog / "images" / "new-1.png")


def refreshed(printed):
    """Return, of each table, how many rows were reused and computed, and how many parts were kept and written."""
    pattern = r"rows: (\d+) reused, (\d+) computed, .* parts: (\d+) kept, (\d+) written"
    return [tuple(map(int, found)) for found in re.findall(pattern, printed)]


# Of 70 rows, numbers 60 and 69 change, in the last two of five parts; the edited text has the image that it had.
TEXTS, IMAGES = (68, 2, 3, 2), (69, 1, 4, 1)


@pytest.mark.parametrize(("kind", "links"), [("folder", "hardlink"), ("s3", "symlink"), ("ssh", "copy")])
def test_a_team_mate_computes_the_changed_rows_and_pushes_the_changed_parts(workspace, tmp_path, kind, links):
    with SERVERS[kind](tmp_path) as remote:
        publisher = published(workspace, remote, tmp_path / "publisher")
        pushed, expected = remote.listing(), tracked(workspace)
        assert without_lists(written({}, pushed)) == expected

        mate = Workspace.clone(publisher, tmp_path / "mate", "mate")
        assert "nothing to change" in name_remote(mate, "", **remote.options)
        mate("dvc", "config", "--local", "cache.type", links)
        mate("dvc", "pull")
        assert tracked(mate) == expected
        assert {table: len(parts(mate, table)) for table in TABLES} == dict.fromkeys(TABLES, 5)

        change(mate.folder / "data/raw/mine")
        mate("dvc", "add", "-q", "data/raw/mine")
        mate.commit()
        compute(mate, kind)
        mate("dvc", "push")
        moved = written(pushed, remote.listing())
        assert without_lists(moved) == {name: size for name, size in tracked(mate).items() if name not in expected}
        numbers = {table: [n for n, name in enumerate(parts(mate, table)) if name in moved] for table in TABLES}
        images = {"images": [4]} if kind == "folder" else {}  # where images were refreshed, too
        assert {table: moved for table, moved in numbers.items() if moved} == {"embeddings/gemma": [3, 4], **images}

        mate.commit()
        history = mate("git", "log", "-p", "--all")
        assert remote.url in history
        for secret in remote.options.values():
            assert secret in (mate.folder / ".dvc/config.local").read_text()
            assert secret not in history


def compute(mate, kind):
    """Embed the changed texts, in an experiment's own copy of the workspace, in the workspace, or in both."""
    if kind != "ssh":  # the copy finds the earlier rows by links to the cache
        assert refreshed(mate("dvc", "exp", "run", "--temp", "-n", "new", "embed_gemma")) == [TEXTS]
    if kind == "s3":
        mate("dvc", "exp", "apply", "new")
    elif kind == "ssh":
        assert refreshed(mate.repro("embed_gemma")[1]) == [TEXTS]
    else:
        assert sorted(refreshed(mate.repro("embed_gemma", "download")[1])) == [TEXTS, IMAGES]


def test_a_team_mate_pulls_everything_and_computes_nothing(finished, tmp_path):
    publisher = published(finished, FolderRemote(tmp_path / "team"), tmp_path / "publisher")
    mate = Workspace.clone(publisher, tmp_path / "mate", "mate")
    mate("dvc", "pull")
    assert not (mate.folder / "data/raw/demo").exists()  # never on a remote: made where it is needed
    assert mate.repro()[0] == ["demo/dvc.yaml:demo"]


def test_a_colleague_without_gpu_and_pictures_trains_and_no_image_is_transferred(workspace, tmp_path):
    remote = FolderRemote(tmp_path / "team")
    publisher = published(workspace, remote, tmp_path / "publisher")
    data = workspace.folder / "data"
    pictures = contents(data / "images") | contents(data / "raw/mine")
    embeddings = {name for table in TABLES[1:] for name in parts(workspace, table)}
    assert len(pictures) > 40
    with http_server(remote.folder) as (url, fetched):
        clone = Workspace.clone(publisher, tmp_path / "clone", "colleague")
        assert "Read-only" in name_remote(clone, url)
        clone.commit()

        # The models: neither embeddings nor images are needed.
        clone("dvc", "pull", "train")
        options = ("--pull", "--allow-missing", "-S", "lexical.width=32")
        printed = clone("dvc", "exp", "run", *options, "evaluate", "predict")
        assert sorted(stages_run(printed)) == ["ensemble", "evaluate", "predict", "train@lexical"]
        assert (clone.folder / "data/predictions/test_out.csv").is_file()
        assert contents(data / "fused/train/features.npy").keys() <= set(fetched)
        assert not embeddings & set(fetched)

        # The features, too: the embeddings are needed.
        clone("git", "checkout", "-q", ".")
        clone("dvc", "pull", "embed_gemma", "embed_clip")
        assert embeddings <= set(fetched)
        params = clone.folder / "params.yaml"
        params.write_text(params.read_text().replace("folds: 2", "folds: 3"))
        assert clone.repro("--pull", "--allow-missing", "train@lexical")[0] == ["fuse", "train@lexical"]

        transferred = set(fetched) & tracked(workspace).keys()
        assert len(transferred & pictures.keys()) == 0
        assert len(transferred) > len(embeddings) == 15
        for folder in ("raw/mine", "images"):
            assert not (clone.folder / "data" / folder).exists()
