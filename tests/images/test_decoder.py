"""Damaged and hostile files become reasons; defects of this program do not."""

import io
import random
import time
import zlib

import pytest
from image_bytes import corners, encoded, huge, photograph, png
from normalized import normal
from PIL import Image

from pricefuse.images import normalize as module
from pricefuse.images.decoder import ImageError, decoding
from pricefuse.images.normalize import NormalizedImage


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


def whole_files():
    """Yield (name, bytes) of an undamaged file of every kind."""
    animation = {"save_all": True, "append_images": [photograph(80, 80, seed) for seed in (1, 2)], "duration": 20}
    yield from {
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
    }.items()


def repaired(data):
    """Return a damaged PNG with right checksums, so that the damage is read; other files as they are."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    pieces, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        pieces += [data[at:end], zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")]
        at = end + 4
    return b"".join(pieces)


def hostile_files():
    """Yield (name, bytes) of some 400 files, broken or built to break a decoder; the same at every run."""
    rng = random.Random(20251013)
    for name, data in (whole := dict(whole_files())).items():
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
    ends = {NormalizedImage: 0, ImageError: 0}
    for name, data in hostile_files():
        since = time.perf_counter()
        try:
            picture = normal(data, side=64)
        except ImageError as error:
            ends[ImageError] += 1
            assert str(error), name
        else:
            ends[NormalizedImage] += 1
            assert min(picture.width, picture.height) <= 64, name
            assert Image.open(io.BytesIO(picture.jpeg)).size == (picture.width, picture.height), name
        assert time.perf_counter() - since < 20, name
    assert sum(ends.values()) >= 200
    assert min(ends.values()) > 50


@pytest.mark.parametrize("defect", [MemoryError("no memory left"), TypeError("a bug"), AttributeError("a bug")])
@pytest.mark.parametrize("step", ["resampled", "in_srgb", "_encode", "_orientation"])
def test_a_defect_of_our_own_is_not_taken_for_a_damaged_image(defect, step, monkeypatch):
    def fail(*_):
        raise defect

    monkeypatch.setattr(module, step, fail)
    with pytest.raises(type(defect)) as caught:
        normal(encoded(photograph(), "JPEG"))
    assert caught.value is defect


@pytest.mark.parametrize("method", ["load", "getexif"])
def test_memory_that_runs_out_in_the_decoder_is_not_taken_for_a_damaged_image(method, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, method, fail)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail if method == "load" else lambda _: None)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.getexif", fail)
    with pytest.raises(MemoryError):
        normal(encoded(photograph(), "PNG"))


def test_what_a_decoder_raises_becomes_a_reason():
    with pytest.raises(ImageError, match="broken image") as caught, decoding():
        raise SyntaxError("broken PNG file")
    assert isinstance(caught.value.__cause__, SyntaxError)
    with pytest.raises(ImageError, match="too many pixels"), decoding():
        raise Image.DecompressionBombError
    with pytest.raises(ImageError, match="image ends early"), decoding():
        raise ImageError("image ends early")


def test_thousands_of_damaged_files_never_crash():
    rng = random.Random(20251124)
    seeds = [data for _, data in whole_files()]
    for _ in range(4000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 2, 5))):
            # Headers are at the beginning, and damage there takes the most different ways through a decoder.
            at = rng.randrange(len(data) if rng.random() < 0.3 else min(len(data), 700))
            data[at : at + rng.randrange(3)] = rng.choice((b"", b"\0", b"\xff", b"\x7f\xff\xff\xff", rng.randbytes(4)))
        try:
            normal(repaired(bytes(data)), side=rng.choice((8, 32, 200)))
        except ImageError as error:
            assert str(error)
