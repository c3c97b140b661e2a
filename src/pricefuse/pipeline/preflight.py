"""Say before `dvc repro` what it cannot say itself: python -m pricefuse.pipeline.preflight.

`make repro` starts with it: a dvc.lock that a kill has torn is restored, a catalog that is still to be pulled is named,
and so is what will take long.
"""

import subprocess
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.choose_catalog import require_catalog
from pricefuse.pipeline.expectations import has_remote, what_takes_long
from pricefuse.pipeline.params import Params, read_params

import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from pricefuse.errors import InputError
from pricefuse.files import replacing

LOCKS = ("dvc.lock", "demo/dvc.lock", "learning_curve/dvc.lock")


def restore_torn_lock(path: Path) -> str | None:
    """Put back git's version of a dvc.lock that DVC cannot read, and return a message; None if there is nothing to do.

    Raises InputError that says what to do if git has no readable version, or the file holds a merge's conflicts.
    """
    if not path.is_file() or _is_valid(path.read_bytes()):
        return None
    if any(line.startswith(b"<<<<<<<") for line in path.read_bytes().splitlines()):
        raise InputError(
            f"{path} holds a merge's conflicts. Take one side, which this run brings up to date:"
            f" `git checkout --theirs {path}`, then `git add {path}`"
        )
    git = subprocess.run(  # noqa: S603 - no argument comes from elsewhere
        ["git", "show", f":./{path.name}"],  # noqa: S607 - of the index: DVC stages what it has finished
        cwd=path.parent,
        capture_output=True,
        check=False,
    )
    if git.returncode or not _is_valid(git.stdout):
        raise InputError(
            f"{path} is torn, as a kill leaves it, and git has no whole version. Remove it: what ran before comes from"
            " the run-cache, or runs again"
        )
    with replacing(path) as temporary:
        temporary.write_bytes(git.stdout)
    return (
        f"{path} was torn: a kill hit DVC while it wrote. Restored git's version, as `git checkout {path}` does;"
        " stages that ran since come from the run-cache, or run again"
    )


def _is_valid(content: bytes) -> bool:
    try:
        COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(content))
    except Exception:  # noqa: BLE001 - whatever the parser or the schema objects to, DVC will
        return False
    return True


def require_data(params: Params, root: Path) -> None:
    """Raise InputError if the catalog is not there, and say to pull it if DVC tracks it."""
    if params.catalog == "demo":
        return
    try:
        require_catalog(root / "data/raw" / params.catalog)
    except InputError as error:
        hint = "" if has_remote(root) else ". No remote is set up here: `make remote URL=<where it is>` first"
        raise InputError(f"params.yaml, catalog: {error}{hint}") from None


def main() -> None:
    root = Path()
    for name in LOCKS:
        if message := restore_torn_lock(root / name):
            print(message)
    params = read_params(root / "params.yaml")
    require_data(params, root)
    for line in what_takes_long(params, root):
        print(line)


if __name__ == "__main__":
    stage.run(main)
