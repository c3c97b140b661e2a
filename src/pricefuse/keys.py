"""Keys: digests of all that determines a record."""

import hashlib
import json
from pathlib import Path
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def row_key(*determinants: Any) -> str:
    """Digest of all that determines a record: 128 bits of SHA-256 over the determinants' canonical JSON, as hex."""
    return hashlib.sha256(_CANONICAL.encode(determinants).encode()).hexdigest()[:32]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
