"""Settings of the encoders."""

import pytest
from encoder_settings import image_text_settings, text_settings
from pydantic import ValidationError


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "float16"},  # EmbeddingGemma's activations overflow in it
        {"model": ""},
        {"revision": ""},
        {"chunk_tokens": 4},
        {"chunk_tokens": 131_073},
        {"batch_tokens": 0},
        {"batch_tokens": 10_000_001},
        {"window": 64},
    ],
)
def test_text_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        text_settings(**changes)


@pytest.mark.parametrize("changes", [{"dtype": "float16"}, {"batch_size": 0}, {"batch_size": 65_537}])
def test_image_text_settings_that_cannot_work_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        image_text_settings(**changes)
