"""Split rows into folds: by groups that keep a product's variants together, or at random."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, train_test_split

from pricefuse.errors import InputError

NEVER = -1  # the fold of a row that is never held out
# No product has so many variants: what more rows share says nothing of the product.
MAX_GROUP_SHARE = 0.01
MIN_PLACEHOLDER_ROWS = 20


@dataclass(frozen=True)
class ProductGroups:
    """Groups of rows that are variants of one product.

    `labels` is each row's group, int64 (rows,), numbered from 0 in order of first appearance. `warnings` are messages
    for the user, one for each placeholder that was found.
    """

    labels: np.ndarray
    warnings: list[str]


def product_groups(image_links: pd.Series, names: pd.Series) -> ProductGroups:
    """Group the rows that share an image link or a normalized item name, also by way of other rows.

    An empty link or name groups nothing, nor does a placeholder (see `placeholders`): a link that stands for "no image"
    would make one group of products that have nothing in common. Both series have a row a product, in the same order;
    their indexes do not matter.
    """
    rows = len(names)
    nodes = rows  # of a graph: the rows first, then every link and name that may join them
    edges, warnings = [], []
    for kind, values in (("image link", image_links), ("item name", names.map(normalize_name))):
        ignored = placeholders(values)
        warnings += [_placeholder_warning(kind, str(value), count, rows) for value, count in ignored.items()]
        codes, distinct = pd.factorize(values.where((values != "") & ~values.isin(ignored.index)).to_numpy(object))
        joined = np.flatnonzero(codes >= 0)
        edges.append(np.stack([joined, nodes + codes[joined]]))
        nodes += len(distinct)
    ends = np.concatenate(edges, axis=1)
    _, components = connected_components(
        coo_array((np.ones(ends.shape[1]), ends), shape=(nodes, nodes)), directed=False
    )
    return ProductGroups(np.asarray(pd.factorize(components[:rows])[0], dtype=np.int64), warnings)


def placeholders(values: pd.Series) -> pd.Series:
    """Return the values that too many rows share to mean one product, each with its number of rows, most first.

    These are more than `MAX_GROUP_SHARE` of the rows, and at least `MIN_PLACEHOLDER_ROWS`. "" is never among them.
    """
    counts = values[values != ""].value_counts()
    return counts[(counts > MAX_GROUP_SHARE * len(values)) & (counts >= MIN_PLACEHOLDER_ROWS)]


def normalize_name(name: str) -> str:
    """Return the letters and digits of an item name, in lower case with single spaces."""
    return " ".join(re.findall(r"\w+", name.casefold()))


def _placeholder_warning(kind: str, value: str, count: int, rows: int) -> str:
    return (
        f"{kind} {value[:120]!r} is shared by {count:,} of {rows:,} rows ({count / rows:.1%}): taken for a placeholder,"
        " it does not make them one product group. If it stands for a missing value, empty it in the catalog; if these"
        " rows are variants of one product, scores will flatter, since they may be in different folds"
    )


def group_folds(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold that holds each row out, int64 (rows,) from 0 to folds - 1; a group is in one fold.

    Raises InputError where there are fewer groups than folds.
    """
    _check_groups(groups, folds, f"fuse.folds is {folds}")
    result = np.full(len(groups), NEVER)
    splitter = GroupKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(groups, groups=groups)):
        result[held_out] = fold
    return result


def random_fold(rows: int, share: float, seed: int) -> np.ndarray:
    """Return fold 0 for a random `share` of the rows and NEVER for the others, int64 (rows,).

    Raises InputError for fewer than two rows.
    """
    if rows < 2:
        raise InputError(f"{rows} training row cannot be split into two sides. Add rows to train.csv")
    result = np.full(rows, NEVER)
    _, held_out = train_test_split(np.arange(rows), test_size=share, random_state=seed)
    result[held_out] = 0
    return result


def stopping_rows(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return a mask, bool (rows,), of about `share` of the groups: the rows for early stopping, kept out of the fit.

    Raises InputError where there are fewer than two groups.
    """
    _check_groups(groups, 2, "stopping rows have to be kept out of the fit")
    count = len(np.unique(groups))
    held_out = min(max(1, round(share * count)), count - 1)  # at least a group on either side, whatever the share
    _, stopping = next(GroupShuffleSplit(1, test_size=held_out, random_state=seed).split(groups, groups=groups))
    mask = np.zeros(len(groups), dtype=bool)
    mask[stopping] = True
    return mask


def _check_groups(groups: np.ndarray, needed: int, why: str) -> None:
    if (found := len(np.unique(groups))) < needed:
        raise InputError(
            f"the training rows are {found} product group{'s' * (found != 1)}, but {why}. Rows that share an image link"
            " or an item name are one group: is there a link that stands for 'no image'? Empty it, or add rows"
        )
