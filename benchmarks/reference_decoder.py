"""Decode an image without any short cut, and measure how much another differs from it."""

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps


def decoded_in_full(data: bytes, size: tuple[int, int], quality: int) -> Image.Image:
    """Return the image without any short cut: all pixels decoded, turned, made sRGB, resampled once, encoded."""
    image = Image.open(io.BytesIO(data + b"\xff\xd9"))  # the end marker lets a truncated JPEG be decoded
    profile = image.info.get("icc_profile")
    image.load()
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
        except (OSError, ImageCms.PyCMSError):
            pass  # no usable profile: taken for sRGB
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=quality)
    return Image.open(encoded)


def plainly_scaled(data: bytes, side: int, quality: int) -> bytes:
    """Return a JPEG of the image with the given shorter side, as a few lines of Pillow code give it."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = min(1.0, side / min(image.size))
    size = (round(scale * image.width), round(scale * image.height))
    image.resize(size, Image.Resampling.BICUBIC).save(encoded := io.BytesIO(), "JPEG", quality=quality)
    return encoded.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two images of one size, of 255."""
    pair = [np.asarray(image.convert("RGB"), np.int16) for image in (one, other)]
    return float(np.abs(pair[0] - pair[1]).mean())
