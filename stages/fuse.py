"""fuse: put the feature blocks side by side, and say which fold holds each training row out."""

import json
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

import numpy as np
import pandas as pd

from pricefuse.features import fuse
from pricefuse.features.folds import NEVER
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.keys import row_key


def main() -> None:
    products_path, attributes_path, embeddings, train_out, test_out = stage.paths(
        __doc__, "products", "attributes", "embeddings", "train-out", "test-out"
    )
    params = read_params(Path("params.yaml")).fuse
    products = pd.read_parquet(products_path, columns=["sample_id", "split", "price", "image_link", "name", "text"])
    ids = products["sample_id"].tolist()
    gemma, clip = (json.loads((embeddings / f"{name}.json").read_text(encoding="utf-8")) for name in ("gemma", "clip"))
    attributes = pd.read_parquet(attributes_path).drop(columns="sample_id")
    vectors, mask = fuse.stored_vectors, fuse.stored_mask
    known = {
        "gemma": (gemma["recipe"], gemma["dimension"], vectors(embeddings / "gemma", ids)),
        "clip_text": (clip["recipe"], clip["dimension"], vectors(embeddings / "clip_text", ids)),
        "clip_image": (clip["recipe"], clip["dimension"], vectors(embeddings / "clip_image", ids)),
        "image_mask": ("has_image", 1, mask(embeddings / "clip_image", ids)),
        "attributes": (row_key(list(attributes)), attributes.shape[1], [attributes.to_numpy(np.float32)]),
    }
    blocks = [fuse.BlockData(name, *known[name]) for name in params.blocks]
    ngrams = None
    if params.ngrams:
        ngrams = count_ngrams({name: products[name].tolist() for name in ("name", "text")}, params.ngram_bits)

    train = products[products["split"] == "train"]  # the catalog's first rows
    train_index, warnings = fuse.assign_folds(train, params)
    test_index = products.loc[products["split"] == "test", ["sample_id"]]
    layout = fuse.fuse([train_out, test_out], [train_index, test_index], blocks, ngrams, attributes.columns.tolist())
    check_leakage(Features.load(train_out))
    widths = " + ".join(f"{block.name} {block.width:,}" for block in layout)
    for warning in warnings:
        print(f"warning: {warning}")
    print(f"{len(ids):,} rows of {sum(block.width for block in layout):,} features: {widths}")
    held_out = (train_index["fold"] != NEVER).sum()
    groups = train_index["group"].nunique()
    print(f"{len(train):,} training rows in {groups:,} product groups; {held_out:,} rows will be held out")


if __name__ == "__main__":
    stage.run(main)
