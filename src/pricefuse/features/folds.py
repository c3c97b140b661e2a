"""Split rows into folds: by groups that keep a product's variants together, or at random."""

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, train_test_split

from pricefuse.errors import InputError

NEVER = -1  # the fold of a row that is never held out


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
            f"the training rows are {found} product group{'s' * (found != 1)}, but {why}. Rows that share a picture, a"
            " link, a name or a text are one group: is there a link that stands for 'no image'? Empty it, or add rows"
        )
