"""The modules of this project that a script imports, directly or not, read from its syntax."""

import ast
from pathlib import Path

from paths import ROOT

SOURCE = ROOT / "src"


def import_closure(script: Path) -> set[str]:
    """Return the paths, relative to the repository, of the script and of all project modules that it imports."""
    closure, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(ROOT).as_posix()
        if name not in closure:
            closure.add(name)
            waiting += [found for module in _imported(path) for found in _files(module)]
    return closure


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
    """Return the module's file, and those of the packages above it, which Python runs on the way."""
    files = []
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        base = SOURCE.joinpath(*parts[:depth])
        files += [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]
    return files
