"""The text encoder: a SentenceTransformer, with texts longer than its window cut into chunks."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from sentence_transformers import SentenceTransformer

from pricefuse.encoders import bundled as packaged
from pricefuse.encoders.batching import by_budget, padded
from pricefuse.encoders.chunking import Chunker, Chunks
from pricefuse.encoders.device import out_of_memory, pick_device, pick_dtype, quiet
from pricefuse.encoders.weights import Source, resolve
from pricefuse.errors import InputError
from pricefuse.keys import row_key

RECIPE_VERSION = 1  # raise it when this module makes other vectors of the same texts


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
        batch_tokens: int = 2048,
        dtype: str = "auto",
    ) -> None:
        """Load `model` (see `source.resolve`, or `packaged:all-MiniLM-L6-v2`) for evaluation.

        A batch has at most `batch_tokens` tokens, padding included; where memory runs out it is halved. `dtype`: see
        `pick_dtype`. float16 is not offered: Gemma's activations overflow in it. Raises InputError where the model
        cannot be had, or `chunk_tokens` leaves no room for text.
        """
        quiet()
        self.source: Source = packaged.minilm() if model == packaged.MINILM else resolve(model, revision)
        self.device = pick_device()
        self.precision = pick_dtype(dtype, self.device)
        # A CPU computes in float32 what it has no bfloat16 instructions for: its weights stay, and autocast decides.
        weights = self.precision if self.device.type == "cuda" else torch.float32
        try:
            self.network = SentenceTransformer(
                str(self.source.folder),
                device=str(self.device),
                local_files_only=True,
                model_kwargs={"torch_dtype": weights},
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{model}: not a model that sentence-transformers can load ({error})") from error
        self.model, self.prompt, self.normalize, self.batch_tokens, self.dtype = (
            model,
            prompt,
            normalize,
            batch_tokens,
            dtype,
        )
        self.dimension = int(self.network.get_embedding_dimension() or 0)
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.tokenizer = self.network.tokenizer
        longest = self.network.max_seq_length
        self.chunker = Chunker(self.tokenizer, prompt=prompt, chunk_tokens=chunk_tokens, longest=longest)

    @property
    def schema(self) -> pa.Schema:
        """The columns of a record: `content_key` of its chunks, and the vector, float32 (dimension,)."""
        return pa.schema([("content", pa.string()), ("vector", pa.list_(pa.float32(), self.dimension))])

    def describe(self) -> dict[str, Any]:
        """Return what a model card says of this encoder, as JSON values."""
        return {
            "model": self.model,
            "revision": self.source.revision,
            "identity": self.source.identity,
            "recipe": row_key(self.recipe, self.prompt, self.chunker.window),
            "licence": self.source.licence,
            "parameters": self.parameters,
            "dimension": self.dimension,
            "prompt": self.prompt,
            "chunk_tokens": self.chunker.window,
            "normalize": self.normalize,
            "dtype": self.dtype,
        }

    @property
    def recipe(self) -> str:
        """Digest of all but the chunks that determines a vector.

        Of `dtype`, what was asked for: a team mate without a GPU can reuse rows that were computed on one.
        """
        return row_key(RECIPE_VERSION, self.source.identity, self.dtype, self.normalize)

    def key(self, text: str) -> str:
        """Digest of all that determines a text's vector, known without tokenising it."""
        return row_key(self.recipe, self.prompt, self.chunker.window, text)

    def content_key(self, chunks: Chunks) -> str:
        """Digest of all that determines the vector of chunks: equal where another window cuts a text alike."""
        return row_key(self.recipe, chunks.digest)

    def chunk(self, texts: Sequence[str]) -> list[Chunks]:
        """Return each text's chunks; see `Chunker.chunk`."""
        return self.chunker.chunk(texts)

    def encode(self, texts: Sequence[Chunks]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every text, the longest chunks first.

        A text's vector is the mean of its chunks' vectors, weighted by their tokens. Raises InputError where the
        encoder gives a vector that is not finite, or has no memory for a single chunk.
        """
        chunks = [(i, n) for i, text in enumerate(texts) for n in range(len(text.ids))]
        sums: dict[int, np.ndarray] = {}
        waiting = [len(text.ids) for text in texts]
        under_way: tuple[list[int], torch.Tensor] | None = None
        batches = by_budget([len(texts[i].ids[n]) for i, n in chunks], lambda: self.batch_tokens)
        for batch in (*batches, None):
            # The next batch is under way on the device while this one's vectors are fetched and stored.
            done, under_way = under_way, None
            if batch is not None:
                under_way = batch, self._vectors([texts[i].ids[n] for i, n in (chunks[at] for at in batch)])
            if done is None:
                continue
            for at, vector in zip(done[0], done[1].float().cpu().numpy(), strict=True):
                i, n = chunks[at]
                sums[i] = sums.get(i, 0.0) + vector * np.float32(texts[i].tokens[n] / sum(texts[i].tokens))
                waiting[i] -= 1
                if not waiting[i]:
                    yield i, self._finished(sums.pop(i))

    def _finished(self, mean: np.ndarray) -> np.ndarray:
        if self.normalize:
            mean = mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny)
        if not np.isfinite(mean).all():
            raise InputError(f"{self.model} gives vectors that are not finite. Set embed_gemma.dtype to float32")
        return mean.astype(np.float32, copy=False)

    def _vectors(self, ids: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the chunks' vectors, on the device; where memory runs out, in halves."""
        try:
            return self._forward(ids)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            if len(ids) == 1:
                raise InputError(
                    f"{self.model}: no memory for one chunk of {len(ids[0])} tokens. Lower embed_gemma.chunk_tokens"
                ) from error
        # Beyond the handler: the exception's traceback would keep the tensors of the failed attempt.
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = (len(ids) + 1) // 2
        self.batch_tokens = min(self.batch_tokens, half * max(map(len, ids)))
        print(f"out of memory: batches have at most {self.batch_tokens:,} tokens from here on")
        return torch.cat([self._vectors(ids[:half]), self._vectors(ids[half:])])

    def _forward(self, ids: Sequence[np.ndarray]) -> torch.Tensor:
        tokens, mask = padded(ids, self.tokenizer.pad_token_id or 0, self.tokenizer.padding_side)
        features = {"input_ids": self._moved(tokens), "attention_mask": self._moved(mask)}
        mixed = self.device.type == "cpu" and self.precision != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.precision, enabled=mixed):
            return self.network(features)["sentence_embedding"]

    def _moved(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor
