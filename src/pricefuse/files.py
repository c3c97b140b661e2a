"""Files that are either whole or not there."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pricefuse.errors import InputError

if TYPE_CHECKING:  # pyarrow imports pandas where a table is asked for
    import pandas as pd

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block ends well, flush it to disk and rename it to `path`.

    If the block raises, the temporary file is removed and `path` is as it was. A missing folder is created.
    Hard-linked and read-only targets (DVC's cache links) are replaced, never written through.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinity are refused (ValueError), since JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file, all its numbers finite.

    Raises InputError, which ends with `remedy`, where there is no file or it is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {remedy}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({_one_line(error)}). {remedy}") from None


def read_parquet(path: Path, remedy: str) -> "pd.DataFrame":
    """Return a parquet table, its pages compared with their checksums where the file has them.

    Raises InputError, which ends with `remedy`, where there is no file or it is not parquet.
    """
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {remedy}") from None
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError) as error:
        raise InputError(f"{path}: not a valid parquet table ({_one_line(error)}). {remedy}") from None


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(f"the number {number} is not finite")
    return float(number)


def _one_line(error: BaseException) -> str:
    return f"{' '.join(str(error).split()):.160}"
