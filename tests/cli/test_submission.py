"""Whether a submission is valid, and what is wrong where."""

import pytest

from pricefuse.cli.submission import check_submission
from pricefuse.errors import InputError


@pytest.fixture
def check(tmp_path):
    def run(answer, ids="abc", columns=None, id_column="sample_id"):
        test = tmp_path / "test.csv"
        test.write_text(f"{id_column},catalog_content\n" + "".join(f'{name},"a text\nof two lines"\n' for name in ids))
        if columns:
            (tmp_path / "columns.yaml").write_text(columns)
        (tmp_path / "out.csv").write_text(answer)
        return check_submission(tmp_path / "out.csv", test)

    return run


def test_one_positive_price_for_each_product_is_valid_in_any_order(check):
    assert check("sample_id,price\nb,2\na,1.5\nc,1e3\n") == (3, [])


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("sample_id,price\na,1\nb,2\n", "no price for sample_id: c"),
        ("sample_id,price\na,1\nb,2\nc,3\nb,4\n", "sample_id that is there before: row 4 (line 5) 'b'"),
        ("sample_id,price\na,1\nb,2\nc,3\nd,4\n", "test.csv: row 4 (line 5) 'd'"),
        ("sample_id,price\na,1\nb,-2\nc,3\n", "price that is not a positive number: row 2 (line 3) '-2'"),
        ("sample_id,price\na,1\nb,0\nc,nan\n", "not a positive number: row 2 (line 3) '0', row 3 (line 4) 'nan'"),
        ("sample_id,price\na,1\nb,inf\nc,1_0\n", "row 2 (line 3) 'inf', row 3 (line 4) '1_0'"),
        ("sample_id,price\na,1\nb,\nc,$3\n", "row 2 (line 3) '', row 3 (line 4) '$3'"),
        ("price,sample_id\n1,a\n", "header: found price, sample_id; a submission has the columns sample_id, price"),
        ("sample_id,price,low\na,1,1\n", "header: found sample_id, price, low"),
        ("", "header: found nothing"),
    ],
)
def test_each_fault_is_named_with_its_place(check, answer, fault):
    _, faults = check(answer)
    assert len(faults) == 1
    assert fault in faults[0]


def test_some_places_of_a_fault_are_named_and_the_others_counted(check):
    ids = [f"p{number}" for number in range(40)]
    _, (fault,) = check("sample_id,price\n" + "".join(f"{name},-1\n" for name in ids), ids)
    assert fault.count("row ") == 5
    assert fault.endswith("and 35 more")


def test_several_kinds_of_faults_are_told_apart(check, tmp_path):
    rows, faults = check("sample_id,price\na,1\na,-1\nx,2\n")
    assert rows == 3
    assert [fault.partition(": ")[2].partition(":")[0] for fault in faults] == [
        "no price for sample_id", "sample_id that is there before", f"sample_id that is none of {tmp_path}/test.csv",
        "price that is not a positive number",
    ]  # fmt: skip


def test_the_ids_may_have_another_name_and_a_file_without_them_is_refused(check):
    with pytest.raises(InputError, match="no column id, by which products are known"):
        check("sample_id,price\na,1\n", columns="sample_id: id\n")
    answer = "sample_id,price\na,1\nb,2\nc,3\n"
    assert check(answer, columns="sample_id: id\n", id_column="id") == (3, [])


def test_a_row_with_too_many_fields_is_refused(check):
    with pytest.raises(InputError, match=r"row 1 \(ends in line 2\): 3 fields where the header has 2"):
        check("sample_id,price\na,1,2\n")
