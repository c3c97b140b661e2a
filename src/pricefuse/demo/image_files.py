"""Encode image files as real catalogs have them: most sound, a few of another format, damaged, or missing."""

from enum import Enum, auto
from io import BytesIO
from random import Random

from PIL import Image

from pricefuse.demo.rendering import on_background

DEAD_HOST = "images.larkmoor.invalid"  # RFC 2606 reserves .invalid: no look-up of it can succeed
_QUALITY = 86
_ERROR_PAGE = b"<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body>Forbidden</body></html>\n"


class Condition(Enum):
    """The state of a product's image: what its link leads to."""

    SOUND = auto()
    ALPHA = auto()  # PNG with a transparent background
    CMYK = auto()  # JPEG in the colors of print
    TRUNCATED = auto()  # JPEG that ends above the package: no part of it can be seen
    WEB_PAGE = auto()  # an error page saved as .jpg
    EMPTY = auto()  # a file of no bytes
    ABSENT = auto()  # the link leads to no file
    UNLINKED = auto()  # no link
    DEAD = auto()  # a link to a host that does not exist

    @property
    def usable(self) -> bool:
        """Whether the picture can be seen."""
        return self in {Condition.SOUND, Condition.ALPHA, Condition.CMYK}


# Of all products; each kind is met at least once, a dead link exactly once.
_SHARES = {
    Condition.ALPHA: 0.002,
    Condition.CMYK: 0.0015,
    Condition.TRUNCATED: 0.002,
    Condition.WEB_PAGE: 0.0015,
    Condition.EMPTY: 0.0015,
    Condition.ABSENT: 0.003,
    Condition.UNLINKED: 0.003,
    Condition.DEAD: 0.0,
}


def odd_conditions(products: int) -> list[Condition]:
    """Return the conditions other than SOUND that a catalog of so many products holds: each kind at least once."""
    return [kind for kind, share in _SHARES.items() for _ in range(max(1, round(share * products)))]


def image_link(slug: str, condition: Condition) -> str:
    """Return the link of a product's image: a path relative to the catalog's folder, a URL, or nothing."""
    if condition is Condition.UNLINKED:
        return ""
    if condition is Condition.DEAD:
        return f"http://{DEAD_HOST}/{slug}.jpg"
    return f"images/{slug}.{'png' if condition is Condition.ALPHA else 'jpg'}"


def encode_photo(package: Image.Image, condition: Condition, camera_rng: Random) -> bytes | None:
    """Return the bytes of the image file for a rendered package (RGBA), or None if there is no file."""
    match condition:
        case Condition.ABSENT | Condition.UNLINKED | Condition.DEAD:
            return None
        case Condition.EMPTY:
            return b""
        case Condition.WEB_PAGE:
            return _ERROR_PAGE
        case Condition.ALPHA:
            return _encoded(package, "PNG")
    photo = on_background(package, camera_rng)
    jpeg = _encoded(photo.convert("CMYK") if condition is Condition.CMYK else photo, "JPEG")
    # Start of scan (ITU-T T.81, B.1.1.3), and a little of it.
    return jpeg[: jpeg.index(b"\xff\xda") + 40] if condition is Condition.TRUNCATED else jpeg


def _encoded(image: Image.Image, kind: str) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, quality=_QUALITY)
    return buffer.getvalue()
