"""The precision that a device computes in."""

import open_clip
import pytest
import torch

from pricefuse.encoders.precision import dtype_name, pick_dtype

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
@pytest.mark.parametrize("device", [CPU, CUDA])
def test_an_explicit_precision_is_taken_everywhere(name, device):
    assert dtype_name(pick_dtype(name, device, torch.nn.BatchNorm2d(1))) == name


@pytest.mark.parametrize(("capabilities", "expected"), [({}, torch.float32), ({"amx_bf16": True}, torch.bfloat16)])
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert pick_dtype("auto", CPU) == expected
    assert pick_dtype("auto", CUDA) == torch.bfloat16


def test_auto_is_float32_for_batch_norm_and_bfloat16_for_transformers():
    assert pick_dtype("auto", CUDA, torch.nn.Sequential(torch.nn.BatchNorm2d(1))) == torch.float32
    transformer = open_clip.create_model("ViT-S-32", load_weights=False)
    assert pick_dtype("auto", CUDA, transformer.visual) == torch.bfloat16
