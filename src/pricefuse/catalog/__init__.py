"""Read and check a catalog, a folder with train.csv and test.csv, before any expensive stage starts."""

from pricefuse.catalog.reading import check_catalog, iter_products, read_catalog, require_enough

__all__ = ["check_catalog", "iter_products", "read_catalog", "require_enough"]
