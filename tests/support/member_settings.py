"""Settings of every member that fit the made-up catalog of `priced` within a second or so."""

from pricefuse.models.settings import BoostedSettings, LexicalSettings, SimpleNNSettings
from pricefuse.training.settings import TrainSettings

NETWORK = {
    "loss": "l1", "huber_delta": 0.5, "optimizer": "adamw", "schedule": "one_cycle", "learning_rate": 1e-2,
    "weight_decay": 0.01, "batch_size": 32, "max_epochs": 20, "patience": 20, "seeds": (0,),
}  # fmt: skip
SETTINGS = {
    "simple_nn": SimpleNNSettings(**NETWORK, hidden=(16,), batch_norm=(True,), dropout=(0.0,)),
    "lexical": LexicalSettings(
        **NETWORK, blocks=("attributes", "image_mask", "clip_image"), width=16, hidden=16, dropout=0.0, min_steps=0
    ),
    "boosted": BoostedSettings(
        base_models=("words", "kernel", "lasso"), inner_folds=3, landmarks=100, learning_rate=0.1, leaves=7, min_rows=5,
        feature_share=0.5, max_rounds=40, seeds=(0,),
    ),
}  # fmt: skip
TRAIN = TrainSettings(members=("boosted",), target="log", stopping_share=0.1, threads=1)
