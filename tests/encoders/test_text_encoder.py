"""The text encoder: equal to its library's own calls, whatever the batches, chunks and memory."""

import numpy as np
import pytest
import torch
from encoded import TEXTS, cosines, in_order
from encoder_settings import text_settings

from pricefuse.encoders.text_encoder import TextEncoder
from pricefuse.errors import InputError


@pytest.mark.parametrize("batch_tokens", [1, 256 * 7, 256 * 64])
def test_texts_that_fit_are_encoded_as_the_library_does(minilm, monkeypatch, batch_tokens):
    monkeypatch.setattr(minilm, "settings", text_settings(chunk_tokens=256, batch_tokens=batch_tokens))
    found = in_order(minilm.encode(minilm.chunk(TEXTS)))
    assert found.dtype == np.float32
    assert cosines(found, minilm.network.encode(TEXTS)).min() > 0.9999


def test_long_texts_are_the_token_weighted_mean_of_their_chunks():
    encoder = TextEncoder(text_settings(chunk_tokens=34))
    text = " ".join(f"word{i} of tea" for i in range(40))
    (chunks,) = encoder.chunk([text])
    assert len(chunks.texts) > 3
    tokenizer = encoder.network.tokenizer
    counts = [len(tokenizer(chunk, add_special_tokens=False)["input_ids"]) for chunk in chunks.texts]
    assert list(chunks.tokens) == counts
    assert max(counts) <= 32
    expected = np.average(encoder.network.encode(list(chunks.texts)), axis=0, weights=counts)
    ((_, found),) = encoder.encode([chunks])
    assert cosines(found, expected).min() > 0.9999
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_a_key_holds_the_window_and_a_content_key_only_the_chunks():
    coarse, fine = TextEncoder(text_settings(chunk_tokens=64)), TextEncoder(text_settings(chunk_tokens=32))
    plain = TextEncoder(text_settings(chunk_tokens=64, normalize=False))
    texts = ["green tea", "green tea " * 100]
    contents = {
        name: [encoder.content_key(chunks) for chunks in encoder.chunk(texts)]
        for name, encoder in {"coarse": coarse, "fine": fine, "plain": plain}.items()
    }
    assert contents["coarse"][0] == contents["fine"][0]
    assert contents["coarse"][1] != contents["fine"][1]
    assert contents["coarse"][0] != contents["plain"][0]
    assert len({encoder.key("green tea") for encoder in (coarse, fine, plain)}) == 3
    assert len({encoder.describe()["recipe"] for encoder in (coarse, fine, plain)}) == 3


def test_rows_of_different_precision_have_different_keys_whatever_was_asked_for(monkeypatch):
    """A CPU without bfloat16 and one with it both run `auto`: their rows must not share a table."""
    encoders = {}
    for name, capabilities in {"old": {}, "new": {"avx512_bf16": True}}.items():
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        encoders[name] = TextEncoder(text_settings(dtype="auto"))
    encoders["explicit"] = TextEncoder(text_settings(dtype="bfloat16"))
    keys = {name: encoder.key("green tea") for name, encoder in encoders.items()}
    assert keys["old"] != keys["new"]
    assert keys["explicit"] == keys["new"]  # an explicit dtype shares rows with machines where auto resolves to it
    described = {name: encoder.describe() for name, encoder in encoders.items()}
    assert [described["old"][name] for name in ("dtype", "resolved_dtype")] == ["auto", "float32"]
    assert [described["new"][name] for name in ("dtype", "resolved_dtype")] == ["auto", "bfloat16"]
    contents = {encoder.content_key(encoder.chunk(["green tea"])[0]) for encoder in encoders.values()}
    assert len(contents) == 2


class SmallDevice:
    """Wraps an encoder's forward pass: there is memory for `limit` tokens. `log` has the tokens of all calls."""

    def __init__(self, encoder, limit):
        self.forward, self.limit, self.log = encoder._forward, limit, []

    def __call__(self, tokens, mask):
        self.log.append(tokens.numel())
        if tokens.numel() > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.forward(tokens, mask)

    @property
    def failures(self):
        return sum(tokens > self.limit for tokens in self.log)


def test_without_memory_for_a_batch_all_later_ones_are_smaller(monkeypatch, capsys):
    encoder = TextEncoder(text_settings(batch_tokens=600))
    chunks = encoder.chunk(["fine green tea " * (4 + i % 9) for i in range(90)])
    expected = in_order(encoder.encode(chunks))
    device = SmallDevice(encoder, 120)
    monkeypatch.setattr(encoder, "_forward", device)
    found = in_order(encoder.encode(chunks))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert sum(device.log[device.failures :]) > 2 * 600  # several batches
    assert device.failures == 3  # 600, 300 and 150 tokens, all of them in the first batch:
    assert max(device.log[3:]) <= 120
    assert capsys.readouterr().out.count("out of memory") == 3

    device.limit = 0
    with pytest.raises(InputError, match=r"no memory for a single item.*Lower embed_gemma.chunk_tokens"):
        list(encoder.encode(chunks))


def test_vectors_do_not_depend_on_which_texts_ran_out_of_memory_before(monkeypatch):
    encoder = TextEncoder(text_settings(batch_tokens=600))
    chunks = encoder.chunk(["fine green tea " * (4 + i % 9) for i in range(60)])
    earlier = encoder.chunk(["olive oil " * 20] * 40)
    alone = in_order(encoder.encode(chunks))
    device = SmallDevice(encoder, 80)
    monkeypatch.setattr(encoder, "_forward", device)
    list(encoder.encode(earlier))
    assert device.failures >= 2
    device.limit = 1000  # the other process that took the memory has ended
    np.testing.assert_array_equal(in_order(encoder.encode(chunks)), alone)


def test_memory_that_ran_out_is_forgotten_at_the_next_window(monkeypatch):
    """Another process may have had the window before: vectors must not depend on it."""
    encoder = TextEncoder(text_settings(batch_tokens=160))
    earlier, chunks = (
        encoder.chunk([f"{tea} {i} " * (4 + i % 9) for i in range(30)]) for tea in ("oolong", "green tea")
    )
    alone = in_order(encoder.encode(chunks))
    device = SmallDevice(encoder, 80)
    monkeypatch.setattr(encoder, "_forward", device)

    def windows():
        yield earlier
        assert device.failures >= 1
        device.limit = 1000
        yield chunks

    found = {(window, index): vector for done in encoder.encode_windows(windows()) for window, index, vector in done}
    np.testing.assert_array_equal(np.stack([found[1, index] for index in range(30)]), alone)


def test_the_next_window_is_under_way_before_the_last_batch_of_one_is_taken():
    encoder = TextEncoder(text_settings(batch_tokens=64))
    texts = [[f"green tea {n} of window {w} " * (1 + n % 3) for n in range(5)] for w in range(3)]
    texts[1:1] = [[]]  # all of its rows were reused
    drawn, found = [], {}

    def windows():
        for number, window in enumerate(texts):
            drawn.append(number)
            yield encoder.chunk(window)

    lists = list(encoder.encode_windows(noted := windows()))
    assert list(noted) == []
    found = {(window, index): vector for finished in lists for window, index, vector in finished}
    assert sorted(found) == [(w, n) for w in (0, 2, 3) for n in range(5)]
    assert [] in lists
    for w, n in found:
        ((_, alone),) = encoder.encode(encoder.chunk([texts[w][n]]))
        np.testing.assert_allclose(found[w, n], alone, atol=1e-6)
    drawn.clear()
    encoded = encoder.encode_windows(windows())
    while not drawn or drawn[-1] == 0:
        last = next(encoded)
    assert {window for window, _, _ in last} <= {0}


def test_what_follows_the_transformer_is_computed_in_float32(minilm, monkeypatch):
    """As on a GPU, where the transformer's own numbers are bfloat16: a mean of hundreds of them would be coarse."""
    seen = []
    pooling = minilm._pooling[0]

    def transformer(features):
        tokens = torch.arange(features["input_ids"].numel() * 384).reshape(*features["input_ids"].shape, 384)
        return {**features, "token_embeddings": (tokens / 1e4).bfloat16()}

    def watched(features):
        seen.append(features["token_embeddings"].dtype)
        return pooling(features)

    monkeypatch.setattr(minilm, "_transformer", transformer)
    monkeypatch.setattr(minilm, "_pooling", [watched])
    vectors = minilm._forward(torch.ones((2, 5), dtype=torch.int64), torch.ones((2, 5), dtype=torch.int64))
    assert seen == [torch.float32]
    assert vectors.dtype == torch.float32


def test_the_attention_that_is_asked_for_is_used_and_part_of_the_key(minilm):
    eager = TextEncoder(text_settings(chunk_tokens=256, attention="eager"))
    assert eager.network[0].auto_model.config._attn_implementation == "eager"
    assert eager.key("tea") != minilm.key("tea")
    found, expected = (in_order(encoder.encode(encoder.chunk(TEXTS))) for encoder in (eager, minilm))
    assert cosines(found, expected).min() > 0.9999


def test_attention_without_its_package_is_refused():
    with pytest.raises(InputError, match="not a model that sentence-transformers can load"):
        TextEncoder(text_settings(attention="flash_attention_2"))


def test_a_folder_that_is_no_sentence_transformer_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a model that sentence-transformers can load"):
        TextEncoder(text_settings(model=str(tmp_path)))
