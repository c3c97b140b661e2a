"""fuse: put the feature blocks side by side, and say which fold holds each training row out."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

import pandas as pd

from pricefuse.features import fuse, training_rows
from pricefuse.features.blocks import read_blocks
from pricefuse.features.leakage import check_leakage
from pricefuse.features.matrix import Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.files import write_json


def main() -> None:
    products_path, attributes_path, images, embeddings, train_out, test_out, card = stage.paths(
        __doc__, "products", "attributes", "images", "embeddings", "train-out", "test-out", "card"
    )
    params = read_params(Path("params.yaml")).fuse
    columns = ["sample_id", "split", "price", "image_link", "name", "variant_of", "text"]
    products = pd.read_parquet(products_path, columns=columns)
    ids = products["sample_id"].tolist()
    train = products[products["split"] == "train"]  # the catalog's first rows
    test_index = products.loc[products["split"] == "test", ["sample_id"]]

    attributes, constant = fuse.varying(pd.read_parquet(attributes_path).drop(columns="sample_id"), len(train))
    blocks = read_blocks(params.blocks, embeddings, attributes, ids)
    ngrams = None
    if params.ngrams:
        ngrams = count_ngrams({name: products[name].tolist() for name in ("name", "text")}, params.ngram_bits)

    pictures = training_rows.read_pictures(images, ids, len(train))
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
    print(training_rows.summarize(train_index, groups, alike))


if __name__ == "__main__":
    stage.run(main)
