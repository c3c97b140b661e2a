"""Read and check a catalog, a folder with train.csv and test.csv, before any expensive stage starts."""

import codecs
import csv
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from pricefuse.errors import InputError

SPLITS = {
    "train": ("sample_id", "catalog_content", "image_link", "price"),
    "test": ("sample_id", "catalog_content", "image_link"),
}
MIN_TRAIN_ROWS = 10
# Beyond these a price is a slip (1e308, 1e-300), whatever the currency; its logarithm would spoil every fit.
MIN_PRICE, MAX_PRICE = 1e-6, 1e12
# The csv module's own limit of 131,072 characters a field would refuse a long, but harmless, description.
csv.field_size_limit(2**27)


def read_catalog(folder: Path, *, content: bool = True) -> pd.DataFrame:
    """Read `folder`/train.csv and test.csv into one table, training rows first, each file's rows in its order.

    Returns columns sample_id (str), split ('train' or 'test'), catalog_content (str), image_link (str, may be empty)
    and price (float64 in the catalog's currency, NaN in test). Other columns are dropped, and their names printed.
    `content=False` drops catalog_content, too, which is most of a catalog's size.

    Raises InputError naming file, row (the first product is row 1), line and column for: a missing file or column, a
    file without products, text that is not UTF-8, a row with too few or too many fields, an empty or repeated
    sample_id, and a price that is not a number from `MIN_PRICE` to `MAX_PRICE`.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such catalog folder. Put train.csv and test.csv there, or set `catalog` in params.yaml to"
            f" the name of a folder in {folder.parent}"
        )
    products = pd.concat(
        [_read_split(folder / f"{split}.csv", split, content=content) for split in SPLITS], ignore_index=True
    )
    _check_unique(products, folder)
    return products.drop(columns=["row", "line"])


def require_enough(products: pd.DataFrame, folder: Path) -> None:
    """Raise InputError where `products`, the table of `read_catalog`, has too few training rows to fit and score."""
    rows = int((products["split"] == "train").sum())
    if rows < MIN_TRAIN_ROWS:
        raise InputError(
            f"{folder / 'train.csv'}: {rows} training products, but fitting and scoring take {MIN_TRAIN_ROWS} at the"
            " least, and some hundred to be worth it. Add rows"
        )


def _read_split(path: Path, split: str, *, content: bool) -> pd.DataFrame:
    columns = SPLITS[split]
    kept = [name for name in columns if content or name != "catalog_content"]
    records = _records(path)
    header = next(records, None)
    if header is None:
        raise InputError(f"{path}: the file is empty. It needs the header {','.join(columns)} and a row a product")
    _, names = header
    for name in columns:
        if names.count(name) != 1:
            problem = "is missing" if name not in names else "is there twice"
            raise InputError(f"{path}, header: column {name} {problem}. Found: {', '.join(names)}. Correct the header")
    if extra := [name for name in names if name not in columns]:
        print(f"{path}: not used: columns {', '.join(extra)}")

    rows = []
    for row, (line, fields) in enumerate(records, start=1):
        if len(fields) != len(names):
            raise InputError(
                f"{path}, row {row} (ends in line {line}): {len(fields)} fields where the header has {len(names)}."
                " Quote fields that hold commas or line ends"
            )
        values = dict(zip(names, fields, strict=True))
        rows.append((row, line, *(values[name] for name in kept)))
    if not rows:
        raise InputError(f"{path}: there is a header, but no product below it. Add at least one row")

    products = pd.DataFrame(rows, columns=["row", "line", *kept])
    products["sample_id"] = products["sample_id"].str.strip()
    products["image_link"] = products["image_link"].str.strip()
    _refuse(products, products["sample_id"] == "", path, "sample_id", "is empty", "Give every product an id")
    products["price"] = _prices(products, path) if "price" in columns else math.nan
    products["split"] = split
    ordered = ("row", "line", "sample_id", "split", "catalog_content", "image_link", "price")
    return products[[name for name in ordered if name in products]]


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line in which it ends, fields) for the header and every row."""
    line = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for fields in reader:
                line = reader.line_num
                if fields:  # a blank line is no row
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


def _prices(products: pd.DataFrame, path: Path) -> pd.Series:
    prices = pd.to_numeric(products["price"], errors="coerce").astype(float)
    good = (prices > 0) & (prices < math.inf)
    remedy = "Correct the price or remove the row"
    _refuse(products, ~good, path, "price", "is not a positive number", remedy)
    problem = f"is not between {MIN_PRICE:g} and {MAX_PRICE:g}"
    _refuse(products, ~prices.between(MIN_PRICE, MAX_PRICE), path, "price", problem, remedy)
    return prices


def _refuse(products: pd.DataFrame, bad: pd.Series, path: Path, column: str, problem: str, remedy: str) -> None:
    """Raise InputError for the first bad row and name some of the others; do nothing where no row is bad."""
    if not bad.any():
        return
    rows = products.loc[bad, ["row", "line", column]]
    row, line, value = rows.iloc[0]
    others = "" if len(rows) == 1 else f" The same in {len(rows) - 1} other rows: {_some(rows['row'].tolist()[1:])}."
    raise InputError(
        f"{path}, row {row} (ends in line {line}), column {column}: {str(value)[:80]!r} {problem}. {remedy}.{others}"
    )


def _some(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:5])) + (" ..." if len(rows) > 5 else "")


def _check_unique(products: pd.DataFrame, folder: Path) -> None:
    repeated = products["sample_id"].duplicated()
    if not repeated.any():
        return
    second = products[repeated].iloc[0]
    first = products[products["sample_id"] == second["sample_id"]].iloc[0]
    raise InputError(
        f"{folder / second['split']}.csv, row {second['row']} (ends in line {second['line']}), column sample_id:"
        f" {second['sample_id'][:80]!r} is already in {first['split']}.csv, row {first['row']}. Ids must be unique"
        f" over both files: rename or remove one ({repeated.sum()} repeated in all)"
    )
