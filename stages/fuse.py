"""fuse: the feature blocks side by side, and the fold that holds each product out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.features import folds, ngrams
from pricefuse.features import leakage as leaks
from pricefuse.features import matrix as features
from pricefuse.keys import row_key
from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params


def main() -> None:
    products_path, attributes_path, embeddings, out = stage.paths(
        __doc__, "products", "attributes", "embeddings", "out"
    )
    params = read_params(Path("params.yaml")).fuse
    products = pd.read_parquet(products_path, columns=["sample_id", "split", "price", "image_link", "name", "text"])
    ids = products["sample_id"].tolist()
    gemma, clip = (json.loads((embeddings / f"{name}.json").read_text(encoding="utf-8")) for name in ("gemma", "clip"))
    stated = pd.read_parquet(attributes_path).drop(columns="sample_id")
    vectors, mask = features.stored_vectors, features.stored_mask
    known = {
        "gemma": (gemma["recipe"], gemma["dimension"], vectors(embeddings / "gemma", ids)),
        "clip_text": (clip["recipe"], clip["dimension"], vectors(embeddings / "clip_text", ids)),
        "clip_image": (clip["recipe"], clip["dimension"], vectors(embeddings / "clip_image", ids)),
        "image_mask": ("has_image", 1, mask(embeddings / "clip_image", ids)),
        "attributes": (row_key(list(stated)), stated.shape[1], [stated.to_numpy(np.float32)]),
    }
    blocks = [features.BlockData(name, *known[name]) for name in params.blocks]

    index = products[["sample_id", "split", "price"]].copy()
    index["group"] = folds.product_groups(products["image_link"], products["name"])
    index["fold"] = folds.NEVER
    train = index["split"] == "train"
    if params.split == "group":
        index.loc[train, "fold"] = folds.group_folds(index.loc[train, "group"].to_numpy(), params.folds, params.seed)
    else:
        index.loc[train, "fold"] = folds.random_fold(int(train.sum()), params.validation_share, params.seed)

    fields = {name: products[name].tolist() for name in ("name", "text")}
    counted = ngrams.count(fields, params.ngram_bits) if params.ngrams else None
    layout = features.write(out, blocks, index, counted, stated.columns.tolist())
    leaks.check(features.Features.load(out))
    widths = " + ".join(f"{block.name} {block.width:,}" for block in layout)
    held_out = index.loc[train, "fold"].ge(0).sum()
    groups = index.loc[train, "group"].nunique()
    print(f"{len(index):,} rows of {sum(block.width for block in layout):,} features: {widths}")
    print(f"{train.sum():,} training rows in {groups:,} product groups; {held_out:,} rows will be held out")


if __name__ == "__main__":
    stage.run(main)
