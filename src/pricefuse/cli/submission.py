"""Check a submission: one positive price for every test product, and nothing else."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pricefuse.catalog import csv_file
from pricefuse.catalog.columns import read_columns
from pricefuse.errors import InputError

HEADER = ["sample_id", "price"]
SHOWN = 5  # places of a fault that are named


@dataclass
class Fault:
    """What is wrong, and the places where it is."""

    what: str
    places: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = f" and {len(self.places) - SHOWN:,} more" if len(self.places) > SHOWN else ""
        return f"{self.what}: {', '.join(self.places[:SHOWN])}{more}"


def check_submission(answer: Path, against: Path) -> tuple[int, list[str]]:
    """Return the number of prices, and what is wrong, a line a kind; none is a valid submission.

    `answer` has the columns sample_id and price, one row for each product of the file `against`, in any order. Raises
    InputError where a file is not there or is no CSV.
    """
    wanted = dict.fromkeys(_ids(against))
    _, header = next(csv_file.records(answer), (0, None))
    if header is None or [name.strip() for name in header] != HEADER:
        found = "nothing" if header is None else ", ".join(header)
        return 0, [f"{answer}, header: found {found:.200}; a submission has the columns {', '.join(HEADER)}"]
    repeated, foreign, unpriced = (
        Fault(f"{answer}: {what}")
        for what in (
            "sample_id that is there before",
            f"sample_id that is none of {against}",
            "price that is not a positive number",
        )
    )
    seen: set[str] = set()
    rows = 0
    for row, line, (sample_id, price) in csv_file.rows(answer):
        rows, known = row, sample_id.strip()
        place = f"row {row} (line {line})"
        if known in seen:
            repeated.places.append(f"{place} {known[:80]!r}")
        elif known not in wanted:
            foreign.places.append(f"{place} {known[:80]!r}")
        seen.add(known)
        if not 0 < csv_file.number(price) < math.inf:
            unpriced.places.append(f"{place} {price[:80]!r}")
    missing = Fault(f"{answer}: no price for sample_id", [name[:80] for name in wanted if name not in seen])
    faults = [str(fault) for fault in (missing, repeated, foreign, unpriced) if fault.places]
    return rows, faults


def _ids(path: Path) -> Iterator[str]:
    _, header = next(csv_file.records(path), (0, None))
    (name,) = read_columns(path.parent).get("sample_id", ("sample_id",))
    if header is None or name not in header:
        raise InputError(f"{path}: no column {name}, by which products are known")
    at = header.index(name)
    for _, _, fields in csv_file.rows(path):
        yield fields[at].strip()
