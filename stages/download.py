"""download: every product's image, or the reason why there is none."""

from collections import Counter
from dataclasses import fields
from pathlib import Path

from pricefuse import rows, stage
from pricefuse.at_hand import ImagesAtHand
from pricefuse.catalog import read_catalog
from pricefuse.download import SCHEMA, Download, check_failures, failure_table
from pricefuse.fetch import FetchSettings
from pricefuse.params import read_params
from pricefuse.parts import iter_parts


def main() -> None:
    catalog, out = stage.paths(__doc__, "catalog", "out")
    params = read_params(Path("params.yaml")).download
    products = read_catalog(catalog)
    ids, links = products["sample_id"].tolist(), products["image_link"].tolist()
    settings = FetchSettings(**params.model_dump(include={field.name for field in fields(FetchSettings)}))
    download = Download(
        ids,
        links,
        ImagesAtHand(catalog),
        settings,
        side=params.side,
        quality=params.jpeg_quality,
        max_pixels=params.max_pixels,
    )
    keys = [rows.row_key(*download.determinants(position)) for position in range(len(ids))]
    print(rows.refresh(out, ids, keys, download.compute, SCHEMA, title="images"))

    failures: Counter[str] = Counter()
    for part in iter_parts(out, ["error"]):
        failures.update(part["error"].drop_null().to_pylist())
    if failures:
        print(f"{failures.total():,} of {len(ids):,} products are without an image:\n{failure_table(failures)}")
    check_failures(failures, len(ids), params.max_failed_share)


if __name__ == "__main__":
    stage.run(main)
