"""No image takes more work or memory than stated, and all threads' images together take no more than one may."""

import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from image_bytes import encoded, huge, photograph
from normalized import normal, reason
from PIL import WebPImagePlugin

from pricefuse.images import decoder, memory, normalize
from pricefuse.images.memory import MAX_DECODED_BYTES, MemoryBudget
from pricefuse.images.webp import canvas


def before(marker, data, extra):
    at = data.index(marker)
    return data[:at] + extra + data[at:]


def padded(count):
    """Yield (name, bytes) of images with `count` tiny pieces that say nothing about the picture."""
    jpeg, png, gif = (encoded(photograph(60, 40), name) for name in ("JPEG", "PNG", "GIF"))
    chunk = bytes(4) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    for name, piece in {"fill bytes": b"\xff", "comments": b"\xff\xfe\0\2", "segments": b"\xff\xe5\0\2"}.items():
        yield f"JPEG with {name}", before(b"\xff\xdb", jpeg, piece * count)
    yield "JPEG with restart intervals", before(b"\xff\xdb", jpeg, b"\xff\xdd\0\4\0\0" * count)
    yield "JPEG with junk", before(b"\xff\xdb", jpeg, bytes(count))
    yield "PNG with chunks", png[:33] + chunk * count + png[33:]
    yield "PNG with chunks at its end", png[:-12] + chunk * count + png[-12:]
    frame = 13 + 3 * 256  # behind the header and the global palette
    assert gif[frame : frame + 1] == b","
    for name, piece in {"comments": b"!\xfe\1x\0", "junk": b"\0"}.items():
        yield f"GIF with {name}", gif[:frame] + piece * count + gif[frame:]
    yield "GIF with a comment of many blocks", gif[:frame] + b"!\xfe" + b"\1x" * count + b"\0" + gif[frame:]


@pytest.mark.parametrize(
    ("name", "data"), list(padded(200_000)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_file_of_countless_tiny_pieces_is_refused_after_a_bounded_number_of_reads(name, data, monkeypatch):
    reads = []

    class Counted(decoder.BoundedFile):
        def read(self, size=-1, /):
            reads.append(size)
            return super().read(size)

    monkeypatch.setattr(normalize, "BoundedFile", Counted)
    assert reason(data) == "broken image"
    assert len(reads) == decoder.MAX_READS + 1


@pytest.mark.parametrize(
    ("name", "data"), list(padded(1000)), ids=lambda value: value if isinstance(value, str) else ""
)
def test_some_of_them_do_no_harm(name, data):
    assert normal(data).width == 60


def test_comments_of_many_megabytes_are_few_reads():
    data = before(b"\xff\xdb", encoded(photograph(60, 40), "JPEG"), (b"\xff\xfe\xff\xff" + bytes(65533)) * 300)
    assert normal(data).width == 60


def solid_webp(width, height):
    """A lossless WebP of one color, with no bit for a pixel: 34 bytes, whatever its size is."""
    header = (width - 1) | (height - 1) << 14 | 1 << 28
    # No transform, no color cache, no meta prefix codes, then five codes of one symbol: 255, 0, 0, 128 and 0.
    bits = "000" + "101" + "11111111" + ("100" + "0") * 2 + "101" + "00000001" + "100" + "0"
    packed = int(bits[::-1], 2).to_bytes(-(-len(bits) // 8) + 1, "little")
    content = b"\x2f" + struct.pack("<I", header) + packed
    content += bytes(len(content) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def test_a_tiny_webp_may_be_a_large_picture():
    picture = normal(solid_webp(900, 600), side=64)
    assert (picture.width, picture.height) == (96, 64)


@pytest.mark.parametrize(
    "options",
    [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}, {"save_all": True, "append_images": [photograph(70, 41)]}],
)
def test_the_size_of_a_webp_is_read_without_opening_it(options):
    data = encoded(photograph(70, 41), "WEBP", **options)
    assert canvas(data) == (70, 41)
    assert canvas(data[:22]) is None
    assert canvas(b"") is None


@pytest.mark.parametrize("data", [solid_webp(16383, 3000), solid_webp(7000, 7000)], ids=["wide", "square"])
def test_a_webp_that_would_take_too_much_memory_is_refused_before_it_is_opened(data, monkeypatch):
    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "_open", lambda _: pytest.fail("the canvas was allocated"))
    assert reason(data, max_pixels=50_000_000) == "too many pixels"
    assert reason(huge("WEBP")) == "too many pixels"


def test_a_webp_without_a_size_is_broken():
    data = encoded(photograph(70, 41), "WEBP", lossless=True)
    assert reason(data[:20] + b"\0" + data[21:]) == "broken image"


class Recording(MemoryBudget):
    """Remember what is reserved, and the most that was reserved at once."""

    def __init__(self, total):
        super().__init__(total)
        self.asked, self.most = [], 0

    def reserved(self, amount):
        self.asked.append(amount)
        return super().reserved(amount)

    @property
    def used(self):
        return self.total - self._free


@pytest.fixture
def recorded(monkeypatch):
    budget = Recording(MAX_DECODED_BYTES)
    monkeypatch.setattr(normalize, "DECODING", budget)
    return budget


@pytest.mark.parametrize(
    ("data", "least"),
    [
        (encoded(photograph(400, 300), "WEBP"), 16),
        (encoded(photograph(400, 300), "PNG"), 8),
        (encoded(photograph(400, 300), "GIF"), 8),
        (encoded(photograph(400, 300), "JPEG"), 0),
        (encoded(photograph(400, 300), "JPEG", progressive=True), 6),
        (encoded(photograph(400, 300).convert("CMYK"), "JPEG", progressive=True), 8),
    ],
    ids=["webp", "png", "gif", "jpeg", "progressive", "cmyk"],
)
def test_memory_is_reserved_by_the_pixels_that_the_header_claims(data, least, recorded):
    normal(data, side=16)
    [asked] = recorded.asked
    assert least * 400 * 300 <= asked <= least * 400 * 300 + 16 * 96 * 96 + 12 * 36 * 21 * 16
    assert recorded.used == 0


def test_a_sequential_jpeg_with_a_scan_for_each_channel_is_reserved_as_a_whole(recorded):
    data = bytearray(encoded(photograph(400, 300), "JPEG", subsampling=0))
    normal(bytes(data), side=16)
    data[data.index(b"\xff\xda") + 4] = 1
    with pytest.raises(normalize.ImageError):
        normal(bytes(data), side=16)
    assert recorded.asked[1] - recorded.asked[0] == 2 * 3 * 400 * 300


def test_many_threads_hold_no_more_than_the_budget(monkeypatch):
    data = [encoded(photograph(300, 200), "PNG"), solid_webp(300, 300), solid_webp(500, 300)]
    budget = Recording(5_000_000)
    monkeypatch.setattr(normalize, "DECODING", budget)
    opened = normalize.flattened

    def slow(image):
        budget.most = max(budget.most, budget.used)
        assert 0 < budget.used <= budget.total
        time.sleep(0.005)
        return opened(image)

    monkeypatch.setattr(normalize, "flattened", slow)
    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(lambda number: normal(data[number % 3], side=32).jpeg, range(60)))
    assert len(budget.asked) == 60
    assert max(budget.asked) <= budget.most <= budget.total
    assert budget.used == 0


def test_a_failed_image_gives_its_memory_back(recorded):
    data = encoded(photograph(300, 200), "PNG")
    with pytest.raises(normalize.ImageError):
        normal(data[: len(data) // 2])
    assert recorded.asked
    assert recorded.used == 0


def test_who_asks_first_is_served_first_and_a_small_one_does_not_overtake_a_large_one():
    budget, served, started = MemoryBudget(10), [], threading.Event()

    def take(amount):
        started.set()
        with budget.reserved(amount):
            served.append(amount)

    with budget.reserved(6):
        threads = []
        for amount in (9, 1, 2):
            started.clear()
            threads.append(threading.Thread(target=take, args=(amount,)))
            threads[-1].start()
            while len(budget._waiting) < len(threads):
                time.sleep(0.001)
        assert served == []
    for thread in threads:
        thread.join()
    assert served[0] == 9
    assert sorted(served) == [1, 2, 9]


def test_more_than_all_is_refused_at_once():
    with pytest.raises(ValueError, match="11 bytes of 10"), MemoryBudget(10).reserved(11):
        pass


def test_there_is_one_budget_for_the_process():
    assert normalize.DECODING is memory.DECODING
    assert memory.DECODING.total == 512 * 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read as Linux tells it")
def test_a_dozen_tiny_files_of_large_pictures_stay_within_the_budget(tmp_path):
    path = tmp_path / "hostile.webp"
    path.write_bytes(solid_webp(8000, 1500))
    script = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from pathlib import Path\n"
        "from pricefuse.download.malloc import reuse_freed_memory\n"
        "from pricefuse.images.normalize import normalize\n"
        "def peak():  # of this program; getrusage would tell that of the process that started it, too\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))\n"
        "reuse_freed_memory()\n"
        "data = Path(sys.argv[1]).read_bytes()\n"
        "one = lambda _: normalize(data, side=256, quality=90, max_pixels=50_000_000).width\n"
        "before = peak()\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    assert set(pool.map(one, range(12))) == {1024}\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    kilobytes = int(done.stdout)
    print(kilobytes)
    assert 200_000 < kilobytes < 2 * MAX_DECODED_BYTES / 1024
