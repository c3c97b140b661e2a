"""Reading a catalog: what a good one becomes, and the one clear error that a bad one gets."""

import math
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricefuse.catalog import check_catalog, iter_products, read_catalog, require_enough
from pricefuse.errors import InputError

TRAIN = "sample_id,catalog_content,image_link,price\n"
TEST = "sample_id,catalog_content,image_link\n"


def write(folder, train=TRAIN + "1,Tea,a.jpg,2.5\n", test=TEST + "9,Jam,b.jpg\n"):
    folder.mkdir(exist_ok=True)
    for name, text in (("train", train), ("test", test)):
        if text is not None:
            (folder / f"{name}.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_both_files_become_one_table_in_order(tmp_path):
    text = '"Item Name: Tea, ""green""\nValue: 3\n"'
    products = read_catalog(write(tmp_path, TRAIN + f"007,{text}, http://x/a.jpg ,2.50\n5,Rice,,1e1\n"))
    assert products["sample_id"].tolist() == ["007", "5", "9"]
    assert products["split"].tolist() == ["train", "train", "test"]
    assert products["catalog_content"][0] == 'Item Name: Tea, "green"\nValue: 3\n'
    assert products["image_link"].tolist() == ["http://x/a.jpg", "", "b.jpg"]
    assert products["price"].tolist()[:2] == [2.5, 10.0]
    assert math.isnan(products["price"][2])


def test_extra_columns_are_left_out_and_said_also_a_price_in_test(tmp_path, capsys):
    folder = write(
        tmp_path, "price,brand,sample_id,image_link,catalog_content\n3,B,1,a.jpg,Tea\n", TRAIN + "2,Jam,b,7\n"
    )
    products = read_catalog(folder)
    assert list(products) == ["sample_id", "split", "catalog_content", "image_link", "price"]
    assert math.isnan(products["price"][1])
    out = capsys.readouterr().out
    assert "train.csv: not used: columns brand" in out
    assert "test.csv: not used: columns price" in out


def test_byte_order_mark_windows_line_ends_and_blank_lines_are_harmless(tmp_path):
    products = read_catalog(write(tmp_path, b"\xef\xbb\xbf" + (TRAIN + "1,Tea,a,2\n\n").replace("\n", "\r\n").encode()))
    assert products["sample_id"].tolist() == ["1", "9"]


def test_a_description_longer_than_the_csv_modules_limit_is_read(tmp_path):
    products = read_catalog(write(tmp_path, TRAIN + f"1,{'x' * 300_000},a,2\n"))
    assert len(products["catalog_content"][0]) == 300_000


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (None, r"train\.csv: no such file"),
        ("", r"train\.csv: the file is empty"),
        (TRAIN, r"train\.csv: there is a header, but no product"),
        (
            "sample_id,catalog_content,image_link\n1,Tea,a\n",
            r"train\.csv, header: column price is missing\. Found: sample_id",
        ),
        ("price," + TRAIN + "1,1,Tea,a,2\n", r"header: column price is there twice"),
        (
            TRAIN + "1,Tea,a,2\n1,Rice,b,3\n",
            r"train\.csv, row 2 \(ends in line 3\), column sample_id: '1' is already",
        ),
        (TRAIN + "9,Tea,a,2\n", r"test\.csv, row 1 .*column sample_id: '9' is already in train\.csv, row 1"),
        (TRAIN + ",Tea,a,2\n", r"row 1 .*column sample_id: '' is empty"),
        (
            TRAIN + '1,"Tea\nin two lines",a,2\n2,Rice,b,$3\n',
            r"row 2 \(ends in line 4\), column price: '\$3' is not a pos",
        ),
        (TRAIN + "1,Tea,a,0\n2,Rice,b,-1\n3,Oat,c,nan\n", r"row 1 .*column price: '0'.*2 other rows: 2, 3\."),
        (TRAIN + "1,Tea,a,inf\n", r"column price: 'inf' is not a positive number"),
        (TRAIN + "1,Tea,a,\n", r"column price: '' is not a positive number"),
        (TRAIN + "1,Tea,a\n", r"row 1 \(ends in line 2\): 3 fields where the header has 4"),
        (TRAIN + "1,Tea, with a comma,a,2\n", r"row 1 .*: 5 fields where"),
        (TRAIN + '1,"Tea,a,2\n', r"row that starts after line 1: unexpected end of data"),
        (TRAIN.encode() + b"1,Tea,a,2\n2,Caf\xe9,b,3\n", r"row 2, column catalog_content: byte 0xe9 is not UTF-8"),
        (("\ufeff" + TRAIN).encode("utf-16-le"), r"train\.csv: the file is UTF-16.*iconv -f UTF-16"),
        (("\ufeff" + TRAIN).encode("utf-16-be"), r"train\.csv: the file is UTF-16.*iconv -f UTF-16"),
        (TRAIN + "1,Tea,a,2\n2,Rice,b,1e308\n", r"row 2 .*price: '1e308' is not between 1e-06 and 1e\+12\. Correct"),
        (TRAIN + "1,Tea,a,1e-300\n", r"row 1 .*price: '1e-300' is not between"),
    ],
)
def test_a_bad_catalog_gets_one_error_that_names_the_place(tmp_path, train, message):
    with pytest.raises(InputError, match=message):
        read_catalog(write(tmp_path / "bad", train))


def test_a_table_that_is_a_folder_says_what_to_do(tmp_path):
    (tmp_path / "train.csv").mkdir()
    with pytest.raises(InputError, match=r"train\.csv: this is a folder\..*move the folder away"):
        read_catalog(write(tmp_path, None))


def test_very_small_and_very_large_prices_within_the_limits_are_read(tmp_path):
    products = read_catalog(write(tmp_path, TRAIN + "1,Tea,a,1e-6\n2,Rice,b,1e12\n"))
    assert products["price"].tolist()[:2] == [1e-6, 1e12]


def test_a_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="no such catalog folder. Put train.csv"):
        read_catalog(tmp_path / "nowhere")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_never_a_crash(tmp_path_factory, data):
    folder = write(tmp_path_factory.mktemp("catalog"), TRAIN.encode() + data)
    try:
        read_catalog(folder)
    except InputError as error:
        assert "train.csv" in str(error)


def test_the_content_can_be_left_out_and_everything_is_still_checked(tmp_path):
    folder = write(tmp_path, TRAIN + "1,Tea,a.jpg,3\n", "sample_id,catalog_content,image_link\n2,Jam,b\n")
    whole = read_catalog(folder)
    assert read_catalog(folder, content=False).equals(whole.drop(columns="catalog_content"))


def test_too_few_training_rows_are_told_before_anything_expensive():
    with pytest.raises(InputError, match=r"train\.csv: 9 training products, but fitting and scoring take 10"):
        require_enough(9, Path("data/raw/mine"))
    require_enough(10, Path("data/raw/mine"))


def test_the_checked_products_are_counted_and_read_one_at_a_time(tmp_path):
    folder = write(tmp_path, TRAIN + "1,Tea,a.jpg,3\n2,Oat,,4\n")
    assert check_catalog(folder) == {"train": 2, "test": 1}
    products = iter_products(folder)
    assert next(products) == ("1", "train", "Tea", "a.jpg", 3.0)
    assert [product.sample_id for product in products] == ["2", "9"]


@pytest.mark.parametrize("price", ["1_000", "\uff13", "0x10", "True", "3,5"])
def test_a_price_is_a_plain_decimal_number(tmp_path, price):
    with pytest.raises(InputError, match="column price: .* is not a positive number"):
        check_catalog(write(tmp_path, TRAIN + f'1,Tea,a,"{price}"\n'))


def test_the_worst_fault_of_a_file_is_told_with_five_of_its_other_rows(tmp_path):
    rows = "".join(f"{row},Tea,a,0\n" for row in range(12, 20))
    with pytest.raises(InputError, match=r"row 2 .*in 7 other rows: 3, 4, 5, 6, 7 \.\.\.\."):
        check_catalog(write(tmp_path, TRAIN + "1,Tea,a,1e13\n" + rows))


def test_ids_are_compared_themselves_where_their_hashes_are_equal(tmp_path, monkeypatch):
    from pricefuse.catalog import reading

    monkeypatch.setattr(reading, "hash", lambda sample_id: 7, raising=False)
    assert check_catalog(write(tmp_path, TRAIN + "1,Tea,a,3\n2,Oat,,4\n")) == {"train": 2, "test": 1}
    with pytest.raises(InputError, match=r"row 3 .*'1' is already in train\.csv, row 1.*\(2 repeated in all\)"):
        check_catalog(write(tmp_path, TRAIN + "1,Tea,a,3\n2,Oat,,4\n1,Jam,,4\n2,Jam,,4\n"))


def test_memory_does_not_grow_with_the_rows(tmp_path):
    def peak(rows):
        lines = "".join(f"p{row},{'Tea ' * 250},a.jpg,3\n" for row in range(rows))
        folder = write(tmp_path / f"{rows} rows", TRAIN + lines)
        tracemalloc.start()
        try:
            check_catalog(folder)
            assert sum(1 for _ in iter_products(folder)) == rows + 1
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < peak(2_000) + 1_000_000  # of 20 MB of text
