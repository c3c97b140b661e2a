"""The code of this project that a script imports, directly or not, read from its syntax."""

import ast
from pathlib import Path

from paths import ROOT

SOURCE = ROOT / "src" / "pricefuse"
# Code that changes no output: whatever a stage computes, parameters are checked, files written, progress and errors
# shown alike.
NO_OUTPUT = {
    "__init__.py",
    "errors.py",
    "files.py",
    "pipeline",
    "progress.py",
    "resources.py",
    "settings.py",
    "workers",
}


def code_dependencies(script: Path) -> set[str]:
    """Return the paths, relative to the repository, that dvc.yaml has to name for `script`.

    These are the script, the package folders and the single modules of the library in its import closure. Imports are
    not followed into NO_OUTPUT.
    """
    found, waiting = set(), [script]
    names = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [file for module in _imported(path) for file in _files(module)]
        if path != script:
            names.add(f"src/pricefuse/{path.relative_to(SOURCE).parts[0]}")
    return names | {script.relative_to(ROOT).as_posix()}


def _imported(path: Path) -> set[str]:
    """Return every dotted name that could be a module: `from a import b` may mean a.b as well as a."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not used here"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _files(module: str) -> list[Path]:
    """Return the files of a module of this project that can change an output, and of the packages above it."""
    parts = module.split(".")
    if parts[0] != "pricefuse" or len(parts) == 1:
        return []
    first = SOURCE / parts[1]
    if parts[1] in NO_OUTPUT or f"{parts[1]}.py" in NO_OUTPUT:
        return []
    files = [first.with_suffix(".py"), first / "__init__.py"]
    if len(parts) > 2:
        files.append((first / parts[2]).with_suffix(".py"))
    return [path for path in files if path.is_file()]
