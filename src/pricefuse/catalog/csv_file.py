"""Read a CSV file row by row, and name the place of what is wrong with it."""

import codecs
import csv
import math
from collections.abc import Iterator
from pathlib import Path

from pricefuse.errors import InputError

# The csv module's own limit of 131,072 characters a field would refuse a long, but harmless, description.
csv.field_size_limit(2**27)


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line in which it ends, fields) for the header and every row; blank lines are no rows.

    Raises InputError for a file that is not there, is not UTF-8 or has a quote that is not closed.
    """
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                line = reader.line_num
                if fields:
                    yield line, fields
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. A catalog needs train.csv and test.csv") from None
    except IsADirectoryError:
        raise InputError(
            f"{path}: this is a folder. A catalog needs a file of this name: move the folder away"
        ) from None
    except UnicodeDecodeError as error:
        if _starts_as_utf_16(path):
            raise InputError(
                f"{path}: the file is UTF-16. Save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)"
            ) from None
        place, column = _undecodable(path)
        raise InputError(
            f"{path}, {place}, column {column}: byte 0x{error.object[error.start]:02x} is not UTF-8. Save the file as"
            " UTF-8 (for example: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from None
    except csv.Error as error:
        raise InputError(f"{path}, the row that starts after line {line}: {error}. Check its quotes") from None


def rows(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """Yield (row, line in which it ends, fields) below the header; the first row is 1.

    Raises InputError for what `records` refuses, and for a row with more or fewer fields than the header.
    """
    lines = records(path)
    _, names = next(lines)
    width = len(names)
    for row, (line, fields) in enumerate(lines, start=1):
        if len(fields) != width:
            raise InputError(
                f"{path}, row {row} (ends in line {line}): {len(fields)} fields where the header has {width}."
                " Quote fields that hold commas or line ends"
            )
        yield row, line, fields


def number(text: str) -> float:
    """Return the number that all of a text is, NaN for any other; Python's 1_000 and foreign digits are none."""
    try:
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


def _starts_as_utf_16(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _undecodable(path: Path) -> tuple[str, str]:
    """Name the row and the column of the first bytes that are not UTF-8, by reading the file again byte for byte."""
    with path.open(encoding="latin-1", newline="") as file:
        names: list[str] = []
        for row, fields in enumerate(csv.reader(file)):
            for column, field in enumerate(fields):
                try:
                    field.encode("latin-1").decode("utf-8")
                except UnicodeDecodeError:
                    return f"row {row}" if row else "header", names[column] if column < len(names) else str(column + 1)
            names = names or fields
    return "one row", "one"
