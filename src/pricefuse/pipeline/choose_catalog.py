"""Choose the catalog in params.yaml: python -m pricefuse.pipeline.choose_catalog mine."""

import re
import sys
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params_file import editing

from pricefuse.errors import InputError

DEMO = "demo"  # made by a stage of its own: demo/dvc.yaml
FILES = ("train.csv", "test.csv")


def choose(name: str, params: Path, catalogs: Path) -> str:
    """Write `catalog: name` into `params`, atomically; return the catalog that stood there before.

    Raises InputError, and changes nothing, if `catalogs` has no folder of that name with the files of a catalog.
    """
    folder = catalogs / name
    if name != DEMO:
        require_catalog(folder)
    with editing(params, f"catalog: {name}") as document:
        before = str(document.get("catalog"))
        if before != name:
            document["catalog"] = name
    return before


def require_catalog(folder: Path) -> None:
    """Raise InputError that says what to do if `folder` is not there, or lacks a file that every catalog has."""
    tracked = folder.with_name(f"{folder.name}.dvc")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", folder.name) or not (folder.is_dir() or tracked.is_file()):
        names = sorted(
            {path.name for path in folder.parent.glob("*/")} | {path.stem for path in folder.parent.glob("*.dvc")}
        )
        raise InputError(
            f"{folder}: no such catalog folder. Make it with {' and '.join(FILES)} in it (README: Your own catalog)."
            f" There are: {', '.join({DEMO: None} | dict.fromkeys(names))}"
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is tracked by DVC and not here: `dvc pull {tracked}` fetches it")
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise InputError(f"{folder}: no {' and no '.join(missing)} in it (README: Your own catalog)")


def main() -> None:
    if len(sys.argv) != 2 or not sys.argv[1]:
        raise InputError("name one catalog, a folder of data/raw: make catalog NAME=mine")
    name = sys.argv[1]
    before = choose(name, Path("params.yaml"), Path("data/raw"))
    print(f"params.yaml already has catalog: {name}" if before == name else f"catalog: {before} -> {name}")


if __name__ == "__main__":
    stage.run(main)
