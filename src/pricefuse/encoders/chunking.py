"""Turn texts into token ids that fit an encoder's window, cut at word boundaries where they are too long."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pricefuse.errors import InputError
from pricefuse.keys import row_key

MAX_TEXTS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Chunks:
    """A text in pieces.

    `texts` are the pieces, each after the prompt; `ids` their token ids, int32, with special tokens; `tokens` their
    weights in the mean: the number of their own tokens, or 1 for a single piece.
    """

    texts: tuple[str, ...]
    ids: tuple[np.ndarray, ...]
    tokens: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Digest of the token ids and of the weights in the mean."""
        return row_key([ids.tobytes().hex() for ids in self.ids], self.tokens)


class Chunker:
    """Cut texts with a model's own tokenizer, which must be a fast one: only those give the offsets of tokens."""

    def __init__(self, tokenizer: Any, *, prompt: str, chunk_tokens: int, longest: int | None) -> None:
        """Limit chunks to `chunk_tokens` tokens, prompt and special tokens included, and to the model's `longest`.

        Raises InputError where that leaves no room for text, or for a tokenizer that is not a fast one.
        """
        if not tokenizer.is_fast:
            raise InputError(f"{type(tokenizer).__name__} gives no offsets of tokens. Use a model with tokenizer.json")
        self._tokenizer, self.prompt = tokenizer, prompt
        self.window = min(chunk_tokens, longest or chunk_tokens)
        self._overhead = tokenizer.num_special_tokens_to_add() + len(self._encodings([prompt], special=False)[0])
        self.room = self.window - self._overhead
        if self.room < 1:
            raise InputError(
                f"a window of {self.window} tokens leaves no room for text beside the prompt {prompt!r}. Raise"
                " embed_gemma.chunk_tokens or shorten embed_gemma.prompt"
            )

    def chunk(self, texts: Sequence[str]) -> list[Chunks]:
        """Return each text's chunks; joined, they give the text but for white space at the cuts.

        A word longer than the window is cut inside. Raises InputError for a token that no window of this size holds.
        """
        chunks = []
        for start in range(0, len(texts), MAX_TEXTS_AT_ONCE):
            chunks += self._chunk(texts[start : start + MAX_TEXTS_AT_ONCE])
        return chunks

    def _chunk(self, texts: Sequence[str]) -> list[Chunks]:
        whole = self._encodings([self.prompt + text for text in texts], special=True)
        long = [i for i, encoding in enumerate(whole) if len(encoding) > self.window]
        pieces = {i: self._cut(texts[i], offsets.offsets, self.room) for i, offsets in self._offsets(texts, long)}
        encoded = iter(self._encodings([self.prompt + piece for i in long for piece in pieces[i]], special=True))
        chunks = []
        for i, encoding in enumerate(whole):
            parts = [next(encoded) for _ in pieces[i]] if i in pieces else [encoding]
            if max(map(len, parts)) > self.window:
                # Cut off from their neighbours, some pieces have more tokens than they had inside the text.
                pieces[i], parts = self._cut_smaller(texts[i])
            chunks.append(self._chunks_of(pieces.get(i, [texts[i]]), parts))
        return chunks

    def _cut_smaller(self, text: str) -> tuple[list[str], list[Any]]:
        offsets = self._encodings([text], special=False)[0].offsets
        for room in range(self.room - 1, 0, -1):
            pieces = self._cut(text, offsets, room)
            parts = self._encodings([self.prompt + piece for piece in pieces], special=True)
            if max(map(len, parts)) <= self.window:
                return pieces, parts
        raise InputError(
            f"a single token of {text[:40]!r} needs more than the window of {self.window} tokens. Raise it"
        )

    def _chunks_of(self, pieces: Sequence[str], encodings: Sequence[Any]) -> Chunks:
        ids = tuple(np.array(encoding.ids, dtype=np.int32) for encoding in encodings)
        # A single chunk's weight does not matter: 1 for all, so that equal ids have equal digests.
        tokens = tuple(max(len(each) - self._overhead, 1) for each in ids) if len(ids) > 1 else (1,)
        return Chunks(tuple(self.prompt + piece for piece in pieces), ids, tokens)

    def _cut(self, text: str, offsets: Sequence[tuple[int, int]], room: int) -> list[str]:
        """Cut at the last word boundary within every `room` tokens."""
        pieces, first = [], 0
        while first < len(offsets):
            last = _word_start(text, offsets, first, min(first + room, len(offsets)))
            start = offsets[first][0] if first else 0  # characters that no token covers belong to the chunk before
            stop = offsets[last][0] if last < len(offsets) else len(text)
            pieces.append(text[start:stop].strip())
            first = last
        return pieces

    def _offsets(self, texts: Sequence[str], members: Sequence[int]) -> list[tuple[int, Any]]:
        return list(zip(members, self._encodings([texts[i] for i in members], special=False), strict=True))

    def _encodings(self, texts: Sequence[str], *, special: bool) -> list[Any]:
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=special, truncation=False, verbose=False)
        return encoded.encodings


def _word_start(text: str, offsets: Sequence[tuple[int, int]], first: int, last: int) -> int:
    """Return the last token in (first, last] that starts a word, or `last` where there is none."""
    for token in range(last, first, -1):
        start = offsets[token][0] if token < len(offsets) else len(text)
        if start == len(text) or text[start].isspace() or text[start - 1].isspace():
            return token
    return last
