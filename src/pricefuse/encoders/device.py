"""Where an encoder computes, and in what precision."""

import torch
import transformers

from pricefuse.errors import InputError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # the last is Arm's


def pick_device() -> torch.device:
    """Return the first CUDA device, or the CPU; CUDA_VISIBLE_DEVICES decides which that is."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(dtype: str, device: torch.device, network: torch.nn.Module | None = None) -> torch.dtype:
    """Return the torch dtype for 'float32', 'bfloat16' or 'auto'.

    'auto' is bfloat16 on CUDA and on CPUs with instructions for it: without them it is slower there than float32. It is
    float32 for a `network` of convolutions with batch norm, which pass their rounding on from layer to layer:
    EfficientNet-Lite0's vectors of real photographs would turn by up to a cosine of .996 (a transformer's: .9999).
    float16 is refused (InputError): EmbeddingGemma's activations overflow in it.
    """
    if dtype == "auto":
        fast = device.type == "cuda" or any(torch.cpu.get_capabilities().get(name) for name in CPU_BFLOAT16)
        coarse = network is not None and any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
        return torch.bfloat16 if fast and not coarse else torch.float32
    if dtype not in PRECISIONS:
        raise InputError(f"dtype {dtype!r}: use auto, {' or '.join(PRECISIONS)}")
    return PRECISIONS[dtype]


def quiet() -> None:
    """Leave the progress bar to the caller: transformers draws one of its own for every load."""
    transformers.utils.logging.disable_progress_bar()


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an operation failed for want of memory, on the device or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
