"""Listing text made plain: markup, entities, mojibake and invisible characters out; and the texts the encoders read."""

import math
import re
import unicodedata
from collections.abc import Iterable
from html import unescape

import ftfy
from bs4 import BeautifulSoup

from pricefuse.text.listing import BULLET, DESCRIPTION, NAME, UNIT, VALUE, Content
from pricefuse.text.quantities import FRACTIONS, number

# An image-text model reads 77 tokens, about 300 characters; the tokenizer need not see much more.
CLIP_CHARACTERS = 400

# Catalogs escape twice or three times; text that is not settled after this many rounds is an attack.
_ROUNDS = 4
_FTFY = ftfy.TextFixerConfig(unescape_html=False, remove_terminal_escapes=False, explain=False)

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPED_AMPERSANDS = re.compile(r"&(?:(?:amp|#0?38|#x26);)+", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BLOCKS = (
    "address|article|aside|blockquote|br|caption|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]"
    "|header|hr|img|li|main|nav|ol|option|p|pre|section|summary|table|tbody|td|tfoot|th|thead|title|tr|ul"
)
# Either a whole tag (its name, and possessively its attributes up to ">") or a "<" that is only a character.
_TAG = re.compile(r"<(?:(/?)([A-Za-z][A-Za-z0-9:-]*)(?:[\s/](?:=\"[^\"<]*\"|='[^'<]*'|[^<>])*+)?>|[!?][^<>]*>)?")
_BLOCK = re.compile(_BLOCKS, re.IGNORECASE)

_LOOKALIKES = FRACTIONS | str.maketrans(
    dict.fromkeys("‐‑‒–—―−", "-")  # noqa: RUF001 - the look-alikes are the point
    | dict.fromkeys("‘’‚‛ʻʼ′´", "'")  # noqa: RUF001
    | dict.fromkeys("“”„‟″", '"')
    | dict.fromkeys("™®©℠°", "")
    | dict(zip("×⁄ıøØłŁđĐµμ", "x/ioOlLdDuu", strict=True))  # noqa: RUF001
    | {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}
)


# Variation selectors, and the mark of a character that was lost.
_EMPTY = {*map(chr, range(0xFE00, 0xFE10)), "\N{REPLACEMENT CHARACTER}"}


class _Invisible(dict[int, int | None]):
    """A table for str.translate that drops what shows nothing: control, format, surrogate and private characters."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        invisible = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} or character in _EMPTY
        self[code] = None if invisible and not character.isspace() else code
        return self[code]


_VISIBLE = _Invisible()


def clean(raw: str, *, lowercase: bool = False, ascii_only: bool = False) -> str:
    """Plain text in Unicode NFC with single spaces, for any string; "" for an empty one.

    Markup, comments, scripts and styles go (a block tag becomes a space, "<" as a character stays), entities are
    resolved however often they were escaped, mojibake is repaired and quotes are straightened (ftfy), control,
    zero-width and private-use characters go. `ascii_only` writes a letter or sign that has an ASCII look-alike with
    that, and drops the rest. Idempotent, and linear in the length of the text.
    """
    text = raw
    for _ in range(_ROUNDS):
        settled, text = text, _round(text, lowercase=lowercase, ascii_only=ascii_only)
        if text == settled:
            return text
    # What remains is built to unfold for ever; its plain ASCII without "<" and "&" cannot unfold any more.
    plain = re.sub(r"[^\x20-\x7e]|[<&]", " ", text)
    return " ".join(plain.split())


def cleaned(content: Content, *, lowercase: bool = False, ascii_only: bool = False) -> Content:
    """A listing with every field cleaned, and the bullets that were nothing but markup left out."""

    def plain(raw: str) -> str:
        return clean(raw, lowercase=lowercase, ascii_only=ascii_only)

    return Content(
        name=plain(content.name),
        bullets=tuple(filter(None, map(plain, content.bullets))),
        description=plain(content.description),
        value=plain(content.value),
        unit=plain(content.unit),
        rest=plain(content.rest),
    )


def encoder_text(content: Content, *, labels: bool, lowercase: bool = False, ascii_only: bool = False) -> str:
    """The whole listing, cleaned, as one text for a text encoder: name, bullets, description, rest, value and unit.

    With `labels` as the challenge labels them ("Item Name: ... Value: 72.0 Unit: Fl Oz"), else joined as sentences with
    the quantity in words ("72 Fl Oz").
    """
    listing = cleaned(content, lowercase=lowercase, ascii_only=ascii_only)
    if not labels:
        return _sentences((listing.name, *listing.bullets, listing.description, listing.rest, quantity(listing)))
    labelled = [
        (NAME, listing.name),
        *((f"{BULLET} {number}", bullet) for number, bullet in enumerate(listing.bullets, 1)),
        (DESCRIPTION, listing.description),
        ("", listing.rest),
        (VALUE, listing.value),
        (UNIT, listing.unit),
    ]
    parts = [(label.lower() if lowercase else label, text) for label, text in labelled if text]
    return " ".join(f"{label}: {text}" if label else text for label, text in parts)


def clip_text(content: Content, *, ascii_only: bool = False) -> str:
    """The most telling first, for a model that reads 77 tokens: name, quantity, bullets, description, rest.

    At most `CLIP_CHARACTERS` characters, cut between words.
    """
    parts = (content.name, quantity(content), *content.bullets, content.description, content.rest)
    kept: list[str] = []
    for part in parts:
        kept.append(clean(part, ascii_only=ascii_only))
        if sum(map(len, kept)) > CLIP_CHARACTERS:
            break
    return _cut(_sentences(kept), CLIP_CHARACTERS)


def quantity(content: Content) -> str:
    """Value and unit as words ("72 Fl Oz"), what is known of them; "" where the value says nothing."""
    value = number(content.value)
    if math.isnan(value):
        return ""
    unit = "" if content.unit.casefold() in {"none", "nan", "null"} else content.unit
    return f"{value:.12g} {unit}".strip()


def _round(text: str, *, lowercase: bool, ascii_only: bool) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda match: unescape(match[0]), _ESCAPED_AMPERSANDS.sub("&", text))
    if "<" in text:
        text = _strip_tags(text)
    if not text.isascii():
        text = ftfy.fix_text(text, _FTFY)
    text = text.translate(_VISIBLE)
    if ascii_only and not text.isascii():
        text = _transliterate(text)
    if lowercase:
        text = text.lower()
    return " ".join(text.split())


def _strip_tags(text: str) -> str:
    head, end, tail = text.rpartition("-->")
    markup = _TAG.sub(_bare_tag, (_COMMENT.sub(" ", head + end) + tail).replace("&", "&amp;"))
    # Without a tag BeautifulSoup would take a text such as "file.txt" for a slip of the caller's, and warn.
    return BeautifulSoup(markup, "html.parser").get_text() if "<" in markup else unescape(markup)


def _bare_tag(match: re.Match[str]) -> str:
    """A tag without its attributes, whose quotes can cost html.parser quadratic time; any other "<" escaped."""
    slash, name = match[1], match[2]
    if name is None:
        return "&lt;" if match[0] == "<" else ""
    return f"{' ' if _BLOCK.fullmatch(name) else ''}<{slash}{name}>"


def _transliterate(text: str) -> str:
    letters = re.sub(r"[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", text.translate(_LOOKALIKES)))
    return re.sub(r"[^\x00-\x7f]+", " ", letters.translate(_LOOKALIKES))


def _sentences(parts: Iterable[str]) -> str:
    text, separator = "", ""
    for part in filter(None, parts):
        text += separator + part
        separator = " " if part[-1] in ".!?,;:" else ". "
    return text


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    end = text.rfind(" ", 0, limit + 1)
    return text[: end if end > 0 else limit]
