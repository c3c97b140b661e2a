"""train: cross-fit one member, and predict each fold with fits that never saw it."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.features.matrix import Features
from pricefuse.training import member_fits
from pricefuse.training.checkpoints import Checkpoints, fits_key
from pricefuse.training.cross_fit import cross_fit
from pricefuse.training.fit_work import fit_in_workers


def main() -> None:
    fused, checkpoint_folder, out = stage.paths(__doc__, "features", "checkpoints", "out")
    params, member = read_params(Path("params.yaml")), out.name
    settings = getattr(params, member)
    features = Features.load(fused, training=True)
    checkpoints = Checkpoints(checkpoint_folder / member, fits_key(fused, member, settings, params.train))
    fit_in_workers(fused, features, member, settings, params.train, checkpoints, params.workers.with_environment())
    fit = cross_fit(features, member, settings, params.train, checkpoints)
    member_fits.write(out, fit, checkpoints, features.index, settings.seeds)
    checkpoints.delete()
    fits = f"{features.index['fold'].nunique()} folds, {len(settings.seeds)} seed{'s' * (len(settings.seeds) > 1)}"
    print(f"{member}: {len(features):,} rows, {fits}; {fit.threads} CPU threads, on {fit.device}")


if __name__ == "__main__":
    stage.run(main)
