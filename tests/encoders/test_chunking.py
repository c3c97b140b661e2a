"""Chunks of long texts."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricefuse.encoders.chunking import Chunker
from pricefuse.errors import InputError


def chunker(minilm, window, prompt=""):
    return Chunker(minilm.tokenizer, prompt=prompt, chunk_tokens=window, longest=None)


@settings(max_examples=60)
@example("\u0301中🍵", 8)
@example("\u0301" * 40, 8)
@given(st.text(alphabet=st.sampled_from("ab é🍵中\n.-ßÆ\u0301"), max_size=300), st.integers(3, 40))
def test_chunks_fit_the_window_and_lose_nothing(minilm, text, window):
    (chunks,) = chunker(minilm, window).chunk([text])
    assert max(map(len, chunks.ids)) <= window
    assert [minilm.tokenizer(chunk)["input_ids"] for chunk in chunks.texts] == [ids.tolist() for ids in chunks.ids]
    assert "".join("".join(chunks.texts).split()) == "".join(text.split())


def test_a_text_of_100_000_characters_is_chunked_whole(minilm):
    text = "a fine tea from the hills " * 4000
    (chunks,) = minilm.chunk([text])
    assert " ".join(chunks.texts).split() == text.split()
    assert sum(chunks.tokens) == 24_000


def test_the_prompt_is_before_every_chunk_and_takes_its_room(minilm):
    plain, prompted = chunker(minilm, 34), chunker(minilm, 34, "title: none | text: ")
    text = "green tea " * 60
    (short,), (long,) = plain.chunk([text]), prompted.chunk([text])
    assert all(chunk.startswith("title: none | text: green tea") for chunk in long.texts)
    assert prompted.room < plain.room
    assert len(long.texts) > len(short.texts)
    with pytest.raises(InputError, match="leaves no room for text"):
        chunker(minilm, 8, "title: none | text: ")


def test_chunks_have_equal_digests_where_windows_cut_alike(minilm):
    coarse, fine = (chunker(minilm, window).chunk(["green tea", "green tea " * 100]) for window in (64, 32))
    assert coarse[0].digest == fine[0].digest
    assert coarse[1].digest != fine[1].digest
