"""Prepare one product's text for the encoders and the models: cleaned name, encoder texts and attributes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pricefuse.catalog.columns import BULLET, DESCRIPTION, NAME, UNIT, VALUE
from pricefuse.text import attributes, quantities, side_lengths
from pricefuse.text.cleaning import clean_listing
from pricefuse.text.listing import Listing, parse, shorten
from pricefuse.text.numbers import number
from pricefuse.text.settings import CleanSettings

# An image-text model reads 77 tokens, about 300 characters; the tokenizer need not see much more.
MAX_CLIP_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class ProductText:
    """What later stages read of one listing.

    `variant_of` is what all variants of the product share: the name, or the text where there is none, without sizes
    and packs. `attributes` is keyed by `attributes.NAMES`; `shortened` says that the listing was too long and was cut.
    """

    name: str
    variant_of: str
    text: str
    clip_text: str
    attributes: dict[str, float]
    shortened: bool


def prepare(catalog_content: str, settings: CleanSettings) -> ProductText:
    """Parse and clean one listing, once, and derive from it all that later stages read.

    `settings` decide how the two encoder texts are written; nothing else depends on them. Any
    text can be prepared; beyond `listing.MAX_CHARACTERS` the middle of it is left out, so that the cost is bounded.
    """
    content = shorten(catalog_content)
    listing = clean_listing(parse(content))
    encoded = clean_listing(listing, ascii_only=True) if settings.ascii_only else listing
    return ProductText(
        name=listing.name,
        variant_of=without_sizes(listing.name or encoder_text(listing, labels=False)),
        text=encoder_text(encoded, labels=settings.labels, lowercase=settings.lowercase),
        clip_text=clip_text(encoded),
        attributes=attributes.extract(listing),
        shortened=len(content) < len(catalog_content),
    )


def encoder_text(listing: Listing, *, labels: bool, lowercase: bool = False) -> str:
    """Join a cleaned listing to one text for a text encoder: name, bullets, description, rest, value and unit.

    With `labels` as the challenge labels them ("Item Name: ... Value: 72.0 Unit: Fl Oz"), else as sentences with the
    quantity in words ("72 Fl Oz"). A listing without text gives "".
    """
    if labels:
        labeled = [
            (f"{NAME}: ", listing.name),
            *((f"{BULLET} {position}: ", bullet) for position, bullet in enumerate(listing.bullets, 1)),
            (f"{DESCRIPTION}: ", listing.description),
            ("", listing.rest),
            (f"{VALUE}: ", listing.value),
            (f"{UNIT}: ", listing.unit),
        ]
        text = " ".join(label + field for label, field in labeled if field)
    else:
        text = _sentences((listing.name, *listing.bullets, listing.description, listing.rest, quantity(listing)))
    return text.lower() if lowercase else text


def without_sizes(text: str) -> str:
    """Return a text without the sizes, side lengths, packs and pieces that it states, with single spaces."""
    return " ".join(quantities.without(side_lengths.without(text)).split())


def clip_text(listing: Listing) -> str:
    """Join a cleaned listing to one short text for an image-text encoder, the most telling fields first.

    The order is name, quantity, bullets, description, rest; at most `MAX_CLIP_CHARACTERS`, cut between words.
    """
    parts = (listing.name, quantity(listing), *listing.bullets, listing.description, listing.rest)
    return _cut(_sentences(parts), MAX_CLIP_CHARACTERS)


def quantity(listing: Listing) -> str:
    """Write value and unit as words ("72 Fl Oz"): the number alone without a unit, "" without a number."""
    value = number(listing.value)
    if math.isnan(value):
        return ""
    unit = "" if listing.unit.casefold() in {"none", "nan", "null"} else listing.unit
    return f"{value:.12g} {unit}".strip()


def _sentences(parts: Iterable[str]) -> str:
    pieces: list[str] = []
    separator = ""
    for part in filter(None, parts):
        pieces += [separator, part]
        separator = " " if part[-1] in ".!?,;:" else ". "
    return "".join(pieces)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    end = text.rfind(" ", 0, limit + 1)
    return text[: end if end > 0 else limit]
