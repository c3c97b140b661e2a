"""Convert image bytes of any origin to a checked RGB JPEG: upright, in sRGB, on white, as small as the encoders need.

Algorithm:
1. Read the header; refuse what is too large, and ask a JPEG decoder for no more pixels than the result needs.
2. Wait until the memory that decoding takes is free (memory.py).
3. Decode; of a truncated JPEG keep what is there if it is at least half.
4. Put it on white, resample, convert to sRGB, turn it upright, hash, encode.

Bounds for one image, whatever its bytes are: MAX_DECODED_BYTES of memory beside the file, and MAX_READS reads of a few
bytes by Pillow's parsers. With the default limits a hostile file of 20 MB then takes some two seconds at most.
"""

import io
import itertools
import re
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile

from pricefuse.images import jpeg, webp
from pricefuse.images.color import flattened, in_srgb
from pricefuse.images.decoder import DAMAGED, BoundedFile, ImageError, decoding
from pricefuse.images.memory import DECODING, MAX_DECODED_BYTES
from pricefuse.images.perceptual_hash import perceptual_hash
from pricefuse.images.progressive import START_OF_SCAN, iter_segments, without_fine_bits
from pricefuse.images.resize import REDUCING_GAP, resampled, resized

__all__ = ["ImageError", "NormalizedImage", "normalize"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_JPEG = {"JPEG", "MPO"}  # MPO holds several images, of which the first is read
# A banner of 20:1 would otherwise keep 20 times the pixels of a square image; beyond this the longer side decides.
MAX_ASPECT = 4
# A truncated JPEG is kept when at least this share of its rows was decoded.
MIN_ROWS_SHARE = 0.5
# Encoders write about 10 scans; thousands of tiny scans over a large image are an attack on the decoder's time.
MAX_JPEG_SCANS = 100
# How much larger than needed a JPEG still is, at least, where it is decoded at half its size, and at a quarter or an
# eighth (scaled DCT). 118 product photographs then differ from full decoding by 0.5 of 255, the worst by 2.0, in a
# third of the time (benchmarks/download.py).
HALF_GAP, DRAFT_GAP = 1.6, 2.75
# A progressive JPEG that is so many times larger than needed is decoded without its finest bits.
FINE_BITS_GAP = 4.0
# Memory at the peak, in bytes a pixel. WebP: libwebp's two canvases, its picture or the copy that it hands over, and
# Pillow's; else Pillow's picture and its copy on white. Resampling: the picture, reduced, in two or three copies.
_WEBP_BYTES, _OTHER_BYTES, _RESAMPLING_BYTES = 16, 8, 12
_JPEG_BYTES = 16  # of the pixels that are decoded, resampling and the second attempt at a truncated file included
_COEFFICIENT_BYTES = 2  # of a JPEG that is decoded as a whole, for each channel

_BAND_PIXELS = 2**20
_START_OF_SCAN, _END_OF_IMAGE = re.compile(b"\xff\xda"), b"\xff\xd9"
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# `normalize` has its own pixel limit, and a damaged tag of one image among 100,000 is no news.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class NormalizedImage:
    """A baseline RGB JPEG without metadata; `width` and `height` in pixels.

    `truncated`: the source file ended early, so that the lower part may be gray, or blurred if it was progressive.
    `phash` is the perceptual hash, None for a plain picture.
    """

    jpeg: bytes
    width: int
    height: int
    source_format: str
    truncated: bool
    phash: bytes | None


class _Opened(NamedTuple):
    """An image of which the header was read, with its file.

    `pixels` is how many it has, also where fewer are decoded; `size` is the wanted size; `box` is the part that holds
    the image, because decoding to fewer pixels rounds up.
    """

    image: Image.Image
    data: bytes
    pixels: int
    size: tuple[int, int]
    box: tuple[float, float, float, float]


def normalize(data: bytes, *, side: int, quality: int, max_pixels: int) -> NormalizedImage:
    """Return the first frame of a JPEG, PNG, WebP or GIF file as an upright sRGB image on white.

    The shorter side becomes `side` pixels and the aspect ratio stays, but nothing is enlarged and the longer side is at
    most MAX_ASPECT * `side`. `quality` is libjpeg's, 1 to 95. An image of more than `max_pixels` is refused by its
    header. An embedded ICC profile is applied. Equal arguments give equal bytes, with the same libjpeg.

    Waits while other threads' images take so much memory that this one would exceed MAX_DECODED_BYTES with them; one
    that would take more by itself is refused.

    Raises ImageError for bytes that are not a usable image, and nothing else for any bytes.
    """
    if webp.is_webp(data):
        with DECODING.reserved(_webp_bytes(data, side, max_pixels)):
            return _normalized(_open(data, side, max_pixels), data, side, quality, max_pixels)
    opened = _open(data, side, max_pixels)
    with DECODING.reserved(_decoded_bytes(opened)):
        return _normalized(opened, data, side, quality, max_pixels)


def _normalized(opened: _Opened, data: bytes, side: int, quality: int, max_pixels: int) -> NormalizedImage:
    truncated = False
    image, pixels = opened.image, None
    if image.format in _JPEG and image.mode == "RGB":
        pixels = jpeg.pixels(opened.data, image.width, image.height)
    if pixels is None and _ends_early(image):
        opened, truncated = _load_truncated(data, side, max_pixels), True
        image = opened.image
    source_format = "JPEG" if image.format == "MPO" else str(image.format)
    upright = _UPRIGHT.get(_orientation(image))
    profile = image.info.get("icc_profile")
    if pixels is None:
        image = resized(flattened(image), opened.size, opened.box)
    else:
        image = resampled(pixels, opened.size, opened.box)
    image = in_srgb(image, profile)
    if upright is not None:
        image = image.transpose(upright)
    phash = perceptual_hash(image)
    return NormalizedImage(_encode(image, quality), image.width, image.height, source_format, truncated, phash)


def _ends_early(image: Image.Image) -> bool:
    """Decode the image; return whether its file, a JPEG, ends early. Raises ImageError if it is damaged otherwise."""
    with decoding():
        try:
            image.load()
        except OSError as error:
            if "truncated" not in str(error):
                raise
            if image.format not in _JPEG:
                raise ImageError("image ends early") from error
            return True
    return False


def _load_truncated(data: bytes, side: int, max_pixels: int) -> _Opened:
    # An end marker of our own makes libjpeg finish with what it has. Pillow's switch for this, LOAD_TRUNCATED_IMAGES,
    # is a global of the process and would do the same to other threads' images.
    opened = _open(data + _END_OF_IMAGE, side, max_pixels)
    with decoding():
        try:
            opened.image.load()
        except OSError as error:
            raise ImageError("image ends early") from error
    if _rows_decoded(opened.image) < MIN_ROWS_SHARE * opened.image.height:
        raise ImageError("image ends early")
    return opened


def _rows_decoded(image: Image.Image) -> int:
    """Count the rows above the gray fill: blocks that libjpeg never saw have all coefficients zero, mid-gray."""
    rows = max(1, _BAND_PIXELS // image.width)
    for bottom in range(image.height, 0, -rows):
        top = max(0, bottom - rows)
        pixels = np.asarray(image.crop((0, top, image.width, bottom))).reshape(bottom - top, -1)
        seen = ((pixels < 127) | (pixels > 128)).any(axis=1)
        if seen.any():
            return top + int(np.flatnonzero(seen)[-1]) + 1
    return 0


def _open(data: bytes, side: int, max_pixels: int) -> _Opened:
    """Read the header; ask a JPEG decoder for no more pixels, and no finer ones, than the result needs."""
    if not data:
        raise ImageError("empty file")
    image = _header(data, max_pixels)
    pixels, size = image.width * image.height, _scaled(image.size, side)
    if image.format in _JPEG:
        if next(itertools.islice(_START_OF_SCAN.finditer(data), MAX_JPEG_SCANS, None), None):
            raise ImageError("broken image")
        if image.info.get("progressive") and min(image.size) >= FINE_BITS_GAP * min(size):
            data = without_fine_bits(data)
            image = _header(data, max_pixels)
        image.decodermaxblock = len(data)  # or Pillow hands the file over in pieces, and joins what is left of each
    gap = max(HALF_GAP, min(DRAFT_GAP, min(image.width / size[0], image.height / size[1]) / 2))
    with decoding():
        drafted = image.draft(None, (int(gap * size[0]), int(gap * size[1])))
    return _Opened(image, data, pixels, size, (0.0, 0.0, *image.size) if drafted is None else drafted[1])


def _header(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    with decoding():
        image = Image.open(BoundedFile(data), formats=FORMATS)
    if image.width * image.height > max_pixels:
        raise ImageError("too many pixels")
    return image


def _webp_bytes(data: bytes, side: int, max_pixels: int) -> int:
    """Return the bytes that decoding a WebP file takes at most, before Pillow opens it. Raises ImageError."""
    size = webp.canvas(data)
    if size is None or 0 in size:
        raise ImageError("broken image")
    pixels = size[0] * size[1]
    if pixels > max_pixels:
        raise ImageError("too many pixels")
    return _affordable(_WEBP_BYTES * pixels + _resampling_bytes(size, _scaled(size, side)))


def _decoded_bytes(opened: _Opened) -> int:
    """Return the bytes that decoding an image of another format takes at most. Raises ImageError."""
    image = opened.image
    if image.format not in _JPEG:
        return _affordable(_OTHER_BYTES * image.width * image.height + _resampling_bytes(image.size, opened.size))
    needed = _JPEG_BYTES * image.width * image.height
    # A decoder that is given one scan with all channels forgets each row once it is decoded.
    first = next((scan for scan in iter_segments(opened.data) if scan.kind == START_OF_SCAN), None)
    channels = len(image.getbands())
    if image.info.get("progressive") or first is None or opened.data[first.content] < channels:
        needed += _COEFFICIENT_BYTES * channels * opened.pixels
    return _affordable(needed)


def _resampling_bytes(size: tuple[int, int], new_size: tuple[int, int]) -> int:
    reduced = (2 * REDUCING_GAP) ** 2 * new_size[0] * new_size[1]
    return int(_RESAMPLING_BYTES * min(size[0] * size[1], reduced))


def _affordable(needed: int) -> int:
    if needed > MAX_DECODED_BYTES:
        raise ImageError("too many pixels")
    return needed


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / min(size), MAX_ASPECT * side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, which is upright, if there is none or the EXIF block is damaged."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except DAMAGED:  # which says nothing about the pixels
        return 1
    return value if isinstance(value, int) else 1


def _encode(image: Image.Image, quality: int) -> bytes:
    image.info = {}  # Pillow would write the source's comment
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
