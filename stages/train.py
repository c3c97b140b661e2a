"""train: networks for every fold and seed, and the predictions of the rows that they never saw."""

import json
from pathlib import Path

from pricefuse import stage
from pricefuse.atomic import replacing
from pricefuse.features import Features
from pricefuse.models.simple_nn import Settings
from pricefuse.params import read_params
from pricefuse.training import cross_fit


def main() -> None:
    fused, embeddings, model, validation = stage.paths(__doc__, "features", "embeddings", "model", "validation")
    all_params = read_params(Path("params.yaml"))
    params = all_params.train.model_dump()
    target, seeds, stopping_share = (params.pop(name) for name in ("target", "seeds", "stopping_share"))
    fit = cross_fit(Features.load(fused), target, Settings(**params), seeds=seeds, stopping_share=stopping_share)

    cards = {name: embeddings / f"{name}.json" for name in ("gemma", "clip")}
    encoders = {name: json.loads(card.read_text(encoding="utf-8")) for name, card in cards.items()}
    fit.model.save(model, {"catalog": all_params.catalog, "encoders": encoders})
    with replacing(validation / "out_of_fold.parquet") as temporary:
        fit.out_of_fold.to_parquet(temporary, index=False)
    with replacing(validation / "epochs.csv") as temporary:
        fit.epochs.to_csv(temporary, index=False)
    networks, epochs, rows = len(fit.model.members), len(fit.epochs), len(fit.out_of_fold)
    print(f"{networks} networks, {epochs:,} epochs; {rows:,} rows predicted out of fold")


if __name__ == "__main__":
    stage.run(main)
