"""The gallery's products: the best, typical and worst, with their own pictures."""

import base64
import io

from PIL import Image
from report_contents import predictions, write_images

from pricefuse.metrics import smape_terms
from pricefuse.report.gallery import KINDS, MAX_TEXT, SIDE, gallery


def test_the_worst_typical_and_best_predictions_one_of_each_group(tmp_path):
    rows = predictions()
    items = gallery(rows, write_images(tmp_path / "images", rows), 10)
    assert [item.kind for item in items] == [kind for kind in KINDS for _ in range(10)]
    groups = rows.set_index("sample_id").loc[[item.sample_id for item in items], "group"]
    assert groups.is_unique
    errors = {kind: [item.error for item in items if item.kind == kind] for kind in KINDS}
    terms = smape_terms(rows["price"].to_numpy(), rows["predicted"].to_numpy())
    assert max(errors["worst"]) == terms.max()
    assert max(errors["best"]) < min(errors["typical"]) < max(errors["typical"]) < min(errors["worst"])


def test_a_picture_is_a_small_jpeg_of_its_own_product(tmp_path):
    rows = predictions()
    items = gallery(rows, write_images(tmp_path / "images", rows), 10)
    there = dict(zip(rows["sample_id"], rows["has_image"], strict=True))
    for item in items:
        assert bool(item.picture) == there[item.sample_id]
    picture = next(item.picture for item in items if item.picture)
    image = Image.open(io.BytesIO(base64.b64decode(picture.partition("base64,")[2])))
    assert image.format == "JPEG"
    assert max(image.size) == SIDE


def test_few_products_and_long_texts(tmp_path):
    rows = predictions(4).assign(text="word " * 500)
    items = gallery(rows, write_images(tmp_path / "images", rows), 24)
    assert len({item.sample_id for item in items}) == len(items) <= 2
    assert all(len(item.text) <= MAX_TEXT for item in items)
    assert all(item.inside == (item.low <= item.price <= item.high) for item in items)
