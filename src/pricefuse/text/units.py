"""Look up the unit that a spelling in a grocery listing means: what it measures, and its size in base units.

Base units are grams, milliliters, pieces, meters and square meters. Conversions are exact by definition: the
international pound (453.59237 g) and yard (0.9144 m) of the agreement of 1959, the US gallon of 231 cubic inches; the
avoirdupois ounce is 1/16 pound (28.349523125 g), the US fluid ounce 1/128 gallon (29.5735295625 mL). See NIST
Handbook 44, Appendix C. Fluid measures are US customary throughout, as the listings are.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Dimension = Literal["mass", "volume", "count", "length", "area", "none"]

_POUND = 453.59237
_GALLON = 231 * 2.54**3
_FOOT = 0.3048


@dataclass(frozen=True)
class Unit:
    """A unit: what it measures, its name here, and how many base units (g, mL, pieces, m, m2) one of it is."""

    dimension: Dimension
    name: str
    factor: float


_MAX_SPELLING = 60
UNKNOWN = Unit("none", "", float("nan"))

# Plurals in -s and -es are understood and need no entry. "Cup" is a package here (noodle cups, K-cups), not 8 fl oz.
_SPELLINGS: dict[Unit, tuple[str, ...]] = {
    Unit("mass", "milligram", 1e-3): ("milligram", "mg"),
    Unit("mass", "gram", 1.0): ("gram", "gramm", "gramme", "grm", "gr", "gm", "g"),
    Unit("mass", "kilogram", 1e3): ("kilogram", "kilogramme", "kilo", "kg"),
    Unit("mass", "ounce", _POUND / 16): ("ounce", "oz", "onz", "onza", "oz wt"),
    Unit("mass", "pound", _POUND): ("pound", "lb"),
    Unit("volume", "milliliter", 1.0): ("millilitre", "milliliter", "mililiter", "ml"),
    Unit("volume", "centiliter", 10.0): ("centilitre", "centiliter", "cl"),
    Unit("volume", "liter", 1e3): ("litre", "liter", "ltr", "lt", "l"),
    Unit("volume", "fluid ounce", _GALLON / 128): (
        "fluid ounce", "fluid oz", "fl ounce", "fl oz", "floz", "fl", "fz", "us fl oz",
    ),
    Unit("volume", "pint", _GALLON / 8): ("pint", "pt"),
    Unit("volume", "quart", _GALLON / 4): ("quart", "qt"),
    Unit("volume", "gallon", _GALLON): ("gallon", "gal"),
    Unit("count", "piece", 1.0): (
        "count", "ct", "cnt", "each", "ea", "piece", "pc", "unit", "item", "pack", "pk", "pck", "package", "pkg", "bag",
        "bottle", "can", "jar", "box", "case", "carton", "pouch", "tin", "tub", "tube", "tray", "cup", "k cup", "kcup",
        "pod", "capsule", "tablet", "softgel", "gummy", "gummie", "sachet", "packet", "stick", "bar", "tea bag",
        "teabag", "roll", "sheet", "bunch", "loaf", "loave", "set", "kit", "bundle", "container", "canister", "basket",
        "serving", "envelope", "slice", "head",
    ),
    Unit("count", "pair", 2.0): ("pair",),
    Unit("count", "dozen", 12.0): ("dozen", "doz", "dz"),
    Unit("length", "millimeter", 1e-3): ("millimetre", "millimeter", "mm"),
    Unit("length", "centimeter", 1e-2): ("centimetre", "centimeter", "cm"),
    Unit("length", "meter", 1.0): ("metre", "meter", "m"),
    Unit("length", "inch", _FOOT / 12): ("inch", "in"),
    Unit("length", "foot", _FOOT): ("foot", "feet", "ft"),
    Unit("length", "yard", _FOOT * 3): ("yard", "yd"),
    Unit("area", "square inch", (_FOOT / 12) ** 2): ("square inch", "sq inch", "sq in", "in2"),
    Unit("area", "square foot", _FOOT**2): ("square foot", "square feet", "sq ft", "sq foot", "sq feet", "sqft", "ft2"),
    Unit("area", "square meter", 1.0): ("square metre", "square meter", "sq m", "sqm", "m2"),
}  # fmt: skip
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings}


@lru_cache(maxsize=512)
def lookup(spelling: str) -> Unit:
    """Return the unit a spelling means, `UNKNOWN` (dimension "none") where it means none.

    Case, punctuation and plural do not matter. A number in front ("20 oz.") is ignored, since Value may already hold
    it; a number alone is no unit. Of several words the longest known beginning counts ("Bottle, glass").
    """
    spelled = re.sub(r"^[\W\d_]+", "", spelling.casefold()).replace("²", "2")
    words = re.findall(r"[a-z0-9]+", spelled[:_MAX_SPELLING])
    for length in range(len(words), 0, -1):
        phrase = " ".join(words[:length])
        for plural in ("", "s", "es"):
            if unit := _UNITS.get(phrase.removesuffix(plural)):
                return unit
    return UNKNOWN


def pattern(*dimensions: Dimension) -> str:
    """Return a regular expression (no groups, case to be ignored) for any spelling of the dimensions' units."""
    spellings = sorted((s for s, unit in _UNITS.items() if unit.dimension in dimensions), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(s).replace(r"\ ", "[ .-]{0,2}") for s in spellings) + ")(?:e?s)?"
