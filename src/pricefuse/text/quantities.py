"""Read the quantities that a product title states: numbers, sizes with their unit, packs and pieces.

The rules are heuristics over how grocery titles are written. Titles are expected as `cleaning.clean` leaves them
(single spaces). Every regular expression starts at a number or a word and repeats a bounded number of times, so that a
search takes time linear in the length of the text, whatever the text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pricefuse.text import units
from pricefuse.text.numbers import MAX_NUMBER, number, spell_fractions
from pricefuse.text.starts import matches, number_starts, words

MAX_PACKS = 500
MAX_PIECES = 5000

_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNTS = {word: count for count, word in enumerate(_NUMERALS, 1)} | {"half dozen": 6, "dozen": 12}
_MULTIPLES = {"single": 1, "twin": 2, "double": 2, "dual": 2, "triple": 3, "quad": 4}
_WORDS = _COUNTS | _MULTIPLES
_COUNT_WORDS = tuple(word.split()[0] for word in _WORDS)


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_START = r"(?<![A-Za-z0-9$])(?<!\d[.,/])"
_MIXED = r"(?:\d{1,3}[ -])?(?:1/[2348]|2/3|3/[48]|[57]/8)(?!\d)"
_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,6})(?:[.,]\d{1,4})?|\.\d{1,4}"
_DIGITS = r"(?P<digits>\d{1,2},\d{3}|\d{1,4})(?!\d)"
_COUNT = rf"(?:{_START}{_DIGITS}|\b(?P<word>{_either(_COUNTS)}))"
_MULTIPLE = rf"(?:{_START}{_DIGITS}|\b(?P<word>{_either(_WORDS)}))"
_UNIT = units.pattern("mass", "volume")
_NOT_A_SIZE = rf"(?![.,]?\d|[ -]{{0,3}}(?:{units.pattern('mass', 'volume', 'length')}|mcg|iu|cal)\b|%)"
# A few grams of these are a claim about the recipe ("6g Sugar"), not the size of the package.
_NUTRIENT = (
    r"(?: of)?(?: [\w-]{1,9}){0,3} (?:protein|sugars?|carbs?|fats?|fib(?:er|re)|caffeine|collagen|sodium|grains)\b"
)
_MAX_NUTRIENT_GRAMS = 60

_OUTER = r"(?:pack|pk|pck|pkg|package|multi-?pack|case|cs|set|lot|bundle|carton|ctn|tray|sleeve)"
_VESSEL = r"(?:box|bag|bottle|can|jar|pouch|tin|tub|tube|canister|container|loaf|loave)"
_KIND_WORDS = (
    "pack", "pk", "pck", "pkg", "multi", "case", "cs", "set", "lot", "bundle", "carton", "ctn", "tray", "sleeve",
    "box", "bag", "bottle", "can", "jar", "pouch", "tin", "tub", "loaf", "loave", "qty", "quantity", "x",
)  # fmt: skip
_PIECE = (
    r"(?:count|ct|cnt|piece|pc|tea ?bag|k-? ?cup|pod|capsule|tablet|softgel|gummy|gummie|sachet|packet|envelope"
    r"|stick|bar|single|cup|roll|sheet|slice|each|ea|cookie|bulb|unit)"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule for packs or pieces, which begins either with a count or with one of `_KIND_WORDS`."""

    pattern: re.Pattern[str]
    begins_with_count: bool

    def matches(self, title: str) -> Iterable[re.Match[str]]:
        counts, kinds = _starts(title)
        starts = counts if self.begins_with_count else kinds
        return matches(self.pattern, title, starts) if starts else ()


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


def _rules(*patterns: str) -> list[_Rule]:
    return [_Rule(_compile(pattern), pattern.startswith((_COUNT, _MULTIPLE))) for pattern in patterns]


_SIZE = _compile(
    rf"{_START}(?:(?!{_MIXED})(?P<packs>\d{{1,3}})(?P<by> ?[x\u00d7*/] ?| of | ?- ?|\) ?))?"
    rf"(?P<amount>{_MIXED}|{_DECIMAL})[ -]{{0,3}}(?P<unit>{_UNIT})(?=\b|[x\u00d7]\d)"
    r"(?:\.? (?P<ounces>\d{1,2}) ?(?:oz|ounces?)\b)?"
    r"(?:\.?\)? ?[x\u00d7*] ?(?P<times>\d{1,3})\b(?!\.\d))?"
)
_IS_NUTRIENT = _compile(_NUTRIENT)
# In order of trust; the first kind that matches anything decides.
_PACKS = [
    _rules(
        rf"\b{_OUTER}s? ?of ?(?:{_DIGITS}|(?P<word>{_either(_COUNTS)})\b){_NOT_A_SIZE}",
        rf"\b(?:qty|quantity)(?: of ?|: ?| ){_COUNT}\b{_NOT_A_SIZE}",
        rf"{_MULTIPLE}[ -]{{0,3}}{_OUTER}(?:e?s)?\b",
    ),
    _rules(
        rf"\b{_OUTER}s?(?: size)?(?:: ?|- ?|[ /]){_COUNT}\b{_NOT_A_SIZE}",
        rf"(?<!\d )(?<!\d)\bx ?{_DIGITS}\b{_NOT_A_SIZE}",
        rf"{_COUNT} ?(?:per|/|in an?|to an?|an?) ?{_OUTER}\b",
    ),
    _rules(rf"{_COUNT}[ -]{{0,3}}{_VESSEL}(?:e?s)?\b"),
]
_PIECES = _rules(
    rf"{_COUNT}{_NOT_A_SIZE}[ -]{{0,3}}(?P<kind>(?:[a-z'-]{{2,12}} ){{0,2}}){_PIECE}(?:e?s)?\b",
    rf"\b{_VESSEL} of {_COUNT}\b{_NOT_A_SIZE}",
    rf"{_COUNT} ?(?:per|/) ?(?:pack|{_VESSEL})\b",
)
_DOZENS = _rules(rf"{_COUNT} dozen\b")
# What every match of the rules that begin with a count looks like, and of the others: seldom is there any.
_COUNTED = _compile(
    rf"{_MULTIPLE}(?: ?(?:per|/|in an?|to an?|an?) ?|[ -]{{0,3}}(?:[a-z'-]{{2,12}} ){{0,2}})"
    rf"(?:{_OUTER}|{_VESSEL}|{_PIECE}|dozen)"
)
_COUNTING = _compile(
    rf"(?:{_OUTER}|{_VESSEL}|qty|quantity|x)s?(?: size)?(?: ?of ?|[:-] ?|[ /])?(?:\d|{_either(_COUNTS)})"
)


@dataclass(frozen=True)
class Size:
    """A size as stated, and the number of packs where that is part of the expression ("12 x 500 ml", "12/16 oz")."""

    amount: float
    unit: units.Unit
    packs: int | None = None

    @property
    def base(self) -> float:
        """The size in the base unit of its dimension: grams or milliliters."""
        return self.amount * self.unit.factor


def sizes(title: str) -> list[Size]:
    """Return the sizes a title states, in its order; "2 lb 3 oz" is one. Milligrams are doses and do not count."""
    title = spell_fractions(title)
    found = (_size(match) for match in _stated_sizes(title) if not _is_claim(match))
    return [size for size in found if size.amount <= MAX_NUMBER]


def packs(title: str) -> int | None:
    """Return how many packages a title states: "Pack of 6", "case of 12", "Qty 4", "24 per case", "6 bottles"."""
    if not any(_starts(title)):
        return None
    for rules in _PACKS:
        if stated := _counts(rules, title, MAX_PACKS):
            return max(stated)
    return None


def pieces(title: str) -> int | None:
    """Return how many pieces a title states: "100 Count", "50 tea bags", "2 dozen"."""
    if not any(_starts(title)):
        return None
    dozens = (12 * count for count in _counts(_DOZENS, title, MAX_PACKS))
    return max((*_counts(_PIECES, title, MAX_PIECES), *dozens), default=None)


def without(title: str) -> str:
    """Return a title without the sizes, packs and pieces that it states: what its variants have in common.

    "Rye Crackers, 6 oz (Pack of 12)" gives "Rye Crackers, ( )". The kind of the pieces stays ("50 green tea bags" gives
    "green tea bags"), and so do claims about the recipe ("10g Protein").
    """
    title = spell_fractions(title)
    spans = [match.span() for match in _stated_sizes(title) if not _is_nutrient(match)]
    for rules in (*_PACKS, _PIECES, _DOZENS) if any(_starts(title)) else ():
        spans += [_quantity_span(match) for rule in rules for match in rule.matches(title)]
    kept, end = [], 0
    for start, stop in sorted(spans):
        kept.append(title[end:start])
        end = max(end, stop)
    return " ".join([*kept, title[end:]])


@lru_cache(maxsize=8)
def _stated_sizes(title: str) -> list[re.Match[str]]:
    return list(matches(_SIZE, title, number_starts(title)))


@lru_cache(maxsize=8)
def _starts(title: str) -> tuple[list[int], list[int]]:
    """Return where a rule can match that begins with a count, and where one with a kind of package; both ascend."""
    counts = number_starts(title)
    kinds: list[int] = []
    for start, word in words(title):
        is_count, is_kind = _leads(word)
        if is_count:
            counts.append(start)
        if is_kind:
            kinds.append(start)
    if not counts:
        return [], []
    return (
        [start for start in sorted(counts) if _COUNTED.match(title, start)],
        [start for start in kinds if _COUNTING.match(title, start)],
    )


@lru_cache(maxsize=8192)
def _leads(word: str) -> tuple[bool, bool]:
    """Return whether a count and whether a kind of package can begin where this word does."""
    return word.startswith(_COUNT_WORDS), word.startswith(_KIND_WORDS)


def _counts(rules: list[_Rule], title: str, limit: int) -> list[int]:
    found = (match for rule in rules for match in rule.matches(title))
    return [count for match in found if 0 < (count := _count(match)) <= limit]


def _count(match: re.Match[str]) -> int:
    return int(match["digits"].replace(",", "")) if match["digits"] else _WORDS[match["word"].lower()]


def _quantity_span(match: re.Match[str]) -> tuple[int, int]:
    """Return what of a title says the quantity: where the match also says of what, its number alone."""
    if not match.groupdict().get("kind"):
        return match.span()
    return match.span("digits" if match["digits"] else "word")


def _is_claim(match: re.Match[str]) -> bool:
    return units.lookup(match["unit"]).name == "milligram" or _is_nutrient(match)


def _is_nutrient(match: re.Match[str]) -> bool:
    few_grams = units.lookup(match["unit"]).name == "gram" and number(match["amount"]) <= _MAX_NUTRIENT_GRAMS
    return few_grams and _IS_NUTRIENT.match(match.string, match.end("unit")) is not None


def _size(match: re.Match[str]) -> Size:
    unit, amount = units.lookup(match["unit"]), number(match["amount"])
    times = match["packs"] or match["times"]
    packs = int(times) if times else None
    if unit.name == "pound" and match["ounces"] and int(match["ounces"]) < 16:
        amount += int(match["ounces"]) / 16
    if packs and (match["by"] or "").strip() == "-" and packs < amount < 2 * packs:
        packs = None  # a range: "4-6 oz fillets"
    return Size(amount, unit, packs or None)
