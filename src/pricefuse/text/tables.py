"""Write the tables of stage clean, some thousand products at a time: the cleaned texts and the attributes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pricefuse.catalog.reading import Product
from pricefuse.files import replacing
from pricefuse.progress import progress
from pricefuse.text import attributes
from pricefuse.text.prepare import ProductText, prepare
from pricefuse.text.settings import CleanSettings

# Readers that look up single rows hold one row group in memory.
ROW_GROUP_ROWS = 2048

_TEXT = pa.large_string()
PRODUCTS_SCHEMA = pa.schema(
    {
        "sample_id": _TEXT,
        "split": _TEXT,
        "image_link": _TEXT,
        "price": pa.float64(),
        "name": _TEXT,
        "variant_of": _TEXT,
        "text": _TEXT,
        "clip_text": _TEXT,
    }
)
ATTRIBUTES_SCHEMA = pa.schema({"sample_id": _TEXT, **dict.fromkeys(attributes.NAMES, pa.float32())})


@dataclass(frozen=True, slots=True)
class Summary:
    """What `write_tables` met: the counts of `attributes.coverage`, and the ids of listings that were shortened."""

    coverage: dict[str, int]
    shortened: list[str]


def write_tables(
    products: Iterable[Product], settings: CleanSettings, *, rows: int, products_path: Path, attributes_path: Path
) -> Summary:
    """Prepare the text of every product and write both tables, a row a product in the order of `products`.

    `rows` is how many there will be, for the progress bar. The files have `PRODUCTS_SCHEMA` and `ATTRIBUTES_SCHEMA` in
    row groups of `ROW_GROUP_ROWS`; the same products give the same bytes. One row group at a time is read, prepared,
    written and let go. Both files are whole or not there.
    """
    waiting = iter(progress(products, total=rows, title="clean", unit="row"))
    coverage: Counter[str] = Counter()
    shortened: list[str] = []
    with (
        replacing(products_path) as new_products,
        replacing(attributes_path) as new_attributes,
        pq.ParquetWriter(new_products, PRODUCTS_SCHEMA) as products_file,
        pq.ParquetWriter(new_attributes, ATTRIBUTES_SCHEMA) as attributes_file,
    ):
        while group := list(islice(waiting, ROW_GROUP_ROWS)):
            texts = [prepare(product.catalog_content, settings) for product in group]
            stated = attributes.matrix(text.attributes for text in texts)
            coverage.update(attributes.coverage(stated))
            shortened += [product.sample_id for product, text in zip(group, texts, strict=True) if text.shortened]
            products_file.write_table(_products_table(group, texts))
            attributes_file.write_table(_attributes_table(group, stated))
    return Summary(dict(coverage), shortened)


def _products_table(group: list[Product], texts: list[ProductText]) -> pa.Table:
    columns = []
    for column in PRODUCTS_SCHEMA:
        records = group if column.name in Product._fields else texts
        values = map(attrgetter(column.name), records)
        # NaN, the price of a test row, becomes null.
        columns.append(pa.array(values, column.type, size=len(group), from_pandas=column.type == pa.float64()))
    return pa.table(columns, schema=PRODUCTS_SCHEMA)


def _attributes_table(group: list[Product], stated: np.ndarray) -> pa.Table:
    ids = pa.array([product.sample_id for product in group], _TEXT)
    return pa.table([ids, *(pa.array(column, from_pandas=True) for column in stated.T)], schema=ATTRIBUTES_SCHEMA)
