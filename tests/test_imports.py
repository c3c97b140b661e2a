"""The layers of the library, as pyproject.toml states them."""

import subprocess
import sys
from pathlib import Path

from paths import ROOT


def test_imports_point_down():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
