"""Settings of every member that fit the made-up catalog of `priced` within a second or so."""

from pricefuse.models import boosted, lexical, simple_nn
from pricefuse.models.stacking import NAMES

NETWORK = {
    "loss": "l1", "huber_delta": 0.5, "optimizer": "adamw", "schedule": "one_cycle", "learning_rate": 1e-2,
    "weight_decay": 0.01, "batch_size": 32, "max_epochs": 20, "patience": 20, "seeds": (0,),
}  # fmt: skip
SETTINGS = {
    "simple_nn": simple_nn.Settings(**NETWORK, hidden=(16,), batch_norm=(True,), dropout=(0.0,)),
    "lexical": lexical.Settings(
        **NETWORK, blocks=("attributes", "image_mask", "clip_image"), width=16, hidden=16, dropout=0.0, least_steps=0
    ),
    "boosted": boosted.Settings(
        columns=NAMES, components=2, inner_folds=3, landmarks=100, learning_rate=0.1, leaves=7, least_rows=5,
        feature_share=0.5, most_rounds=40, bags=2, seeds=(0,),
    ),
}  # fmt: skip
