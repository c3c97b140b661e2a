"""The text encoder: a SentenceTransformer, with texts longer than its window cut into chunks."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
from sentence_transformers import SentenceTransformer

from pricefuse.encoders import packaged
from pricefuse.encoders.device import pick_device, pick_dtype, quiet
from pricefuse.encoders.source import Source, resolve
from pricefuse.errors import InputError
from pricefuse.rows import row_key

RECIPE_VERSION = 1  # raise it when this module makes other vectors of the same texts
TOKENIZED_AT_ONCE = 1024


@dataclass(frozen=True)
class Chunks:
    """A text in pieces that fit the encoder's window, each with its prompt, and the tokens that each holds."""

    texts: tuple[str, ...]
    tokens: tuple[int, ...]


class TextEncoder:
    """Texts to vectors: chunks of at most `chunk_tokens` tokens, encoded and averaged by their tokens.

    Every text has a vector; the empty text's is what the encoder makes of its prompt and special tokens alone.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        prompt: str = "",
        chunk_tokens: int,
        normalize: bool = True,
        batch_size: int = 32,
        dtype: str = "auto",
    ) -> None:
        """Load `model` (see `source.resolve`, or `packaged:all-MiniLM-L6-v2`) for evaluation.

        `dtype`: 'auto' is bfloat16 on CUDA and float32 elsewhere. float16 is not offered: Gemma's activations overflow
        in it. Raises InputError where the model cannot be had, or `chunk_tokens` leaves no room for text.
        """
        quiet()
        self.source: Source = packaged.minilm() if model == packaged.MINILM else resolve(model, revision)
        self.device = pick_device()
        precision = pick_dtype(dtype, self.device)
        try:
            self.network = SentenceTransformer(
                str(self.source.folder),
                device=str(self.device),
                local_files_only=True,
                model_kwargs={"torch_dtype": precision},
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{model}: not a model that sentence-transformers can load ({error})") from error
        self.model, self.prompt, self.normalize, self.batch_size, self.dtype = (
            model,
            prompt,
            normalize,
            batch_size,
            dtype,
        )
        self.dimension = int(self.network.get_embedding_dimension() or 0)
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        special = self.network.tokenizer.num_special_tokens_to_add()
        window = min(chunk_tokens, self.network.max_seq_length or chunk_tokens)
        self.room = window - special - self._count(prompt)
        if self.room < 1:
            raise InputError(
                f"{model}: a window of {window} tokens leaves no room for text beside the prompt {prompt!r}. Raise"
                " embed_gemma.chunk_tokens or shorten embed_gemma.prompt"
            )

    @property
    def schema(self) -> pa.Schema:
        """The columns of a record: the vector, float32 (dimension,)."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.dimension))])

    def describe(self) -> dict[str, Any]:
        """Return what a model card says of this encoder, as JSON values."""
        return {
            "model": self.model,
            "revision": self.source.revision,
            "identity": self.source.identity,
            "recipe": row_key(self.recipe, self.prompt, self.room),
            "licence": self.source.licence,
            "parameters": self.parameters,
            "dimension": self.dimension,
            "prompt": self.prompt,
            "chunk_tokens": self.room,
            "normalize": self.normalize,
            "dtype": self.dtype,
        }

    def chunk(self, texts: Iterable[str]) -> Iterator[Chunks]:
        """Yield each text's chunks: cut at word boundaries to fit the window beside prompt and special tokens.

        A word longer than the window is cut inside. Joined, the chunks give the text, but for white space at the cuts.
        """
        texts = iter(texts)
        while batch := list(islice(texts, TOKENIZED_AT_ONCE)):
            # No token is shorter than a byte: a text of so few bytes fits, and its only chunk's weight is 1 anyhow.
            long = [text for text in batch if len(text.encode(errors="replace")) > self.room]
            offsets = iter(self._offsets(long))
            for text in batch:
                fits = len(text.encode(errors="replace")) <= self.room
                yield Chunks((self.prompt + text,), (1,)) if fits else self._cut(text, next(offsets))

    @property
    def recipe(self) -> str:
        """Digest of all but the chunks that determines a vector.

        Of `dtype`, what was asked for: a team mate without a GPU can reuse rows that were computed on one.
        """
        return row_key(RECIPE_VERSION, self.source.identity, self.dtype, self.normalize)

    def key(self, chunks: Chunks) -> str:
        """Digest of all that determines a text's vector."""
        return row_key(self.recipe, chunks.texts, chunks.tokens)

    def encode(self, texts: Sequence[Chunks]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every text, the longest first: batches are of similar length.

        Raises InputError where the encoder gives a vector that is not finite.
        """
        order = sorted(range(len(texts)), key=lambda i: -max(map(len, texts[i].texts)))
        for batch in self._batches(order, texts):
            chunks = [chunk for i in batch for chunk in texts[i].texts]
            vectors = self._vectors(chunks)
            weights = np.array([count for i in batch for count in texts[i].tokens], dtype=np.float32)[:, None]
            starts = np.cumsum([0, *(len(texts[i].texts) for i in batch)])[:-1]
            means = np.add.reduceat(vectors * weights, starts) / np.add.reduceat(weights, starts)
            if self.normalize:
                means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.finfo(np.float32).tiny)
            if not np.isfinite(means).all():
                raise InputError(f"{self.model} gives vectors that are not finite. Set embed_gemma.dtype to float32")
            yield from zip(batch, means, strict=True)

    def _batches(self, order: Sequence[int], texts: Sequence[Chunks]) -> Iterator[list[int]]:
        """Yield rows in order, each batch of about `batch_size` chunks; a row's chunks stay together."""
        batch: list[int] = []
        size = 0
        for i in order:
            batch.append(i)
            size += len(texts[i].texts)
            if size >= self.batch_size:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _vectors(self, chunks: list[str]) -> np.ndarray:
        vectors: np.ndarray = self.network.encode(chunks, batch_size=self.batch_size, show_progress_bar=False)
        return vectors.astype(np.float32, copy=False)

    def _cut(self, text: str, offsets: Sequence[tuple[int, int]]) -> Chunks:
        if not offsets:  # nothing that the tokenizer sees: white space, accents without a letter
            return Chunks((self.prompt + text.strip(),), (1,))
        pieces, counts, first = [], [], 0
        while first < len(offsets):
            start = offsets[first][0] if first else 0  # what no token covers belongs to the chunk before it
            last = min(first + self.room, len(offsets))
            while True:
                last = _word_start(text, offsets, first, last)
                stop = offsets[last][0] if last < len(offsets) else len(text)
                piece = text[start:stop].strip()
                count = self._count(piece)
                # Cut off from its neighbours, a piece may take some tokens more than it had inside the text.
                if count <= self.room or last == first + 1:
                    break
                last = max(last - (count - self.room), first + 1)
            pieces.append(self.prompt + piece)
            counts.append(max(count, 1))
            first = last
        return Chunks(tuple(pieces), tuple(counts))

    def _count(self, text: str) -> int:
        return len(self._offsets([text])[0])

    def _offsets(self, texts: list[str]) -> list[list[tuple[int, int]]]:
        """Return the (start, stop) characters of every token of every text, without special tokens."""
        if not texts:
            return []
        tokenizer = self.network.tokenizer
        tokens = tokenizer(
            texts, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )
        return tokens["offset_mapping"]


def _word_start(text: str, offsets: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Return the last token in (first, last] that starts a word, or `last` where there is none."""
    for token in range(last, first, -1):
        start = offsets[token][0] if token < len(offsets) else len(text)
        if start == len(text) or text[start].isspace() or text[start - 1].isspace():
            return token
    return last
