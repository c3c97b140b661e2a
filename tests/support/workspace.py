"""A git and DVC repository of its own with this code in it, and small parameters."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from paths import ROOT

ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def copy_checkout(folder, is_wanted=lambda _name: True):
    """Copy into `folder` what a commit of this working tree would hold, where its name is wanted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(is_wanted, filter(None, listed.split("\0"))):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def is_no_result(name):
    return not name.startswith(("metrics/", "tests/")) and Path(name).name != "dvc.lock"


class Workspace:
    """A copy of this checkout's files, without results, of which `params` are changed; calling it runs a command."""

    def __init__(self, folder, write_params, params):
        self.folder = folder
        copy_checkout(folder, is_no_result)
        write_params(folder, params)
        self.initialize()

    def initialize(self):
        """Make the folder a repository of git, and commit all that is in it."""
        self("git", "init", "-q", "-b", "main")
        self("git", "config", "user.name", "test")
        self("git", "config", "user.email", "test@example.com")
        self.commit()

    @classmethod
    def clone(cls, other, folder, user):
        """Clone the git repository of `other` into `folder`, without data."""
        clone = cls.__new__(cls)
        clone.folder = folder
        other("git", "clone", "-q", str(other.folder), str(folder))
        clone("git", "config", "user.name", user)
        clone("git", "config", "user.email", f"{user}@example.com")
        return clone

    def __call__(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def commit(self):
        self("git", "add", "-A")
        self("git", "commit", "-qm", "state")

    def repro(self, *targets):
        """Run `dvc repro`; return the stages that ran, and what was printed."""
        printed = self("dvc", "repro", *targets)
        return stages_run(printed), printed

    def table(self, name):
        return pd.read_parquet(self.folder / name)

    def start(self, *command):
        """Start a command at the head of a process group of its own, and return the process."""
        return subprocess.Popen(
            command, cwd=self.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip


def stages_run(printed):
    """Return the stages that `dvc repro` says it ran, in order."""
    return re.findall(r"^Running stage '([^']+)'", printed, re.MULTILINE)
