"""Compare the text encoder's texts a second with SentenceTransformer.encode and with one text per call (the seed).

    python benchmarks/embed_text.py --products data/clean/products.parquet

All encode the same texts with the same weights, in turn in one process; printed are the median ratios over several
rounds, and how alike the vectors are. `encode` gets the whole list, at the batch size that is best for it here. A text
longer than the window is chunked by this project and truncated by the others, so that each is cut to the window first.
Tokenizing is part of everyone's work.

    ... --model embeddinggemma-architecture        # the true architecture with random weights, for a GPU
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import architectures
import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from pricefuse.encoders.settings import TextEncoderSettings
from pricefuse.encoders.text_encoder import TextEncoder

BATCH_SIZES = (4, 8, 16, 32, 64, 128)
ARCHITECTURE = "embeddinggemma-architecture"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--products", type=Path, help="products.parquet of the clean stage; without it, synthetic texts"
    )
    parser.add_argument("--model", default="packaged:all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--loop-texts", type=int, default=100, help="of them for the seed's loop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk-tokens", type=int, default=256)
    parser.add_argument("--batch-tokens", type=int, help="what suits the device, unless given")
    parser.add_argument("--attention", default="auto", choices=["auto", "eager", "sdpa", "flash_attention_2"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        model = architectures.embeddinggemma(Path(scratch)) if arguments.model == ARCHITECTURE else arguments.model
        settings = TextEncoderSettings(
            model=model,
            revision=None,
            prompt="",
            chunk_tokens=arguments.chunk_tokens,
            normalize=True,
            batch_tokens=arguments.batch_tokens or "auto",
            attention=arguments.attention,
            dtype=arguments.dtype,
        )
        encoder = TextEncoder(settings)
    texts = draw(encoder, arguments.products, arguments.texts)
    compare(encoder, texts, arguments.loop_texts, arguments.rounds)


def draw(encoder: TextEncoder, products: Path | None, count: int) -> list[str]:
    """Draw texts, each cut to its first chunk."""
    pool = pd.read_parquet(products)["text"] if products else pd.Series(architectures.texts(count))
    drawn = pool.iloc[np.random.default_rng(0).permutation(len(pool))[:count]]
    return [chunks.texts[0] for chunks in encoder.chunk(drawn.tolist())]


def compare(encoder: TextEncoder, texts: list[str], loop: int, rounds: int) -> None:
    mixed = encoder.precision != torch.float32

    def peer(some: list[str], batch_size: int, *, autocast: bool = mixed) -> np.ndarray:
        with torch.autocast(encoder.device.type, encoder.precision, enabled=autocast):
            return encoder.network.encode(some, batch_size=batch_size, show_progress_bar=False)

    def ours(some: list[str]) -> np.ndarray:
        found = dict(encoder.encode(encoder.chunk(some)))
        return np.stack([found[i] for i in range(len(some))])

    peer(texts[:8], 8)  # warms up
    sizes = {size: seconds(lambda size=size: peer(texts, size)) for size in tqdm(BATCH_SIZES, disable=None)}
    best = min(sizes, key=lambda size: sizes[size])
    ways: dict[str, tuple[Callable[[list[str]], np.ndarray], list[str]]] = {
        f"SentenceTransformer.encode, batch size {best}": (lambda some: peer(some, best), texts),
        "SentenceTransformer.encode, its default of 32": (lambda some: peer(some, 32), texts),
        "the seed's loop, one text per call": (lambda some: np.stack([peer([t], 1)[0] for t in some]), texts[:loop]),
    }
    if mixed:  # what both do unless bfloat16 is set
        ways |= {
            "encode in float32, its default of 32": (lambda some: peer(some, 32, autocast=False), texts),
            "the seed's loop in float32": (
                lambda some: np.stack([peer([t], 1, autocast=False)[0] for t in some]), texts[:loop],
            ),
        }  # fmt: skip
    size = f"{len(texts)} texts of up to {encoder.chunker.window} tokens"
    print(f"{encoder.settings.model}, {size}, {encoder.precision}, {device()}")
    for name, (way, some) in ways.items():
        least = (way(some) * ours(some)).sum(1) / np.linalg.norm(way(some), axis=1)
        ratios = []
        for _ in tqdm(range(rounds), desc=name, disable=None):
            # In turn, so that a neighbour's load falls on both; the loop's texts are a random part of all.
            theirs, own = seconds(lambda way=way, some=some: way(some)), seconds(lambda: ours(texts))
            ratios.append(theirs / len(some) * len(texts) / own)
        low, high = min(ratios), max(ratios)
        print(
            f"  {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f}) times {name}; least cosine {least.min():.6f}"
        )


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} CPU threads"


if __name__ == "__main__":
    main()
