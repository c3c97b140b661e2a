"""Made-up rows for cross-fitting: one dense block, a price for each row, and folds as given."""

import numpy as np
import pandas as pd

from pricefuse.features.matrix import Block, Features
from pricefuse.models.settings import SimpleNNSettings
from pricefuse.training.settings import TrainSettings

QUICK = SimpleNNSettings(
    loss="l1",
    huber_delta=0.5,
    hidden=(16,),
    batch_norm=(True,),
    dropout=(0.0,),
    optimizer="adamw",
    schedule="one_cycle",
    learning_rate=2e-2,
    weight_decay=0.0,
    batch_size=32,
    max_epochs=30,
    patience=30,
    seeds=(0,),
)
TRAIN = TrainSettings(members=("simple_nn",), target="log", stopping_share=0.2, threads=1)


def features(matrix, prices, fold, groups=None):
    n = len(prices)
    index = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(n)],
            "price": prices,
            "group": np.arange(n) if groups is None else groups,
            "fold": fold,
        }
    )
    return Features(matrix.astype(np.float32), (Block("gemma", 0, matrix.shape[1], "m"),), index)


def linear_prices():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(240, 5))
    return matrix, np.exp(2 + matrix[:, 0] + rng.normal(scale=0.2, size=240))
