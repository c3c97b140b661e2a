"""predict: a positive price for every test product, in the catalog's order."""

from pricefuse.pipeline import stage

import numpy as np

from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.models.price_model import PriceModel
from pricefuse.resources import return_freed_memory


def main() -> None:
    fused, model, out = stage.paths(__doc__, "features", "model", "out")
    return_freed_memory()
    loaded = PriceModel.load(model)
    features = Features.load(fused)
    prices = loaded.predict(features)
    with replacing(out) as temporary:
        features.index[["sample_id"]].assign(price=prices).to_csv(temporary, index=False, float_format="%.6g")
    low, middle, high = np.quantile(prices, [0, 0.5, 1])
    print(f"{out}: {len(prices):,} prices from {low:.2f} to {high:.2f}, median {middle:.2f}")
    if "far" in features.index and (far := features.index["far"]).any():
        ids = ", ".join(features.index.loc[far, "sample_id"].head(5))
        print(f"warning: {far.sum():,} of them are guesses: no training product resembles sample_id {ids}")


if __name__ == "__main__":
    stage.run(main)
