"""How long each stage took: noted beside the outputs, and recorded for the model card and the report when asked for.

Seconds differ from run to run, while the same inputs must give the same files. So each run leaves its seconds in tmp/,
and `make seconds` copies them into a file of the repository, which is an input like any other.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path("tmp/seconds")


def note_seconds(seconds: float) -> None:
    """Note the seconds of the stage that DVC runs; nothing where it is not DVC that runs it."""
    if name := os.environ.get("DVC_STAGE"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name.replace('/', '_')}.json"
        path.write_text(json.dumps({"stage": name, "seconds": round(seconds, 1)}), encoding="utf-8")


def noted_seconds(folder: Path = FOLDER) -> dict[str, float]:
    """Return the seconds that each stage took when it last ran on this machine, {} where none did."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found[str(record["stage"])] = float(record["seconds"])
        except (OSError, ValueError, KeyError, TypeError):  # of another version, or torn by a kill
            continue
    return found


def recorded_seconds(folder: Path, catalog: str) -> dict[str, float]:
    """Return the seconds that `make seconds` recorded for a catalog, {} where it has not been run."""
    try:
        content = json.loads((folder / f"{catalog}.json").read_text(encoding="utf-8"))
        return (
            {str(stage): float(seconds) for stage, seconds in content.items()} if isinstance(content, Mapping) else {}
        )
    except (OSError, ValueError, TypeError):
        return {}
