"""Read the side lengths that a text states: "90x200 cm", "W 60 x D 40 x H 75 cm", '80" x 36"', "12-inch".

Like `quantities`, the rules are heuristics, and every regular expression repeats a bounded number of times.
"""

import math
import re

from pricefuse.text import units
from pricefuse.text.numbers import FRACTIONS, number, spell_fractions
from pricefuse.text.starts import matches, number_starts

# Nothing that is sent in a parcel or a van is longer; shorter than a millimeter is a tolerance or a slip.
MAX_METERS, MIN_METERS = 100.0, 1e-3
_BARE = units.lookup("cm")  # of labeled numbers without a unit: "W 60 D 40"

_START = r"(?<![A-Za-z0-9$.,/])"
_FRACTION = r"(?:\d{1,3}[ -])?(?:1/[2348]|2/3|3/[48]|[57]/8)(?!\d)"
_AMOUNT = rf"(?:{_FRACTION}|\d{{1,3}}(?:,\d{{3}})(?!\d)|\d{{1,5}}(?:[.,]\d{{1,4}})?|\.\d{{1,4}})"
_MARK = "[\"\u2033]|''|['\u2032]"
_WORD = units.pattern("length")
_UNIT = rf"(?:{_MARK}|{_WORD}(?![A-Za-z])(?!(?<=in) \d))"  # not "8 in 1"
_AXIS = r"(?:width|wide|depth|deep|height|high|tall|length|long|diameter|dia|w|d|h|l)(?![A-Za-z])"
_BY = r" ?(?:[x\u00d7*]|by) ?"
# A number with its unit, and the axis before or after it: each part but the number may be missing.
_SIDE = rf"(?:{_AXIS}[:=.]? ?)?{_AMOUNT}(?: ?-?{_UNIT}\.?)?(?: ?\(?{_AXIS}\)?)?"


def _rule(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_PRODUCT = _rule(rf"{_START}{_SIDE}(?:{_BY}{_SIDE}){{1,2}}(?!\d)")
_LABELED_SIDE = rf"{_AXIS}[:=.]? ?{_AMOUNT}(?: ?-?{_UNIT})?"
_LABELED = _rule(rf"{_START}{_LABELED_SIDE}(?:[ ,;./]{{1,3}}{_LABELED_SIDE}){{1,2}}")
# One length alone is stated with a unit that means nothing else: not "5 in 1", "6' 2", "2 M".
_LONE = (
    rf"(?P<amount>{_AMOUNT})(?: ?(?P<mark>[\"\u2033])|[ -]?(?P<unit>"
    r"(?:milli|centi)?met(?:er|re)s?|mm|cm|inch(?:es)?|in\.|f(?:oo|ee)t|ft|yards?|yd)(?![A-Za-z0-9]))"
)
_SINGLE = _rule(rf"{_START}{_LONE}")
_PART = _rule(rf"(?P<axis>{_AXIS})?[:=.]? ?(?P<amount>{_AMOUNT})(?: ?-?(?P<unit>{_UNIT}))?")
_IS_AXIS = _rule(rf"(?<![A-Za-z]){_AXIS}")
# Rules for several sides, each with what a text has that they match: that is quick to look for, as it begins with one
# of few characters. A fraction may still be a character of its own.
_NUMBER = rf"\.?[\d{''.join(map(chr, FRACTIONS))}]"
_SEVERAL = (
    (re.compile(rf"[xX\u00d7*yY] ?(?:(?i:{_AXIS})[:=.]? ?)?{_NUMBER}", re.ASCII), _PRODUCT),
    (re.compile(rf"[ ,;./](?=[dhltwDHLTW])(?i:{_AXIS})[:=.]? ?{_NUMBER}", re.ASCII), _LABELED),
)
_FEET_AND_INCHES = _rule(rf"{_START}(\d{{1,2}})['\u2032] ?(\d{{1,2}})(?:[\"\u2033]|'')")


def side_lengths(text: str) -> tuple[float, ...]:
    """Return the lengths of one to three sides in meters, the longest first; () where the text states none.

    The first expression of several sides counts, else the first length alone. A unit goes for the sides before it that
    have none; numbers that all have a label (W, D, H, L) but no unit are centimeters, and others without a unit are no
    sides ("4 x 6").
    """
    if sides := several_sides(text):
        return sides
    text = _in_inches(text)
    for match in matches(_SINGLE, text, number_starts(text)):
        length = number(match["amount"]) * _unit(match["mark"] or match["unit"]).factor
        if MIN_METERS <= length <= MAX_METERS:
            return (length,)
    return ()


def several_sides(text: str) -> tuple[float, ...]:
    """Return what `side_lengths` does where the text states two or three sides, else ()."""
    text = _in_inches(text)
    for guard, rule in _SEVERAL:
        if guard.search(text):
            for match in rule.finditer(text):
                if sides := _sides(match[0]):
                    return sides
    return ()


def may_state_sides(text: str) -> bool:
    """Return whether several sides can be stated in a text, or in one that is part of it."""
    return any(guard.search(text) for guard, _ in _SEVERAL)


def without(text: str) -> str:
    """Return the text without the lengths that it states."""
    text = spell_fractions(text)
    if _has_feet(text):
        text = _FEET_AND_INCHES.sub("", text)
    for guard, rule in _SEVERAL:
        if guard.search(text):
            text = rule.sub(lambda match: "" if _sides(match[0]) else match[0], text)
    kept, end = [], 0
    for match in matches(_SINGLE, text, number_starts(text)):
        kept.append(text[end : match.start()])
        end = match.end()
    return "".join([*kept, text[end:]])


def _in_inches(text: str) -> str:
    """Return the text with its fractions as digits, and feet and inches as inches."""
    text = spell_fractions(text)
    if not _has_feet(text):
        return text
    return _FEET_AND_INCHES.sub(lambda match: f"{12 * int(match[1]) + int(match[2])} inch", text)


def _has_feet(text: str) -> bool:
    return "'" in text or "\u2032" in text


def _sides(expression: str) -> tuple[float, ...]:
    parts = [(number(part["amount"]), part["unit"]) for part in _PART.finditer(expression)]
    unit = _BARE if len(_IS_AXIS.findall(expression)) >= len(parts) else None
    unit = next((_unit(written) for _, written in reversed(parts) if written), unit)
    if unit is None:
        return ()
    lengths = []
    for amount, written in reversed(parts):
        unit = _unit(written) if written else unit
        lengths.append(amount * unit.factor)
    if any(math.isnan(length) or not MIN_METERS <= length <= MAX_METERS for length in lengths):
        return ()
    return tuple(sorted(lengths, reverse=True))


def _unit(written: str) -> units.Unit:
    if written in {'"', "\u2033", "''"}:
        return units.lookup("inch")
    return units.lookup("foot" if written in {"'", "\u2032"} else written)
