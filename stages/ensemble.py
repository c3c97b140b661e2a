"""ensemble: weigh the members by their out-of-fold predictions, and put the price model together."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.evaluation.model_card import write_card
from pricefuse.evaluation.scores import complete_scores
from pricefuse.evaluation.validation_folder import Validation, write_validation
from pricefuse.features.matrix import Features
from pricefuse.files import read_json
from pricefuse.models import price_model
from pricefuse.models.manifest import REMEDY
from pricefuse.models.neighbors import Neighbors
from pricefuse.timings import recorded_seconds
from pricefuse.training import member_fits
from pricefuse.training.ensemble_fit import fit_ensemble
from pricefuse.training.interval_fit import fit_intervals


def main() -> None:
    fused, embeddings, members, timings, model, validation = stage.paths(
        __doc__, "features", "embeddings", "members", "timings", "model", "validation"
    )
    params = read_params(Path("params.yaml"))
    features = Features.load(fused, training=True)
    member_fits.delete_others(members, params.train.members)
    fits = {str(member): member_fits.read(members / member, features.index) for member in params.train.members}
    log_prices = {member: fit.log_prices for member, fit in fits.items()}
    ensemble, out_of_fold = fit_ensemble(log_prices, features.index, spread=params.ensemble.spread)
    intervals, out_of_fold = fit_intervals(features, log_prices, out_of_fold, params.ensemble.seed)
    scores = complete_scores(out_of_fold, params.evaluate)

    provenance = {
        "catalog": params.catalog,
        "smape": scores["smape"],  # out of fold
        "encoders": {name: read_json(embeddings / f"{name}.json", REMEDY) for name in ("gemma", "clip")},
        "train": params.train.model_dump(mode="json"),
        "machine": {member: fit.machine for member, fit in fits.items()},
        "settings": {member: getattr(params, member).model_dump(mode="json") for member in fits},
    }
    price_model.write(
        model, {member: fit.folders for member, fit in fits.items()}, ensemble, intervals, features,
        neighbors=Neighbors.of(features, params.fuse.seed), recipe=params.pricing(), provenance=provenance,
    )  # fmt: skip
    seconds = recorded_seconds(timings, params.catalog)
    write_card(model, scores, out_of_fold, ensemble.weights, provenance, params.evaluate.confidence, seconds)
    write_validation(validation, Validation(out_of_fold, member_fits.all_epochs(fits), ensemble.weights))
    fitted = ", ".join(f"{member} {weight:.2f}" for member, weight in ensemble.weights.items())
    print(f"weights: {fitted}; spread {ensemble.spread:.2f}, shift {ensemble.shift:.3f}")


if __name__ == "__main__":
    stage.run(main)
