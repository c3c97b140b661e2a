"""Clean the text of listings: remove markup, entities, mojibake and invisible characters."""

import re
import unicodedata
from functools import lru_cache
from html import unescape

import ftfy
from bs4 import BeautifulSoup

from pricefuse.text.listing import Listing
from pricefuse.text.numbers import FRACTIONS

# Catalogs escape twice or three times; text that is not settled after this many rounds is an attack.
_MAX_ROUNDS = 4
_FTFY = ftfy.TextFixerConfig(unescape_html=False, remove_terminal_escapes=False, explain=False)

_UNUSUAL = re.compile(r"[^\t\n\x20-\x7e]+")
# The only single letters that ftfy can take for mojibake; all else that it repairs is two characters or more.
_MOJIBAKE_LETTERS = "\N{LATIN CAPITAL LETTER A WITH CIRCUMFLEX}\N{LATIN CAPITAL LETTER A WITH TILDE}\u0152\u0153"
# Emoji and East Asian letters: code points that no encoding of one byte a character has, so that none is mojibake.
_SYMBOLS = re.compile(r"[\u2600-\ud7ff\ufe0e\ufe0f\U00010000-\U0010ffff]+")
_MAX_RUN = 16  # of a run whose repair is remembered

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
# What these contain is not shown; rt and rp say how ruby text is pronounced, and end where the ruby element does.
_HIDING = ("script", "style", "template", "ruby", "rt", "rp")

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
    """Table for str.translate that drops what shows nothing: control, format, surrogate and private characters."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        invisible = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} or character in _EMPTY
        self[code] = None if invisible and not character.isspace() else code
        return self[code]


_VISIBLE = _Invisible()


def clean(raw: str, *, ascii_only: bool = False) -> str:
    """Return any text as plain text in Unicode NFC with single spaces; "" for an empty one.

    Markup, comments, scripts and styles are removed (a block tag becomes a space, "<" as a character stays), entities
    are resolved however often they were escaped, mojibake is repaired and quotes are straightened (ftfy), control,
    zero-width and private-use characters are removed. `ascii_only` replaces a letter or sign by its ASCII look-alike,
    and drops what has none. Cleaning a clean text changes nothing; the time is linear in the length of the text.
    """
    if raw.isascii() and raw.isprintable() and "&" not in raw and "<" not in raw:
        return raw.strip() if "  " not in raw else " ".join(raw.split())
    text = raw
    for _ in range(_MAX_ROUNDS):
        settled, text = text, _round(text, ascii_only=ascii_only)
        if text == settled or (text.isascii() and "&" not in text and "<" not in text):
            return text
    # What remains is built to unfold for ever; its plain ASCII without "<" and "&" cannot unfold any more.
    plain = re.sub(r"[^\x20-\x7e]|[<&]", " ", text)
    return " ".join(plain.split())


def clean_listing(listing: Listing, *, ascii_only: bool = False) -> Listing:
    """Return a listing with every field cleaned, without the bullets that were nothing but markup."""

    def plain(raw: str) -> str:
        return clean(raw, ascii_only=ascii_only)

    return Listing(
        name=plain(listing.name),
        bullets=tuple(filter(None, map(plain, listing.bullets))),
        description=plain(listing.description),
        value=plain(listing.value),
        unit=plain(listing.unit),
        rest=plain(listing.rest),
    )


def _round(text: str, *, ascii_only: bool) -> str:
    if "&" in text:
        text = _ENTITY.sub(lambda match: unescape(match[0]), _ESCAPED_AMPERSANDS.sub("&", text))
    if "<" in text:
        text = _strip_tags(text)
    if unusual := set(_UNUSUAL.findall(text)):
        text = _repair(text, unusual)
    if ascii_only and not text.isascii():
        text = _transliterate(text)
    return " ".join(text.split())


def _repair(text: str, unusual: set[str]) -> str:
    """Repair mojibake, straighten quotes and drop what is invisible; `unusual` are the text's runs of `_UNUSUAL`."""
    lone = {run: _lone(run) if len(run) <= _MAX_RUN else None for run in unusual}
    if None in lone.values():
        repaired = text if text.isascii() else ftfy.fix_text(text, _FTFY)
        return repaired.translate(_VISIBLE)
    if all(run == replacement for run, replacement in lone.items()):
        return text
    return _UNUSUAL.sub(lambda match: lone[match[0]] or "", text)


@lru_cache(maxsize=4096)
def _lone(run: str) -> str | None:
    """Return what a character or a run of symbols becomes between plain ASCII; None where neighbors decide.

    ftfy looks at a text character by character, but for mojibake and for marks that combine with a letter.
    """
    if _SYMBOLS.fullmatch(run) and unicodedata.category(run[0])[0] != "M":
        return ftfy.fix_text(run, _FTFY).translate(_VISIBLE)
    if len(run) > 1 or run.isascii() or run in _MOJIBAKE_LETTERS or unicodedata.category(run)[0] == "M":
        return None
    fixed = ftfy.fix_text(run, _FTFY).translate(_VISIBLE)
    return fixed if fixed == run or (fixed.isascii() and not "\x80" <= run <= "\x9f") else None


def _strip_tags(text: str) -> str:
    head, end, tail = text.rpartition("-->")
    markup = _TAG.sub(_bare_tag, (_COMMENT.sub(" ", head + end) + tail).replace("&", "&amp;"))
    if "<" not in markup:
        return unescape(markup)
    return BeautifulSoup(markup, "html.parser").get_text()


def _bare_tag(match: re.Match[str]) -> str:
    """Return a tag that hides text without its attributes, a space for a block tag, nothing for others, "&lt;" for "<".

    BeautifulSoup then builds no deep tree, and meets no quotes, both of which can cost it quadratic time.
    """
    slash, name = match[1], match[2]
    if name is None:
        return "&lt;" if match[0] == "<" else ""
    if name.lower() in _HIDING:
        return f"<{slash}{name}>"
    return " " if _BLOCK.fullmatch(name) else ""


def _transliterate(text: str) -> str:
    letters = re.sub(r"[\u0300-\u036f]+", "", unicodedata.normalize("NFKD", text.translate(_LOOKALIKES)))
    return re.sub(r"[^\x00-\x7f]+", " ", letters.translate(_LOOKALIKES))
