"""Extract attributes from a listing's text, as numbers: quantities, claims and the shape of the text.

Quantities are natural logarithms of base units (g, mL, pieces, m, m2, m3); NaN is "not stated". They are read in the
name, in a listing without a name at the beginning of its text. Value is the total over the pack
in most listings ("12 Ounce (Pack of 6)" has Value 72.0), so it is never multiplied; its ratio to the size x packs that
the title states is an attribute of its own. Where mass meets volume, 1 g counts as 1 mL. No price is read.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from pricefuse.text import quantities, units
from pricefuse.text.listing import Listing
from pricefuse.text.numbers import number
from pricefuse.text.side_lengths import may_state_sides, several_sides, side_lengths

_DIMENSIONS: tuple[units.Dimension, ...] = ("mass", "volume", "count", "length", "area", "none")
_IS_DIMENSION = {stated: {f"is_{each}": float(each == stated) for each in _DIMENSIONS} for stated in _DIMENSIONS}
_QUANTITIES = (
    "value", "grams", "milliliters", "pieces", "amount", "packs", "size_grams", "size_milliliters", "size_pieces",
    "size_times_packs", "total", "value_over_size", "per_item", "value_is_whole", "bullet_size",
    "longest_side", "area", "volume",
)  # fmt: skip

# Claims and kinds that move a price, as phrases of whole words; a hyphen is a space.
_CLAIMS = {
    "organic": "organic, organics, bio",
    "gluten_free": "gluten free, glutenfree",
    "dairy_free": "dairy free, lactose free, non dairy, nondairy",
    "sugar_free": "sugar free, sugarfree, no sugar, zero sugar, sugarless, unsweetened, no added sugar",
    "non_gmo": "non gmo, gmo free, nongmo",
    "vegan": "vegan, plant based",
    "kosher": "kosher, parve, pareve",
    "halal": "halal",
    "keto": "keto, ketogenic, low carb, paleo",
    "protein": "protein, whey",
    "fair_trade": "fair trade, fairtrade",
    "natural": "natural",
    "raw": "raw, unroasted, unrefined, cold pressed",
    "decaf": "decaf, decaffeinated, caffeine free",
    "gourmet": "gourmet, artisan, artisanal, handmade, hand made, handcrafted, hand crafted, small batch",
    "premium": "premium, finest, luxury, deluxe, reserve, grade a, extra virgin, aged",
    "imported": "imported, product of, made in",
    "variety": "variety, assorted, assortment, sampler, mixed",
    "gift": "gift, gifts, gifting, christmas, valentine, valentines, birthday, holiday",
    "set": "set, sets, basket, baskets, hamper, tower, crate, kit, kits",
    "bulk": "bulk, wholesale, food service, foodservice, restaurant",
    "freeze_dried": "freeze dried, dehydrated",
    "fresh": "fresh, freshly",
    "frozen": "frozen, dry ice, refrigerated, perishable",
    "instant": "instant, ready to eat, ready to drink, microwave, microwavable, microwaveable",
    "supplement": "supplement, supplements, vitamin, vitamins, extract, extracts, essential",
    "powder": "powder, powdered, ground",
    "whole": "whole, loose leaf",
    "canned": "canned, cans, tin, tins",
    "bottled": "bottle, bottles, jar, jars, glass",
    "limited": "limited edition, rare, vintage, seasonal, discontinued",
    "mini": "mini, minis, snack size, fun size, travel size, single serve, individually wrapped",
}
_PHRASES: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)  # by their first word
for _claim, _phrases in _CLAIMS.items():
    for _phrase in _phrases.encode().split(b", "):
        _PHRASES[_phrase.split()[0]].append((b" " + _phrase + b" ", _claim))
_FIRST_WORDS = frozenset(_PHRASES)
_LETTERS_ALONE = bytes(code if chr(code).islower() and code < 128 else ord(" ") for code in range(256))
_SHAPE = (
    "name_characters", "name_words", "words", "bullets", "bullet_characters", "headed_bullets",
    "description_characters", "has_description", "capitals", "name_digits", "name_commas",
)  # fmt: skip

# What a listing says together, for whoever explains a price: without it, all of a group is not stated.
SIZE = (
    "value", "grams", "milliliters", "amount", "size_grams", "size_milliliters", "size_times_packs", "total",
    "value_over_size", "per_item", "value_is_whole", "bullet_size",
)  # fmt: skip
PACKS = ("packs", "pieces", "size_pieces")
SIDES = ("longest_side", "area", "volume")
DIMENSIONS = tuple(f"is_{each}" for each in _DIMENSIONS)
CLAIMS = tuple(_CLAIMS)

# For letters, capitals and digits: the ASCII characters that are none.
_OTHER_BYTES = tuple(
    bytes(code for code in range(128) if not kind(chr(code))) for kind in (str.isalpha, str.isupper, str.isdigit)
)

_TITLE_CHARACTERS = 300  # of a text without a name, read like a name; a longer beginning is prose

NAMES: tuple[str, ...] = (*_QUANTITIES, *_IS_DIMENSION["none"], *_CLAIMS, *_SHAPE)


def extract(listing: Listing) -> dict[str, float]:
    """Return the attributes of a cleaned listing, keyed by `NAMES` in that order; finite, or NaN for "not stated".

    A claim is 1 in the name, 0.5 only elsewhere, 0 nowhere.
    """
    unit = units.lookup(listing.unit)
    return {**_quantities(listing, unit), **_IS_DIMENSION[unit.dimension], **_claims(listing), **_shape(listing)}


def matrix(extracted: Iterable[Mapping[str, float]]) -> np.ndarray:
    """Return what `extract` found in many listings as float32, (listings, `NAMES`)."""
    rows = (tuple(row.values()) for row in extracted)
    return np.fromiter(rows, dtype=np.dtype((np.float32, len(NAMES))))


def coverage(attributes: np.ndarray) -> dict[str, int]:
    """Count the rows of a `matrix`, and those whose text does not state what `no_...` names.

    Value and unit are the listing's fields; size (mass or volume) and packs are read in the name; a row has no amount
    where neither field nor name gives a mass, a volume or a number of pieces.
    """
    columns = dict(zip(NAMES, attributes.T, strict=True))
    missing = {name: np.isnan(column) for name, column in columns.items()}
    lacking = {
        "no_name": columns["name_characters"] == 0,
        "no_value": missing["value"],
        "no_unit": columns["is_none"] == 1,
        "no_size": missing["size_grams"] & missing["size_milliliters"],
        "no_packs": missing["packs"],
        "no_amount": missing["amount"] & missing["total"],
        "no_description": columns["has_description"] == 0,
    }
    return {"rows": len(attributes)} | {name: int(rows.sum()) for name, rows in lacking.items()}


def _quantities(listing: Listing, unit: units.Unit) -> dict[str, float]:
    value = number(listing.value)
    total = value * unit.factor
    measured = unit.dimension in {"mass", "volume"}
    title = listing.name or listing.rest[:_TITLE_CHARACTERS]
    size = _size(title, unit)
    size_dimension = size.unit.dimension if size else "none"
    pieces = quantities.pieces(title)
    packs = _packs(title, size, pieces, total if measured else math.nan)
    per_pack = size.base if size else math.nan
    product = per_pack * (packs or 1)
    amount = total if measured and value > 0 else product
    in_bullets = next((size.base for bullet in listing.bullets for size in quantities.sizes(bullet)), math.nan)
    return {
        "value": _log(value + 1),
        "grams": _log(total, when=unit.dimension == "mass"),
        "milliliters": _log(total, when=unit.dimension == "volume"),
        "pieces": _log(total, when=unit.dimension == "count"),
        "amount": _log(amount),
        "packs": _log(packs),
        "size_grams": _log(per_pack, when=size_dimension == "mass"),
        "size_milliliters": _log(per_pack, when=size_dimension == "volume"),
        "size_pieces": _log(pieces),
        "size_times_packs": _log(product),
        "total": _log(_total(total, unit, product, pieces, packs)),
        "value_over_size": _log(total / product, when=measured),
        "per_item": _log(amount / (packs or 1)),
        "value_is_whole": float(value.is_integer()),
        "bullet_size": _log(in_bullets),
        **_extent(listing, unit, total),
    }


def _extent(listing: Listing, unit: units.Unit, total: float) -> dict[str, float]:
    """Return the longest side, the area of the two longest and the volume, by the first text that states two sides.

    A length alone counts only where it stands in the name (else in the text that follows no label): in prose it is any
    part's or tool's. Where no text states a length, value and unit may state a length or an area.
    """
    sides = side_lengths(listing.name or listing.rest)
    if len(sides) < 2:
        prose = (*listing.bullets, listing.description, listing.rest)
        if may_state_sides("\n".join(prose)):  # one look at all of it: few texts state any
            sides = next(filter(None, map(several_sides, prose)), sides)
    if not sides and unit.dimension == "length" and total > 0:
        sides = (total,)
    area = math.prod(sides[:2]) if len(sides) > 1 else math.nan
    if not sides and unit.dimension == "area":
        area = total
    return {
        "longest_side": _log(sides[0] if sides else None),
        "area": _log(area),
        "volume": _log(math.prod(sides), when=len(sides) == 3),
    }


def _total(stated: float, unit: units.Unit, product: float, pieces: int | None, packs: int | None) -> float:
    """Return what the whole pack holds, in base units: by value and unit, else by the name."""
    if unit.dimension in {"mass", "volume", "count"} and stated > 0:
        return stated
    if math.isnan(product):
        return pieces * (packs or 1) if pieces else math.nan
    return product


def _size(name: str, unit: units.Unit) -> quantities.Size | None:
    stated = quantities.sizes(name)
    size = next((size for size in stated if size.unit.dimension == unit.dimension), stated[0] if stated else None)
    if size and unit.dimension == "volume" and size.unit.name == "ounce":
        return replace(size, unit=units.lookup("fl oz"))  # titles say "12 oz" of a drink
    return size


def _packs(name: str, size: quantities.Size | None, pieces: int | None, total: float) -> int | None:
    outer, inner = quantities.packs(name), size.packs if size else None
    if outer and inner and outer != inner:
        return outer * inner
    if outer or inner or not (size and pieces):
        return outer or inner
    # "3 oz (12 Count)" is twelve of 3 oz, "7 oz, 100 Count" is 7 oz in all: the total decides, where there is one.
    inside = abs(math.log(total / size.base)) <= abs(math.log(total / size.base / pieces))
    return None if inside else pieces


def _claims(listing: Listing) -> dict[str, float]:
    in_name = _stated_claims(listing.name)
    elsewhere = _stated_claims(" ".join((*listing.bullets, listing.description, listing.rest)))
    return {claim: 1.0 if claim in in_name else 0.5 * (claim in elsewhere) for claim in _CLAIMS}


def _stated_claims(text: str) -> set[str]:
    words = text.lower().encode("ascii", "replace").translate(_LETTERS_ALONE).split()
    if not (first_words := _FIRST_WORDS.intersection(words)):
        return set()
    joined = b" %b " % b" ".join(words)
    return {claim for word in first_words for phrase, claim in _PHRASES[word] if phrase in joined}


def _shape(listing: Listing) -> dict[str, float]:
    name, bullets, description = listing.name, listing.bullets, listing.description
    letters, capitals, digits = _kinds(name)
    texts = (name, *bullets, description, listing.rest)
    return {
        "name_characters": math.log1p(len(name)),
        "name_words": math.log1p(len(name.split())),
        "words": math.log1p(sum(len(text.split()) for text in texts)),
        "bullets": math.log1p(len(bullets)),
        "bullet_characters": math.log1p(sum(map(len, bullets))),
        "headed_bullets": math.log1p(sum(bullet.partition(":")[0].isupper() for bullet in bullets)),
        "description_characters": math.log1p(len(description)),
        "has_description": float(bool(description)),
        "capitals": capitals / max(1, letters),
        "name_digits": math.log1p(digits),
        "name_commas": math.log1p(name.count(",")),
    }


def _kinds(text: str) -> tuple[int, int, int]:
    """Return the number of letters, capitals and digits in a text."""
    if text.isascii():
        letters, capitals, digits = (len(text.encode().translate(None, others)) for others in _OTHER_BYTES)
        return letters, capitals, digits
    return sum(map(str.isalpha, text)), sum(map(str.isupper, filter(str.isalpha, text))), sum(map(str.isdigit, text))


def _log(quantity: float | None, *, when: bool = True) -> float:
    return math.log(quantity) if when and quantity and quantity > 0 else math.nan
