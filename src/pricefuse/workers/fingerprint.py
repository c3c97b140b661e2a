"""What a worker must have in common with the process that gives it work, so that it computes the same records."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pricefuse
from pricefuse.keys import file_digest, row_key

LIBRARIES = (
    "lightgbm", "numpy", "open_clip_torch", "pillow", "scikit-learn", "scipy", "sentence-transformers", "simplejpeg",
    "torch", "torchvision", "transformers",
)  # fmt: skip


@cache
def fingerprint() -> dict[str, str]:
    """Return versions of Python and of the libraries that compute, and a digest of this project's code."""
    root = Path(pricefuse.__file__).parent
    code = [(path.relative_to(root).as_posix(), file_digest(path)) for path in sorted(root.rglob("*.py"))]
    found = {"python": platform.python_version(), "processor": platform.machine(), "pricefuse": row_key(code)[:12]}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """Return in what another process's fingerprint differs, in words; empty where it does not."""
    names = [name for name in here if here[name] != there.get(name)]
    return ", ".join(f"{name} {there.get(name)} (here {here[name]})" for name in names)
