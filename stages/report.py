"""report: one page that shows what the model is worth, where it errs, and what it was made of."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.features.matrix import Features
from pricefuse.files import write_text
from pricefuse.models.price_model import PriceModel
from pricefuse.report.charts import figures
from pricefuse.report.contents import Places, read_contents
from pricefuse.report.gallery import gallery
from pricefuse.report.page import render
from pricefuse.training.permutation import block_importance


def main() -> None:
    catalog, validation, fused, model, clean, images, hashes, folds, metrics, timings, out = stage.paths(
        __doc__, "catalog", "validation", "features", "model", "clean", "images", "hashes", "folds", "metrics",
        "timings", "out",
    )  # fmt: skip
    params = read_params(Path("params.yaml"))
    loaded, confidence = PriceModel.load(model), params.evaluate.confidence
    blocks = block_importance(
        loaded,
        Features.load(fused, training=True),
        rows=params.report.permuted_rows,
        samples=params.evaluate.bootstrap_samples,
        confidence=confidence,
        seed=params.report.seed,
    )
    places = Places(catalog, validation, clean, hashes, folds, metrics, timings)
    contents = read_contents(places, params.catalog, confidence, loaded.provenance, blocks)
    items = gallery(contents.rows, images, params.report.gallery)
    write_text(out, render(contents, figures(contents, params.report.seed), items))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB; open it in a browser")


if __name__ == "__main__":
    stage.run(main)
