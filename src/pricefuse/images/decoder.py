"""Tell a damaged image from a defect of this program, and bound the work of reading one.

What Pillow's decoders raise, and what it means.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

# Pillow reads segments, chunks and blocks, and what is between them, by reads of a few bytes, some microseconds each.
# Product photographs need some hundred reads, a PNG of 20 MB in chunks of 1 kB 80,000.
MAX_READS = 100_000

# The first four are all that half a million randomly damaged JPEG, PNG, WebP and GIF files raised (AssertionError: a
# palette that is missing). Pillow's ImageFile expects the others of its decoders, too.
DAMAGED = (OSError, SyntaxError, ValueError, AssertionError, EOFError, IndexError, KeyError, struct.error)


class ImageError(ValueError):
    """The bytes are not a usable image; the message is the reason, one of a few, so that it can be counted."""


class BoundedFile(io.BytesIO):
    """A file in memory that is not read piece by piece for ever: after MAX_READS reads it raises ImageError."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next `size` bytes, as io.BytesIO does."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ImageError("broken image")
        return super().read(size)


@contextmanager
def decoding() -> Iterator[None]:
    """Raise ImageError for what a decoder raises on damaged bytes, and let all else through, MemoryError included.

    To be put around calls into the decoder only: a TypeError of our own is a defect, and not a property of the image.
    """
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError("too many pixels") from error
    except UnidentifiedImageError as error:
        raise ImageError("not a readable JPEG, PNG, WebP or GIF image") from error
    except DAMAGED as error:
        raise ImageError("broken image") from error
