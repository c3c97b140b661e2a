"""Make the features of a product, laid out as a price model was trained, by the code of the stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pricefuse.errors import InputError
from pricefuse.features.matrix import EMBEDDINGS, NGRAMS, Block, Features
from pricefuse.features.ngrams import count_ngrams
from pricefuse.features.settings import FuseSettings
from pricefuse.keys import row_key
from pricefuse.models.manifest import ATTRIBUTES
from pricefuse.pricer.encoders import Encoders
from pricefuse.text import attributes
from pricefuse.text.prepare import ProductText, prepare
from pricefuse.text.settings import CleanSettings


@dataclass(frozen=True)
class FeatureRows:
    """How a price model's features are made: its layout, the names of its attributes, its settings and encoders."""

    layout: tuple[Block, ...]
    attributes: tuple[str, ...]
    clean: CleanSettings
    fuse: FuseSettings
    encoders: Encoders

    def __post_init__(self) -> None:
        """Raise InputError where the model was trained on attributes or blocks that this version does not make."""
        known = {*EMBEDDINGS, "image_mask", ATTRIBUTES, NGRAMS}
        foreign = [name for name in self.attributes if name not in attributes.NAMES]
        foreign += [block.name for block in self.layout if block.name not in known]
        if foreign:
            raise InputError(
                f"the model was trained on features that this version does not make: {', '.join(foreign):.200}. Use"
                " the version of pricefuse that trained it"
            )

    def prepared(self, content: str) -> ProductText:
        """Return the cleaned texts and the attributes of one product's catalog_content."""
        return prepare(content, self.clean)

    def of(self, text: ProductText, jpeg: bytes | None) -> Features:
        """Return the features of one product, a single row; `jpeg` is its picture as stage download leaves it."""
        parts = []
        for block in self.layout:
            if block.name == ATTRIBUTES:
                parts.append(self._stated(text))
            elif block.name == "image_mask":
                parts.append(np.array([jpeg is not None], np.float32))
            elif block.name in EMBEDDINGS:
                vector = self.encoders.vector(block.name, text.text, text.clip_text, jpeg)
                parts.append(np.full(block.width, np.nan, np.float32) if vector is None else vector)
        ngrams = self.ngrams([text.name], [text.text])
        return self.laid_out(np.concatenate([np.empty(0, np.float32), *parts])[None], ngrams)

    def laid_out(self, matrix: np.ndarray, ngrams: csr_array | None) -> Features:
        """Return dense rows, float32 (rows, columns), and their n-grams as features, with today's recipes."""
        blocks = tuple(
            Block(block.name, block.start, block.stop, self._recipe(block))
            for block in self.layout
            if block.name != NGRAMS
        )
        index = pd.DataFrame({"sample_id": range(len(matrix))})
        return Features(matrix, blocks, index, ngrams, self.attributes)

    def ngrams(self, names: Sequence[str], texts: Sequence[str]) -> csr_array | None:
        """Return the n-gram counts of products' names and texts, None where the model has none."""
        if all(block.name != NGRAMS for block in self.layout):
            return None
        return count_ngrams({"name": names, "text": texts}, self.fuse.ngram_bits)

    def columns(self, names: Sequence[str]) -> list[int]:
        """Return the columns of the matrix that hold the attributes of `names`, those that the model has."""
        start = next((block.start for block in self.layout if block.name == ATTRIBUTES), 0)
        return [start + self.attributes.index(name) for name in names if name in self.attributes]

    def _stated(self, text: ProductText) -> np.ndarray:
        values: Mapping[str, float] = text.attributes
        return np.array([values[name] for name in self.attributes], np.float32)

    def _recipe(self, block: Block) -> str:
        if block.name in EMBEDDINGS:
            return self.encoders.recipe(block.name)
        return row_key(list(self.attributes)) if block.name == ATTRIBUTES else "has_image"
