"""The Dockerfile: built where there is a builder; elsewhere, its steps are run one by one in a clean folder.

In that folder, three things differ from a build: `/home/user` lies in the test's folder; the system's packages and the
user are not made (this machine's git, make and OpenMP are used); and `make setup` finds the third-party packages of the
environment that runs this test, instead of downloading gigabytes, and installs the project alone.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from checkout import Checkout, checksum
from paths import ROOT

HOME = "/home/user"
AS_ROOT = ("apt-get ", "useradd ")
# What a folder in use holds beside the files of git, and what of it belongs into an image: where DVC finds the catalog.
SENT = ["data/raw/mine.dvc"]
NOT_SENT = [".dvc/config.local", ".dvc/cache/files/md5/aa/b", ".dvc/tmp/lock", ".venv/bin/python", "tools/.env",
            "data/raw/mine/train.csv", "data/raw/demo/images/a.jpg", "data/images/part-00000.parquet",
            "data/embeddings/gemma/part-00000.parquet", "data/embeddings/clip.json", "data/fused/train/index.parquet",
            "data/clean/products.parquet", "data/plots/predicted.csv", "data/predictions/prices.csv",
            "data/validation/out_of_fold.parquet", "models/price_model/model.json", "models/members/boosted/a.json",
            "reports/report.html", "tmp/fit.json", "src/pricefuse/__pycache__/a.pyc", ".ruff_cache/a"]  # fmt: skip


def instructions():
    """Return the Dockerfile's instructions, each with its text, without comments and line ends."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]


def sent(folder):
    """Return the names of the files in `folder` that .dockerignore lets through; git lists none of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--exclude-from=.dockerignore"],
        cwd=folder, env={"GIT_DIR": str(folder.parent / "none"), "GIT_WORK_TREE": str(folder)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return sorted(filter(None, listed.split("\0")))


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """Return a folder in use: this checkout, and secrets, data, results and caches beside it."""
    folder = tmp_path_factory.mktemp("context") / "checkout"
    folder.mkdir()
    Checkout(folder)
    subprocess.run(["git", "init", "-q", "--bare", str(folder.parent / "none")], check=True)
    for name in (*SENT, *NOT_SENT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")
    return folder


def test_the_builder_is_sent_what_git_holds_and_nothing_else(context):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=context, capture_output=True, text=True, check=True).stdout
    assert sent(context) == sorted([*filter(None, listed.split("\0")), *SENT])
    assert "/.git" in (context / ".dockerignore").read_text().splitlines()


class Build:
    """What a build of the Dockerfile leaves: a home folder, the variables of its processes, and a command."""

    def __init__(self, home, context):
        self.home, self.context = home, context
        self.env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        venv = [sys.executable, "-m", "venv", "--without-pip", str(home / "venv")]
        subprocess.run(venv, check=True)
        (site,) = (home / "venv/lib").glob("python3*/site-packages")
        (site / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
        pins = (context / "requirements.txt").read_bytes() + (context / "constraints.txt").read_bytes()
        (home / "venv/.pins").write_text(checksum(pins) + "\n")

    def follow(self, name, text):
        """Follow one instruction."""
        text = text.replace(HOME, str(self.home))
        if name == "RUN":
            if not text.startswith(AS_ROOT):
                self.run("sh", "-c", text)
        elif name == "WORKDIR":
            self.folder = Path(text)
            self.folder.mkdir()
        elif name == "ARG":
            self.env.update([text.split("=")])
        elif name == "ENV":
            for pair in text.split():
                key, _, value = pair.partition("=")
                self.env[key] = re.sub(r"\$(\w+)", lambda found: self.env[found[1]], value)
        elif name == "COPY":
            owner, *sources, target = text.split()
            assert (owner, target) == ("--chown=user:user", "./" if len(sources) > 1 else ".")
            for source in sent(self.context) if sources == ["."] else sources:
                (self.folder / source).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.context / source, self.folder / source)
        elif name == "CMD":
            self.command = json.loads(text)
        else:
            assert (name, text) in {
                ("FROM", "python:3.11-slim AS environment"), ("FROM", "environment AS project"), ("USER", "user")
            }  # fmt: skip

    def run(self, *command):
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.slow
def test_the_steps_of_the_image_make_a_project_that_works(context, tmp_path):
    build = Build(tmp_path, context)
    for instruction in instructions():
        build.follow(*instruction)
    assert build.env["CPU"] == "1"
    assert "make repro" in build.run(*build.command)
    # The code is the image's own, and the environment needs nothing any more.
    where = build.run("python", "-c", "import pricefuse, lightgbm; print(pricefuse.__file__)").strip()
    assert where == str(build.folder / "src/pricefuse/__init__.py")
    assert build.run("make", "setup") == ""
    assert "Price the products of a table" in build.run("pricefuse", "--help")
    # DVC has a repository of one commit to work in, and no data.
    assert "train@boosted" in build.run("python", "-m", "dvc", "stage", "list", "--name-only")
    assert build.run("git", "status", "--short") == ""
    assert len(build.run("git", "log", "--oneline").splitlines()) == 1
    assert not (build.folder / "data/raw/mine").exists()


@pytest.mark.parametrize(("cpu", "index"), [("1", True), ("", False)])
def test_the_argument_chooses_between_torch_for_cpu_and_cuda(cpu, index, tmp_path):
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "VENV": str(tmp_path / "none"), "CPU": cpu}
    done = subprocess.run(
        ["make", "--dry-run", "install"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert ("whl/cpu" in done.stdout) is index


def docker(*command, timeout=60):
    return subprocess.run(["docker", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout)


def has_builder():
    return shutil.which("docker") is not None and docker("info").returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(2700)
@pytest.mark.skipif(not has_builder(), reason="no Docker daemon: the Dockerfile's steps are run in a folder instead")
def test_the_image_is_built():
    done = docker("build", "--tag", "pricefuse:test", ".", timeout=2400)
    assert done.returncode == 0, done.stdout + done.stderr
    check = "id -u && pricefuse --help && python -c 'import lightgbm, torch' && dvc stage list && git status --short"
    done = docker("run", "--rm", "pricefuse:test", "sh", "-ec", check, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("1000\n")


def test_the_development_container_is_of_this_dockerfile():
    container = json.loads((ROOT / ".devcontainer.json").read_text())
    # Of the keys in the reference at containers.dev, those that fit an image that is built from a Dockerfile.
    assert set(container) <= {
        "name", "build", "remoteUser", "containerUser", "containerEnv", "remoteEnv", "features", "forwardPorts",
        "mounts", "hostRequirements", "runArgs", "onCreateCommand", "updateContentCommand", "postCreateCommand",
        "postStartCommand", "customizations",
    }  # fmt: skip
    dockerfile = instructions()
    stages = [text.split(" AS ")[1] for name, text in dockerfile if name == "FROM"]
    before = dockerfile[: dockerfile.index(("FROM", "environment AS project"))]
    assert container["build"]["dockerfile"] == "Dockerfile"
    assert container["build"]["target"] == stages[0] == "environment"
    assert {f"{name}={value}" for name, value in container["build"]["args"].items()} == {
        text for name, text in before if name == "ARG"
    }
    assert ("USER", container["remoteUser"]) in before
    settings = container["customizations"]["vscode"]["settings"]
    venv = re.search(r"VENV=(\S+)", dict(before)["ENV"])[1]
    assert settings["python.defaultInterpreterPath"] == f"{venv}/bin/python"
    assert container["postCreateCommand"] == "make hooks"
    assert re.search(r"^hooks: setup ", (ROOT / "Makefile").read_text(), re.MULTILINE)
