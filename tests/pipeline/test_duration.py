"""What stage clean says about the stages that follow it."""

from pricefuse.pipeline.duration import EMBEDDINGS, minutes, what_comes_next

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def products(tmp_path):
    path = tmp_path / "products.parquet"
    pq.write_table(pa.table({"sample_id": pa.array([f"p{row}" for row in range(5_500)], pa.large_string())}), path)
    return path


def embed(root, rows, encoders=EMBEDDINGS):
    for folder in (EMBEDDINGS[encoder] for encoder in encoders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            pq.write_table(
                pa.table({"sample_id": pa.array(part, pa.string())}), root / folder / f"part-{number}.parquet"
            )


@pytest.mark.parametrize(
    ("products", "text"),
    [(1_500, "some minutes"), (5_000, "about 18 minutes"), (5_500, "about 20 minutes"), (150_000, "about 9 hours")],
)
def test_the_duration_grows_with_the_products(products, text):
    assert minutes(products) == text


def test_products_without_embeddings_are_counted_with_what_they_take(products, tmp_path):
    expected = (
        "Next: images and embeddings of 5,500 products, then training; on two CPU cores about 20 minutes in all with"
        " the packaged encoders"
    )
    assert what_comes_next(products, tmp_path) == expected
    embed(tmp_path, ["another", "catalog's", "ids"])
    assert what_comes_next(products, tmp_path) == expected
    embed(tmp_path, [f"p{row}" for row in range(1_500)])
    assert "of 4,000 products" in what_comes_next(products, tmp_path)


def test_a_catalog_that_is_embedded_but_for_a_few_rows_is_nothing_to_wait_for(products, tmp_path):
    embed(tmp_path, [f"p{row}" for row in range(5_300)])
    assert what_comes_next(products, tmp_path) is None


def test_every_encoder_has_to_have_the_rows(products, tmp_path):
    rows = [f"p{row}" for row in range(5_500)]
    embed(tmp_path, rows, ["embed_gemma"])
    assert "of 5,500 products" in what_comes_next(products, tmp_path)
    embed(tmp_path, rows)
    assert what_comes_next(products, tmp_path) is None


def test_a_damaged_table_of_embeddings_is_left_to_its_stage(products, tmp_path):
    embed(tmp_path, [f"p{row}" for row in range(5_500)])
    (tmp_path / EMBEDDINGS["embed_clip"] / "part-1.parquet").write_bytes(b"PAR1 torn")
    assert "of 2,750 products" in what_comes_next(products, tmp_path)
