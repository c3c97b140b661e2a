import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from image_bytes import BLUE, GREEN, RED, YELLOW, corners, encoded, huge, photograph
from normalized import assert_corners, normal, reason, seen
from PIL import ExifTags, Image, ImageFile

from pricefuse.images import normalize as images
from pricefuse.images.normalize import MAX_ASPECT, MAX_JPEG_SCANS, ImageError

GRAY = (128, 128, 128)


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
        frames = [Image.new("RGB", (40, 40), color) for color in (BLUE, RED, GREEN)]
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

    def test_a_cmyk_and_a_gray_jpeg_are_measured_alike(self):
        for mode in ("CMYK", "L"):
            data = encoded(photograph().convert(mode), "JPEG", quality=90)
            assert normal(data[: int(0.9 * len(data))], side=100).truncated
            assert reason(data[: int(0.2 * len(data))], side=100) == "image ends early"

    def test_a_whole_gray_picture_is_not_taken_for_a_truncated_one(self):
        assert not normal(encoded(Image.new("RGB", (64, 64), GRAY), "JPEG")).truncated

    @pytest.mark.parametrize("file_format", ["PNG", "GIF", "WEBP"])
    def test_other_formats_must_be_whole(self, file_format):
        data = encoded(photograph(), file_format)
        with pytest.raises(ImageError):
            normal(data[: int(0.7 * len(data))])

    def test_the_process_wide_switch_of_pillow_is_left_alone(self):
        data = encoded(photograph(), "JPEG")
        normal(data[: int(0.9 * len(data))])
        assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("size", [(2049, 2049), (801, 1256), (1031, 700), (515, 4000)])
def test_decoding_to_fewer_pixels_neither_shifts_nor_stretches(size, monkeypatch):
    ramp = np.linspace(0, 12 * np.pi, max(size))
    waves = np.add.outer(np.sin(ramp[: size[1]]), np.cos(ramp[: size[0]] * 1.7)) * 60 + 128
    image = Image.fromarray(waves.astype(np.uint8)).convert("RGB")
    image.save(buffer := io.BytesIO(), "JPEG", quality=95)
    reduced = images.normalize(buffer.getvalue(), side=256, quality=95, max_pixels=10**8)
    monkeypatch.setattr(images, "HALF_GAP", 100)
    full = images.normalize(buffer.getvalue(), side=256, quality=95, max_pixels=10**8)
    assert (reduced.width, reduced.height) == (full.width, full.height)
    pixels = [np.asarray(Image.open(io.BytesIO(picture.jpeg)), np.int16) for picture in (reduced, full)]
    assert np.abs(pixels[0] - pixels[1]).mean() < 0.5
