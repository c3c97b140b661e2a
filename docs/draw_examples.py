"""Draw the strip of demo packages that the README shows, from what the pipeline left: name, actual and predicted price.

    python docs/draw_examples.py

One package from each quarter of the prices, the one whose out-of-fold error is the median of its quarter: neither the
best nor the worst. Writes docs/examples.png.
"""

import io
import textwrap
from pathlib import Path

import pandas as pd
from PIL import Image

from pricefuse.evaluation.plots import figure
from pricefuse.metrics import smape_terms

SHOWN = 4


def main() -> None:
    rows = pd.read_parquet("data/validation/out_of_fold.parquet")
    rows["error"] = smape_terms(rows["price"].to_numpy(), rows["predicted"].to_numpy())
    images = pd.read_parquet("data/images", columns=["sample_id", "jpeg"]).dropna()
    names = pd.read_parquet("data/clean/products.parquet", columns=["sample_id", "name"])
    shown = rows.merge(images, on="sample_id").merge(names, on="sample_id")
    quarter = pd.qcut(shown["price"], SHOWN, labels=False)
    with figure(Path("docs/examples.png"), "", columns=SHOWN, size=(9.6, 3.3)) as axes:
        for axis, (_, own) in zip(axes, shown.groupby(quarter), strict=True):
            product = own.sort_values("error").iloc[len(own) // 2]
            axis.imshow(Image.open(io.BytesIO(product["jpeg"])))
            axis.set(xticks=[], yticks=[], frame_on=False)
            name = textwrap.shorten(product["name"], 54, placeholder=" …")
            axis.set_title(textwrap.fill(name, 28), fontsize=9, fontweight="normal")
            prices = f"actual {product['price']:.2f}, predicted {product['predicted']:.2f}"
            axis.set_xlabel(f"{prices}\n80 % interval {product['low_80']:.2f} to {product['high_80']:.2f}", fontsize=9)


if __name__ == "__main__":
    main()
