"""fuse: put the feature blocks side by side, and say which fold holds each training row out."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

import pandas as pd
import pyarrow as pa

from pricefuse.features import training_rows
from pricefuse.features.blocks import count_batches, read_blocks, summarize, varying
from pricefuse.features.fuse import fuse
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features
from pricefuse.files import write_json


def main() -> None:
    products_path, attributes_path, images, embeddings, train_out, test_out, card = stage.paths(
        __doc__, "products", "attributes", "images", "embeddings", "train-out", "test-out", "card"
    )
    params = read_params(Path("params.yaml")).fuse
    products = pd.read_parquet(products_path, columns=["sample_id", "split", "price"])
    ids = pa.array(products["sample_id"], pa.string())
    train = products[products["split"] == "train"]  # the catalog's first rows
    test_index = products.loc[products["split"] == "test", ["sample_id"]]

    pictures = training_rows.read_pictures(images, ids, len(train))
    shared = training_rows.read_shared(products_path, pictures)
    train_index, groups = training_rows.assign_folds(train, shared, params)
    train_index["name"] = training_rows.read_names(products_path, len(train))
    alike = training_rows.find_look_alikes(embeddings / "gemma", ids, train_index, params.seed)
    test_index["far"] = training_rows.far_from_training(embeddings / "gemma", ids, train_index, params.seed)

    attributes, constant = varying(attributes_path, range(len(train)))
    halves = ((train_out, train_index, range(len(train))), (test_out, test_index, range(len(train), len(ids))))
    for folder, index, rows in halves:
        blocks = read_blocks(params.blocks, embeddings, (attributes_path, attributes), ids, rows)
        ngrams = count_batches(products_path, params.ngram_bits, rows) if params.ngrams else None
        layout = fuse(folder, index, blocks, ngrams, attributes)
    write_json(card, training_rows.describe_groups(groups, alike))
    check_leakage(Features.load(train_out))

    # A random split is known to part variants.
    for warning in (*groups.warnings, *(alike.warnings if params.split == "group" else ())):
        print(f"warning: {warning}")
    print(summarize(layout, constant, len(ids)))
    print(training_rows.summarize(train_index, groups, alike))


if __name__ == "__main__":
    stage.run(main)
