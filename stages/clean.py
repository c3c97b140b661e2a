"""clean: the catalog's text as the encoders read it, and the attributes that it states."""

from pathlib import Path

from tqdm import tqdm

from pricefuse.catalog import read_catalog
from pricefuse.files import replacing
from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params
from pricefuse.text import attributes
from pricefuse.text import cleaning as text
from pricefuse.text import listing as content


def main() -> None:
    catalog, products_path, attributes_path = stage.paths(__doc__, "catalog", "products", "attributes")
    params = read_params(Path("params.yaml")).clean
    products = read_catalog(catalog)
    contents = [content.parse(raw) for raw in products.pop("catalog_content")]
    rows = tqdm(contents, desc="clean", unit="row", disable=None)
    options = {"lowercase": params.lowercase, "ascii_only": params.ascii_only}
    products["name"] = [text.clean(listing.name) for listing in contents]
    products["brand"] = [attributes.brand(listing) for listing in contents]
    products["text"] = [text.encoder_text(listing, labels=params.labels, **options) for listing in rows]
    products["clip_text"] = [text.clip_text(listing, ascii_only=params.ascii_only) for listing in contents]
    stated = attributes.frame(contents)
    stated.insert(0, "sample_id", products["sample_id"])

    for table, path in ((products, products_path), (stated, attributes_path)):
        with replacing(path) as temporary:
            table.to_parquet(temporary, index=False)
    unknown = attributes.coverage(stated)
    print(f"{unknown.pop('rows'):,} products, {len(attributes.NAMES)} attributes each. Rows whose text has")
    print(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in unknown.items()))


if __name__ == "__main__":
    stage.run(main)
