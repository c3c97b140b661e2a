"""Incremental keyed tables in folders of parquet files."""
