"""The reasons for a price: training products that resemble it, and what its words and statements are worth."""

import pandas as pd
import pytest

from pricefuse.errors import InputError


@pytest.fixture(scope="module")
def train(bundle):
    return pd.read_csv(bundle / "catalog/train.csv", dtype=str, keep_default_na=False)


def test_a_training_product_resembles_itself_most(pricer, train):
    product = train.iloc[5]
    nearest = pricer.explain(product["catalog_content"]).neighbors[0]
    assert nearest.sample_id == product["sample_id"]
    assert nearest.price == float(product["price"])
    assert nearest.cosine == pytest.approx(1, abs=0.01)


def test_the_price_is_that_of_predict(pricer, train):
    text = train["catalog_content"][7]
    reasons = pricer.explain(text, coverage=0.9)
    frame = pd.DataFrame({"sample_id": ["x"], "catalog_content": [text], "image_link": [""]})
    expected = pricer.price(frame, coverage=0.9).prices.iloc[0]
    assert (reasons.price, reasons.price_low, reasons.price_high) == tuple(expected[1:])


def test_what_a_product_states_is_worth_what_the_price_would_be_without_it(pricer):
    text = "Item Name: Northfold Organic Rye Crackers, 6 oz (Pack of 4)\nValue: 24\nUnit: Ounce"
    reasons = pricer.explain(text)
    worth = {each.what: each.share for each in reasons.statements}
    assert "size" in worth
    plain = pricer.explain(text.replace("Organic ", ""))
    assert plain.price != reasons.price
    assert "claim: organic" not in {each.what for each in plain.statements}
    strongest = [abs(each.share) for each in reasons.words]
    assert len(strongest) <= 6
    words = {"northfold", "organic", "rye", "crackers", "oz", "pack", "of", "ounce"}
    assert {each.what for each in reasons.words} <= words


def test_a_picture_is_a_reason_and_one_that_is_broken_is_a_note(pricer, train, bundle, tmp_path):
    images = {path.stem: path for path in (bundle / "catalog/images").iterdir()}
    product, path = next(
        (row, images[stem])
        for _, row in train.iterrows()
        if (stem := row["image_link"].rpartition("/")[2].partition(".")[0]) in images
    )
    with_picture = pricer.explain(product["catalog_content"], path)
    without = pricer.explain(product["catalog_content"])
    assert with_picture.price != without.price
    assert with_picture.notes == []
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    broken = pricer.explain(product["catalog_content"], tmp_path / "broken.jpg")
    assert broken.price == without.price
    assert "priced without a picture" in broken.notes[0]
    with pytest.raises(InputError, match="gone.jpg: no such file"):
        pricer.explain("x", tmp_path / "gone.jpg")


def test_hostile_and_empty_texts_have_a_price(pricer):
    for text in (
        "",
        "Item Name: " + "(" * 500,
        "a" * 50_000,
        "\x1b[2J\x00",
        "Item Name: \\b.*+?[",
        "\ufb01 \uff21 茶 🍵",
    ):
        reasons = pricer.explain(text)
        assert reasons.price_low <= reasons.price <= reasons.price_high


def test_a_coverage_that_is_no_share_is_refused(pricer):
    with pytest.raises(InputError, match="coverage 2 is not between 0 and 1"):
        pricer.explain("Item Name: Tea", coverage=2)
