"""Parse the challenge's `catalog_content`, one listing as labeled lines, into its fields.

Item Name: <title>
Bullet Point 1: <...>          or a single "Bullet Point:"
Product Description: <...>     may span lines
Value: 72.0
Unit: Fl Oz
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from pricefuse.catalog.columns import BULLET, DESCRIPTION, NAME, UNIT, VALUE

_REST = ""

# This is a book of 100 pages: a longer cell is a slip (a missing quote) or an attack, and would take minutes to embed.
MAX_CHARACTERS = 200_000
_END_CHARACTERS = 1_000  # room for the lines Value and Unit, which close a listing

_LABEL = re.compile(rf"\s*(?:({NAME}|{DESCRIPTION}|{VALUE}|{UNIT})|({BULLET})(?: ?\d+)?) ?: ?(.*)")


@dataclass(frozen=True)
class Listing:
    """The fields of one listing, stripped at both ends; "" or () where a field is missing.

    `rest` is text that follows no label.
    """

    name: str = ""
    bullets: tuple[str, ...] = ()
    description: str = ""
    value: str = ""
    unit: str = ""
    rest: str = ""


def shorten(catalog_content: str) -> str:
    """Cut the middle out of a text longer than `MAX_CHARACTERS`; return any other as it is.

    The last full lines stay, since Value and Unit close a listing.
    """
    if len(catalog_content) <= MAX_CHARACTERS:
        return catalog_content
    _, line_end, last_lines = catalog_content[-_END_CHARACTERS:].partition("\n")
    return catalog_content[: MAX_CHARACTERS - _END_CHARACTERS] + line_end + last_lines


def parse(catalog_content: str) -> Listing:
    """Split a listing into its fields, as written; each word but the labels lands in exactly one field.

    A label counts only at the start of a line and spelled as above. Bullets and the description run on to the next
    label; name, value and unit are one line, and unlabeled text after them is `rest`. If a name, value or unit comes
    more than once, the first name and the last value and unit count (these two close a listing); the others are prose
    of the field they stand in. Any text can be parsed, in time linear in its length.
    """
    text = catalog_content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = [(line, _LABEL.match(line)) for line in text.split("\n")]
    labels = [match[1] or match[2] if match else None for _, match in lines]
    one_line: dict[str | None, int] = {}
    for number, label in enumerate(labels):
        if label in {VALUE, UNIT} or (label == NAME and NAME not in one_line):
            one_line[label] = number

    fields: dict[str, list[str]] = defaultdict(list)
    bullets: list[list[str]] = []
    current = fields[_REST]
    for number, ((line, match), label) in enumerate(zip(lines, labels, strict=True)):
        if match is None or label is None or one_line.get(label, number) != number:
            current.append(line)
            continue
        if label == BULLET:
            bullets.append([])
        current = bullets[-1] if label == BULLET else fields[label]
        current.append(match[3])
        if label in one_line:
            current = fields[_REST]

    joined = defaultdict(str, {label: "\n".join(parts).strip() for label, parts in fields.items()})
    return Listing(
        name=joined[NAME],
        bullets=tuple(bullet for parts in bullets if (bullet := "\n".join(parts).strip())),
        description=joined[DESCRIPTION],
        value=joined[VALUE],
        unit=joined[UNIT],
        rest=joined[_REST],
    )
