"""Save the true architectures with random weights: for speed, and to test the loading code without a model hub."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import Gemma3TextConfig, Gemma3TextModel, PreTrainedTokenizerFast

WORDS = ("title", ":", "none", "|", "text", "fine", "green", "tea", "olive", "oil", "from", "the", "hills")


def embeddinggemma(folder: Path) -> str:
    """Save EmbeddingGemma in `folder`, sizes as in its published configuration, with a tokenizer of whole words."""
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    vocabulary = {word: i for i, word in enumerate((*special.values(), *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[(word, vocabulary[word]) for word in ("<bos>", "<eos>")]
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=2048, **special)
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=262_144,
        hidden_size=768,
        intermediate_size=1152,
        num_hidden_layers=24,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=256,
        query_pre_attn_scalar=256,
        max_position_embeddings=2048,
        sliding_window=512,
        use_bidirectional_attention=True,
    )
    with TemporaryDirectory() as bare:
        Gemma3TextModel(config).save_pretrained(bare)
        fast.save_pretrained(bare)
        network = SentenceTransformer(
            modules=[
                modules.Transformer(bare, max_seq_length=2048),
                modules.Pooling(768, pooling_mode="mean"),
                modules.Dense(768, 3072, bias=False, activation_function=torch.nn.Identity()),
                modules.Dense(3072, 768, bias=False, activation_function=torch.nn.Identity()),
                modules.Normalize(),
            ],
            device="cpu",
        )
    network.save(str(folder))
    return str(folder)


def vit_l_14(folder: Path) -> str:
    """Save CLIP's ViT-L-14 in `folder` as open_clip does."""
    torch.manual_seed(0)
    model, _, _ = open_clip.create_model_and_transforms("ViT-L-14", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {
        "model_cfg": open_clip.get_model_config("ViT-L-14"),
        "preprocess_cfg": open_clip.get_model_preprocess_cfg(model),
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


def texts(count: int) -> list[str]:
    """Return synthetic texts with a spread of lengths like the challenge's: a median of about 130 words."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(130), 0.8, count), 5, 1500).astype(int)
    return [" ".join(rng.choice(WORDS, length)) for length in lengths]
