"""Remove the finest bits of a progressive JPEG: less to decode where the image is made several times smaller.

Markers, headers and point transforms: ITU-T T.81 (1992), annexes A, B and G.
"""

import itertools
import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# A scan that refines bits below 1 << UNSEEN_BITS corrects a quantized AC coefficient by less than that many steps.
UNSEEN_BITS = 2

QUANTIZATION, START_OF_SCAN, END_OF_IMAGE, _PROGRESSIVE_FRAME = 0xDB, 0xDA, 0xD9, 0xC2
# Coded data has 0xff only before a zero and in restart markers; 0xff before 0xff is padding of the marker after it.
_NEXT_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_MAX_SEGMENTS = 1000  # encoders write some 30
_COEFFICIENTS = 64
_MAX_COMPONENTS = 4  # as many as there may be quantization tables
_MAX_STEP = 0x7FFF  # what libjpeg's vector instructions take


class Segment(NamedTuple):
    """A marker's kind and the offsets of its first byte, of its header's content and of the end of that.

    `end` is where the next marker begins: behind the coded data, if this is a scan.
    """

    kind: int
    start: int
    content: int
    content_end: int
    end: int


class Scan(NamedTuple):
    """What a scan adds to an image: bit `bit` of coefficients `lowest` to `highest`, in zigzag order, 0 being DC.

    `known_from` is the lowest bit that earlier scans gave, 0 if this scan is the first of its coefficients.
    `components` are their identifiers, one byte each.
    """

    segment: Segment
    components: bytes
    lowest: int
    highest: int
    known_from: int
    bit: int

    @property
    def is_fine(self) -> bool:
        return self.lowest > 0 and 0 < self.known_from <= UNSEEN_BITS


def iter_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of the first image in `data`, as far as its markers can be followed. Never raises."""
    marker = _MARKER.match(data, 2)
    while marker:
        kind, content = marker[1][0], marker.end() + 2
        if kind == END_OF_IMAGE:
            yield Segment(kind, marker.start(), marker.end(), marker.end(), marker.end())
            return
        content_end = end = marker.end() + int.from_bytes(data[marker.end() : content], "big")
        if not content <= end <= len(data):
            return
        if kind == START_OF_SCAN:
            following = _NEXT_MARKER.search(data, content_end)
            end = following.start() if following else len(data)
        yield Segment(kind, marker.start(), content, content_end, end)
        marker = _MARKER.match(data, end)


def without_fine_bits(data: bytes) -> bytes:
    """Return a progressive JPEG without the scans that refine the last UNSEEN_BITS bits of its AC coefficients.

    What is left is a complete progressive JPEG: the image as a browser shows it shortly before it has all of it. Where
    that image is made several times smaller, these bits average out, and reading them is half of the decoding.

    The remaining bits are declared to be all there are, with an accordingly coarser quantization. The values are the
    same, but otherwise libjpeg would take the image for one still being received, and spend a fourth of its time on
    smoothing.

    Any other file, damaged and unusual ones included, is returned unchanged. Never raises.
    """
    try:
        return _without_fine_bits(data)
    except (LookupError, ValueError, struct.error):
        return data


def _without_fine_bits(data: bytes) -> bytes:
    segments = list(itertools.islice(iter_segments(data), _MAX_SEGMENTS))
    kinds = [segment.kind for segment in segments]
    first = kinds.index(START_OF_SCAN) if START_OF_SCAN in kinds else len(kinds)
    if kinds.count(_PROGRESSIVE_FRAME) != 1 or QUANTIZATION in kinds[first:]:
        raise ValueError("not progressive, or with tables for some scans only")
    if kinds[-1] != END_OF_IMAGE and segments[-1].end < len(data):
        raise ValueError("some scans cannot be found")
    scans = [read_scan(data, segment) for segment in segments if segment.kind == START_OF_SCAN]
    dropped = [scan for scan in scans if scan.is_fine]
    if not dropped:
        return data

    patched = bytearray(data)
    frame = segments[kinds.index(_PROGRESSIVE_FRAME)]
    components = _components(data, frame)
    shifts = _unseen(components, scans)
    steps = _steps(data, [segment for segment in segments if segment.kind == QUANTIZATION])
    tables = b""
    for number, (component, at) in enumerate(components.items()):
        tables += _table(number, steps[data[at]], shifts[component])
        patched[at] = number
    for scan in scans:
        if scan.lowest > 0 and not scan.is_fine:
            patched[scan.segment.content_end - 1] = _bits(scan, shifts[scan.components[0]])

    position = segments[first].start
    pieces: list[bytes | bytearray] = [patched[:position], tables]
    for scan in dropped:
        pieces.append(patched[position : scan.segment.start])
        position = scan.segment.end
    return b"".join([*pieces, patched[position:]])


def read_scan(data: bytes, segment: Segment) -> Scan:
    """Return what a segment of kind START_OF_SCAN adds; raises ValueError if no progressive JPEG has such a scan."""
    header = data[segment.content : segment.content_end]
    lowest, highest, bits = header[-3:]
    scan = Scan(segment, header[1:-3:2], lowest, highest, bits >> 4, bits & 15)
    if len(header) != 4 + 2 * header[0] or highest >= _COEFFICIENTS or (lowest > 0 and len(scan.components) != 1):
        raise ValueError("not a scan of a progressive JPEG")
    return scan


def _components(data: bytes, frame: Segment) -> dict[int, int]:
    """Return the image's components and, for each, the offset of the number of its quantization table."""
    header = data[frame.content : frame.content_end]
    components = {header[at]: frame.content + at + 2 for at in range(6, len(header), 3)}
    if not len(components) == header[5] <= _MAX_COMPONENTS or len(header) != 6 + 3 * header[5]:
        raise ValueError("not the components of an image")
    return components


def _unseen(components: dict[int, int], scans: Sequence[Scan]) -> dict[int, list[int]]:
    """Return, for each coefficient of each component, how many of its last bits only the fine scans give."""
    unseen = {component: [0] * _COEFFICIENTS for component in components}
    for scan in scans:
        if not set(scan.components) <= unseen.keys():
            raise ValueError("a scan of no component")
        if scan.lowest > 0 and not scan.is_fine:
            unseen[scan.components[0]][scan.lowest : scan.highest + 1] = [scan.bit] * (scan.highest + 1 - scan.lowest)
    return unseen


def _steps(data: bytes, segments: Sequence[Segment]) -> dict[int, tuple[int, ...]]:
    """Return the quantization tables by their numbers: a step for each coefficient, in zigzag order."""
    steps: dict[int, tuple[int, ...]] = {}
    for segment in segments:
        at = segment.content
        while at < segment.content_end:
            layout = struct.Struct(f">{_COEFFICIENTS}{'H' if data[at] >> 4 else 'B'}")
            steps[data[at] & 15] = layout.unpack_from(data, at + 1)
            at += 1 + layout.size
    return steps


def _table(number: int, steps: Sequence[int], shifts: Sequence[int]) -> bytes:
    coarser = [step << shift for step, shift in zip(steps, shifts, strict=True)]
    if max(coarser) > _MAX_STEP:
        raise ValueError("steps too coarse")
    content = struct.pack(f">B{_COEFFICIENTS}H", 0x10 | number, *coarser)
    return struct.pack(">BBH", 0xFF, QUANTIZATION, 2 + len(content)) + content


def _bits(scan: Scan, shifts: Sequence[int]) -> int:
    """Return the byte of the scan's header that gives its bits, counted from the last bit that is kept."""
    shift = shifts[scan.lowest]
    if set(shifts[scan.lowest : scan.highest + 1]) != {shift}:
        raise ValueError("coefficients of one scan are refined to different bits")
    return (scan.known_from - shift if scan.known_from else 0) << 4 | (scan.bit - shift)
