"""predict: a positive price for every test product, in the catalog's order, and an interval that may be trusted."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

import numpy as np

from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.models.price_model import PriceModel
from pricefuse.resources import return_freed_memory


def main() -> None:
    fused, model, out, bounds = stage.paths(__doc__, "features", "model", "out", "bounds")
    coverage = read_params(Path("params.yaml")).predict.coverage
    return_freed_memory()
    loaded = PriceModel.load(model)
    features = Features.load(fused)
    priced = loaded.predict_with_bounds(features, coverage)
    priced.insert(0, "sample_id", features.index["sample_id"])
    for path, columns in ((out, ["sample_id", "price"]), (bounds, list(priced))):
        with replacing(path) as temporary:
            priced[columns].to_csv(temporary, index=False, float_format="%.6g")
    prices = priced["price"]
    low, middle, high = np.quantile(prices, [0, 0.5, 1])
    print(f"{out}: {len(prices):,} prices from {low:.2f} to {high:.2f}, median {middle:.2f}")
    print(f"{bounds}: with the interval that holds {coverage:.0%} of the prices")
    if "far" in features.index and (far := features.index["far"]).any():
        ids = ", ".join(features.index.loc[far, "sample_id"].head(5))
        print(f"warning: {far.sum():,} of them are guesses: no training product resembles sample_id {ids}")


if __name__ == "__main__":
    stage.run(main)
