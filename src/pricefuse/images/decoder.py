"""Tell a damaged image from a defect of this program: what Pillow's decoders raise, and what it means."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

# The first four are all that half a million randomly damaged JPEG, PNG, WebP and GIF files raised (AssertionError: a
# palette that is missing). Pillow's ImageFile expects the others of its decoders, too.
DAMAGED = (OSError, SyntaxError, ValueError, AssertionError, EOFError, IndexError, KeyError, struct.error)


class ImageError(ValueError):
    """The bytes are not a usable image; the message is the reason, one of a few, so that it can be counted."""


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
