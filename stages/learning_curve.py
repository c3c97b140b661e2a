"""learning_curve: fit one member on ever more rows, to tell whether more rows or a better model is the next step."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.errors import InputError
from pricefuse.evaluation.plots import draw_learning_curve
from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.training.learning_curve import learning_curve


def main() -> None:
    fused, plots = stage.paths(__doc__, "features", "plots")
    params = read_params(Path("params.yaml"))
    asked = params.learning_curve
    member = asked.member or params.train.members[-1]
    if member not in params.train.members:
        raise InputError(
            f"params.yaml: learning_curve.member {member} is not among train.members"
            f" ({', '.join(params.train.members)}): name the one whose curve you want, or leave it empty"
        )
    curve = learning_curve(
        Features.load(fused, training=True),
        member,
        getattr(params, member),
        params.train,
        asked.shares,
        samples=params.evaluate.bootstrap_samples,
        confidence=params.evaluate.confidence,
        seed=asked.seed,
    )
    with replacing(plots / "learning_curve.csv") as temporary:
        curve.assign(catalog=params.catalog).to_csv(temporary, index=False)
    left_out = sorted(set(asked.shares) - set(curve["share"]))
    draw_learning_curve(plots / "learning_curve.png", curve, f"Catalog {params.catalog}: {member}", left_out)
    print(f"{member}:", "; ".join(f"{row.rows:,} rows: SMAPE {row.smape:.2f}" for row in curve.itertuples()))


if __name__ == "__main__":
    stage.run(main)
