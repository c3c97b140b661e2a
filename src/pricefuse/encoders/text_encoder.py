"""Encode texts with a SentenceTransformer; texts longer than its window are cut into chunks."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import transformers
from sentence_transformers import SentenceTransformer

from pricefuse.device import pick_device
from pricefuse.encoders import batching, bundled
from pricefuse.encoders.batch_runner import Batch, BatchRunner
from pricefuse.encoders.batching import by_budget, in_working_order, padded
from pricefuse.encoders.chunking import Chunker, Chunks
from pricefuse.encoders.precision import dtype_name, pick_dtype
from pricefuse.encoders.settings import TextEncoderSettings
from pricefuse.encoders.weights import Source, resolve
from pricefuse.errors import InputError
from pricefuse.keys import row_key

RECIPE_VERSION = 3  # raise it when this module computes other vectors for the same texts


class TextEncoder:
    """Texts to vectors: chunks of at most `chunk_tokens` tokens are encoded, and averaged by their numbers of tokens.

    Every text has a vector; that of the empty text is what the encoder computes for its prompt and special tokens.
    """

    def __init__(self, settings: TextEncoderSettings, device: torch.device | None = None) -> None:
        """Load `settings.model` for evaluation: `packaged:all-MiniLM-L6-v2`, a folder, or a model of the hub.

        `device` is the one of `pick_device` unless it is given.
        Raises InputError where the model cannot be loaded, or `chunk_tokens` leaves no room for text.
        """
        # The stage has a progress bar of its own.
        transformers.utils.logging.disable_progress_bar()
        self.settings = settings
        model = settings.model
        self.source: Source = bundled.minilm() if model == bundled.MINILM else resolve(model, settings.revision)
        self.device = device or pick_device()
        self.precision = pick_dtype(settings.dtype, self.device)
        # On a CPU the weights stay in float32, and autocast uses bfloat16 for the operations that have it there.
        weights = self.precision if self.device.type == "cuda" else torch.float32
        attention = {} if settings.attention == "auto" else {"attn_implementation": settings.attention}
        try:
            self.network = SentenceTransformer(
                str(self.source.folder),
                device=str(self.device),
                local_files_only=True,
                model_kwargs={"torch_dtype": weights, **attention},
            ).eval()
        except torch.OutOfMemoryError as error:
            raise InputError(f"{model}: no memory for it on {self.device}. Use a smaller model") from error
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise InputError(f"{model}: not a model that sentence-transformers can load ({error})") from error
        self._transformer, *self._pooling = self.network
        for module in self._pooling:  # the mean of some hundred tokens, and what follows it, in float32
            module.float()
        self.dimension = int(self.network.get_embedding_dimension() or 0)
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.tokenizer = self.network.tokenizer
        self.chunker = Chunker(
            self.tokenizer,
            prompt=settings.prompt,
            chunk_tokens=settings.chunk_tokens,
            longest=self.network.max_seq_length,
        )

    @property
    def batch_tokens(self) -> int:
        """The tokens of a batch, padding included."""
        return batching.batch_tokens(self.settings.batch_tokens, self.device)

    @property
    def schema(self) -> pa.Schema:
        """The columns of a record: `content_key` of its chunks, and the vector, float32 (dimension,)."""
        return pa.schema([("content", pa.string()), ("vector", pa.list_(pa.float32(), self.dimension))])

    def describe(self) -> dict[str, Any]:
        """Return the entries of a model card for this encoder, as JSON values; `dtype` is the setting."""
        return {
            "model": self.settings.model,
            "revision": self.source.revision,
            "identity": self.source.identity,
            "recipe": row_key(self.recipe, self.settings.prompt, self.chunker.window),
            "license": self.source.license,
            "parameters": self.parameters,
            "dimension": self.dimension,
            "prompt": self.settings.prompt,
            "chunk_tokens": self.chunker.window,
            "normalize": self.settings.normalize,
            "dtype": self.settings.dtype,
            "resolved_dtype": dtype_name(self.precision),
        }

    @property
    def recipe(self) -> str:
        """Digest of all that determines a vector but the chunks.

        It holds the precision that `dtype` resolved to, so that float32 and bfloat16 rows never stand in one table.
        The price: with `auto`, a colleague's machine without bfloat16 computes the rows of a team with GPUs again when
        the stage runs there. An explicit `dtype` lets all machines share rows.
        """
        precision = dtype_name(self.precision)
        return row_key(
            RECIPE_VERSION, self.source.identity, precision, self.settings.attention, self.settings.normalize
        )

    def key(self, text: str) -> str:
        """Return a digest of all that determines a text's vector, which needs no tokenizing."""
        return row_key(self.recipe, self.settings.prompt, self.chunker.window, text)

    def content_key(self, chunks: Chunks) -> str:
        """Return a digest of all that determines the vector of chunks, the same for all windows that cut them alike."""
        return row_key(self.recipe, chunks.digest)

    def chunk(self, texts: Sequence[str]) -> list[Chunks]:
        """Return each text's chunks; see `Chunker.chunk`."""
        return self.chunker.chunk(texts)

    def encode(self, texts: Sequence[Chunks]) -> Generator[tuple[int, np.ndarray], None, None]:
        """Yield (index, vector float32 (dimension,)) for every text, in no order of length; see `encode_windows`."""
        for finished in self.encode_windows([texts]):
            yield from ((index, vector) for _, index, vector in finished)

    def encode_windows(
        self, windows: Iterable[Sequence[Chunks]], needed: Callable[[int, int], bool] = lambda _window, _index: True
    ) -> Generator[list[tuple[int, int, np.ndarray]], None, None]:
        """Yield, batch by batch, the texts that it finishes: (window, index in it, vector float32 (dimension,)).

        Batches hold texts of similar length of one window; see `in_working_order`. A window's first batch is started
        before the last one of the window before it is taken. A text's vector is the mean of its chunks' vectors,
        weighted by their tokens. Where memory runs out, batches are run in pieces until the window ends; see
        `BatchRunner`. An empty window yields an empty list. Texts that are not `needed`, by window and index in it,
        only fill the batches of others. Raises InputError where the encoder gives a vector that is not finite, or
        memory does not suffice for a single chunk.
        """
        runner = BatchRunner(
            self._forward,
            self.device,
            model=self.settings.model,
            section="embed_gemma",
            remedy="Lower embed_gemma.chunk_tokens",
        )
        under_way: dict[int, _Window] = {}  # by number; two at the most
        last = 0

        def batches() -> Iterator[Batch]:
            nonlocal last
            for number, texts in enumerate(windows):
                runner.begin_block()
                window = under_way[number] = _Window(texts, [i for i in range(len(texts)) if needed(number, i)])
                for batch in self._batches(window):
                    drawn.append(number)
                    yield batch

        drawn: deque[int] = deque()
        for batch, vectors in runner.run(batches()):
            number = drawn.popleft()
            for earlier in range(last, number):
                del under_way[earlier]
            last = number
            finished = under_way[number].add(batch, vectors)
            yield [(number, index, self._finished(mean)) for index, mean in finished]

    def _finished(self, mean: np.ndarray) -> np.ndarray:
        if self.settings.normalize:
            mean = mean / max(np.linalg.norm(mean), np.finfo(np.float32).tiny)
        return mean.astype(np.float32, copy=False)

    def _batches(self, window: "_Window") -> Iterator[Batch]:
        """Yield the batches of chunks in which a text of the window is needed, or an empty one where none is."""
        batches = in_working_order(list(by_budget([len(each) for each in window.ids], self.batch_tokens)))
        if not any(map(window.needs, batches)):
            yield [], ()
        for batch in filter(window.needs, batches):
            pad_id, side = self.tokenizer.pad_token_id or 0, self.tokenizer.padding_side
            tokens, mask = padded([window.ids[at] for at in batch], pad_id, side)
            yield batch, (torch.from_numpy(tokens), torch.from_numpy(mask))

    def _forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        mixed = self.device.type == "cpu" and self.precision != torch.float32
        with torch.inference_mode():
            with torch.autocast(self.device.type, self.precision, enabled=mixed):
                features = self._transformer({"input_ids": tokens, "attention_mask": mask})
            features = {name: value.float() if value.is_floating_point() else value for name, value in features.items()}
            for module in self._pooling:
                features = module(features)
            return features["sentence_embedding"]


class _Window:
    """Texts that are sorted by length together; `ids` are those of all their chunks, `needed` indices of texts."""

    def __init__(self, texts: Sequence[Chunks], needed: Iterable[int]) -> None:
        self._texts, self._needed = texts, {*needed}
        self._chunks = [(i, n) for i, text in enumerate(texts) for n in range(len(text.ids))]
        self.ids = [texts[i].ids[n] for i, n in self._chunks]
        self._missing = [len(text.ids) for text in texts]
        self._sums: dict[int, np.ndarray] = {}

    def needs(self, batch: Sequence[int]) -> bool:
        """Return whether a chunk in `batch` is one of a needed text."""
        return any(self._chunks[at][0] in self._needed for at in batch)

    def add(self, batch: Sequence[int], vectors: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Add the vectors of the chunks in `batch`; return (index, weighted mean) of needed ones that are now whole."""
        whole = []
        for at, vector in zip(batch, vectors, strict=True):
            i, n = self._chunks[at]
            if i not in self._needed:
                continue
            tokens = self._texts[i].tokens
            self._sums[i] = self._sums.get(i, 0.0) + vector * np.float32(tokens[n] / sum(tokens))
            self._missing[i] -= 1
            if not self._missing[i]:
                whole.append((i, self._sums.pop(i)))
        return whole
