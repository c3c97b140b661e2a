"""The model card: a README with Hugging Face metadata that says what a price model is, was trained on, and is worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from pricefuse.errors import InputError
from pricefuse.evaluation.plots import price_label
from pricefuse.evaluation.scores import error_by_decile
from pricefuse.files import write_text

CARD = "README.md"
TEMPLATE = "model_card.md.jinja"
CARD_KEYS = ("model", "revision", "license", "parameters", "recipe")
PERMISSIVE = ("mit", "apache-2.0")
# What the packaged encoders are copies of.
HUB_MODELS = {
    "packaged:all-MiniLM-L6-v2": ["sentence-transformers/all-MiniLM-L6-v2"],
    "packaged:minilm-efficientnet-lite0": [
        "sentence-transformers/all-MiniLM-L6-v2",
        "timm/tf_efficientnet_lite0.in1k",
    ],
}


def write_card(
    folder: Path,
    scores: Mapping[str, Any],
    out_of_fold: pd.DataFrame,
    weights: Mapping[str, float],
    provenance: Mapping[str, Any],
    confidence: float,
    seconds: Mapping[str, float],
) -> None:
    """Write README.md into a price model's folder, atomically.

    `scores` are those of `validation_scores` with `intervals` and `surest`, `weights` the members' shares,
    `provenance` what model.json states: catalog, encoders (a card each) and machine (of each member), `seconds` those
    of each stage, as far as they are recorded. The file is not among those whose digests the model is checked by:
    people add to it. Raises InputError where an encoder has no card.
    """
    encoders = provenance["encoders"]
    _require_cards(encoders)
    environment = Environment(
        loader=PackageLoader("pricefuse.evaluation", "."),
        autoescape=False,  # noqa: S701 - Markdown: what comes from elsewhere goes through `code` or `plain`
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": code, "plain": plain, "price": price_label}
    text = environment.get_template(TEMPLATE).render(
        metadata=card_metadata(scores, provenance["catalog"], encoders, confidence).to_yaml(),
        catalog=provenance["catalog"],
        members=[f"`{member}`" for member in weights],
        scores=scores,
        weights=weights,
        confidence=confidence,
        price_range=(out_of_fold["price"].min(), out_of_fold["price"].max()),
        deciles=error_by_decile(out_of_fold).to_dict("records"),
        encoders=encoders,
        machines=provenance["machine"],
        seconds=seconds,
    )
    write_text(folder / CARD, text)


def _require_cards(encoders: Mapping[str, Any]) -> None:
    """Raise InputError where an encoder's card does not say what it is."""
    for name, card in encoders.items():
        wrong = [key for key in CARD_KEYS if not isinstance(card, Mapping) or key not in card]
        if wrong or not isinstance(card["parameters"], int):
            raise InputError(
                f"data/embeddings/{name}.json: not the card of an encoder ({', '.join(wrong) or 'parameters'}). Run"
                f" `dvc repro -f -s embed_{name}`, or `dvc pull`"
            )


def card_metadata(
    scores: Mapping[str, Any], catalog: str, encoders: Mapping[str, Mapping[str, Any]], confidence: float
) -> ModelCardData:
    """Return the front matter: license, base models, pipeline tag, and the model-index with SMAPE and its interval.

    The license is Apache-2.0 where those of all encoders are permissive, else "other".
    """
    permissive = all(str(card["license"]).lower() in PERMISSIVE for card in encoders.values())
    interval = {"confidence": confidence, "low": scores["smape_low"], "high": scores["smape_high"]}
    results = [
        EvalResult(
            task_type="tabular-regression",
            task_name="Product price prediction",
            dataset_type=catalog,
            dataset_name=f"catalog {catalog}, out of fold",
            metric_type=metric,
            metric_name=name,
            metric_value=scores[metric],
            metric_args=interval if metric == "smape" else None,
        )
        for metric, name in (("smape", "SMAPE (%)"), ("r2", "R2"), ("mae", "Mean absolute error"))
    ]
    return ModelCardData(
        model_name="pricefuse price model",
        license="apache-2.0" if permissive else "other",
        license_name=None if permissive else "terms-of-the-encoders",
        base_model=base_models(card["model"] for card in encoders.values()),
        library_name="pricefuse",
        pipeline_tag="tabular-regression",
        tags=["price-prediction", "products", "multimodal"],
        eval_results=results,
    )


def base_models(models: Any) -> list[str]:
    """Return the hub names of encoders; a folder has none."""
    found: list[str] = []
    for model in models:
        name = str(model).removeprefix("hf-hub:")
        if model in HUB_MODELS:
            found += HUB_MODELS[model]
        elif name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).exists():
            found.append(name)
    return list(dict.fromkeys(found))


def code(text: object) -> str:
    """Return a text as Markdown code that nothing in it can end."""
    return f"`{plain(text)}`"


def plain(text: object) -> str:
    """Return a text in one line without what Markdown or HTML would take for its own."""
    return "".join(
        " " if character in "`|<>\\[]*\r\n" or not character.isprintable() else character for character in str(text)
    )
