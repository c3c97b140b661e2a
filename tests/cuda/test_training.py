"""Members that are fitted on a CUDA device: the same bytes each time, and the CPU's numbers where they are exact."""

import gc

import numpy as np
import pytest
import torch
from member_settings import SETTINGS, TRAIN
from priced import catalog

from pricefuse.device import deterministic
from pricefuse.models import kernel, rows, storage
from pricefuse.models.kernel import Kernel
from pricefuse.models.simple_nn import SimpleNN
from pricefuse.training.fold_fit import fit_fold


def saved(folder, member, features):
    with deterministic(1):
        fit = fit_fold(features, member, SETTINGS[member], TRAIN, 0, 0)
    storage.save(folder, fit.model)
    return {path.name: path.read_bytes() for path in folder.iterdir()}, fit


@pytest.mark.parametrize("member", ["lexical", "simple_nn"])
def test_a_network_that_is_trained_twice_has_the_same_bytes(tmp_path, member):
    features = catalog()
    one, _ = saved(tmp_path / "one", member, features)
    other, _ = saved(tmp_path / "other", member, features)
    assert one == other


@pytest.mark.parametrize("landmarks", [120, 80])
def test_the_kernel_model_is_the_cpus(monkeypatch, landmarks):
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(120, 5)).astype(np.float32)
    target, folds = 2 + dense[:, 0], np.arange(120) % 3
    found = []
    for device in ("cuda", "cpu"):
        monkeypatch.setattr(kernel, "pick_device", lambda device=device: torch.device(device))
        model, predicted = Kernel.cross_fit(
            dense, target, folds, gamma=0.2, penalty=0.3, landmarks=landmarks, seed=0
        )  # fmt: skip
        found.append((model.predict(dense), predicted))
    for there, here in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, atol=1e-3)


def test_rows_that_do_not_fit_the_device_are_streamed_and_change_nothing(monkeypatch, tmp_path):
    features = catalog()
    whole, _ = saved(tmp_path / "whole", "simple_nn", features)
    monkeypatch.setattr(rows, "MAX_SHARE", 0.0)
    streamed, _ = saved(tmp_path / "streamed", "simple_nn", features)
    assert whole == streamed


def test_a_member_leaves_the_device_when_it_is_fitted(tmp_path):
    features = catalog()
    gc.collect()
    before = torch.cuda.memory_allocated()
    with deterministic(1):
        target = fit_fold(features, "simple_nn", SETTINGS["simple_nn"], TRAIN, 0, 0).model
    assert isinstance(target, SimpleNN)
    del target
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 2**20
