"""A catalog with columns of its own: what columns.yaml makes of them, and what it is refused for."""

import pytest

from pricefuse.catalog import check_catalog, iter_products, read_catalog
from pricefuse.errors import InputError
from pricefuse.text.listing import Listing, parse

HEADER = "id,brand,title,bullet_1,bullet_2,text,size,unit,picture,cost"
MAPPING = """
sample_id: id
image_link: picture
price: cost
Item Name: [brand, title]
Bullet Point: [bullet_1, bullet_2]
Product Description: text
Value: size
Unit: unit
"""


def write(folder, columns, row='7,Bo,Plum Jam,Sweet,,"Slow\ncooked",12,oz,a.jpg,3', header=HEADER):
    (folder / "train.csv").write_text(f"{header}\n{row}\n")
    (folder / "test.csv").write_text(f"{header.rpartition(',')[0]}\n{row.rpartition(',')[0].replace('7', '8')}\n")
    if columns is not None:
        (folder / "columns.yaml").write_text(columns)
    return folder


def test_columns_become_the_challenges_labeled_lines(tmp_path, capsys):
    folder = write(tmp_path, MAPPING)
    assert check_catalog(folder) == {"train": 1, "test": 1}
    assert "not used" not in capsys.readouterr().out
    first, second = iter_products(folder)
    assert first.catalog_content == (
        "Item Name: Bo Plum Jam\nBullet Point 1: Sweet\nProduct Description: Slow cooked\nValue: 12\nUnit: oz"
    )
    assert (first.sample_id, first.image_link, first.price) == ("7", "a.jpg", 3.0)
    assert (second.sample_id, second.catalog_content) == ("8", first.catalog_content)
    assert parse(first.catalog_content) == Listing("Bo Plum Jam", ("Sweet",), "Slow cooked", "12", "oz")


def test_no_text_of_a_column_can_pass_for_another_label(tmp_path):
    row = '7,,Jam,,,"Slow\nValue: 99\rUnit: kg",12,oz,a.jpg,3'
    product = next(iter_products(write(tmp_path, MAPPING, row)))
    assert parse(product.catalog_content) == Listing("Jam", (), "Slow Value: 99 Unit: kg", "12", "oz")


def test_one_renamed_column_leaves_the_others_as_they_are(tmp_path, capsys):
    header = "sample_id,catalog_content,image_link,title,cost"
    folder = write(tmp_path, "price: cost\n", "7,Tea,a.jpg,Plum,3", header)
    assert next(iter_products(folder)) == ("7", "train", "Tea", "a.jpg", 3.0)
    check_catalog(folder)
    assert "train.csv: not used: columns title" in capsys.readouterr().out


def test_stage_download_reads_the_same_columns(tmp_path):
    products = read_catalog(write(tmp_path, MAPPING), content=False)
    assert products["image_link"].tolist() == ["a.jpg", "a.jpg"]


def test_a_column_may_have_the_name_of_a_yaml_word(tmp_path):
    header = "sample_id,no,image_link,price"
    product = next(iter_products(write(tmp_path, "Item Name: no\n", "7,Jam,a.jpg,3", header)))
    assert product.catalog_content == "Item Name: Jam"


def test_faults_name_the_catalogs_own_columns(tmp_path):
    with pytest.raises(InputError, match=r"row 1 \(ends in line 2\), column cost: 'x' is not a positive number"):
        check_catalog(write(tmp_path, MAPPING, "7,,Jam,,,,12,oz,a.jpg,x"))
    with pytest.raises(InputError, match=r"row 1 \(ends in line 2\), column id: '' is empty"):
        check_catalog(write(tmp_path, MAPPING, ",,Jam,,,,12,oz,a.jpg,3"))


def test_a_catalog_with_other_columns_and_no_mapping_is_told_of_it(tmp_path):
    with pytest.raises(InputError, match=r"column sample_id is missing\. Found: id, .*say in .*columns\.yaml which"):
        check_catalog(write(tmp_path, None))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (MAPPING + "title: title", r"columns\.yaml, key title: there is no such field\. The fields are Item Name, Bul"),
        (MAPPING + "Unit: size", r"columns\.yaml, key Unit: it is there twice"),
        (
            MAPPING.replace("text", "body"),
            r"key Product Description: column 'body' is missing in .*train\.csv\. Found",
        ),
        (MAPPING.replace("bullet_2", "bullet_3"), r"key Bullet Point: column 'bullet_3' is missing"),
        (MAPPING.replace("Value: size", "Value: [size, unit]"), r"key Value: 2 columns where one is read\. Name one"),
        (MAPPING.replace("Value: size", "Value:"), r"key Value: not the name of a column\. Write it as the header"),
        (MAPPING.replace("[brand, title]", "{a: b}"), r"key Item Name: not the name of a column or a list of them\."),
        (MAPPING.replace("[brand, title]", "[]"), r"key Item Name: not the name of a column"),
        (MAPPING + "catalog_content: text", r"key catalog_content: the labels \(Item Name, .*\) already say .* Remove"),
        ("[a, b]", r"columns\.yaml: no lines `Item Name: title` in it"),
        ("", r"columns\.yaml: no lines"),
        ("Item Name: [a", r"columns\.yaml: not valid YAML: "),
        ("Item Name: a\x00", r"columns\.yaml: not valid YAML: "),
    ],
)
def test_a_bad_mapping_gets_one_error_that_names_file_key_and_remedy(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        check_catalog(write(tmp_path, columns))


def test_a_mapped_column_that_only_train_has_is_missed_in_test(tmp_path):
    header = "sample_id,image_link,title,cost"
    with pytest.raises(InputError, match=r"key Item Name: column 'cost' is missing in .*test\.csv"):
        check_catalog(write(tmp_path, "Item Name: cost\nprice: cost\n", "7,a.jpg,Jam,3", header))
