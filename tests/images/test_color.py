import struct
import zlib

import numpy as np
import pytest
from image_bytes import BLUE, GREEN, RED, YELLOW, corners, encoded, png
from normalized import assert_corners, seen
from PIL import Image, ImageCms, ImageOps

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def test_cmyk_with_and_without_adobe_marker_looks_as_in_a_browser():
    data = encoded(corners().convert("CMYK"), "JPEG", quality=95)
    assert_corners(seen(data), (RED, GREEN, BLUE, YELLOW), tolerance=30)
    start = data.index(b"\xff\xee")
    (length,) = struct.unpack(">H", data[start + 2 : start + 4])
    assert b"Adobe" in data[start : start + 2 + length]
    without = data[:start] + data[start + 2 + length :]
    assert_corners(seen(without), (RED, GREEN, BLUE, YELLOW), tolerance=30)


def test_adobe_ycck_looks_as_in_a_browser():
    # Pillow writes no YCCK, so its channels are stored as if they were CMYK, which are inverted on writing, and
    # then named YCCK. libjpeg's jdcolor.c: the YCC in it is that of R = 1 - C, and C is stored inverted by Adobe.
    luma_chroma = ImageOps.invert(corners()).convert("YCbCr").split()
    channels = [ImageOps.invert(channel) for channel in luma_chroma]
    data = encoded(Image.merge("CMYK", [*channels, Image.new("L", channels[0].size, 0)]), "JPEG", quality=95)
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    assert_corners(seen(data[:transform] + b"\x02" + data[transform + 1 :]), (RED, GREEN, BLUE, YELLOW), tolerance=30)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
def test_every_pixel_layout_of_a_png_is_understood(mode):
    image = corners().convert(mode, dither=Image.Dither.NONE)
    expected = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(seen(encoded(image, "PNG")) - expected).mean() < 4


def test_sixteen_bit_gray_keeps_its_levels():
    levels = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 64, axis=0)
    pixels = seen(encoded(Image.fromarray(levels), "PNG"))
    assert np.abs(pixels[32, :, 0] - levels[32] / 257).max() < 4
    assert np.ptp(pixels, axis=2).max() <= 2


def test_sixteen_bit_color_keeps_its_levels():
    rows = b"".join(b"\0" + struct.pack(">HHH", 0x2000, 0x8000, 0xF000) * 32 for _ in range(32))
    assert np.abs(seen(png(32, 32, 16, 2, zlib.compress(rows))).mean(axis=(0, 1)) - (0x20, 0x80, 0xF0)).max() < 3


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_transparency_is_seen_on_white(file_format):
    image = corners().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 24))
    image.paste((0, 0, 0, 128), (32, 0, 64, 24))
    pixels = seen(encoded(image, file_format, **({"lossless": True} if file_format == "WEBP" else {})))
    assert_corners(pixels, (WHITE, (127, 127, 127), BLUE, YELLOW))


def test_a_transparent_palette_entry_is_seen_on_white():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([*BLACK, *RED])
    image.paste(1, (20, 0, 40, 40))
    for file_format in ("PNG", "GIF"):
        pixels = seen(encoded(image, file_format, transparency=0))
        assert_corners(pixels, (WHITE, RED, WHITE, RED))


def test_a_transparent_color_of_rgb_and_of_gray_is_seen_on_white():
    rgb = Image.new("RGB", (40, 40), BLACK)
    rgb.paste(RED, (20, 0, 40, 40))
    assert_corners(seen(encoded(rgb, "PNG", transparency=BLACK)), (WHITE, RED, WHITE, RED))
    gray = Image.new("L", (40, 40), 0)
    gray.paste(90, (20, 0, 40, 40))
    assert_corners(seen(encoded(gray, "PNG", transparency=0)), (WHITE, (90,) * 3, WHITE, (90,) * 3))


def test_a_transparent_level_of_sixteen_bit_gray_is_seen_on_white():
    row = b"\0" + struct.pack(">H", 0) * 20 + struct.pack(">H", 0x5A00) * 20
    data = png(40, 40, 16, 0, zlib.compress(row * 40), tRNS=struct.pack(">H", 0))
    assert_corners(seen(data), (WHITE, (90,) * 3, WHITE, (90,) * 3))


@pytest.mark.parametrize("name", ["xRGB built-in", "P3, sRGB curve"[:13]])
def test_an_embedded_profile_is_applied(name):
    # In this profile red and blue have changed places, so that a reader who ignores it is found out.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    renamed = bytes(profile).replace("sRGB built-in".encode("utf-16-be"), name.encode("utf-16-be"))
    assert renamed != bytes(profile)
    data = encoded(corners(), "PNG", icc_profile=renamed)
    swapped = [(b, g, r) for r, g, b in (RED, GREEN, BLUE, YELLOW)]
    pixels = seen(data)
    assert np.abs(pixels[36, 16] - swapped[2]).max() < 60
    assert pixels[36, 16][0] > pixels[36, 16][2]


@pytest.mark.parametrize("profile", [b"", b"nonsense", b"\0" * 128, bytes(3000)])
def test_a_damaged_profile_is_ignored(profile):
    assert_corners(seen(encoded(corners(), "PNG", icc_profile=profile)), (RED, GREEN, BLUE, YELLOW))


def test_a_profile_of_another_color_space_is_ignored():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    assert_corners(seen(encoded(corners(), "JPEG", icc_profile=profile)), (RED, GREEN, BLUE, YELLOW))
