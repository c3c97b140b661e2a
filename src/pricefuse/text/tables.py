"""Write the tables of stage clean, some thousand products at a time: the cleaned texts and the attributes."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from pricefuse.files import replacing
from pricefuse.text import attributes
from pricefuse.text.prepare import prepare
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
    products: pd.DataFrame, settings: CleanSettings, *, products_path: Path, attributes_path: Path
) -> Summary:
    """Prepare the text of every product and write both tables, a row a product in the order of `products`.

    `products` is the table of `read_catalog`. The files have `PRODUCTS_SCHEMA` and `ATTRIBUTES_SCHEMA` in row groups of
    `ROW_GROUP_ROWS`; the same products give the same bytes. One row group at a time is prepared, written and let go.
    Both files are whole or not there.
    """
    contents = tqdm(products["catalog_content"], desc="clean", unit="row", disable=None)
    prepared = (prepare(content, settings) for content in contents)
    coverage: Counter[str] = Counter()
    shortened: list[str] = []
    with (
        replacing(products_path) as new_products,
        replacing(attributes_path) as new_attributes,
        pq.ParquetWriter(new_products, PRODUCTS_SCHEMA) as products_file,
        pq.ParquetWriter(new_attributes, ATTRIBUTES_SCHEMA) as attributes_file,
    ):
        for start in range(0, len(products), ROW_GROUP_ROWS):
            rows = products.iloc[start : start + ROW_GROUP_ROWS].drop(columns="catalog_content")
            texts = list(islice(prepared, len(rows)))
            written = ("name", "variant_of", "text", "clip_text")
            rows = rows.assign(**{name: [getattr(text, name) for text in texts] for name in written})
            stated = attributes.frame(text.attributes for text in texts)
            coverage.update(attributes.coverage(stated))
            shortened += [sample_id for sample_id, text in zip(rows["sample_id"], texts, strict=True) if text.shortened]
            stated.insert(0, "sample_id", rows["sample_id"].to_numpy())
            products_file.write_table(_table(rows, PRODUCTS_SCHEMA))
            attributes_file.write_table(_table(stated, ATTRIBUTES_SCHEMA))
    return Summary(dict(coverage), shortened)


def _table(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema`; NaN becomes null, as pandas itself writes it."""
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False).replace_schema_metadata()
