"""Groups: what makes rows variants of one product, and what says nothing of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.features.groups import normalize_name, placeholders, product_groups, shared_by_variants
from pricefuse.text.prepare import without_sizes


def grouped(links, names):
    """Group rows by their links and normalized names."""
    return product_groups({"image link": pd.Series(links, dtype=str), "item name": names_of(names)})


def names_of(names):
    return pd.Series(names, dtype=str).map(normalize_name)


def groups(links, names):
    return grouped(links, names).labels.tolist()


def products(**columns):
    """Return a table of products; columns that are not given are empty."""
    rows = len(next(iter(columns.values())))
    return pd.DataFrame(dict.fromkeys(["image_link", "name", "variant_of", "text"], [""] * rows) | columns)


def reasons(table, pictures=None):
    shared = shared_by_variants(table, pd.Series([""] * len(table) if pictures is None else pictures))
    return product_groups(shared)


def test_rows_that_share_a_link_or_a_name_are_one_group_also_by_way_of_others():
    assert groups(["a", "b", "b", "c", "d"], ["X", "x!", "Y", "Z", "y "]) == [0, 0, 0, 1, 0]


def test_empty_links_and_names_join_nothing():
    assert groups(["", "", "", "a"], ["", "", "!?", "b"]) == [0, 1, 2, 3]


def test_groups_are_the_same_whatever_the_index_of_the_table():
    table = products(name=["Tea", "Jam", "tea"]).set_index(pd.Index([7, 7, 3]))
    assert reasons(table).labels.tolist() == [0, 1, 0]


def slow_groups(links, names):
    """Give every row the group of the first row that it is joined to, row by row, until nothing changes."""
    labels = list(range(len(names)))
    changed = True
    while changed:
        changed = False
        for values in (links, [normalize_name(name) for name in names]):
            for row, value in enumerate(values):
                first = (
                    min(label for label, other in zip(labels, values, strict=True) if other == value != "")
                    if value
                    else labels[row]
                )
                changed |= labels[row] != first
                labels[row] = first
    order = list(dict.fromkeys(labels))
    return [order.index(label) for label in labels]


@given(
    st.lists(st.tuples(st.sampled_from(["", *"abcdefgh"]), st.sampled_from(["", "!", *"rstuvw", "R?"])), max_size=19)
)
def test_groups_are_those_of_a_slow_reference(rows):
    links, names = [link for link, _ in rows], [name for _, name in rows]
    assert groups(links, names) == slow_groups(links, names)


def test_a_large_catalog_is_grouped():
    random = np.random.default_rng(0)
    rows = 100_000
    links = pd.Series([f"http://x/{number}.jpg" for number in random.integers(0, rows, rows)])
    names = pd.Series([f"Tea no. {number}" for number in random.integers(0, 5 * rows, rows)])
    found = grouped(links, names)
    assert found.warnings == []
    assert found.labels.dtype == np.int64
    for keys in (links, names):
        assert pd.Series(found.labels).groupby(keys).nunique().max() == 1


def test_a_placeholder_groups_nothing_and_is_named_in_a_warning():
    links = ["http://x/none.png"] * 30 + ["http://x/tea.jpg"] * 19 + [f"{row}" for row in range(951)]
    names = [f"name {row}" for row in range(len(links))]
    found = grouped(links, names)
    assert len(set(found.labels[:30])) == 30
    assert len(set(found.labels[30:49])) == 1
    (warning,) = found.warnings
    for part in ("image link 'http://x/none.png'", "30 of 1,000 rows", "does not make them one", "empty it"):
        assert part in warning


def test_a_name_can_be_a_placeholder_too():
    found = grouped([""] * 60, ["To be named"] * 25 + ["to be named!"] * 5 + ["Tea"] * 19 + [""] * 11)
    (warning,) = found.warnings
    assert "item name 'to be named' is shared by 30 of 60 rows" in warning
    assert len(set(found.labels)) == 30 + 1 + 11


def test_placeholders_are_more_than_a_hundredth_of_the_rows_and_at_least_twenty():
    assert placeholders(pd.Series(["a"] * 20 + ["b"] * 19 + [""] * 61)).to_dict() == {"a": 20}
    assert placeholders(pd.Series(["a"] * 30 + [f"b{row}" for row in range(2970)])).to_dict() == {}
    assert placeholders(pd.Series(["a"] * 31 + [f"b{row}" for row in range(2969)])).to_dict() == {"a": 31}


@pytest.mark.parametrize(
    ("name", "expected"), [("Tea,  Green - 12 OZ!", "tea green 12 oz"), ("STRASSE", "strasse"), ("Straße", "strasse")]
)
def test_a_name_is_normalized_to_its_letters_and_digits(name, expected):
    assert normalize_name(name) == expected


def test_rows_that_have_one_picture_are_one_group_whatever_their_links():
    found = reasons(products(image_link=["a", "b", "c"]), ["of a", "of a", ""])
    assert found.labels.tolist() == [0, 0, 1]
    assert found.rows_by_reason["picture"] == 2


def test_rows_without_a_name_are_grouped_by_their_text():
    found = reasons(products(name=["", "", "Tea", ""], text=["Plum jam!", "plum  jam", "Plum jam", ""]))
    assert found.labels.tolist() == [0, 0, 1, 2]
    assert found.rows_by_reason["text without a name"] == 2


def test_names_that_differ_in_size_alone_are_one_group():
    names = ["Rye Crackers, 12 oz", "Rye Crackers, 16 oz (Pack of 6)", "Oat Crackers, 12 oz"]
    found = reasons(products(name=names, variant_of=list(map(without_sizes, names))))
    assert found.labels.tolist() == [0, 0, 1]
    assert found.rows_by_reason == {
        "image link": 0, "picture": 0, "item name": 0, "text without a name": 0, "name or text without sizes": 2,
    }  # fmt: skip


def test_long_texts_are_one_only_where_all_of_them_is():
    start = "plum jam " * 100
    found = reasons(products(text=[start + "a", start + "b", start + "a!"]))
    assert found.labels.tolist() == [0, 1, 0]


def test_one_word_that_is_left_of_a_name_groups_nothing():
    found = reasons(products(name=["Honey 12 oz", "Honey, 1 lb"], variant_of=["Honey", "Honey,"]))
    assert found.labels.tolist() == [0, 1]


def test_a_placeholder_picture_is_named_and_groups_nothing():
    links = [f"{row}.jpg" for row in range(60)]
    found = reasons(products(image_link=links), ["of sample_id 7"] * 30 + [""] * 30)
    (warning,) = found.warnings
    assert "picture 'of sample_id 7' is shared by 30 of 60 rows" in warning
    assert found.rows_by_reason["picture"] == 0
    assert found.count == 60


def test_a_placeholder_name_is_named_once():
    names = ["To be named"] * 30 + [f"tea number {row}" for row in range(30)]
    assert len(reasons(products(name=names, variant_of=names)).warnings) == 1


def test_a_group_that_would_fill_a_fold_is_named():
    links = [f"{row // 2}" for row in range(60)]
    names = [f"tea {(row + 1) // 2}" for row in range(60)]
    found = grouped(links, names)
    assert found.largest == 60
    assert "60 of 60 rows (100.0%) are one product group" in found.warnings[0]
