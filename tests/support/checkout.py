"""This checkout's files as a repository of their own, and an environment for its Makefile that installs nothing."""

import subprocess
import sys
from pathlib import Path

from workspace import Workspace, copy_checkout


class Checkout(Workspace):
    """All files that a commit of this working tree would hold, in a new repository; calling it runs a command."""

    def __init__(self, folder):
        self.folder = folder
        copy_checkout(folder)
        self.initialize()


def installed_environment(venv, checkout):
    """Let `venv` stand for the Makefile's environment in `checkout`, with the tools of the one that runs the tests.

    `make setup` compares two stamps and finds nothing to do: neither does it fetch the requirements again, nor does it
    point the shared environment to `checkout`.
    """
    venv.mkdir()
    (venv / "bin").symlink_to(Path(sys.executable).parent)
    pins = (checkout / "requirements.txt").read_bytes() + (checkout / "constraints.txt").read_bytes()
    (venv / ".pins").write_text(checksum(pins) + "\n")
    (venv / ".checkout").write_text(f"{checkout} {checksum((checkout / 'pyproject.toml').read_bytes())}\n")
    return venv


def checksum(data):
    return subprocess.run(["cksum"], input=data, capture_output=True, check=True).stdout.decode().strip()
