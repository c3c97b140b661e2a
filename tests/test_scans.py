import io
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pricefuse.images import normalise
from pricefuse.scans import UNSEEN_BITS, iter_scans, without_fine_bits


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


def is_fine(scan) -> bool:
    return scan.lowest > 0 and 0 < scan.known_from <= UNSEEN_BITS


PROGRESSIVE, BASELINE = encoded(progressive=True), encoded()


def test_the_scans_of_libjpegs_script_are_found():
    # jcparam.c, jpeg_simple_progression: (first coefficient, bit known so far) of its ten scans of a colour picture
    expected = [(0, 0), (1, 0), (1, 0), (1, 0), (6, 0), (1, 2), (0, 1), (1, 1), (1, 1), (1, 1)]
    scans = list(iter_scans(PROGRESSIVE))
    assert [(scan.lowest, scan.known_from) for scan in scans] == expected
    assert all(PROGRESSIVE[scan.start : scan.start + 2] == b"\xff\xda" for scan in scans)
    assert all(one.end <= other.start for one, other in itertools.pairwise(scans))
    assert PROGRESSIVE[scans[-1].end :] == b"\xff\xd9"
    assert len(list(iter_scans(BASELINE))) == 1


def test_only_the_fine_bits_go_and_the_picture_stays():
    data = without_fine_bits(PROGRESSIVE)
    assert not any(is_fine(scan) for scan in iter_scans(data))
    dropped = sum(scan.end - scan.start for scan in iter_scans(PROGRESSIVE) if is_fine(scan))
    assert len(data) == len(PROGRESSIVE) - dropped < 0.8 * len(PROGRESSIVE)
    assert 0 < np.abs(pixels(data) - pixels(PROGRESSIVE)).mean() < 8


def test_other_jpegs_stay_as_they_are():
    assert without_fine_bits(BASELINE) == BASELINE
    restarts = encoded(restart_marker_rows=1)
    assert b"\xff\xd0" in restarts
    assert without_fine_bits(restarts) == restarts


def test_restart_markers_do_not_end_a_scan():
    data = encoded(progressive=True, restart_marker_rows=1)
    assert len(list(iter_scans(data))) == len(list(iter_scans(PROGRESSIVE)))
    assert pixels(without_fine_bits(data)).shape == (320, 320, 3)


def test_a_thumbnail_is_not_taken_for_the_picture():
    data = encoded(comment=PROGRESSIVE)
    assert without_fine_bits(data) == data
    both = encoded(progressive=True, comment=PROGRESSIVE)
    assert PROGRESSIVE in without_fine_bits(both)
    assert np.array_equal(pixels(without_fine_bits(both)), pixels(without_fine_bits(PROGRESSIVE)))


@given(
    at=st.integers(0, len(PROGRESSIVE)), length=st.integers(0, 4), damage=st.binary(max_size=6), cut=st.floats(0.0, 1.0)
)
def test_damaged_bytes_only_ever_lose_scans(at, length, damage, cut):
    data = PROGRESSIVE[:at] + damage + PROGRESSIVE[at + length :]
    data = data[: round(cut * len(data))]
    scans = list(iter_scans(data))
    assert all(0 <= scan.start < scan.end <= len(data) for scan in scans)
    lost = sum(scan.end - scan.start for scan in scans if is_fine(scan))
    assert len(without_fine_bits(data)) == len(data) - lost


@pytest.mark.parametrize(("side", "same"), [(70, False), (100, True)])
def test_only_a_picture_made_several_times_smaller_does_without(side, same):
    full = normalise(PROGRESSIVE, side=side, quality=95, max_pixels=10**6)
    coarse = normalise(without_fine_bits(PROGRESSIVE), side=side, quality=95, max_pixels=10**6)
    assert (full.jpeg != coarse.jpeg) == same
    assert np.abs(pixels(full.jpeg) - pixels(coarse.jpeg)).mean() < 3


def test_a_jpeg_that_ends_in_a_scan_it_does_without_is_still_marked_truncated():
    last = list(iter_scans(PROGRESSIVE))[-1]
    picture = normalise(PROGRESSIVE[: last.start + 20], side=70, quality=95, max_pixels=10**6)
    assert picture.truncated
    whole = normalise(PROGRESSIVE, side=70, quality=95, max_pixels=10**6)
    assert not whole.truncated
    assert np.array_equal(pixels(picture.jpeg), pixels(whole.jpeg))
