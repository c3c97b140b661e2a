"""What predict, ensemble and evaluate make of the files of a small workspace, the current folder."""

import shutil
from pathlib import Path

import numpy as np

from pricefuse.evaluation.scores import error_by_decile, mean_epochs, validation_scores
from pricefuse.evaluation.validation_folder import read_validation
from pricefuse.features.matrix import Features
from pricefuse.models import price_model
from pricefuse.models.ensemble import Ensemble
from pricefuse.models.price_model import PriceModel
from pricefuse.training import member_fits
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals

MEMBERS = ("simple_nn", "lexical", "boosted")
QUICK = {
    "train.members": list(MEMBERS), "train.threads": 1, "ensemble.spread": False, "fuse.folds": 2,
    "simple_nn.hidden": [8], "simple_nn.batch_norm": [True], "simple_nn.dropout": [0.0], "simple_nn.max_epochs": 3,
    "simple_nn.seeds": [0], "lexical.seeds": [0], "lexical.width": 4, "lexical.hidden": 4, "lexical.max_epochs": 2,
    "lexical.min_steps": 0, "boosted.max_rounds": 12, "boosted.landmarks": 40, "boosted.inner_folds": 2,
    "boosted.min_rows": 5, "evaluate.bootstrap_samples": 100,
}  # fmt: skip
MODEL, VALIDATION = "models/price_model", "data/validation"
ARGUMENTS = {
    "ensemble": {
        "features": "data/fused/train", "embeddings": "data/embeddings", "members": "models/members",
        "timings": "timings", "model": MODEL, "validation": VALIDATION,
    },
    "predict": {"features": "data/fused/test", "model": MODEL, "out": "test_out.csv", "bounds": "prices.csv"},
    "evaluate": {
        "validation": VALIDATION, "images": "images.json", "folds": "folds.json", "headline": "scores.json",
        "metrics": "metrics.json", "image-metrics": "image_metrics.json", "plots": "plots",
        "points": "points.csv",
    },
}  # fmt: skip


def command_line(name, **other):
    return [part for key, value in (ARGUMENTS[name] | other).items() for part in (f"--{key}", value)]


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def priced(model=MODEL):
    features = Features.load(Path("data/fused/test"))
    loaded = PriceModel.load(Path(model))
    columns = [column.start for column in loaded.blocks if loaded.neighbors and column.name == loaded.neighbors.block]
    for start in columns:
        loaded.neighbors.nearest(features.matrix[:3, start : start + loaded.neighbors.vectors.shape[1]], 2)
    return loaded.predict_with_bounds(features, 0.8).to_numpy()


def weighed(*members):
    """Do what stage ensemble does, with the plain mean of `members`, and predict by the model that it gives."""
    features = Features.load(Path("data/fused/train"), training=True)
    fits = {member: member_fits.read(Path("models/members") / member, features.index) for member in members}
    log_prices = {member: fit.log_prices for member, fit in fits.items()}
    _, table = fit_ensemble(log_prices, features.index, spread=False)
    intervals, _ = fit_intervals(features, log_prices, table, 0)
    folders = {member: fit.folders for member, fit in fits.items()}
    shutil.rmtree("again", ignore_errors=True)
    ensemble = Ensemble.mean(list(members))
    price_model.write(Path("again"), folders, ensemble, intervals, features, provenance={})
    return priced("again")


def scored():
    table, epochs, weights = read_validation(Path(VALIDATION))
    assert len(mean_epochs(epochs))
    assert set(weights) == set(MEMBERS)
    error_by_decile(table)
    return np.array([validation_scores(table, samples=10, confidence=0.9, seed=0)["smape"]])


def require_positive(got, _, what):
    assert isinstance(got, str) or (np.isfinite(got).all() and (got > 0).all()), what


def require_same(got, expected, what):
    assert isinstance(got, str) or np.array_equal(got, expected), what
