"""download: every product's image, or the reason why there is none."""

from collections import Counter
from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.catalog import read_catalog
from pricefuse.download.downloader import ROWS_PER_PART, SCHEMA, Download, check_failures, failure_table, summary
from pricefuse.download.local_files import LocalImages
from pricefuse.download.malloc import reuse_freed_memory
from pricefuse.files import write_json
from pricefuse.keys import row_key
from pricefuse.tables import refresh as rows
from pricefuse.tables.parquet import iter_parts, write_columns


def main() -> None:
    catalog, out, hashes, card = stage.paths(__doc__, "catalog", "out", "hashes", "card")
    params = read_params(Path("params.yaml"))
    settings, workers = params.download, params.workers.with_environment()
    reuse_freed_memory()
    products = read_catalog(catalog, content=False)
    ids, links = products["sample_id"].tolist(), products["image_link"].tolist()
    download = Download(ids, links, LocalImages(catalog), settings, workers=workers)
    refreshed = rows.refresh(
        out,
        ids,
        (row_key(*download.determinants(position)) for position in range(len(ids))),
        download.compute,
        SCHEMA,
        rows_per_part=ROWS_PER_PART,
        retry_failed=settings.retry == "all",
        title="images",
    )
    write_columns(out, ["sample_id", "sha256", "phash"], hashes)
    print(refreshed)

    failures: Counter[str] = Counter()
    truncated = 0
    for part in iter_parts(out, ["error", "truncated"]):
        failures.update(part["error"].drop_null().to_pylist())
        truncated += part["truncated"].to_pylist().count(True)
    write_json(card, summary(failures, len(ids), truncated))
    if failures:
        print(f"{failures.total():,} of {len(ids):,} products are without an image:\n{failure_table(failures)}")
    check_failures(failures, len(ids), settings.max_failed_share)


if __name__ == "__main__":
    stage.run(main)
