"""Files that are either whole or not there, and known by their digests."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pricefuse.errors import InputError

if TYPE_CHECKING:  # pyarrow imports pandas where a table is asked for
    import pandas as pd

TEMPORARY_SUFFIX = ".tmp"
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


class FileDigest(BaseModel):
    """What a file must be: its size in bytes, and its SHA-256 as hex."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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


@contextmanager
def raising_os_errors(path: Path) -> Iterator[None]:
    """Raise OSError where a library states an error of the operating system, such as a full disk, as text alone.

    Libraries in Rust, such as safetensors, do: "(os error 28)".
    """
    try:
        yield
    except Exception as error:
        if (number := _OS_ERROR.search(str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


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


def digests(folder: Path, names: Iterable[str]) -> dict[str, FileDigest]:
    """Return the digests of files in `folder`, by their relative paths."""
    return {name: FileDigest(size=(folder / name).stat().st_size, sha256=_sha256(folder / name)) for name in names}


def require_files(folder: Path, files: Mapping[str, FileDigest], remedy: str) -> None:
    """Raise InputError unless every file of `files` is there, of the stated size and SHA-256."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{path}: no such file: {folder} is incomplete. {remedy}")
        size = path.stat().st_size
        if size != expected.size:
            raise InputError(f"{path}: {size:,} bytes instead of {expected.size:,}: the file is damaged. {remedy}")
        if _sha256(path) != expected.sha256:
            raise InputError(f"{path}: not as it was written (SHA-256 differs): the file is damaged. {remedy}")


def json_digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON object, as hex: a file that states it shows by it whether it was changed."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object with the digest of its own content, atomically."""
    write_json(path, {**content, "digest": json_digest(content)})


def read_sealed(path: Path, remedy: str) -> dict[str, Any]:
    """Return what `write_sealed` wrote. Raises InputError, which ends with `remedy`, where the file is another."""
    content = read_json(path, remedy)
    if not isinstance(content, dict) or content.pop("digest", None) != json_digest(content):
        raise InputError(f"{path}: not as it was written: the file is damaged, or another version's. {remedy}")
    return content


def seal_folder(folder: Path, names: Iterable[str]) -> None:
    """Write files.json, the digests of the files of `names` in `folder`, which `require_sealed` compares them with."""
    write_sealed(folder / "files.json", {name: kept.model_dump() for name, kept in digests(folder, names).items()})


def require_sealed(folder: Path, remedy: str) -> None:
    """Raise InputError, which ends with `remedy`, unless the files of `folder` are as `seal_folder` found them."""
    path = folder / "files.json"
    content = read_sealed(path, remedy)
    try:
        files = TypeAdapter(dict[str, FileDigest]).validate_python(content)
    except ValidationError:
        raise InputError(f"{path}: not a list of files and their digests. {remedy}") from None
    require_files(folder, files, remedy)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(f"the number {number} is not finite")
    return float(number)


def _one_line(error: BaseException) -> str:
    return f"{' '.join(str(error).split()):.160}"
