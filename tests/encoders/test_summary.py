"""The line that a stage prints of the model that it loads."""

import torch

from pricefuse.encoders.summary import summarize

CARD = {
    "model": "org/model", "revision": "abc", "identity": "sha256:0123456789abcdef", "license": "MIT",
    "parameters": 22_700_000, "resolved_dtype": "bfloat16",
}  # fmt: skip


def test_a_model_is_named_with_all_that_matters():
    line = summarize(CARD, torch.device("cuda"), "2,048 tokens")
    assert line == "org/model (abc; license MIT; 22.7 M parameters) on cuda in bfloat16, batches of 2,048 tokens"


def test_a_folder_is_named_by_its_digest_and_two_towers_by_their_precisions():
    card = CARD | {"revision": None, "resolved_dtype": {"text": "bfloat16", "image": "float32"}}
    line = summarize(card, torch.device("cpu"), "32 items")
    assert "(sha256:0123456789ab;" in line
    assert "in text bfloat16 and image float32" in line
