"""Bytes from anywhere to a checked RGB JPEG: the picture that a person sees, at the size that the encoders want."""

import functools
import io
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError
from torch.nn import functional

from pricefuse.scans import without_fine_bits

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# A banner of 20:1 would otherwise keep 20 times the pixels of a square picture; beyond this the longer side decides.
MAX_ASPECT = 4
# A truncated JPEG is kept when at least this share of its rows was decoded.
MIN_ROWS_SHARE = 0.5
# Encoders write about 10 scans; thousands of tiny scans over a large picture are an attack on the decoder's time.
MAX_JPEG_SCANS = 100
# How much larger than needed a JPEG is decoded (scaled DCT) and any picture box-reduced before it is resampled. At 1.6,
# 118 product photographs differ from full decoding by 0.6 of 255 on average, the worst by 2.5, in less than half the
# time (benchmarks/download.py).
DRAFT_GAP, REDUCING_GAP = 1.6, 3.0
# A progressive JPEG that is so many times larger than needed is decoded without its finest bits.
FINE_BITS_GAP = 4.0

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_WHITE = (255, 255, 255, 255)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PROFILE_MODES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}

# `normalise` has its own pixel cap, and a damaged tag of one picture among 100,000 is no news.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Resampling only reads the picture, which numpy has without a copy.
warnings.filterwarnings("ignore", message="The given NumPy array is not writ")


class ImageError(ValueError):
    """Bytes that are no usable picture; the message is the reason, one of a few, so that it can be counted."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A baseline RGB JPEG without metadata; `width` and `height` in pixels.

    `truncated`: the source file ended early, so that the lower part may be grey, or blurred if it was progressive.
    """

    jpeg: bytes
    width: int
    height: int
    source_format: str
    truncated: bool


def normalise(data: bytes, *, side: int, quality: int, max_pixels: int) -> Picture:
    """Return the first frame of a JPEG, PNG, WebP or GIF file as an upright sRGB picture on white.

    The shorter side becomes `side` pixels and the aspect stays, but nothing is enlarged and the longer side is at most
    MAX_ASPECT * `side`. `quality` is libjpeg's, 1 to 95. A picture of more than `max_pixels` is refused by its header.
    An embedded ICC profile is applied. Equal arguments give equal bytes, with the same libjpeg.

    Raises ImageError, and nothing else, whatever the bytes are.
    """
    try:
        opened, truncated = _load(data, side, max_pixels)
        image = opened.image
        source_format = "JPEG" if image.format == "MPO" else str(image.format)
        upright = _UPRIGHT.get(_orientation(image))
        profile = image.info.get("icc_profile")
        image = _resized(_flatten(image), opened.size, opened.box)
        image = _to_srgb(image, profile)
        if upright is not None:
            image = image.transpose(upright)
        return Picture(_encode(image, quality), image.width, image.height, source_format, truncated)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged bytes
        raise ImageError("broken image") from error


class _Opened(NamedTuple):
    """A picture, the size that it is to have, and the part of it that is one: decoding to fewer pixels rounds up."""

    image: Image.Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]


def _load(data: bytes, side: int, max_pixels: int) -> tuple[_Opened, bool]:
    """Return the picture, decoded, and whether its file ends early."""
    opened = _open(data, side, max_pixels)
    image = opened.image
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        if image.format not in {"JPEG", "MPO"}:
            raise ImageError("image ends early") from error
        return _load_truncated(data, side, max_pixels), True
    return opened, False


def _load_truncated(data: bytes, side: int, max_pixels: int) -> _Opened:
    # An end marker of our own makes libjpeg finish with what it has. Pillow's switch for this, LOAD_TRUNCATED_IMAGES,
    # is a global of the process and would do the same to other threads' pictures.
    opened = _open(data + _END_OF_IMAGE, side, max_pixels)
    try:
        opened.image.load()
    except OSError as error:
        raise ImageError("image ends early") from error
    if _rows_decoded(opened.image) < MIN_ROWS_SHARE * opened.image.height:
        raise ImageError("image ends early")
    return opened


def _rows_decoded(image: Image.Image) -> int:
    """Count the rows above the grey fill: blocks that libjpeg never saw have all coefficients zero, mid-grey."""
    pixels = np.asarray(image).reshape(image.height, -1)
    seen = ((pixels < 127) | (pixels > 128)).any(axis=1)
    return int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0


def _open(data: bytes, side: int, max_pixels: int) -> _Opened:
    """Read the header; ask a JPEG decoder for no more pixels, and no finer ones, than the result needs."""
    if not data:
        raise ImageError("empty file")
    image = _header(data, max_pixels)
    size = _scaled(image.size, side)
    if image.format in {"JPEG", "MPO"}:
        if data.count(_START_OF_SCAN) > MAX_JPEG_SCANS:
            raise ImageError("broken image")
        if image.info.get("progressive") and min(image.size) >= FINE_BITS_GAP * min(size):
            data = without_fine_bits(data)
            image = _header(data, max_pixels)
        image.decodermaxblock = len(data)  # or Pillow hands the file over in pieces, and joins what is left of each
    drafted = image.draft(None, (int(DRAFT_GAP * size[0]), int(DRAFT_GAP * size[1])))
    return _Opened(image, size, (0.0, 0.0, *image.size) if drafted is None else drafted[1])


def _header(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageError("too many pixels") from error
    except UnidentifiedImageError as error:
        raise ImageError("not a readable JPEG, PNG, WebP or GIF image") from error
    if image.width * image.height > max_pixels:
        raise ImageError("too many pixels")
    return image


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = min(1.0, side / min(size), MAX_ASPECT * side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """Resample the part `box`, which begins at 0, 0, to `size` with an antialiased bicubic filter."""
    scales = [new / old for new, old in zip(size, box[2:], strict=True)]
    if image.mode != "RGB" or min(scales) <= 1 / (2 * REDUCING_GAP):  # so that Pillow reduces it first, without a copy
        return image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=REDUCING_GAP)
    # The same filter as Pillow's to within 1 of 255, in a fourth of the time: torch has it in vector instructions.
    pixels = torch.from_numpy(np.asarray(image)[None].transpose(0, 3, 1, 2))
    # Sizes are given as scales, for a box may end within a pixel; they are rounded down, hence the next number above.
    width, height = (float(np.nextafter(scale, 2.0)) for scale in scales)
    resampled = functional.interpolate(
        pixels, scale_factor=(height, width), mode="bicubic", antialias=True, recompute_scale_factor=False
    )
    return Image.fromarray(resampled.numpy()[0].transpose(1, 2, 0))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block says nothing about the pixels
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    """Put transparency on white; return mode L, RGB or CMYK."""
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    # Image.convert clips 16-bit grey at 255 instead of scaling it, and ignores its transparent level.
    levels = np.asarray(image)
    grey = (levels >> 8).clip(0, 255).astype(np.uint8)
    grey[levels == image.info.get("transparency", -1)] = 255
    return Image.fromarray(grey)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _srgb_transform(profile, image.mode) if profile else None
    if transform is not None:
        return ImageCms.applyTransform(image, transform)
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=32)
def _srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB; None if the profile is sRGB, unreadable, or not of the picture's colour space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _PROFILE_MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        # "DCI-P3 D65 Gamut with sRGB Transfer" has sRGB in its name, too.
        if ImageCms.getProfileDescription(source).strip().startswith("sRGB"):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ImageCms.PyCMSError, TypeError, ValueError):
        return None


def _encode(image: Image.Image, quality: int) -> bytes:
    image.info = {}  # Pillow would write the source's comment
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
