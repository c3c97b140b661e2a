"""Check a catalog's rows, and read them one at a time."""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pricefuse.catalog import csv_file
from pricefuse.catalog.columns import SPLITS, Layout, locate, read_columns
from pricefuse.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

MIN_TRAIN_ROWS = 10
# Beyond these a price is a slip (1e308, 1e-300), whatever the currency; its logarithm would spoil every fit.
MIN_PRICE, MAX_PRICE = 1e-6, 1e12


class Product(NamedTuple):
    """One row of a catalog; `split` is 'train' or 'test', `price` is in the catalog's currency, NaN in test."""

    sample_id: str
    split: str
    catalog_content: str
    image_link: str
    price: float


def check_catalog(folder: Path) -> dict[str, int]:
    """Read all of `folder`/train.csv and test.csv once, and return the number of products of each split.

    Columns that are not used are printed. Memory holds a row and eight bytes a product.

    Raises InputError naming file, row (the first product is row 1), line and column for: a missing file or column, a
    file without products, text that is not UTF-8, a row with too few or too many fields, an empty or repeated
    sample_id, and a price that is not a number from `MIN_PRICE` to `MAX_PRICE`.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such catalog folder. Put train.csv and test.csv there, or set `catalog` in params.yaml to"
            f" the name of a folder in {folder.parent}"
        )
    counts, hashes = {}, array("q")
    for split in SPLITS:
        path = folder / f"{split}.csv"
        layout = _layout(folder, split)
        if layout.unused:
            print(f"{path}: not used: columns {', '.join(layout.unused)}")
        counts[split] = _check_rows(path, layout, hashes)
    _check_unique(folder, hashes)
    return counts


def iter_products(folder: Path) -> Iterator[Product]:
    """Yield the products of a catalog that `check_catalog` has found good: training rows first, in their files' order.

    sample_id and image_link (which may be empty) are stripped at both ends.
    """
    for split in SPLITS:
        layout = _layout(folder, split)
        for _, _, fields in csv_file.rows(folder / f"{split}.csv"):
            yield Product(
                sample_id=fields[layout.sample_id].strip(),
                split=split,
                catalog_content=layout.content(fields),
                image_link=fields[layout.image_link].strip(),
                price=math.nan if layout.price is None else float(fields[layout.price]),
            )


def read_catalog(folder: Path, *, content: bool = True) -> "pd.DataFrame":
    """Check a catalog and return all of it as one table, whose columns are the fields of `Product`.

    `content=False` leaves out catalog_content, which is most of a catalog's size. Raises what `check_catalog` raises.
    """
    import pandas as pd  # noqa: PLC0415 - stage clean streams its rows, and does without half a second and 50 MB

    check_catalog(folder)
    products = iter_products(folder)
    if content:
        return pd.DataFrame(products, columns=list(Product._fields))
    rows = ((product.sample_id, product.split, product.image_link, product.price) for product in products)
    return pd.DataFrame(rows, columns=[name for name in Product._fields if name != "catalog_content"])


def require_enough(train_rows: int, folder: Path) -> None:
    """Raise InputError where a catalog has too few training rows to fit and score."""
    if train_rows < MIN_TRAIN_ROWS:
        raise InputError(
            f"{folder / 'train.csv'}: {train_rows} training products, but fitting and scoring take {MIN_TRAIN_ROWS} at"
            " the least, and some hundred to be worth it. Add rows"
        )


def _layout(folder: Path, split: str) -> Layout:
    path = folder / f"{split}.csv"
    _, header = next(csv_file.records(path), (0, None))
    if header is None:
        raise InputError(f"{path}: the file is empty. It needs a header and a row a product (README: Your own catalog)")
    return locate(header, read_columns(folder), path, split)


@dataclass(slots=True)
class _Fault:
    """Rows with the same fault: the first with its place and value, and the numbers of some others."""

    column: str
    problem: str
    remedy: str
    first: str = ""
    others: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, line: int, value: str) -> None:
        if not self.count:
            self.first = f"row {row} (ends in line {line}), column {self.column}: {value[:80]!r}"
        elif self.count <= 5:
            self.others.append(row)
        self.count += 1

    def error(self, path: Path) -> InputError:
        others = ""
        if self.others:
            more = " ..." if self.count > 6 else ""
            others = f" The same in {self.count - 1} other rows: {', '.join(map(str, self.others))}{more}."
        return InputError(f"{path}, {self.first} {self.problem}. {self.remedy}.{others}")


def _check_rows(path: Path, layout: Layout, hashes: "array[int]") -> int:
    """Check every row of a file, add the hash of its id to `hashes`, and return the number of rows."""
    remedy = "Correct the price or remove the row"
    nameless = _Fault(layout.id_column, "is empty", "Give every product an id")
    no_price = _Fault(layout.price_column, "is not a positive number", remedy)
    beyond = _Fault(layout.price_column, f"is not between {MIN_PRICE:g} and {MAX_PRICE:g}", remedy)
    count = 0
    for row, line, fields in csv_file.rows(path):
        count = row
        sample_id = fields[layout.sample_id].strip()
        if not sample_id:
            nameless.add(row, line, sample_id)
        hashes.append(hash(sample_id))
        if layout.price is not None:
            price = csv_file.number(fields[layout.price])
            if not MIN_PRICE <= price <= MAX_PRICE:
                (beyond if 0 < price < math.inf else no_price).add(row, line, fields[layout.price])
    if not count:
        raise InputError(f"{path}: there is a header, but no product below it. Add at least one row")
    for fault in (nameless, no_price, beyond):
        if fault.count:
            raise fault.error(path)
    return count


def _check_unique(folder: Path, hashes: "array[int]") -> None:
    """Raise InputError where an id is there twice; `hashes` are those of all ids, in order.

    Rows are looked at once more only where hashes are equal, and then compared by their ids.
    """
    ordered = np.sort(np.frombuffer(hashes, np.int64))
    suspects = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not suspects:
        return
    seen: dict[str, tuple[str, int]] = {}
    repeated, first_error = 0, ""
    for split in SPLITS:
        path = folder / f"{split}.csv"
        layout = _layout(folder, split)
        for row, line, fields in csv_file.rows(path):
            sample_id = fields[layout.sample_id].strip()
            if hash(sample_id) not in suspects:
                continue
            if sample_id not in seen:
                seen[sample_id] = (split, row)
                continue
            repeated += 1
            first_error = first_error or (
                f"{path}, row {row} (ends in line {line}), column {layout.id_column}: {sample_id[:80]!r} is already in"
                f" {seen[sample_id][0]}.csv, row {seen[sample_id][1]}. Ids must be unique over both files: rename or"
                " remove one"
            )
    if repeated:
        raise InputError(f"{first_error} ({repeated} repeated in all)")
