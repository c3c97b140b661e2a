"""demo: write the synthetic catalog, and the best scores that its noise leaves reachable."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.demo.catalog import write_demo
from pricefuse.files import write_json


def main() -> None:
    out, facts = stage.paths(__doc__, "out", "facts")
    params = read_params(Path("params.yaml")).demo
    found = write_demo(
        out,
        train_products=params.train_products,
        test_products=params.test_products,
        noise_sd=params.noise_sd,
        seed=params.seed,
    )
    write_json(facts, found)
    print(
        f"{out}: {params.train_products:,} + {params.test_products:,} synthetic products; the best reachable SMAPE is"
        f" {found['best_smape_realized']:.2f}"
    )


if __name__ == "__main__":
    stage.run(main)
