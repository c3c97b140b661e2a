"""Keys of records."""

from pricefuse.keys import row_key


def test_keys_differ_by_every_determinant_and_by_their_boundaries():
    keys = [row_key("ab", "c"), row_key("a", "bc"), row_key(["ab"], "c"), row_key("ab", "c", None)]
    assert len(set(keys)) == 4
    assert row_key("é\ud800", 1.5) == row_key("é\ud800", 1.5)
