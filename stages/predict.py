"""predict: a positive price for every test product, in the catalog's order."""

import numpy as np
import pandas as pd

from pricefuse.features.matrix import Features
from pricefuse.files import replacing
from pricefuse.models.price_model import PriceModel
from pricefuse.pipeline import stage


def main() -> None:
    fused, model, out = stage.paths(__doc__, "features", "model", "out")
    features = Features.load(fused)
    test = np.flatnonzero(features.index["split"] == "test")
    prices = PriceModel.load(model).predict(features.at(test))
    predicted = pd.DataFrame({"sample_id": features.index["sample_id"].iloc[test], "price": prices})
    with replacing(out) as temporary:
        predicted.to_csv(temporary, index=False, float_format="%.6g")
    low, middle, high = np.quantile(prices, [0, 0.5, 1])
    print(f"{out}: {len(predicted):,} prices from {low:.2f} to {high:.2f}, median {middle:.2f}")


if __name__ == "__main__":
    stage.run(main)
