"""Hash what a picture shows, so that it is known again when it was scaled or compressed anew."""

import imagehash
import numpy as np
from PIL import Image, ImageStat

SIDE = 16  # frequencies in each direction: a bit for each pair
HASH_BYTES = SIDE * SIDE // 8
# Standard deviation of the luminance, of 255 levels, below which a picture is plain: its bits would be those of noise.
# 118 product photographs have 23 or more, a uniform gray with noise of three levels 0.4.
MIN_CONTRAST = 8


def perceptual_hash(image: Image.Image) -> bytes | None:
    """Return the perceptual hash of an RGB image, HASH_BYTES long; None for a plain one.

    A bit says whether a low frequency of the luminance's discrete cosine transform is above their median ("pHash":
    Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), so that bits that differ count
    how different two pictures are. Color, and what is finer than a sixteenth of the picture, are not compared.
    """
    gray = image.convert("L")
    if ImageStat.Stat(gray).stddev[0] < MIN_CONTRAST:
        return None
    return np.packbits(imagehash.phash(gray, hash_size=SIDE).hash).tobytes()
