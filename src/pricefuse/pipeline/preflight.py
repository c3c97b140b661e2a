"""Say before `dvc repro` what it cannot say itself: python -m pricefuse.pipeline.preflight.

`make repro` starts with it: a dvc.lock that a kill has torn is restored, a catalog that is still to be pulled is named,
and so is what will take long.
"""

import configparser
import subprocess
from pathlib import Path
from typing import Any

from pricefuse.pipeline import stage
from pricefuse.pipeline.choose_catalog import require_catalog
from pricefuse.pipeline.duration import EMBEDDINGS, minutes
from pricefuse.pipeline.params import Params, read_params

import yaml
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from pricefuse.errors import InputError
from pricefuse.files import replacing

LOCKS = ("dvc.lock", "demo/dvc.lock", "learning_curve/dvc.lock")
DURATION = f"On two CPU cores: {minutes(1500)} for the demo's 1,500 products, {minutes(5000)} for 5,000"


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
        hint = "" if has_remote(root) else ". No remote is set up here: `dvc remote add -d team <where it is>` first"
        raise InputError(f"params.yaml, catalog: {error}{hint}") from None


def has_remote(root: Path) -> bool:
    """Return whether this checkout knows a DVC remote."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        config.read([root / ".dvc/config", root / ".dvc/config.local"], encoding="utf-8")
    except configparser.Error:  # DVC will say what is wrong with it
        return False
    return any("remote " in section for section in config.sections())


def what_takes_long(params: Params, root: Path) -> list[str]:
    """Return lines about the long stages that will run, from what dvc.lock says ran last; none if all is there."""
    locked = _locked_stages(root / "dvc.lock")
    there = all((root / folder).is_dir() for folder in EMBEDDINGS.values())
    ran = f"data/raw/{params.catalog}" in {dep["path"] for dep in locked.get("clean", {}).get("deps", [])}
    if ran and not there and has_remote(root):
        return [
            "What earlier runs made is not here: `dvc pull` fetches it. Without it, all is computed.",
            f"{DURATION}.",
        ]
    if not (ran and there):
        return [
            f"First run on catalog {params.catalog}: embedding every text and image, and then train, take long.",
            f"{DURATION}. A run that is stopped goes on from its finished rows and fits.",
        ]
    lines = []
    for name in EMBEDDINGS:
        model = getattr(params, name).model
        before = locked.get(name, {}).get("params", {}).get("params.yaml", {}).get(f"{name}.model", model)
        if model != before:
            fetched = "" if model.startswith("packaged:") or Path(model).exists() else " (fetched once, from its hub)"
            lines.append(
                f"{name} has another model, {model}{fetched}: every product is embedded anew, then train runs."
            )
    return lines


def _locked_stages(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    stages: dict[str, Any] = yaml.safe_load(path.read_bytes()).get("stages", {})
    return stages


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
