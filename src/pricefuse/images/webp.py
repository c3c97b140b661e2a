"""Read the size of a WebP image: Pillow allocates two whole canvases before it tells the size.

The header: RFC 9649, 2.4 to 2.7; RFC 6386, 9.1.
"""

import struct

_MAX_SIDE = 0x3FFF


def is_webp(data: bytes) -> bool:
    """Return whether a file says that it is WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def canvas(data: bytes) -> tuple[int, int] | None:
    """Return width and height of the canvas of a WebP file, in pixels; None if its header is none."""
    kind, header = data[12:16], data[20:30]
    if kind == b"VP8X" and len(header) == 10:
        return 1 + int.from_bytes(header[4:7], "little"), 1 + int.from_bytes(header[7:10], "little")
    if kind == b"VP8 " and header[3:6] == b"\x9d\x01\x2a" and len(header) == 10:
        width, height = struct.unpack("<HH", header[6:])
        return width & _MAX_SIDE, height & _MAX_SIDE
    if kind == b"VP8L" and header[:1] == b"\x2f" and len(header) >= 5:
        bits = int.from_bytes(header[1:5], "little")
        return 1 + (bits & _MAX_SIDE), 1 + (bits >> 14 & _MAX_SIDE)
    return None
