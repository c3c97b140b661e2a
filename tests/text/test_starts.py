"""Where rules are tried: wherever they can match, so that they find what a search over every character does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricefuse.text import quantities, side_lengths
from pricefuse.text.starts import matches, number_starts, words

RULES = [rule for kind in (*quantities._PACKS, quantities._PIECES, quantities._DOZENS) for rule in kind]
WORDS = (
    "a . , / - ( ) : $ _ x X \u00d7 by of per 1 2 12 24 100 1,000 1.5 .5 1/2 1-1/2 one twelve half dozen twin multi"
    " pack packs pk case cs set lot bundle carton tray sleeve box boxes bag bottle can jar pouch tin tub tube"
    " canister container loaf loaves qty quantity Qty: size count ct tea bags pods K-cups each oz lb 500ml g mg sugar"
    " protein \u00e9 \u0131 \u017f W D height cm m mm in. inch ft ' \" 80\" 5' x2 6-pack packof6 \u00bd 1\u00bd"
)
PARTS = st.sampled_from(WORDS.split())
TEXTS = st.lists(st.tuples(PARTS, st.sampled_from(["", " ", " ", "-"])), max_size=12).map(
    lambda parts: "".join(part + separator for part, separator in parts)
)


def test_numbers_begin_at_digits_and_at_a_point_before_them():
    assert number_starts("1.5 a.5 12,000.") == [0, 1, 2, 5, 6, 8, 11]
    assert words("Pack of six, é2x") == [(0, "pack"), (5, "of"), (8, "six"), (15, "x")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.pattern.pattern[:40])
@settings(max_examples=400)
@given(text=TEXTS)
def test_a_rule_for_packs_and_pieces_is_tried_wherever_it_can_match(rule, text):
    found = [match.span() for match in rule.matches(text)]
    assert found == [match.span() for match in rule.pattern.finditer(text)]


@given(TEXTS)
def test_a_size_is_looked_for_wherever_it_can_be(text):
    found = [match.span() for match in quantities._stated_sizes(text)]
    assert found == [match.span() for match in quantities._SIZE.finditer(text)]


@given(TEXTS)
def test_the_rules_for_several_sides_are_left_out_only_where_they_match_nothing(text):
    for guard, rule in side_lengths._SEVERAL:
        assert guard.search(text) or not rule.search(side_lengths._in_inches(text))


@given(TEXTS)
def test_a_length_alone_is_looked_for_wherever_it_can_be(text):
    found = [match.span() for match in matches(side_lengths._SINGLE, text, number_starts(text))]
    assert found == [match.span() for match in side_lengths._SINGLE.finditer(text)]
