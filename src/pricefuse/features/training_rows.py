"""Say of each training row which product it is a variant of, which fold holds it out, and what escaped the groups.

All of it follows from the training rows alone: a new row to be priced must not change what models are fitted to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.features import look_alikes
from pricefuse.features.blocks import Ids, stored_vectors
from pricefuse.features.folds import NEVER, group_folds, random_fold
from pricefuse.features.groups import ProductGroups, product_groups, shared_by_variants
from pricefuse.features.pictures import same_pictures
from pricefuse.features.settings import FuseSettings
from pricefuse.tables.parquet import iter_batches, iter_matching

# More look-alikes than this share of the rows, and the score is in doubt.
MAX_LOOK_ALIKE_SHARE = 0.02
_NO_SIDE = NEVER - 1
MAX_NAME_CHARACTERS = 120  # of the name that a model's neighbors are shown by


@dataclass(frozen=True)
class LookAlikes:
    """Rows whose text is nearly that of a row in another fold, among those of a sample.

    `examples` are some pairs of sample ids.
    """

    rows: int
    sampled: int
    examples: list[tuple[str, str]]

    @property
    def warnings(self) -> list[str]:
        if self.rows <= MAX_LOOK_ALIKE_SHARE * self.sampled:
            return []
        pairs = ", ".join(f"{one} and {other}" for one, other in self.examples)
        warning = (
            f"{self.rows:,} of {self.sampled:,} held-out rows have a text that is nearly that of a row in another fold"
            f" (cosine {look_alikes.LOOK_ALIKE} or more), such as sample_id {pairs}. If these are variants of one"
            " product, scores will flatter: give them one item name or one image link"
        )
        return [warning]


def read_pictures(hashes: Path, sample_ids: Ids, rows: int) -> pd.Series:
    """Say which picture each of the first `rows` products has (`same_pictures`), by the file of pictures' hashes."""
    (table,) = iter_matching(hashes, sample_ids, ["sha256", "phash"])
    sha256, phashes = (table[name].combine_chunks()[:rows] for name in ("sha256", "phash"))
    return same_pictures(sample_ids, sha256, phashes)


def read_names(products: Path, rows: int) -> list[str]:
    """Return what people know the first `rows` products by: the item's name, else the beginning of its text."""
    names: list[str] = []
    for batch in iter_batches(products, ["name", "text"], range(rows)):
        pairs = zip(batch["name"].to_pylist(), batch["text"].to_pylist(), strict=True)
        names += [(name or text)[:MAX_NAME_CHARACTERS] for name, text in pairs]
    return names


def read_shared(products: Path, pictures: pd.Series) -> dict[str, pd.Series]:
    """Return what `shared_by_variants` finds of the first products, as many as have `pictures`, some at a time."""
    columns = ["image_link", "name", "variant_of", "text"]
    parts, start = [], 0
    for batch in iter_batches(products, columns, range(len(pictures))):
        table = batch.to_pandas()
        parts.append(shared_by_variants(table, pictures[start : start + len(table)]))
        start += len(table)
    return {reason: pd.concat([part[reason] for part in parts], ignore_index=True) for reason in parts[0]}


def assign_folds(
    products: pd.DataFrame, shared: Mapping[str, pd.Series], settings: FuseSettings
) -> tuple[pd.DataFrame, ProductGroups]:
    """Return the index of the training rows, and the groups in it.

    The index has sample_id, price, group, and the fold that holds the row out, -1 for a row that is never held out.
    `products` has sample_id and price of the training rows, `shared` what `shared_by_variants` finds of them.
    """
    index = products[["sample_id", "price"]].reset_index(drop=True)
    groups = product_groups(shared)
    index["group"] = groups.labels
    if settings.split == "group":
        index["fold"] = group_folds(index["group"].to_numpy(), settings.folds, settings.seed)
    else:
        index["fold"] = random_fold(len(index), settings.validation_share, settings.seed)
    return index, groups


def find_look_alikes(folder: Path, sample_ids: Ids, index: pd.DataFrame, seed: int) -> LookAlikes:
    """Count rows that look alike across folds by the vectors of the table `folder`, of which `index` has the first."""
    folds, rows = index["fold"].to_numpy(), range(len(index))
    sample = look_alikes.sampled_rows(folds, seed)
    queries = look_alikes.rows_of(stored_vectors(folder, sample_ids, rows), sample)
    chunks = stored_vectors(folder, sample_ids, rows)
    cosines, neighbors = look_alikes.nearest(queries, chunks, folds[sample], folds)
    alike = np.flatnonzero(cosines >= look_alikes.LOOK_ALIKE)
    ids = index["sample_id"]
    examples = [(str(ids[sample[i]]), str(ids[neighbors[i]])) for i in alike[np.argsort(-cosines[alike])][:3]]
    return LookAlikes(len(alike), len(sample), examples)


def far_from_training(folder: Path, sample_ids: Ids, index: pd.DataFrame, seed: int) -> np.ndarray:
    """Return a mask, bool (rows to be priced,), of products that resemble no training product.

    `sample_ids` are all products', those of `index`, the training rows, first; `folder` is the table of their vectors.
    """
    folds, training = index["fold"].to_numpy(), range(len(index))
    limit = look_alikes.far_cosine(stored_vectors(folder, sample_ids, training), folds, seed)
    reference = look_alikes.reference_rows(folds, seed)
    known = look_alikes.rows_of(stored_vectors(folder, sample_ids, training), reference)
    found = [np.empty(0, bool)]
    for chunk in stored_vectors(folder, sample_ids, range(len(index), len(sample_ids))):
        new = look_alikes.unit_length(chunk)
        cosines, _ = look_alikes.nearest(new, [known], np.full(len(new), _NO_SIDE), folds[reference])
        found.append(cosines < limit)
    return np.concatenate(found)


def describe_groups(groups: ProductGroups, alike: LookAlikes) -> dict[str, object]:
    """Return what folds.json says of the training rows."""
    return {
        "rows": len(groups.labels),
        "groups": groups.count,
        "largest_group": groups.largest,
        "rows_by_reason": groups.rows_by_reason,
        "look_alikes_across_folds": alike.rows,
        "look_alikes_sampled": alike.sampled,
        "look_alike_cosine": look_alikes.LOOK_ALIKE,
    }


def summarize(index: pd.DataFrame, groups: ProductGroups, alike: LookAlikes) -> str:
    """Return what a person is told of the training rows, in three lines."""
    held_out = (index["fold"] != NEVER).sum()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in groups.rows_by_reason.items())
    return (
        f"{len(index):,} training rows in {groups.count:,} product groups; {held_out:,} rows will be held out\n"
        f"rows that share it with another: {reasons}; the largest group has {groups.largest:,} rows\n"
        f"{alike.rows:,} of {alike.sampled:,} held-out rows look like a row in another fold"
    )
