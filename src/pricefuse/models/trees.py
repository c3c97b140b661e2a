"""Regression trees as flat arrays: taken from a LightGBM booster, checked, and evaluated with NumPy.

LightGBM reads its own text format with a parser that ends the process on damaged input, so that a model that travels
holds arrays instead. Predictions equal LightGBM's bit for bit.
"""

import re
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from pricefuse.models.settings import MAX_LEAVES
from pricefuse.models.storage import Array, require_array

CHUNK_ROWS = 4096  # some columns of this length fit into a core's cache
ZERO = float(np.float32(1e-35))  # LightGBM takes a number no larger than this as 0
LEFT, RIGHT = -np.inf, np.nan  # what stands for a missing value, so that `value <= threshold` decides
NOT_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2  # what counts as missing, in LightGBM's numbers
_LINE = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Trees:
    """The trees one after another; a tree of n splits has n + 1 leaves.

    - `splits`: int32 (trees,), how many each tree has
    - `feature`: int32 (all splits,), the column that is compared: left if it is at most `threshold`, float64
    - `missing`: uint8, what counts as missing (nothing, then NaN is 0; zero and NaN; NaN), and `missing_left`, uint8,
      whether it goes left
    - `left`, `right`: int32, the child: a later split of the same tree, counted within it, or -1 - leaf
    - `value`: float64 (all leaves,)
    """

    splits: Array
    feature: Array
    threshold: Array
    missing: Array
    missing_left: Array
    left: Array
    right: Array
    value: Array

    @classmethod
    def of_booster(cls, booster: lightgbm.Booster) -> "Trees":
        """Take the trees of a booster that was fitted just now: for one number, on numeric columns.

        They come from its text, which has all digits; `dump_model` cuts thresholds at 1e300.
        """
        text = booster.model_to_string(num_iteration=-1)
        lines = [dict(_LINE.findall(tree)) for tree in text.split("end of trees")[0].split("\nTree=")[1:]]
        if any(line["num_cat"] != "0" or line.get("is_linear", "0") != "0" for line in lines):
            raise ValueError("only trees on numeric columns, with constant leaves, are supported")

        def array(name: str, dtype: type) -> np.ndarray:
            return np.array([dtype(number) for line in lines for number in line.get(name, "").split()], dtype)

        decision = array("decision_type", np.uint8)
        return cls(
            np.array([int(line["num_leaves"]) - 1 for line in lines], np.int32),
            array("split_feature", np.int32),
            array("threshold", np.float64),
            decision >> 2 & 3,
            decision >> 1 & 1,
            array("left_child", np.int32),
            array("right_child", np.int32),
            array("leaf_value", np.float64),
        )

    @classmethod
    def none(cls) -> "Trees":
        """Return no trees at all, which predict 0."""
        whole, small, real = np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.float64)
        return cls(whole, whole, real, small, small, whole, whole, real)

    def validate(self, columns: int) -> None:
        """Raise ValueError unless these are trees over `columns` columns: every child in range, and no cycle."""
        require_array("splits", self.splits, np.int32, (None,))
        if len(self.splits) and not 0 <= self.splits.min() <= self.splits.max() < MAX_LEAVES:
            raise ValueError(f"a tree does not have 1 to {MAX_LEAVES} leaves")
        total = int(self.splits.sum(dtype=np.int64))
        for name in ("feature", "left", "right"):
            require_array(name, getattr(self, name), np.int32, (total,))
        for name, most in (("missing", NAN_MISSING), ("missing_left", 1)):
            require_array(name, getattr(self, name), np.uint8, (total,))
            if (getattr(self, name) > most).any():
                raise ValueError(f"{name} is above {most}")
        # Infinity splits the rows without a value from all others.
        require_array("threshold", self.threshold, np.float64, (total,), infinity=True)
        require_array("value", self.value, np.float64, (total + len(self.splits),))
        if ((self.feature < 0) | (self.feature >= columns)).any():
            raise ValueError(f"a split is on a column that is none of the {columns}")
        first = 0
        for count in self.splits.tolist():
            _require_tree(self.left[first : first + count], self.right[first : first + count])
            first += count

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Return the sum of the trees' values, float64 (rows,), for `inputs`, float64 (rows, columns), NaN allowed.

        Some thousand rows at a time, a tree is evaluated from its last split to its first: the rows' values below a
        split are those of its left or right child. For small trees this beats walking down row by row.
        """
        decided, which = np.unique(
            np.stack([self.feature, self.missing, self.missing_left]), axis=1, return_inverse=True
        )
        nodes = list(
            zip(which.ravel().tolist(), self.threshold.tolist(), self.left.tolist(), self.right.tolist(), strict=True)
        )
        counts, leaves = self.splits.tolist(), self.value.tolist()
        chunks = [inputs[start : start + CHUNK_ROWS] for start in range(0, len(inputs), CHUNK_ROWS)]
        parts = [_evaluate(_columns(chunk, decided.T), counts, nodes, leaves) for chunk in chunks]
        return np.concatenate([np.empty(0), *parts])


def _evaluate(
    columns: np.ndarray, counts: list[int], nodes: list[tuple[int, float, int, int]], leaves: list[float]
) -> np.ndarray:
    """Sum the trees for rows of `columns`, float64 (decided, rows), tree by tree as LightGBM does."""
    total = np.zeros(columns.shape[1])
    first_node = first_leaf = 0
    for count in counts:
        below: dict[int, Any] = {}  # the values below a split, until its parent takes them
        for node in range(count - 1, -1, -1):
            column, threshold, left, right = nodes[first_node + node]
            sides = [below.pop(side) if side >= 0 else leaves[first_leaf - 1 - side] for side in (left, right)]
            below[node] = np.where(columns[column] <= threshold, *sides)
        total += below[0] if count else leaves[first_leaf]
        first_node, first_leaf = first_node + count, first_leaf + count + 1
    return total


def _columns(inputs: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """Return a column for each (feature, missing, missing_left), missing values such that a comparison decides."""
    columns = np.empty((len(decided), len(inputs)))
    for column, (feature, missing, left) in zip(columns, decided.tolist(), strict=True):
        column[:] = inputs[:, feature]
        absent = np.isnan(column)
        zero = np.abs(column) <= ZERO
        column[zero] = 0
        if missing == NOT_MISSING:
            column[absent] = 0
        else:
            column[absent | zero if missing == ZERO_MISSING else absent] = LEFT if left else RIGHT
    return columns


def _require_tree(left: np.ndarray, right: np.ndarray) -> None:
    """Raise ValueError unless every split but the first, and every leaf, is the child of one earlier split."""
    count = len(left)
    children = np.concatenate([left, right]).astype(np.int64)
    inner = children >= 0
    if (children[inner] <= np.tile(np.arange(count), 2)[inner]).any():
        raise ValueError("a split of a tree is below itself")
    if count and not (np.sort(children) == np.r_[np.arange(-count - 1, 0), np.arange(1, count)]).all():
        raise ValueError("the children of a tree's splits are not its other splits and its leaves, each once")
