"""Read numbers as listings write them: decimals, fractions, mixed numbers."""

import math
import re
import unicodedata
from functools import lru_cache

# No listing sells more of anything (the challenge's largest Value is 63,882): a larger number is a slip or a bar code.
MAX_NUMBER = 1e6

# Unicode's own decomposition would turn "1½ lb" into "11/2 lb"; with a space it stays a mixed number.
FRACTIONS = {
    code: " " + unicodedata.normalize("NFKD", chr(code)).replace("\N{FRACTION SLASH}", "/")
    for code in (0xBC, 0xBD, 0xBE, *range(0x2150, 0x215F))
}

_VULGAR = re.compile("[" + "".join(map(chr, FRACTIONS)) + "]")
_NUMBER = re.compile(r"\s*\+?(?:(?:(\d+)[ -])?(\d+)/([1-9]\d*)|([\d.,]+(?:e[+-]?\d+)?))", re.IGNORECASE | re.ASCII)


def spell_fractions(text: str) -> str:
    """Return the text with its fractions as digits: "1½ lb" as "1 1/2 lb"."""
    return text.translate(FRACTIONS) if not text.isascii() and _VULGAR.search(text) else text


@lru_cache(maxsize=512)
def number(text: str) -> float:
    """Return the positive number a text begins with ("72.0", "1,234.5", "0,5", "1 1/2", "12 oz"); else NaN.

    A number above `MAX_NUMBER` is NaN too.
    """
    match = _NUMBER.match(spell_fractions(text))
    if match is None:
        return math.nan
    whole, numerator, denominator, decimal = match.groups()
    try:
        value = _decimal(decimal) if decimal else float(whole or 0) + float(numerator) / float(denominator)
    except ValueError:
        return math.nan
    return value if 0 < value <= MAX_NUMBER else math.nan


def _decimal(written: str) -> float:
    written = written.rstrip(".,")
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", written)
    return float(written.replace(",", "" if grouped else "."))
