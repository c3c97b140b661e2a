"""Estimate the memory that a member's fits take, so that a machine too small says so before the first of them.

The terms are the arrays that are alive at the peak of a fit; benchmarks/results.md has what was measured.
"""

from pricefuse.features.matrix import Features
from pricefuse.models.preprocessing import MAX_NGRAMS
from pricefuse.models.settings import BoostedSettings, LexicalSettings, SimpleNNSettings

FLOAT, DOUBLE, INDEX = 4, 8, 4
COPIES = 2  # of the dense rows: as they are read, and as they are weighed


def expected_memory(features: Features, settings: SimpleNNSettings | LexicalSettings | BoostedSettings) -> int:
    """Return about the bytes that fitting a member to `features` takes at most, beside the libraries and the index."""
    rows = len(features)
    entries = 0 if features.ngrams is None else features.ngrams.nnz
    if isinstance(settings, SimpleNNSettings):
        return rows * features.matrix.shape[1] * FLOAT * COPIES
    if isinstance(settings, LexicalSettings):
        dense = sum(block.width for block in features.blocks if block.name in settings.blocks)
        # Weights, gradient, AdamW's two means and the best weights so far; counts as CSR, and on the device.
        network = MAX_NGRAMS * settings.width * FLOAT * 5
        return rows * dense * FLOAT * COPIES + entries * (FLOAT + INDEX) * 3 + network
    # A fit has fewer rows than there are, and may have more landmarks for it.
    landmarks = min(max(settings.landmarks_for(rows), settings.landmarks_for(rows * 4 // 5)), rows)
    squares = (settings.inner_folds + 4) * landmarks**2 * DOUBLE if "kernel" in settings.base_models else 0
    return rows * features.matrix.shape[1] * FLOAT * COPIES + entries * (FLOAT + INDEX) * 3 + squares
