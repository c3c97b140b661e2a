"""clean: the catalog's text as the encoders read it, and the attributes that it states."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.duration import what_comes_next
from pricefuse.pipeline.params import read_params

from pricefuse.catalog import check_catalog, iter_products, require_enough
from pricefuse.catalog.columns import FILE
from pricefuse.text.attributes import NAMES
from pricefuse.text.listing import MAX_CHARACTERS
from pricefuse.text.tables import write_tables


def main() -> None:
    catalog, products_path, attributes_path = stage.paths(__doc__, "catalog", "products", "attributes")
    params = read_params(Path("params.yaml")).clean
    checked = check_catalog(catalog)
    require_enough(checked["train"], catalog)  # here, before the encoders have run for minutes
    rows = sum(checked.values())
    summary = write_tables(
        iter_products(catalog), params, rows=rows, products_path=products_path, attributes_path=attributes_path
    )
    counts = {name: count for name, count in summary.coverage.items() if name != "rows"}
    unnamed = counts["no_name"]
    print(f"{rows:,} products, {len(NAMES)} attributes each. Rows whose text has")
    print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
    if 2 * unnamed > rows:
        print(
            f"hint: {unnamed:,} of {rows:,} products have no item name. If your catalog has columns for name, bullets,"
            f" description, value and unit, name them in {catalog / FILE} (README: Your own catalog): attributes and"
            " product groups are then read from them"
        )
    if summary.shortened:
        number = len(summary.shortened)
        print(
            f"{number:,} {'listing was' if number == 1 else 'listings were'} longer than {MAX_CHARACTERS:,} characters"
            f" and {'was' if number == 1 else 'were'} cut, first sample_id {summary.shortened[0]}"
        )
    if following := what_comes_next(products_path, Path()):  # `dvc exp run` has no preflight to say it
        print(following)


if __name__ == "__main__":
    stage.run(main)
