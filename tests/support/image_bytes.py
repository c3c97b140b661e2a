"""Image files made on the spot."""

import io

from PIL import Image


def jpeg(colour=(200, 40, 40), size=(60, 40)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()
