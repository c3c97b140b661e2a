"""fuse: put the feature blocks side by side, and say which fold holds each training row out."""

import json
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

import numpy as np
import pandas as pd

from pricefuse.features import fuse, training_rows
from pricefuse.features.folds import NEVER
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.files import write_json
from pricefuse.keys import row_key


def main() -> None:
    products_path, attributes_path, embeddings, train_out, test_out, card = stage.paths(
        __doc__, "products", "attributes", "embeddings", "train-out", "test-out", "card"
    )
    params = read_params(Path("params.yaml")).fuse
    columns = ["sample_id", "split", "price", "image_link", "name", "variant_of", "text"]
    products = pd.read_parquet(products_path, columns=columns)
    ids = products["sample_id"].tolist()
    train = products[products["split"] == "train"]  # the catalog's first rows
    test_index = products.loc[products["split"] == "test", ["sample_id"]]

    gemma, clip = (json.loads((embeddings / f"{name}.json").read_text(encoding="utf-8")) for name in ("gemma", "clip"))
    attributes, constant = fuse.varying(pd.read_parquet(attributes_path).drop(columns="sample_id"), len(train))
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

    pictures = training_rows.read_pictures(embeddings / "clip_image", ids, len(train))
    train_index, groups = training_rows.assign_folds(train, pictures, params)
    alike = training_rows.find_look_alikes(embeddings / "gemma", ids, train_index, params.seed)
    test_index["far"] = training_rows.far_from_training(embeddings / "gemma", ids, len(train), alike.usual)
    layout = fuse.fuse([train_out, test_out], [train_index, test_index], blocks, ngrams, attributes.columns.tolist())
    write_json(card, training_rows.describe_groups(groups, alike))
    check_leakage(Features.load(train_out))

    # A random split is known to part variants.
    for warning in (*groups.warnings, *(alike.warnings if params.split == "group" else ())):
        print(f"warning: {warning}")
    widths = " + ".join(f"{block.name} {block.width:,}" for block in layout)
    print(f"{len(ids):,} rows of {sum(block.width for block in layout):,} features: {widths}")
    if constant:
        print(f"{len(constant)} attributes left out, alike in all training rows: {', '.join(constant)}")
    held_out = (train_index["fold"] != NEVER).sum()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in groups.rows_by_reason.items())
    print(f"{len(train):,} training rows in {groups.count:,} product groups; {held_out:,} rows will be held out")
    print(f"rows that share it with another: {reasons}; the largest group has {groups.largest:,} rows")
    print(f"{alike.rows:,} of {alike.sampled:,} held-out rows look like a row in another fold")


if __name__ == "__main__":
    stage.run(main)
