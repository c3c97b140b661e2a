"""Read the feature blocks that stage fuse puts side by side: embeddings, the image mask, and attributes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pricefuse.features.fuse import BlockData, stored_mask, stored_vectors
from pricefuse.files import read_json
from pricefuse.keys import row_key

REMEDY = "Run `dvc repro`, or `dvc pull`"


def read_blocks(
    names: Sequence[str], embeddings: Path, attributes: pd.DataFrame, sample_ids: Sequence[str]
) -> list[BlockData]:
    """Return the blocks of `names`, in that order, for the products of `sample_ids`.

    `embeddings` is the folder of the encoders' tables and cards; `attributes` has a row a product. A block's recipe is
    that of its encoder, or the attributes' names: a model is not applied to features that were made otherwise.
    """
    gemma, clip = (read_json(embeddings / f"{name}.json", REMEDY) for name in ("gemma", "clip"))
    blocks = {
        "image_mask": BlockData("image_mask", "has_image", 1, stored_mask(embeddings / "clip_image", sample_ids)),
        "attributes": BlockData(
            "attributes", row_key(list(attributes)), attributes.shape[1], [attributes.to_numpy(np.float32)]
        ),
    }
    for name, card in (("gemma", gemma), ("clip_text", clip), ("clip_image", clip)):
        vectors = stored_vectors(embeddings / name, sample_ids)
        blocks[name] = BlockData(name, card["recipe"], card["dimension"], vectors)
    return [blocks[name] for name in names]
