"""Group the rows that are variants of one product, by whatever they share: a picture, a link, a name, a text."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# No product has so many variants: what more rows share says nothing of the product.
MAX_GROUP_SHARE = 0.01
MIN_PLACEHOLDER_ROWS = 20
# What is left of a name without its sizes may be no more than "Honey", which many products are.
MIN_WORDS = 2
# The largest group is in one fold, which it must not fill.
MAX_LARGEST_SHARE = 0.1
SHOWN = 120  # characters of a placeholder, in a warning
MAX_SHARED = SHOWN + 32


@dataclass(frozen=True)
class ProductGroups:
    """Groups of rows that are variants of one product.

    `labels` is each row's group, int64 (rows,), numbered from 0 in order of first appearance. `rows_by_reason` counts,
    for everything that rows can share, the rows that share it with another one. `warnings` are messages for the user.
    """

    labels: np.ndarray
    rows_by_reason: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(np.unique(self.labels))

    @property
    def largest(self) -> int:
        """The number of rows of the largest group."""
        return int(np.bincount(self.labels).max(initial=0))


def product_groups(shared: Mapping[str, pd.Series]) -> ProductGroups:
    """Group the rows that have an equal value in one of the series, also by way of other rows.

    `shared` has a series of strings for everything that variants may share ("image link", "item name"), a row a product
    in the same order; their indexes do not matter. "" joins nothing, nor does a placeholder (see `placeholders`): a
    link that stands for "no image" would make one group of products that have nothing in common.
    """
    rows = len(next(iter(shared.values())))
    nodes = rows  # of a graph: the rows first, then every value that may join them
    edges, warnings, counts = [], [], {}
    named: set[object] = set()  # a name without sizes may be the very name
    for reason, values in shared.items():
        ignored = placeholders(values)
        new = [(str(value), count) for value, count in ignored.items() if value not in named]
        warnings += [_placeholder_warning(reason, value, count, rows) for value, count in new]
        named |= set(ignored.index)
        codes, distinct = pd.factorize(values.where((values != "") & ~values.isin(ignored.index)).to_numpy(object))
        joined = np.flatnonzero(codes >= 0)
        edges.append(np.stack([joined, nodes + codes[joined]]))
        nodes += len(distinct)
        sizes = np.bincount(codes[joined])
        counts[reason] = int(sizes[sizes > 1].sum())
    ends = np.concatenate(edges, axis=1)
    _, components = connected_components(
        coo_array((np.ones(ends.shape[1]), ends), shape=(nodes, nodes)), directed=False
    )
    groups = ProductGroups(np.asarray(pd.factorize(components[:rows])[0], dtype=np.int64), counts, warnings)
    warnings += _largest_warning(groups)
    return groups


def shared_by_variants(products: pd.DataFrame, pictures: pd.Series) -> dict[str, pd.Series]:
    """Return what `product_groups` compares, by the words in which a person is told of it.

    `products` has image_link, name, text, and variant_of (the name, or the text where there is none, without sizes and
    packs); `pictures` says which picture a row has, "" for none. All are of the same rows. What is long is cut
    (`shortened`), so that some rows after others can be added up, and no text is kept.
    """
    unnamed = [text if name == "" else "" for name, text in zip(products["name"], products["text"], strict=True)]
    unsized = map(normalize_name, products["variant_of"])
    shared = {
        "image link": products["image_link"],
        "picture": pictures,
        "item name": map(normalize_name, products["name"]),
        "text without a name": map(normalize_name, unnamed),
        "name or text without sizes": (name if name.count(" ") >= MIN_WORDS - 1 else "" for name in unsized),
    }
    return {reason: pd.Series(list(map(shortened, values)), dtype=str) for reason, values in shared.items()}


def placeholders(values: pd.Series) -> pd.Series:
    """Return the values that too many rows share to mean one product, each with its number of rows, most first.

    These are more than `MAX_GROUP_SHARE` of the rows, and at least `MIN_PLACEHOLDER_ROWS`. "" is never among them.
    """
    counts = values[values != ""].value_counts()
    return counts[(counts > MAX_GROUP_SHARE * len(values)) & (counts >= MIN_PLACEHOLDER_ROWS)]


def normalize_name(name: str) -> str:
    """Return the letters and digits of a name or text, in lower case with single spaces."""
    return " ".join(re.findall(r"\w+", name.casefold()))


def shortened(value: str) -> str:
    """Return a string of at most MAX_SHARED characters that is equal for equal values alone: the start and a digest."""
    if len(value) <= MAX_SHARED:
        return value
    digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{value[: MAX_SHARED - len(digest)]}{digest}"


def _placeholder_warning(reason: str, value: str, count: int, rows: int) -> str:
    return (
        f"{reason} {value[:SHOWN]!r} is shared by {count:,} of {rows:,} rows ({count / rows:.1%}): taken for a"
        " placeholder, it does not make them one product group. If it stands for a missing value, empty it in the"
        " catalog; if these rows are variants of one product, scores will flatter, since they may be in different folds"
    )


def _largest_warning(groups: ProductGroups) -> list[str]:
    size, rows = groups.largest, len(groups.labels)
    if size < MIN_PLACEHOLDER_ROWS or size <= MAX_LARGEST_SHARE * rows:
        return []
    warning = (
        f"{size:,} of {rows:,} rows ({size / rows:.1%}) are one product group, each row by what it shares"
        " with another. One fold holds them all out. Are there names or pictures that stand for several products?"
    )
    return [warning]
