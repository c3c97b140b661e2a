"""train: every member for every fold and seed, their blend, and the predictions of the rows that they never saw."""

import json
from dataclasses import asdict
from pathlib import Path

from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params
from pricefuse.training.cross_fit import SETTINGS, cross_fit


def main() -> None:
    fused, embeddings, model, validation = stage.paths(__doc__, "features", "embeddings", "model", "validation")
    all_params = read_params(Path("params.yaml"))
    params = all_params.train
    members = {str(kind): SETTINGS[kind](**getattr(all_params, kind).model_dump()) for kind in params.members}
    fit = cross_fit(
        Features.load(fused),
        params.target,
        members,
        stopping_share=params.stopping_share,
        spread=params.spread,
        threads=params.threads,
    )

    cards = {name: embeddings / f"{name}.json" for name in ("gemma", "clip")}
    encoders = {name: json.loads(card.read_text(encoding="utf-8")) for name, card in cards.items()}
    settings = {kind: asdict(own) for kind, own in members.items()}
    fit.model.save(model, {"catalog": all_params.catalog, "encoders": encoders, "settings": settings})
    with replacing(validation / "out_of_fold.parquet") as temporary:
        fit.out_of_fold.to_parquet(temporary, index=False)
    with replacing(validation / "epochs.csv") as temporary:
        fit.epochs.to_csv(temporary, index=False)
    fitted = ", ".join(f"{len(own)} {kind}" for kind, own in fit.model.members.items())
    weights = ", ".join(f"{kind} {weight:.2f}" for kind, weight in fit.model.blend.weights.items())
    print(f"members: {fitted}; {len(fit.out_of_fold):,} rows predicted out of fold")
    print(f"blend: {weights}; spread {fit.model.blend.spread:.2f}, shift {fit.model.blend.shift:.3f}")


if __name__ == "__main__":
    stage.run(main)
