"""Run a search in a process of its own, to be killed: python searching.py FEATURES JOURNALS TRIALS."""

import sys
from pathlib import Path

from member_settings import SETTINGS, TRAIN
from optuna.distributions import FloatDistribution

from pricefuse.tuning.search import Search, run

# The smallest rates learn nothing within the network's few epochs.
SPACE = {"learning_rate": FloatDistribution(1e-5, 3e-2, log=True), "weight_decay": FloatDistribution(0.0, 0.1)}


def small_search(features, journals, seed=0):
    """Return a search for the settings of a small network."""
    return Search(features, "simple_nn", SETTINGS["simple_nn"], TRAIN, SPACE, seed, journals)


if __name__ == "__main__":
    run(small_search(Path(sys.argv[1]), Path(sys.argv[2])), int(sys.argv[3]), minutes=None, processes=1)
