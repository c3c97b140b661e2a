"""Try a regular expression only where its match can begin, at a number or at a word, instead of at every character."""

import re
from collections.abc import Iterable, Iterator

_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[A-Za-z]+")


def number_starts(text: str) -> list[int]:
    """Return where a number can begin, in ascending order: at digits, and at a point before them."""
    starts: list[int] = []
    for match in _DIGITS.finditer(text):
        start = match.start()
        starts += (start - 1, start) if start and text[start - 1] == "." else (start,)
    return starts


def words(text: str) -> list[tuple[int, str]]:
    """Return where each word of ASCII letters begins, and the word in lower case."""
    return [(match.start(), match[0].lower()) for match in _WORD.finditer(text)]


def matches(rule: re.Pattern[str], text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
    """Yield what `rule.finditer(text)` would, for a rule whose matches all begin at one of `starts`, which ascend."""
    end = 0
    for start in starts:
        if start >= end and (match := rule.match(text, start)):
            yield match
            end = match.end()
