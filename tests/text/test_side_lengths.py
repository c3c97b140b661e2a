"""Side lengths as shops write them, what is none, and what hostile text costs."""

import time

import pytest

from pricefuse.text.side_lengths import MAX_METERS, side_lengths, without


@pytest.mark.parametrize(
    ("text", "centimeters"),
    [
        ("Topper 90x200 cm", [200, 90]),
        ("Topper 90 x 200 x 7 cm", [200, 90, 7]),
        ("Shelf W 60 D 40", [60, 40]),
        ("Shelf W60 x D40 x H75 cm", [75, 60, 40]),
        ("Shelf 60W x 40D x 75H cm", [75, 60, 40]),
        ("Shelf, W: 60 cm, D: 40 cm, H: 75 cm", [75, 60, 40]),
        ("Shelf, width 60 cm. depth 40 cm", [60, 40]),
        ("Desk, 120cm (W) x 60cm (D)", [120, 60]),
        ('Table 80" x 36"', [203.2, 91.44]),
        ("Table 80\N{DOUBLE PRIME} \N{MULTIPLICATION SIGN} 36\N{DOUBLE PRIME}", [203.2, 91.44]),
        ("Table 80 in. x 36 in.", [203.2, 91.44]),
        ("Batten 1/2 in. x 3 ft", [91.44, 1.27]),
        ("Board 1,200 x 600 mm", [120, 60]),
        ("Rug 5' 3\" x 7' 10\"", [238.76, 160.02]),
        ("Rug 5 by 7 feet", [213.36, 152.4]),
        ("Cloth 2 x 1.5 m", [200, 150]),
        ("12-inch Tortillas", [30.48]),
        ("Chair, 45 cm wide", [45]),
        ("Cable, 6 ft", [182.88]),
    ],
)
def test_lengths_are_read_longest_first(text, centimeters):
    assert [100 * side for side in side_lengths(text)] == pytest.approx(centimeters)
    assert not any(character.isdigit() for character in without(text))


@pytest.mark.parametrize(
    "text",
    [
        "", "5 in 1 Cleaner", "8 x 10 in 1", "Rice 2 x 500 g", "Water 12 x 330 ml", "Cola 2 x 4 l", "Prints 4 x 6",
        "Vitamin D 3", "Omega 3 x 12", "Lamp 100W x 2", "90000 x 90000 m", "Made 2 in Ohio", "SKU 123x456cmq",
    ],
)  # fmt: skip
def test_other_numbers_are_no_lengths(text):
    assert side_lengths(text) == ()
    assert without(text) == text


def test_lengths_stay_within_what_can_be_sent():
    assert side_lengths("101 x 2 m") == ()
    assert side_lengths(f"{MAX_METERS:g} x 2 m") == (MAX_METERS, 2)
    assert side_lengths("0 x 0 cm, 5 x 4 cm") == pytest.approx((0.05, 0.04))


@pytest.mark.parametrize(
    "part", ["1 ", "1x", "w ", "1 w ", "w1 ", "1/2 ", "1-1/2", "1 x 1 ", "1 x 1 cm ", " ", "1", "1' "]
)
def test_hostile_text_takes_linear_time(part):
    started = time.perf_counter()
    side_lengths(part * 50_000)
    without(part * 50_000)
    assert time.perf_counter() - started < 10
