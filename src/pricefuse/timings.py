"""How long each stage took on this machine: noted beside the outputs, which may not differ from run to run."""

import json
import os
from pathlib import Path

FOLDER = Path("tmp/seconds")


def record_seconds(seconds: float) -> None:
    """Note the seconds of the stage that DVC runs; nothing where it is not DVC that runs it."""
    if name := os.environ.get("DVC_STAGE"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        path = FOLDER / f"{name.replace('/', '_')}.json"
        path.write_text(json.dumps({"stage": name, "seconds": round(seconds, 1)}), encoding="utf-8")


def read_seconds(folder: Path = FOLDER) -> dict[str, float]:
    """Return the seconds that each stage took when it last ran on this machine, {} where none did."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found[str(record["stage"])] = float(record["seconds"])
        except (OSError, ValueError, KeyError, TypeError):  # of another version, or torn by a kill
            continue
    return found
