"""Texts a second: this project's text encoder beside SentenceTransformer.encode and the seed's one text per call.

    PYTHONPATH=src python benchmarks/embed_text.py --products data/clean/products.parquet --texts 300

All encode the same texts with the same model in float32, in turn in one process; printed are the median ratios over
several rounds, and how alike the vectors are. A text longer than the window is chunked here and truncated by the
others, so that only texts that fit are drawn.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pricefuse.encoders.gemma import TextEncoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=Path, required=True)
    parser.add_argument("--model", default="packaged:all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    encoder = TextEncoder(arguments.model, chunk_tokens=10**6, dtype="float32")
    fitting = [
        chunks for chunks in encoder.chunk(pd.read_parquet(arguments.products)["text"]) if len(chunks.texts) == 1
    ]
    drawn = np.random.default_rng(0).permutation(len(fitting))[: arguments.texts]
    chunks = [fitting[i] for i in drawn]
    texts = [chunk.texts[0] for chunk in chunks]

    def ours() -> np.ndarray:
        again = list(encoder.chunk(texts))  # chunking is part of the work
        return np.stack([vector for _, vector in sorted(encoder.encode(again), key=lambda pair: pair[0])])

    ways = {
        "pricefuse": ours,
        "SentenceTransformer.encode, whole list": lambda: encoder.network.encode(texts, show_progress_bar=False),
        "the seed's loop, one text per call": lambda: np.stack([encoder.network.encode(text) for text in texts]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    vectors = {name: way() for name, way in ways.items()}  # warms up, too
    for _ in tqdm(range(arguments.rounds), disable=None):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)

    own = seconds.pop("pricefuse")
    print(f"{arguments.model}, {len(texts)} texts, {arguments.rounds} rounds, on {encoder.device}")
    for name, others in seconds.items():
        ratio = statistics.median(other / mine for other, mine in zip(others, own, strict=True))
        alike = (vectors[name] * vectors["pricefuse"]).sum(1).min()
        print(f"  {ratio:.2f} times the texts a second of {name} (least cosine {alike:.6f})")


if __name__ == "__main__":
    main()
