"""The challenge's `catalog_content`: one listing as labelled lines, taken apart into its fields.

Item Name: <title>
Bullet Point 1: <...>          or a single "Bullet Point:"
Product Description: <...>     may span lines
Value: 72.0
Unit: Fl Oz
"""

import re
from collections import defaultdict
from dataclasses import dataclass

NAME, BULLET, DESCRIPTION, VALUE, UNIT = "Item Name", "Bullet Point", "Product Description", "Value", "Unit"
_REST = ""
_LABEL = re.compile(rf"\s*(?:({NAME}|{DESCRIPTION}|{VALUE}|{UNIT})|({BULLET})(?: ?\d+)?) ?: ?(.*)")


@dataclass(frozen=True)
class Content:
    """The fields of one listing as written, stripped at both ends; "" or () where a field is missing."""

    name: str = ""
    bullets: tuple[str, ...] = ()
    description: str = ""
    value: str = ""
    unit: str = ""
    rest: str = ""


def parse(catalog_content: str) -> Content:
    """Take a listing apart; all of its text but labels and line ends lands in exactly one field. Linear in its length.

    A label counts only at the start of a line and spelled as above. Bullets and the description run on to the next
    label; name, value and unit are one line, and what follows them unlabelled is `rest`. Should one of these come
    twice, the first name and the last value and unit (they close a listing) count; the others are prose of the field
    they stand in.
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
    return Content(
        name=joined[NAME],
        bullets=tuple(bullet for parts in bullets if (bullet := "\n".join(parts).strip())),
        description=joined[DESCRIPTION],
        value=joined[VALUE],
        unit=joined[UNIT],
        rest=joined[_REST],
    )
