"""What tests of encoders compare: pictures in, vectors out."""

import io

import numpy as np
from PIL import Image

TEXTS = ["Green tea, 20 bags", "", "🍵 thé vert ☕", "Tea " * 30, "x" * 900, "Olive oil 1 L " * 40, "   "]


def picture(color, size=(260, 300)):
    """Return a PNG of one color."""
    Image.new("RGB", size, color).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def cosines(left, right):
    left, right = np.atleast_2d(left), np.atleast_2d(right)
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def in_order(numbered):
    """Return the vectors of (index, vector) pairs as a matrix, by index."""
    return np.stack([vector for _, vector in sorted(numbered, key=lambda pair: pair[0])])
