"""Image files, made by Pillow when a test asks for them."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 30), (30, 30, 200), (230, 220, 40)


def jpeg(color=(200, 40, 40), size=(60, 40)):
    return encoded(Image.new("RGB", size, color), "JPEG")


def corners(width=64, height=48):
    """Four quarters: red and green above, blue and yellow below."""
    image = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), YELLOW)
    return image


def photograph(width=300, height=300, seed=0):
    """A smooth random picture without any gray row."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png(width, height, depth, color, packed, **chunks):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), content) for name, content in chunks.items())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def huge(file_format):
    if file_format == "PNG":
        return png(2**31 - 1, 2**31 - 1, 8, 2, zlib.compress(bytes(1000)))
    if file_format == "GIF":
        return b"GIF89a" + struct.pack("<HH", 65535, 65535) + encoded(Image.new("P", (8, 8)), "GIF")[10:]
    data = bytearray(encoded(corners(), file_format))
    if file_format == "WEBP":
        struct.pack_into("<HH", data, 26, 16383, 16383)
        return bytes(data)
    frame = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, frame + 5, 65500, 65500)
    return bytes(data)
