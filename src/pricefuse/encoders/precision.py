"""Choose the floating-point precision that an encoder computes in."""

import torch

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")  # the last is Arm's


def pick_dtype(dtype: str, device: torch.device, network: torch.nn.Module | None = None) -> torch.dtype:
    """Return the torch dtype for 'float32', 'bfloat16' or 'auto'.

    'auto' is bfloat16 on CUDA and on CPUs with instructions for it; on others it would be slower than float32. It is
    float32 for a `network` of convolutions with batch norm, where rounding errors add up from layer to layer:
    EfficientNet-Lite0's vectors of real photographs would turn by up to a cosine of .996 (a transformer's: .9999).
    float16 is not offered: EmbeddingGemma's activations overflow in it.
    """
    if dtype != "auto":
        return PRECISIONS[dtype]
    fast = device.type == "cuda" or any(torch.cpu.get_capabilities().get(name) for name in CPU_BFLOAT16)
    return torch.float32 if not fast or (network is not None and coarse_in_bfloat16(network)) else torch.bfloat16


def coarse_in_bfloat16(network: torch.nn.Module) -> bool:
    """Return whether a network has convolutions with batch norm, which bfloat16 disturbs; see `pick_dtype`."""
    return any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name of a torch dtype as params.yaml writes it, such as 'bfloat16'."""
    return str(dtype).removeprefix("torch.")
