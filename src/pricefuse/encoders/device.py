"""Where an encoder computes, and in what precision."""

import torch
import transformers

from pricefuse.errors import InputError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def pick_device() -> torch.device:
    """Return the first CUDA device, or the CPU; CUDA_VISIBLE_DEVICES decides which that is."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """Return the torch dtype for 'float32', 'bfloat16' or 'auto' (bfloat16 on CUDA, float32 elsewhere).

    float16 is refused (InputError): EmbeddingGemma's activations overflow in it.
    """
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    if dtype not in PRECISIONS:
        raise InputError(f"dtype {dtype!r}: use auto, {' or '.join(PRECISIONS)}")
    return PRECISIONS[dtype]


def quiet() -> None:
    """Leave the progress bar to the caller: transformers draws one of its own for every load."""
    transformers.utils.logging.disable_progress_bar()
