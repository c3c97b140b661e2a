"""The git hooks: in a clone with `make hooks`, from a shell that does not know the environment, commits are tried."""

import json
import os
import re
import subprocess

import pytest
import yaml
from checkout import Checkout, installed_environment
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dvc.config_schema import REMOTE_SCHEMAS, SCHEMA
from paths import ROOT

CONFIG = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["id"]: hook for hook in CONFIG["repos"][0]["hooks"]}
RESULT = re.compile(r"^\S.*\.(?:Passed|Failed|Skipped)\n", re.MULTILINE)
# Of the options of a remote that sound like secrets: names of files, switches, and names that only identify a key.
NO_SECRETS = {
    "ask_password", "ask_passphrase", "bearer_token_command", "exclude_shared_token_cache_credential", "key_path",
    "keyfile", "sse_kms_key_id",
}  # fmt: skip


class Clone(Checkout):
    """A clone whose hooks are installed; `tried` runs git with nothing on PATH but the system's tools."""

    def __init__(self, folder, venv):
        super().__init__(folder)
        self("make", "hooks", f"VENV={installed_environment(venv, folder)}")

    def tried(self, *command):
        """Run git, and return its exit status and what it printed."""
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        done = subprocess.run(
            ["git", *command], cwd=self.folder, env=env | {"PATH": os.defpath}, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def commit_of(self, files):
        """Try to commit files, however ignored; return what was printed, and of each hook that failed what it said."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self("git", "add", "--force", *files)
        status, printed = self.tried("commit", "-m", "change")
        said = [part.removeprefix("- hook id: ").partition("\n") for part in RESULT.split(printed)[1:]]
        results = [result.rstrip("\n").rpartition(".")[2] for result in RESULT.findall(printed)]
        failed = {hook: text for result, (hook, _, text) in zip(results, said, strict=True) if result == "Failed"}
        assert bool(failed) == (status != 0), printed
        return printed, failed


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hooks")
    (folder / "clone").mkdir()
    clone = Clone(folder / "clone", folder / "venv")
    clone("git", "tag", "start")
    return clone


@pytest.fixture
def clone(installed):
    yield installed
    installed("git", "reset", "-q", "--hard", "start")
    installed("git", "clean", "-qfdx")


def test_this_checkout_passes_its_own_hooks(clone):
    printed = clone("env", "SKIP=dvc-status", "pre-commit", "run", "--all-files")
    assert printed.count("Passed") >= 10
    assert clone("git", "status", "--short") == ""


def private_key():
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def notebook():
    output = {"output_type": "stream", "name": "stdout", "text": ["14.99\n"]}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "source": [], "outputs": [output]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


# A name, a content, the hook that refuses it, and what that says. Secrets, typos and the like are put together here, so
# that this file passes.
REFUSED = {
    "a password in a URL": ("docs/remote.md", "webdav://team:" + "hunter2@host/data\n", "secrets", "docs/remote.md:1:"),
    "an Amazon key": ("notes.md", "AKIA" + "Q" * 16 + "\n", "secrets", "notes.md:1:"),
    "an Amazon secret": ("setup.txt", "aws_secret_access_key=" + "x" * 40 + "\n", "secrets", "setup.txt:1:"),
    "an Azure signature": ("a.yaml", "url: azure://c?sv=1&sig=" + "x" * 40 + "\n", "secrets", "a.yaml:1:"),
    "an Azure account": ("b.yaml", "url: AccountKey=" + "x" * 60 + "\n", "secrets", "b.yaml:1:"),
    "a GitHub token": ("src/github.txt", "ghp_" + "x" * 36 + "\n", "secrets", "src/github.txt:1:"),
    "a Hugging Face token": ("src/hub.txt", "hf_" + "x" * 34 + "\n", "secrets", "src/hub.txt:1:"),
    "a private key": ("docs/key.txt", private_key(), "private-keys", "Private key found: docs/key.txt"),
    "DVC's own secrets": (".dvc/config.local", "[core]\n", "secret-files", ".dvc/config.local"),
    "an environment file": ("tools/.env", "A=1\n", "secret-files", "stays on your machine"),
    "a catalog": ("data/raw/mine/train.csv", "a,b\n", "data-files", "data/raw/mine/train.csv"),
    "a model": ("models/price_model/model.json", "{}\n", "data-files", "models/price_model/model.json"),
    "a table elsewhere": ("docs/prices.csv", "a,b\n", "data-files", "docs/prices.csv"),
    "rows with a header": ("docs/a.md", "sample_id,catalog_content,image_link\n", "catalog-rows", "docs/a.md:1:"),
    "rows without": ("docs/b.md", '7,"Item Name: Tea, 20 bags",,4.5\n', "catalog-rows", "docs/b.md:1:"),
    "a large file": ("docs/photo.bin", bytes(600_000), "large-files", "docs/photo.bin (586 KB) exceeds 500 KB"),
    "half a merge": ("docs/m.md", "<" * 7 + " HEAD\na\n" + "=" * 7 + "\n", "merge-conflicts", "docs/m.md"),
    "a notebook with outputs": ("docs/look.ipynb", notebook(), "notebook-outputs", "files were modified by this hook"),
    "a typo": ("docs/typo.md", "Rec" + "ieve the data.\n", "typos", "should be `Receive`"),
    "an unformatted file": ("src/new.py", '"""New."""\n\nx = {  "a":1}\n', "ruff-format", "1 file reformatted"),
    "a fault in Python": ("src/used.py", '"""New."""\n\nimport os\n', "ruff-check", "`os` imported but unused"),
    "a fault in a script": ("run.sh", "#!/bin/sh\nrm $1\n", "shellcheck", "SC2086"),
}


@pytest.fixture(scope="module")
def refused(installed):
    """Return what the hooks said that failed when all of these files were to be committed."""
    before = installed("git", "rev-parse", "HEAD")
    _, failed = installed.commit_of({name: content for name, content, _, _ in REFUSED.values()})
    assert installed("git", "rev-parse", "HEAD") == before
    installed("git", "reset", "-q", "--hard", "start")
    installed("git", "clean", "-qfdx")
    return failed


@pytest.mark.parametrize("case", REFUSED)
def test_it_cannot_be_committed(refused, case):
    _, _, hook, message = REFUSED[case]
    assert message in refused[hook]


def test_a_hook_says_what_to_do(refused):
    assert "`dvc add data/raw/<name>`" in refused["data-files"]
    assert "Unstage it with `git restore --staged <file>`" in refused["secret-files"]
    assert set(refused) == {hook for _, _, hook, _ in REFUSED.values()}  # no other hook fails


def test_what_dvc_writes_without_local_cannot_be_committed(clone):
    clone("dvc", "remote", "add", "team", "https://host/data")
    clone("dvc", "remote", "modify", "team", "password", "hunter2")
    config = (clone.folder / ".dvc/config").read_text()
    assert "hunter2" in config
    printed, failed = clone.commit_of({".dvc/config": config})
    assert list(failed) == ["remote-secrets"]
    assert "dvc remote modify --local" in printed
    _, failed = clone.commit_of({".dvc/config": "['remote \"team\"']\n    url = https://me:" + "hunter2@host/data\n"})
    assert list(failed) == ["secrets"]


def test_every_secret_that_a_remote_can_have_is_known():
    pattern = re.compile(HOOKS["remote-secrets"]["entry"])
    options = {str(name) for schema in (*REMOTE_SCHEMAS.values(), SCHEMA["studio"]) for name in schema}
    sound = {name for name in options if re.search("secret|passw|passphrase|token|key|connection_string", name)}
    assert {name for name in sound if not pattern.match(f"    {name} = x")} == NO_SECRETS
    assert {"password", "sas_token", "secret_access_key", "account_key"} <= sound
    assert not any(pattern.match(f"    {name} = x") for name in ("url", "user", "profile", "region", "endpointurl"))


def test_a_good_change_is_committed_and_what_dvc_has_to_say_is_shown(clone):
    changed = (ROOT / "stages/predict.py").read_text() + "\n# A comment.\n"
    allowed = "ftp://me:" + "secret@host <!-- pragma: allowlist secret -->\n"
    printed, failed = clone.commit_of({"stages/predict.py": changed, "docs/a.md": allowed})
    assert failed == {}
    assert re.search(r"^predict:\n\tchanged deps:\n(.*\n)*?\t\tmodified: +stages/predict.py", printed, re.MULTILINE)


@pytest.mark.slow
def test_a_push_takes_the_data_along_and_without_a_remote_of_dvc_goes_on(clone, tmp_path):
    clone("git", "init", "-q", "--bare", str(tmp_path / "git"))
    status, printed = clone.tried("push", str(tmp_path / "git"), "main")
    assert status == 0, printed
    (clone.folder / "data/raw/mine").mkdir(parents=True)
    (clone.folder / "data/raw/mine/train.csv").write_text("a,b\n")
    clone("dvc", "add", "-q", "data/raw/mine")
    with (clone.folder / ".dvc/config").open("a") as file:
        file.write(f"    remote = team\n['remote \"team\"']\n    url = {tmp_path / 'dvc'}\n")
    status, printed = clone.tried("commit", "-am", "catalog")  # DVC stages what it adds
    assert status == 0, printed
    assert "data/raw/mine.dvc" in clone("git", "ls-files")
    status, printed = clone.tried("push", str(tmp_path / "git"), "main")
    assert status == 0, printed
    assert any(path.read_bytes() == b"a,b\n" for path in (tmp_path / "dvc").rglob("*") if path.is_file())

    # An older commit has no such catalog: its data leave the workspace, and come back.
    status, printed = clone.tried("checkout", "-b", "before", "start")
    assert status == 0, printed
    assert not (clone.folder / "data/raw/mine").exists()
    status, printed = clone.tried("checkout", "main")
    assert status == 0, printed
    assert (clone.folder / "data/raw/mine/train.csv").read_text() == "a,b\n"
