import math
import re
import time

import pytest

from pricefuse.text import units

SPELLINGS = {
    ("mass", "milligram"): ["mg", "Milligrams"],
    ("mass", "gram"): ["g", "gr", "gm", "gram", "Grams", "gramm", "GRAMS"],
    ("mass", "kilogram"): ["kg", "KGS", "kilogram", "Kilograms", "kilo"],
    ("mass", "ounce"): ["Ounce", "ounces", "oz", "OZ", "oz.", "Oz ", "ozs", "20 oz.", "8-Ounce", "ounce/28 g"],
    ("mass", "pound"): ["pound", "Pounds", "lb", "LBS", "lbs."],
    ("volume", "milliliter"): ["ml", "mL", "millilitre", "milliliters", "Milliliter"],
    ("volume", "centiliter"): ["cl", "centiliters"],
    ("volume", "liter"): ["l", "L", "ltr", "liter", "litres", "Liters"],
    ("volume", "fluid ounce"): ["Fl Oz", "fl oz", "FL.OZ", "Fl. Oz", "fl. oz.", "FL_OZ", "floz", "Fluid Ounces"],
    ("volume", "pint"): ["pint", "Pints", "pt"],
    ("volume", "quart"): ["quart", "qt", "qts."],
    ("volume", "gallon"): ["gallon", "Gallons", "gal", "1/2 gallon"],
    ("count", "piece"): [
        "Count", "COUNT", "ct", "ct.", "each", "EA", "piece", "pcs", "packs", "Pack", "bag", "bottle", "Can", "jar",
        "Boxes", "pouches", "tea bags", "capsules", "sachets", "K-Cups", "unit", "Bottle, glass",
        "Count (Pack of 1)", "cup",
    ],
    ("count", "dozen"): ["dozen", "dz"],
    ("count", "pair"): ["pair", "pairs"],
    ("length", "meter"): ["m", "meters"],
    ("length", "centimeter"): ["cm"],
    ("length", "millimeter"): ["mm"],
    ("length", "inch"): ["inch", "Inches", "in"],
    ("length", "foot"): ["foot", "feet", "ft"],
    ("length", "yard"): ["yard", "yds"],
    ("area", "square foot"): ["sq ft", "Sq. Ft.", "square feet", "sqft", "ft²"],
    ("area", "square inch"): ["sq in", "square inches"],
    ("area", "square meter"): ["sq m", "m²", "square meters"],
    ("none", ""): ["", "None", "nan", "product_weight", "comes", "per", "24", "12.5", "...", "of", "\0", "½"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("dimension", "name", "spelling"), [(*unit, spelling) for unit, all_of in SPELLINGS.items() for spelling in all_of]
)
def test_a_spelling_means_its_unit(dimension, name, spelling):
    unit = units.lookup(spelling)
    assert (unit.dimension, unit.name) == (dimension, name)


# Figures of NIST Handbook 44, Appendix C.
@pytest.mark.parametrize(
    ("spelling", "base"),
    [
        ("oz", 28.349523125),
        ("lb", 453.59237),
        ("mg", 0.001),
        ("kg", 1000),
        ("fl oz", 29.5735295625),
        ("pint", 473.176473),
        ("quart", 946.352946),
        ("gallon", 3785.411784),
        ("cl", 10),
        ("l", 1000),
        ("inch", 0.0254),
        ("foot", 0.3048),
        ("yard", 0.9144),
        ("sq in", 0.00064516),
        ("sq ft", 0.09290304),
        ("dozen", 12),
        ("each", 1),
    ],
)
def test_a_unit_has_its_defined_size_in_base_units(spelling, base):
    assert units.lookup(spelling).factor == pytest.approx(base, rel=1e-12)


def test_what_is_no_unit_has_no_size():
    assert math.isnan(units.UNKNOWN.factor)
    assert units.lookup("product_weight") is units.UNKNOWN


def test_the_pattern_takes_the_longest_spelling():
    pattern = re.compile(units.pattern("mass", "volume"), re.IGNORECASE)
    assert [pattern.match(text)[0] for text in ("Fluid Ounces", "fl. oz", "grams", "lbs", "L")] == [
        "Fluid Ounces",
        "fl. oz",
        "grams",
        "lbs",
        "L",
    ]
    assert pattern.match("count") is None


@pytest.mark.parametrize("hostile", ["1" * 100_000, "oz " * 50_000, "(" * 100_000, "x" * 100_000, "\0" * 100_000])
def test_hostile_spellings_take_linear_time(hostile):
    started = time.perf_counter()
    units.lookup(hostile)
    assert time.perf_counter() - started < 15
