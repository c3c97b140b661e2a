import io
import random
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFile, ImageOps

from pricefuse.images import normalize as images
from pricefuse.images.normalize import MAX_ASPECT, MAX_JPEG_SCANS, ImageError, Picture, normalise

WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (128, 128, 128)
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 30), (30, 30, 200), (230, 220, 40)


def corners(width=64, height=48):
    """Four quarters: red and green above, blue and yellow below."""
    image = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), YELLOW)
    return image


def photograph(width=300, height=300, seed=0):
    """A smooth random picture without any grey row."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def normal(data, side=512, quality=92, max_pixels=1_000_000):
    return normalise(data, side=side, quality=quality, max_pixels=max_pixels)


def seen(data, **options):
    return np.asarray(Image.open(io.BytesIO(normal(data, **options).jpeg))).astype(int)


def assert_corners(pixels, colours, tolerance=14):
    height, width, _ = pixels.shape
    for (x, y), colour in zip(((1, 1), (3, 1), (1, 3), (3, 3)), colours, strict=True):
        found = pixels[y * height // 4, x * width // 4]
        assert np.abs(found - colour).max() <= tolerance, (found, colour)


def reason(data, **options):
    with pytest.raises(ImageError) as caught:
        normal(data, **options)
    return str(caught.value)


class TestFormats:
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
    def test_every_accepted_format_gives_the_same_picture(self, file_format):
        data = encoded(corners(), file_format)
        assert_corners(seen(data), (RED, GREEN, BLUE, YELLOW))
        picture = normal(data)
        assert (picture.width, picture.height, picture.source_format, picture.truncated) == (64, 48, file_format, False)

    @pytest.mark.parametrize(
        "file_format", ["TIFF", "BMP", "PPM", "ICO", "TGA", "EPS", "PDF", "JPEG2000", "PCX", "DDS"]
    )
    def test_every_other_format_is_refused(self, file_format):
        data = encoded(corners(), file_format)
        assert reason(data) == "not a readable JPEG, PNG, WebP or GIF image"

    @pytest.mark.parametrize(
        "data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<!DOCTYPE html>", b"\0" * 500, b"x"]
    )
    def test_what_is_no_image_is_refused(self, data):
        assert reason(data) == "not a readable JPEG, PNG, WebP or GIF image"

    def test_an_empty_file_is_named_so(self):
        assert reason(b"") == "empty file"

    def test_the_first_frame_of_an_animation_counts(self):
        frames = [Image.new("RGB", (40, 40), colour) for colour in (BLUE, RED, GREEN)]
        for file_format in ("GIF", "WEBP", "PNG"):
            data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], duration=50)
            assert np.abs(seen(data).mean(axis=(0, 1)) - BLUE).max() < 10, file_format

    def test_the_result_is_a_plain_baseline_rgb_jpeg(self):
        exif = Image.Exif()
        exif[ExifTags.Base.Make] = "secret camera"
        data = encoded(corners(), "JPEG", progressive=True, exif=exif, comment=b"secret comment", dpi=(300, 300))
        picture = normal(data)
        assert b"secret" not in picture.jpeg
        with Image.open(io.BytesIO(picture.jpeg)) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (picture.width, picture.height))
            assert not image.info.keys() & {"exif", "comment", "icc_profile", "progressive", "xmp"}

    def test_equal_bytes_give_equal_bytes_also_from_many_threads(self):
        data = encoded(photograph(), "PNG")
        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(lambda _: normal(data, side=100).jpeg, range(16)))) == 1


class TestColours:
    def test_cmyk_with_and_without_adobe_marker_looks_as_in_a_browser(self):
        data = encoded(corners().convert("CMYK"), "JPEG", quality=95)
        assert_corners(seen(data), (RED, GREEN, BLUE, YELLOW), tolerance=30)
        start = data.index(b"\xff\xee")
        (length,) = struct.unpack(">H", data[start + 2 : start + 4])
        assert b"Adobe" in data[start : start + 2 + length]
        without = data[:start] + data[start + 2 + length :]
        assert_corners(seen(without), (RED, GREEN, BLUE, YELLOW), tolerance=30)

    def test_adobe_ycck_looks_as_in_a_browser(self):
        # Pillow writes no YCCK, so its channels are stored as if they were CMYK, which are inverted on writing, and
        # then named YCCK. libjpeg's jdcolor.c: the YCC in it is that of R = 1 - C, and C is stored inverted by Adobe.
        luma_chroma = ImageOps.invert(corners()).convert("YCbCr").split()
        channels = [ImageOps.invert(channel) for channel in luma_chroma]
        data = encoded(Image.merge("CMYK", [*channels, Image.new("L", channels[0].size, 0)]), "JPEG", quality=95)
        transform = data.index(b"Adobe") + 11
        assert data[transform] == 0
        assert_corners(
            seen(data[:transform] + b"\x02" + data[transform + 1 :]), (RED, GREEN, BLUE, YELLOW), tolerance=30
        )

    @pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA"])
    def test_every_pixel_layout_of_a_png_is_understood(self, mode):
        image = corners().convert(mode, dither=Image.Dither.NONE)
        expected = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(seen(encoded(image, "PNG")) - expected).mean() < 4

    def test_sixteen_bit_grey_keeps_its_levels(self):
        levels = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[None], 64, axis=0)
        pixels = seen(encoded(Image.fromarray(levels), "PNG"))
        assert np.abs(pixels[32, :, 0] - levels[32] / 257).max() < 4
        assert np.ptp(pixels, axis=2).max() <= 2

    def test_sixteen_bit_colour_keeps_its_levels(self):
        rows = b"".join(b"\0" + struct.pack(">HHH", 0x2000, 0x8000, 0xF000) * 32 for _ in range(32))
        assert np.abs(seen(png(32, 32, 16, 2, zlib.compress(rows))).mean(axis=(0, 1)) - (0x20, 0x80, 0xF0)).max() < 3

    @pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
    def test_transparency_is_seen_on_white(self, file_format):
        image = corners().convert("RGBA")
        image.paste((0, 0, 0, 0), (0, 0, 32, 24))
        image.paste((0, 0, 0, 128), (32, 0, 64, 24))
        pixels = seen(encoded(image, file_format, **({"lossless": True} if file_format == "WEBP" else {})))
        assert_corners(pixels, (WHITE, (127, 127, 127), BLUE, YELLOW))

    def test_a_transparent_palette_entry_is_seen_on_white(self):
        image = Image.new("P", (40, 40), 0)
        image.putpalette([*BLACK, *RED])
        image.paste(1, (20, 0, 40, 40))
        for file_format in ("PNG", "GIF"):
            pixels = seen(encoded(image, file_format, transparency=0))
            assert_corners(pixels, (WHITE, RED, WHITE, RED))

    def test_a_transparent_colour_of_rgb_and_of_grey_is_seen_on_white(self):
        rgb = Image.new("RGB", (40, 40), BLACK)
        rgb.paste(RED, (20, 0, 40, 40))
        assert_corners(seen(encoded(rgb, "PNG", transparency=BLACK)), (WHITE, RED, WHITE, RED))
        grey = Image.new("L", (40, 40), 0)
        grey.paste(90, (20, 0, 40, 40))
        assert_corners(seen(encoded(grey, "PNG", transparency=0)), (WHITE, (90,) * 3, WHITE, (90,) * 3))

    def test_a_transparent_level_of_sixteen_bit_grey_is_seen_on_white(self):
        row = b"\0" + struct.pack(">H", 0) * 20 + struct.pack(">H", 0x5A00) * 20
        data = png(40, 40, 16, 0, zlib.compress(row * 40), tRNS=struct.pack(">H", 0))
        assert_corners(seen(data), (WHITE, (90,) * 3, WHITE, (90,) * 3))

    @pytest.mark.parametrize("name", ["xRGB built-in", "P3, sRGB curve"[:13]])
    def test_an_embedded_profile_is_applied(self, name):
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
    def test_a_damaged_profile_is_ignored(self, profile):
        assert_corners(seen(encoded(corners(), "PNG", icc_profile=profile)), (RED, GREEN, BLUE, YELLOW))

    def test_a_profile_of_another_colour_space_is_ignored(self):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        assert_corners(seen(encoded(corners(), "JPEG", icc_profile=profile)), (RED, GREEN, BLUE, YELLOW))


# Where the stored quarters (red, green, blue, yellow) are to be seen: EXIF 2.32, tag 0x0112.
UPRIGHT = {
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}


class TestOrientation:
    @pytest.mark.parametrize("orientation", UPRIGHT)
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
    def test_the_picture_is_upright(self, orientation, file_format):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        data = encoded(corners(), file_format, exif=exif)
        assert_corners(seen(data), UPRIGHT[orientation])
        picture = normal(data, side=24)
        assert (picture.width, picture.height) == ((32, 24) if orientation < 5 else (24, 32))

    @pytest.mark.parametrize(
        "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + b"\xff" * 80, b"nonsense"]
    )
    def test_damaged_exif_changes_nothing(self, exif):
        assert_corners(seen(encoded(corners(), "JPEG", exif=exif)), (RED, GREEN, BLUE, YELLOW))

    @pytest.mark.parametrize("value", [0, 9, 65535])
    def test_an_unknown_orientation_changes_nothing(self, value):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = value
        assert_corners(seen(encoded(corners(), "JPEG", exif=exif)), (RED, GREEN, BLUE, YELLOW))


class TestSize:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            ((400, 300), (133, 100)),
            ((300, 400), (100, 133)),
            ((1000, 1000), (100, 100)),
            ((100, 250), (100, 250)),
            ((60, 50), (60, 50)),
            ((1, 1), (1, 1)),
            ((800, 40), (400, 20)),
            ((3, 2000), (1, 400)),
        ],
    )
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
    def test_the_shorter_side_is_scaled_down_within_bounds(self, size, expected, file_format):
        picture = normal(encoded(Image.new("RGB", size, RED), file_format), side=100, max_pixels=2_000_000)
        assert (picture.width, picture.height) == expected
        assert max(expected) <= MAX_ASPECT * 100

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
    def test_scaling_keeps_the_picture(self, file_format):
        source = photograph(960, 720)
        expected = np.asarray(source.resize((160, 120), Image.Resampling.BICUBIC)).astype(int)
        pixels = seen(encoded(source, file_format, **({"quality": 95} if file_format == "JPEG" else {})), side=120)
        assert np.abs(pixels - expected).mean() < 2.5

    def test_fine_detail_is_averaged_and_not_skipped(self):
        stripes = np.zeros((600, 600, 3), np.uint8)
        stripes[:, ::2] = 255
        pixels = seen(encoded(Image.fromarray(stripes), "PNG"), side=100)
        assert np.abs(pixels - 127.5).max() < 12

    def test_the_pixel_limit_itself_is_allowed_and_one_more_is_not(self):
        data = encoded(Image.new("RGB", (100, 100)), "PNG")
        assert normal(data, max_pixels=10_000).width == 100
        assert reason(data, max_pixels=9_999) == "too many pixels"

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP"])
    def test_a_huge_header_is_refused_before_anything_is_decoded(self, file_format, monkeypatch):
        monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("pixels were decoded"))
        assert reason(huge(file_format)) in {"too many pixels", "not a readable JPEG, PNG, WebP or GIF image"}

    def test_thousands_of_scans_are_refused(self):
        data = encoded(photograph(64, 64), "JPEG", progressive=True)
        last = data.rindex(b"\xff\xda")
        scan = data[last:-2]
        assert reason(data[:last] + scan * (MAX_JPEG_SCANS + 1) + data[-2:]) == "broken image"
        assert normal(data).width == 64


class TestTruncation:
    @pytest.mark.parametrize(("kept", "usable"), [(0.95, True), (0.75, True), (0.3, False), (0.1, False)])
    def test_a_sequential_jpeg_is_kept_if_half_of_its_rows_are_there(self, kept, usable):
        data = encoded(photograph(), "JPEG", quality=90)
        cut = data[: int(kept * len(data))]
        if usable:
            assert normal(cut, side=100).truncated
        else:
            assert reason(cut, side=100) == "image ends early"

    def test_what_is_there_of_it_is_right(self):
        source = photograph()
        data = encoded(source, "JPEG", quality=95)
        pixels = seen(data[: int(0.8 * len(data))])
        assert np.abs(pixels[:200] - np.asarray(source)[:200]).mean() < 4
        assert np.abs(pixels[-20:] - 128).max() <= 2

    def test_a_progressive_jpeg_is_kept_after_its_first_scan(self):
        source = photograph()
        data = encoded(source, "JPEG", quality=95, progressive=True)
        picture = normal(data[: len(data) // 2], side=75)
        assert picture.truncated
        expected = np.asarray(source.resize((75, 75))).astype(int)
        found = np.asarray(Image.open(io.BytesIO(picture.jpeg))).astype(int)
        assert np.abs(found - expected).mean() < 8

    def test_a_cmyk_and_a_grey_jpeg_are_measured_alike(self):
        for mode in ("CMYK", "L"):
            data = encoded(photograph().convert(mode), "JPEG", quality=90)
            assert normal(data[: int(0.9 * len(data))], side=100).truncated
            assert reason(data[: int(0.2 * len(data))], side=100) == "image ends early"

    def test_a_whole_grey_picture_is_not_taken_for_a_truncated_one(self):
        assert not normal(encoded(Image.new("RGB", (64, 64), GREY), "JPEG")).truncated

    @pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP"])
    def test_other_formats_must_be_whole(self, file_format):
        data = encoded(photograph(), file_format)
        with pytest.raises(ImageError):
            normal(data[: int(0.7 * len(data))])

    def test_the_process_wide_switch_of_pillow_is_left_alone(self):
        data = encoded(photograph(), "JPEG")
        normal(data[: int(0.9 * len(data))])
        assert not ImageFile.LOAD_TRUNCATED_IMAGES


def png(width, height, depth, colour, packed, **chunks):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
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


def damaged(name, data, rng):
    for _ in range(14):
        yield f"{name} cut", data[: rng.randrange(len(data))]
    for _ in range(14):
        flipped = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        yield f"{name} with flipped bits", bytes(flipped)
    for _ in range(6):
        start, length = rng.randrange(len(data)), rng.randrange(1, 400)
        yield f"{name} with noise", data[:start] + rng.randbytes(length) + data[start + length :]
    for _ in range(3):
        start = rng.randrange(len(data))
        yield f"{name} with zeros to its end", data[:start] + bytes(len(data) - start)
    yield f"{name} behind junk", b"junk" + data
    yield f"{name} before junk", data + rng.randbytes(3000)
    yield f"{name} twice", data + data


def hostile_files():
    """Yield (name, bytes) of some 400 files, broken or built to break a decoder; the same at every run."""
    rng = random.Random(20251013)
    animation = {"save_all": True, "append_images": [photograph(80, 80, seed) for seed in (1, 2)], "duration": 20}
    whole = {
        "jpeg": encoded(photograph(120, 90), "JPEG"),
        "progressive": encoded(photograph(120, 90), "JPEG", progressive=True),
        "cmyk": encoded(photograph(120, 90).convert("CMYK"), "JPEG"),
        "png": encoded(photograph(80, 80), "PNG"),
        "palette": encoded(photograph(80, 80).convert("P"), "PNG", transparency=3),
        "gif": encoded(photograph(80, 80), "GIF"),
        "animated gif": encoded(photograph(80, 80), "GIF", **animation),
        "webp": encoded(photograph(80, 80), "WEBP"),
        "animated webp": encoded(photograph(80, 80), "WEBP", **animation),
        "lossless webp": encoded(photograph(80, 80), "WEBP", lossless=True),
    }
    for name, data in whole.items():
        yield from damaged(name, data, rng)
    for one, two in (("jpeg", "png"), ("png", "jpeg"), ("gif", "webp"), ("webp", "gif")):
        yield f"{one} with the magic of {two}", whole[two][:12] + whole[one][12:]
        yield f"{one} and {two} in one", whole[one] + whole[two]
    page = b"<html><script>alert(1)</script>"
    yield "gif that is a script", b"GIF89a=1;/*" + page
    yield "jpeg with a page in its comment", encoded(corners(), "JPEG", comment=page)
    yield "archive behind a picture", whole["png"] + b"PK\x03\x04" + bytes(100)
    for file_format in ("JPEG", "PNG", "GIF", "WEBP"):
        yield f"huge {file_format}", huge(file_format)
    yield "one row of four million", png(4_000_000, 1, 8, 0, zlib.compress(bytes(4_000_001)))
    yield "no pixels", png(0, 0, 8, 2, b"")
    yield "inflates without end", png(1000, 900, 8, 2, zlib.compress(bytes(60_000_000)))
    yield "text that inflates", png(8, 8, 8, 2, b"", zTXt=b"a\0\0" + zlib.compress(bytes(80_000_000)))
    yield "profile that inflates", png(8, 8, 8, 2, b"", iCCP=b"a\0\0" + zlib.compress(bytes(80_000_000)))
    yield "wrong depth", png(8, 8, 3, 2, b"")
    yield "palette missing", png(8, 8, 8, 3, zlib.compress(bytes(72)))
    for file_format in ("TIFF", "BMP", "PPM", "EPS", "ICO", "PDF"):
        yield file_format, encoded(corners(), file_format)
    yield (
        "SVG",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    )
    yield "empty", b""
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\xff\xff\xffWEBPVP8 ", b"%!PS", b"II*\0"):
        yield f"only the magic {magic!r}", magic
        yield f"{magic!r} and noise", magic + rng.randbytes(500)


def test_a_hostile_file_ends_as_a_picture_or_an_image_error_and_soon():
    ends = {Picture: 0, ImageError: 0}
    for name, data in hostile_files():
        since = time.perf_counter()
        try:
            picture = normal(data, side=64)
        except ImageError as error:
            ends[ImageError] += 1
            assert str(error), name
        else:
            ends[Picture] += 1
            assert min(picture.width, picture.height) <= 64, name
            assert Image.open(io.BytesIO(picture.jpeg)).size == (picture.width, picture.height), name
        assert time.perf_counter() - since < 20, name
    assert sum(ends.values()) >= 200
    assert min(ends.values()) > 50


@pytest.mark.parametrize("size", [(2049, 2049), (801, 1256), (1031, 700), (515, 4000)])
def test_decoding_to_fewer_pixels_neither_shifts_nor_stretches(size, monkeypatch):
    ramp = np.linspace(0, 12 * np.pi, max(size))
    waves = np.add.outer(np.sin(ramp[: size[1]]), np.cos(ramp[: size[0]] * 1.7)) * 60 + 128
    image = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    image.save(buffer := io.BytesIO(), "JPEG", quality=95)
    reduced = images.normalise(buffer.getvalue(), side=256, quality=95, max_pixels=10**8)
    monkeypatch.setattr(images, "HALF_GAP", 100)
    full = images.normalise(buffer.getvalue(), side=256, quality=95, max_pixels=10**8)
    assert (reduced.width, reduced.height) == (full.width, full.height)
    pixels = [np.asarray(Image.open(io.BytesIO(picture.jpeg)), np.int16) for picture in (reduced, full)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 0.5
