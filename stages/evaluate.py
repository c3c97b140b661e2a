"""evaluate: score the out-of-fold predictions, and show where the error lies."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.evaluation.plots import draw_validation
from pricefuse.evaluation.scores import complete_scores, one_line, verdict
from pricefuse.evaluation.tables import plot_tables, points_drawn, write_table
from pricefuse.evaluation.validation_folder import read_validation
from pricefuse.files import read_json, write_json

# What DVC shows and compares: few enough to be read side by side. metrics/validation.json has the rest.
HEADLINE = ("smape", "smape_low", "smape_high", "smape_of_median", "r2", "mae", "rmse", "n")


def main() -> None:
    validation, images, folds, headline, metrics, image_metrics, plots, points = stage.paths(
        __doc__, "validation", "images", "folds", "headline", "metrics", "image-metrics", "plots", "points"
    )
    params = read_params(Path("params.yaml"))
    out_of_fold, trained, weights = read_validation(validation)
    scores = complete_scores(out_of_fold, params.evaluate)
    grouped = read_json(folds, "Run `dvc repro`, or `dvc pull`")
    scores["look_alikes_across_folds"] = grouped["look_alikes_across_folds"]
    tables = plot_tables(out_of_fold, trained)
    for name, table in tables.items():
        write_table(plots / f"{name}.csv", table)
    write_table(points, points_drawn(out_of_fold))
    score = one_line(scores, params.evaluate.confidence)
    draw_validation(plots / "validation.png", out_of_fold, tables, weights, f"Catalog {params.catalog}: {score}")
    write_json(headline, {name: scores[name] for name in HEADLINE})
    write_json(metrics, scores)
    write_json(image_metrics, read_json(images, "Run `dvc repro`, or `dvc pull`"))
    print(f"{scores['n']:,} rows predicted out of fold: {score}, R2 {scores['r2']:.3f}, MAE {scores['mae']:.2f}")
    held = ", ".join(f"{level} %: {found['coverage']:.1%}" for level, found in scores["intervals"].items())
    print(f"prices within the intervals, at {held}; SMAPE of the surest 30 %: {scores['surest']['30']:.2f}")
    if said := verdict(scores):
        print(f"warning: SMAPE {scores['smape']:.2f} is {said}")
    if alike := grouped["look_alikes_across_folds"]:
        print(f"{alike:,} of {grouped['look_alikes_sampled']:,} rows look like a row in another fold: see stage fuse")


if __name__ == "__main__":
    stage.run(main)
