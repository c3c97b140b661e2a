"""Compare the image encoder's images a second, decoding included, with the same encoder fed from memory.

    python benchmarks/embed_images.py --images data/images
    python benchmarks/embed_images.py --images data/images --model vit-l-14-architecture

`data/images` is what the download stage wrote. "From memory" are the same batches, decoded and transformed before the
clock starts. Printed is the median over several rounds of the throughput as a share of that, and on a GPU the images a
second and the share of its measured bfloat16 matrix peak.
"""

import argparse
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import architectures
import numpy as np
import torch
from embed_text import device, seconds
from tqdm import tqdm

from pricefuse.encoders.image_text_encoder import ImageTextEncoder
from pricefuse.encoders.settings import ImageTextEncoderSettings
from pricefuse.tables.parquet import iter_parts

ARCHITECTURE = "vit-l-14-architecture"
VIT_L_14_FLOP = 2 * 80.73e9  # an image, forward: 80.73 G multiply-adds at 224 pixels, as open_clip's profile lists them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", default="packaged:minilm-efficientnet-lite0")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        model = architectures.vit_l_14(Path(scratch)) if arguments.model == ARCHITECTURE else arguments.model
        settings = ImageTextEncoderSettings(model=model, revision=None, batch_size=arguments.batch_size, dtype="auto")
        encoder = ImageTextEncoder(settings)
    jpegs = [jpeg for part in iter_parts(arguments.images, ["jpeg"]) for jpeg in part["jpeg"].drop_null().to_pylist()]
    jpegs = (jpegs * (1 + arguments.count // len(jpegs)))[: arguments.count]
    decoded = [(i, encoder.pixels.decode(jpeg)) for i, jpeg in enumerate(jpegs)]

    def fed() -> np.ndarray:
        return np.stack([vector for _, vector in encoder.encode_images(enumerate(jpegs))])

    def from_memory() -> np.ndarray:
        return np.stack([vector for _, vector in encoder.encode_decoded(iter(decoded))])

    least = (fed() * from_memory()).sum(1).min()
    rounds = [(seconds(from_memory), seconds(fed)) for _ in tqdm(range(arguments.rounds), disable=None)]
    shares = [memory / own for memory, own in rounds]
    size = f"{len(jpegs)} images, batches of {arguments.batch_size}"
    print(f"{encoder.settings.model}, {size}, {encoder.images.precision}, {device()}")
    low, high = min(shares), max(shares)
    print(
        f"  {statistics.median(shares):.1%} ({low:.1%} to {high:.1%}) of the throughput from memory; cosine {least:.6f}"
    )
    if torch.cuda.is_available():
        rate = len(jpegs) / statistics.median(own for _, own in rounds)
        print(f"  {rate:,.0f} images a second", end="")
        print(
            f": {rate * VIT_L_14_FLOP / peak_flops():.0%} of the matrix peak" if arguments.model == ARCHITECTURE else ""
        )


def peak_flops() -> float:
    """Measure the device's floating-point operations a second in a large bfloat16 matrix product."""
    size, times = 8192, 20
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    seconds(lambda: a @ b)  # warms up
    return 2 * size**3 * times / seconds(lambda: [a @ b for _ in range(times)])


if __name__ == "__main__":
    main()
