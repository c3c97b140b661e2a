import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pricefuse.images.normalize import normalize
from pricefuse.images.progressive import QUANTIZATION, START_OF_SCAN, Scan, iter_segments, read_scan, without_fine_bits


def photograph(size: int = 320) -> Image.Image:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8))
    noise = rng.normal(0, 6, (size, size, 3))
    return Image.fromarray((np.asarray(coarse.resize((size, size))) + noise).clip(0, 255).astype(np.uint8))


def encoded(**settings) -> bytes:
    photograph().save(buffer := io.BytesIO(), "JPEG", quality=90, **settings)
    return buffer.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)), np.int16)


def scans_of(data: bytes) -> list[Scan]:
    return [read_scan(data, segment) for segment in iter_segments(data) if segment.kind == START_OF_SCAN]


def steps_of(data: bytes) -> dict[int, np.ndarray]:
    return {number: np.array(steps) for number, steps in Image.open(io.BytesIO(data)).quantization.items()}


PROGRESSIVE, BASELINE = encoded(progressive=True), encoded()
TABLE_BYTES = 2 + 2 + 1 + 64 * 2


def test_the_scans_of_libjpegs_script_are_found():
    # jcparam.c, jpeg_simple_progression, color: (first coefficient, last one, lowest bit known before, bit)
    expected = [(0, 0, 0, 1), (1, 5, 0, 2), (1, 63, 0, 1), (1, 63, 0, 1), (6, 63, 0, 2)]
    expected += [(1, 63, 2, 1), (0, 0, 1, 0), (1, 63, 1, 0), (1, 63, 1, 0), (1, 63, 1, 0)]
    scans = scans_of(PROGRESSIVE)
    assert [(scan.lowest, scan.highest, scan.known_from, scan.bit) for scan in scans] == expected
    assert [scan.components for scan in scans[:3]] == [b"\1\2\3", b"\1", b"\3"]
    segments = [scan.segment for scan in scans]
    assert all(PROGRESSIVE[segment.start : segment.start + 2] == b"\xff\xda" for segment in segments)
    assert all(one.end <= other.start for one, other in itertools.pairwise(segments))
    assert PROGRESSIVE[segments[-1].end :] == b"\xff\xd9"
    assert len(scans_of(BASELINE)) == 1


def test_only_the_fine_bits_go_and_the_picture_stays():
    data = without_fine_bits(PROGRESSIVE)
    assert not any(scan.is_fine for scan in scans_of(data))
    dropped = sum(scan.segment.end - scan.segment.start for scan in scans_of(PROGRESSIVE) if scan.is_fine)
    assert len(data) == len(PROGRESSIVE) - dropped + 3 * TABLE_BYTES < 0.8 * len(PROGRESSIVE)
    assert 0 < np.abs(pixels(data) - pixels(PROGRESSIVE)).mean() < 8


def test_the_bits_that_are_left_are_all_there_are_of_a_coarser_quantization():
    data = without_fine_bits(PROGRESSIVE)
    assert [scan.bit for scan in scans_of(data)] == [1, 0, 0, 0, 0, 0]
    before, after = steps_of(PROGRESSIVE), steps_of(data)
    luma, chroma = before[0], before[1]
    ac = np.arange(64) > 0
    assert np.array_equal(after[0], np.where(ac, 4 * luma, luma))
    assert np.array_equal(after[1], np.where(ac, 2 * chroma, chroma))
    assert np.array_equal(after[2], after[1])


def test_the_mean_of_every_block_stays_to_the_bit():
    eighths = []
    whole = encoded(progressive=True, subsampling=0)
    for data in (whole, without_fine_bits(whole)):
        image = Image.open(io.BytesIO(data))
        image.draft(None, (40, 40))  # an eighth: of each block its DC coefficient only
        eighths.append(np.asarray(image))
    assert eighths[0].shape == (40, 40, 3)
    assert np.array_equal(*eighths)


def test_a_picture_in_shades_of_gray_does_without_too():
    photograph().convert("L").save(buffer := io.BytesIO(), "JPEG", quality=90, progressive=True)
    data = without_fine_bits(buffer.getvalue())
    assert len(data) < 0.8 * len(buffer.getvalue())
    assert 0 < np.abs(pixels(data) - pixels(buffer.getvalue())).mean() < 8


def test_other_jpegs_stay_as_they_are():
    assert without_fine_bits(BASELINE) == BASELINE
    restarts = encoded(restart_marker_rows=1)
    assert b"\xff\xd0" in restarts
    assert without_fine_bits(restarts) == restarts


def test_a_file_of_which_not_all_can_be_followed_stays_as_it_is():
    first = scans_of(PROGRESSIVE)[0].segment
    table = next(segment for segment in iter_segments(PROGRESSIVE) if segment.kind == QUANTIZATION)
    again = PROGRESSIVE[table.start : table.end]
    later_table = PROGRESSIVE[: first.end] + again + PROGRESSIVE[first.end :]
    assert np.array_equal(pixels(later_table), pixels(PROGRESSIVE))
    assert without_fine_bits(later_table) == later_table
    many = PROGRESSIVE[: first.end] + b"\xff\xfe\0\2" * 10_000 + PROGRESSIVE[first.end :]
    assert np.array_equal(pixels(many), pixels(PROGRESSIVE))
    assert without_fine_bits(many) == many
    garbage = PROGRESSIVE[: first.start] + b"\0\0" + PROGRESSIVE[first.start :]
    assert without_fine_bits(garbage) == garbage


def test_padding_before_a_marker_is_passed_over():
    first = scans_of(PROGRESSIVE)[0].segment
    padded = PROGRESSIVE[: first.start] + b"\xff\xff" + PROGRESSIVE[first.start :]
    assert np.array_equal(pixels(without_fine_bits(padded)), pixels(without_fine_bits(PROGRESSIVE)))


def test_restart_markers_do_not_end_a_scan():
    data = encoded(progressive=True, restart_marker_rows=1)
    assert len(scans_of(data)) == len(scans_of(PROGRESSIVE))
    assert np.array_equal(pixels(without_fine_bits(data)), pixels(without_fine_bits(PROGRESSIVE)))


def test_a_thumbnail_is_not_taken_for_the_picture():
    data = encoded(comment=PROGRESSIVE)
    assert without_fine_bits(data) == data
    both = encoded(progressive=True, comment=PROGRESSIVE)
    assert PROGRESSIVE in without_fine_bits(both)
    assert np.array_equal(pixels(without_fine_bits(both)), pixels(without_fine_bits(PROGRESSIVE)))


@given(
    at=st.integers(0, len(PROGRESSIVE)), length=st.integers(0, 4), damage=st.binary(max_size=6), cut=st.floats(0.0, 1.0)
)
def test_damaged_bytes_stay_as_they_are_or_lose_scans(at, length, damage, cut):
    data = PROGRESSIVE[:at] + damage + PROGRESSIVE[at + length :]
    data = data[: round(cut * len(data))]
    segments = list(iter_segments(data))
    assert all(0 <= one.start < one.content <= one.content_end <= one.end <= len(data) for one in segments)
    result = without_fine_bits(data)
    if result != data:
        lost = sum(scan.segment.end - scan.segment.start for scan in scans_of(data) if scan.is_fine)
        assert lost > 0
        assert (len(result) - len(data) + lost) % TABLE_BYTES == 0
        assert not any(scan.is_fine for scan in scans_of(result))


@pytest.mark.parametrize(("side", "same"), [(70, False), (100, True)])
def test_only_a_picture_made_several_times_smaller_does_without(side, same):
    full = normalize(PROGRESSIVE, side=side, quality=95, max_pixels=10**6)
    coarse = normalize(without_fine_bits(PROGRESSIVE), side=side, quality=95, max_pixels=10**6)
    assert (full.jpeg != coarse.jpeg) == same
    assert np.abs(pixels(full.jpeg) - pixels(coarse.jpeg)).mean() < 3


def test_a_jpeg_that_ends_in_a_scan_it_does_without_is_still_marked_truncated():
    last = scans_of(PROGRESSIVE)[-1].segment
    picture = normalize(PROGRESSIVE[: last.start + 20], side=70, quality=95, max_pixels=10**6)
    assert picture.truncated
    whole = normalize(PROGRESSIVE, side=70, quality=95, max_pixels=10**6)
    assert not whole.truncated
    assert np.array_equal(pixels(picture.jpeg), pixels(whole.jpeg))
