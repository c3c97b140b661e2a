"""The scans of a progressive JPEG, found without decoding any.

Markers and scan headers: ITU-T T.81 (1992), annexes B and G.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Of a quantised AC coefficient, a scan that refines bits below 1 << UNSEEN_BITS corrects less than that many steps.
UNSEEN_BITS = 2

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
# Coded data has 0xff only before a zero and in restart markers; 0xff before 0xff is padding of the marker after it.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")


class Scan(NamedTuple):
    """Where a scan with its header lies, as offsets, and what it adds.

    `lowest` is its first coefficient in zigzag order, 0 for DC; `known_from` the lowest bit that earlier scans told, 0
    if this scan is the first of its coefficients.
    """

    start: int
    end: int
    lowest: int
    known_from: int


def iter_scans(data: bytes) -> Iterator[Scan]:
    """Yield the scans of the first picture in `data`, in order, as far as its markers can be followed.

    Never raises. What only looks like a scan, in a thumbnail or a comment, is passed over.
    """
    marker = _MARKER.match(data, 2)
    while marker and marker[1][0] != _END_OF_IMAGE:
        content = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        if marker[1][0] != _START_OF_SCAN:
            marker = _MARKER.match(data, content)
            continue
        header = data[marker.end() + 2 : content]
        following = _MARKER.search(data, content)
        if len(header) < 3:
            return
        end = following.start() if following else len(data)
        yield Scan(marker.start(), end, lowest=header[-3], known_from=header[-1] >> 4)
        marker = following


def without_fine_bits(data: bytes) -> bytes:
    """Return a progressive JPEG without the scans that refine the last UNSEEN_BITS bits of its AC coefficients.

    What is left is a whole progressive JPEG: the picture as a browser shows it shortly before it is complete. Where
    that picture is made several times smaller, these bits average out, and they are a third of the decoding.
    """
    kept, position = [], 0
    for scan in iter_scans(data):
        if scan.lowest > 0 and 0 < scan.known_from <= UNSEEN_BITS:
            kept.append(data[position : scan.start])
            position = scan.end
    return b"".join([*kept, data[position:]])
