"""clean: the catalog's text as the encoders read it, and the attributes that it states."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.duration import what_comes_next
from pricefuse.pipeline.params import read_params

from pricefuse.catalog import read_catalog, require_enough
from pricefuse.text.attributes import NAMES
from pricefuse.text.listing import BULLET, DESCRIPTION, MAX_CHARACTERS, NAME, UNIT, VALUE
from pricefuse.text.tables import write_tables


def main() -> None:
    catalog, products_path, attributes_path = stage.paths(__doc__, "catalog", "products", "attributes")
    params = read_params(Path("params.yaml")).clean
    products = read_catalog(catalog)
    require_enough(products, catalog)  # here, before the encoders have run for minutes
    summary = write_tables(products, params, products_path=products_path, attributes_path=attributes_path)
    counts = dict(summary.coverage)
    rows, unnamed = counts.pop("rows"), counts["no_name"]
    print(f"{rows:,} products, {len(NAMES)} attributes each. Rows whose text has")
    print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
    if 2 * unnamed > rows:
        print(
            f"hint: {unnamed:,} of {rows:,} products have no item name. Labeled lines in catalog_content tell what is"
            f" what: '{NAME}: ...', '{BULLET} 1: ...', '{DESCRIPTION}: ...', '{VALUE}: 12' and '{UNIT}: oz'. If your"
            " catalog has columns for these, write them so: attributes and product groups are then read from them"
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
