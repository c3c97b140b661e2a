"""Convert an image of any mode and color profile to sRGB on white."""

import functools
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from pricefuse.images.decoder import decoding

_WHITE = (255, 255, 255, 255)
_BAND_PIXELS = 2**20
_PROFILE_MODES = {"RGB": "RGB", "CMYK": "CMYK", "GRAY": "L"}


def flattened(image: Image.Image) -> Image.Image:
    """Return a decoded image of any mode on white, in mode L, RGB or CMYK; raises ImageError if it is damaged."""
    if image.mode.startswith("I"):
        return _eight_bits(image)
    with decoding():  # a palette may be missing, a transparent color of the wrong kind
        if image.has_transparency_data:
            return _by_bands(image, "RGB", _on_white)
        return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    # Image.convert clips 16-bit gray at 255 instead of scaling it, and ignores its transparent level.
    def convert(band: Image.Image) -> Image.Image:
        levels = np.asarray(band)
        gray = (levels >> 8).clip(0, 255).astype(np.uint8)
        gray[levels == image.info.get("transparency", -1)] = 255
        return Image.fromarray(gray)

    return _by_bands(image, "L", convert)


def _by_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert an image pixel by pixel to `mode`, some rows at a time: only the result takes memory."""
    whole = Image.new(mode, image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        whole.paste(convert(band), (0, top))
    return whole


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return an image of mode L, RGB or CMYK in sRGB, by its ICC profile if that can be used."""
    transform = _srgb_transform(profile, image.mode) if profile else None
    if transform is not None:
        return ImageCms.applyTransform(image, transform)
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=32)
def _srgb_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform to sRGB; None if the profile is sRGB, unreadable, or of another color space."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _PROFILE_MODES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        # "DCI-P3 D65 Gamut with sRGB Transfer" has sRGB in its name, too.
        if ImageCms.getProfileDescription(source).strip().startswith("sRGB"):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ImageCms.PyCMSError, ValueError):
        return None
