"""An open_clip model's evaluation transform in two halves: pixels on the host, numbers on the device."""

import io
from typing import Any

import torch
from PIL import Image
from torchvision.transforms import Compose, Normalize
from torchvision.transforms.functional import pil_to_tensor


class PixelTransform:
    """Resize and crop an image on the host, in uint8; scale and normalize a batch of them where it is.

    A byte a number travels instead of four. The two halves together give, bit for bit, what the whole transform gives.
    """

    def __init__(self, transform: Compose) -> None:
        """Split `transform`, which open_clip made for evaluation: its last two steps make numbers of pixels."""
        *pixels, _, normalize = transform.transforms
        if not isinstance(normalize, Normalize):
            raise TypeError(f"the transform ends in {type(normalize).__name__}, not in Normalize")
        self._pixels: Any = Compose(pixels)
        mean, deviation = (torch.tensor(each)[:, None, None] for each in (normalize.mean, normalize.std))
        self._by_device = {torch.device("cpu"): (mean, deviation)}

    def decode(self, image: bytes) -> torch.Tensor:
        """Return an image's pixels, uint8 (channels, height, width)."""
        return pil_to_tensor(self._pixels(Image.open(io.BytesIO(image)).convert("RGB")))

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return float32 (images, channels, height, width) for uint8 pixels, on their device."""
        if pixels.device not in self._by_device:  # once: a copy from here waits for all that the device has to do
            own = self._by_device[torch.device("cpu")]
            self._by_device[pixels.device] = own[0].to(pixels.device), own[1].to(pixels.device)
        mean, deviation = self._by_device[pixels.device]
        return pixels.float().div_(255).sub_(mean).div_(deviation)
