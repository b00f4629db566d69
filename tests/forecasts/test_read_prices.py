"""Each way a file of prices can be wrong gives one sentence that says where."""

import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from proofolio.errors import BadData, ProofolioError
from proofolio.forecasts import (
    load_prices,
    read_prices,
    read_returns,
    simple_returns,
    validate_prices,
    validate_returns,
)

GOOD = [
    ["Date", "AAA", "BBB"],
    ["2020-01-02", "10", "20.5"],
    ["2020-01-03", "11", "20.25"],
    ["2020-01-06", "12", "21"],
    ["2020-01-07", "11.5", "22"],
]


@pytest.fixture
def read(tmp_path):
    """Write rows as CSV, with one cell or row changed, and read them back."""

    def write_and_read(change=lambda rows: None, name="prices.csv", reader=read_prices, **options):
        rows = [list(row) for row in GOOD]
        change(rows)
        path = tmp_path / name
        path.write_text("\n".join(",".join(row) for row in rows) + "\n")
        return reader(path, **{"minimum_rows": 3, **options})

    return write_and_read


def put(row, column, cell):
    def change(rows):
        rows[row][column] = cell

    return change


def refused(call, *words):
    """Assert that `call` raises one sentence with all the words, in any order."""
    with pytest.raises(BadData) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_a_sound_file_is_read_exactly(read):
    frame = read()
    assert frame.columns.tolist() == ["AAA", "BBB"]
    assert frame.index.tolist() == [pd.Timestamp(row[0]) for row in GOOD[1:]]
    assert frame.index.name == "Date"
    assert frame.to_numpy().tolist() == [[10, 20.5], [11, 20.25], [12, 21], [11.5, 22]]


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_round_trip_is_exact(tmp_path, name):
    prices = load_prices().iloc[:300] / 3
    path = tmp_path / name
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
        prices.to_parquet(path)
    else:
        prices.to_csv(path)
    pd.testing.assert_frame_equal(read_prices(path), prices, check_exact=True, check_index_type=False)


def test_parquet_with_dates_in_the_first_column(tmp_path):
    pytest.importorskip("pyarrow")
    prices = load_prices().iloc[:300]
    prices.reset_index().to_parquet(tmp_path / "p.parquet", index=False)
    assert read_prices(tmp_path / "p.parquet").to_numpy().tolist() == prices.to_numpy().tolist()


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_midnight_offsets_byte_order_marks_blank_lines_and_spaces_are_harmless(tmp_path, name):
    path = tmp_path / name
    lines = [",".join(row) for row in GOOD]
    lines[1] = "2020-01-02 00:00:00-05:00, 10 ,20.5"
    lines[2] = "2020-01-03T00:00:00Z,11,20.25"
    content = ("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode()
    path.write_bytes(gzip.compress(content, mtime=0) if name.endswith("gz") else content)
    frame = read_prices(path, minimum_rows=3)
    assert frame.index.tolist() == [pd.Timestamp(row[0]) for row in GOOD[1:]]
    assert frame.index.name == "Date"


def test_missing_file(tmp_path):
    refused(lambda: read_prices(tmp_path / "no.csv"), "no.csv", "does not exist")


def test_folder(tmp_path):
    refused(lambda: read_prices(tmp_path), "is a folder")


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_empty_file(tmp_path, text):
    (tmp_path / "p.csv").write_text(text)
    refused(lambda: read_prices(tmp_path / "p.csv"), "p.csv", "is empty")


def test_header_without_rows(read):
    refused(lambda: read(lambda rows: rows.__delitem__(slice(1, None))), "0 dates", "3 are needed")


def test_unknown_kind(tmp_path):
    (tmp_path / "p.ods").write_bytes(b"x")
    refused(lambda: read_prices(tmp_path / "p.ods"), "p.ods", ".csv", ".parquet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", b"Date,A,B\n2020-01-02,\xff\xfe,1\n"),
        ("p.csv.gz", b"not gzip at all"),
        ("p.csv.gz", gzip.compress(b"Date,A,B\n2020-01-02,1,1\n" * 99, mtime=0)[:-20]),
        ("p.parquet", b"not parquet at all"),
    ],
    ids=["not text", "not gzip", "cut short", "not parquet"],
)
def test_unreadable_file(tmp_path, name, content):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    refused(lambda: read_prices(tmp_path / name), name, "cannot be read", "save it again")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    for module in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    refused(lambda: read_prices(tmp_path / "p.parquet"), "p.parquet", 'pip install "proofolio[parquet]"')


def test_one_column(read):
    def change(rows):
        rows[:] = [[" ".join(row)] for row in rows]

    refused(lambda: read(change), "line 1", "only one column", "commas")


def test_row_with_too_many_cells(read):
    refused(lambda: read(lambda rows: rows[3].append("9")), "line 4", "4 cells", "has 3")


def test_row_with_too_few_cells(read):
    refused(lambda: read(lambda rows: rows[2].pop()), "line 3", "2 cells", "has 3")


@pytest.mark.parametrize(
    "date", ["06/01/2020", "2020-13-01", "yesterday", "2", "20201306", "", "06/01/20", "43836"]
)
def test_date_that_cannot_be_parsed(read, date):
    refused(lambda: read(put(3, 0, date)), "line 4", repr(date), "date")


def test_duplicate_date(read):
    refused(lambda: read(put(3, 0, "2020-01-03")), "1 dates are repeated", "2020-01-03 (line 4)")


def test_unsorted_dates(read):
    refused(lambda: read(put(3, 0, "2019-12-31")), "back from 2020-01-03 (line 3)", "2019-12-31 (line 4)")


@pytest.mark.parametrize("cell", ["", "NaN", "N/A", "null", "-"])
def test_gaps_are_counted_and_the_first_is_named(read, cell):
    def change(rows):
        rows[2][2] = rows[3][1] = rows[3][2] = cell

    refused(lambda: read(change), "3 values are missing", "'BBB' at 2020-01-03 (line 3)")


@pytest.mark.parametrize("cell", ["abc", "1.2.3", "$12", "12%"])
def test_cell_that_is_not_a_number(read, cell):
    refused(lambda: read(put(3, 1, cell)), "line 4", "'AAA' at 2020-01-06", repr(cell), "not a number")


@pytest.mark.parametrize("cell", ["0", "-11"])
def test_price_of_zero_or_less(read, cell):
    refused(
        lambda: read(put(3, 1, cell), minimum_rows=2),
        "'AAA' at 2020-01-06 (line 4)",
        f"is {cell}",
        "above zero",
    )


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e999"])
def test_infinite_price(read, cell):
    refused(lambda: read(put(3, 2, cell)), "'BBB' at 2020-01-06 (line 4)", "infinite")


def test_line_numbers_count_blank_lines(read):
    def change(rows):
        rows[4][1] = "0"
        rows.insert(2, [""])

    refused(lambda: read(change), "2020-01-07 (line 6)")


def test_only_one_asset(read):
    def change(rows):
        for row in rows:
            row.pop()

    refused(lambda: read(change), "AAA", "2 are needed")
    assert read(change, minimum_assets=1).shape == (4, 1)


def test_too_few_rows(read):
    refused(lambda: read(minimum_rows=250), "4 dates (2020-01-02 to 2020-01-07)", "250 are needed")


def test_constant_column(read):
    def change(rows):
        for row in rows[1:]:
            row[2] = "7"

    refused(lambda: read(change), "'BBB' at 2020-01-02 (line 2)", "is 7", "never changes")


def test_duplicate_column_names(read):
    refused(lambda: read(put(0, 2, "AAA")), "asset columns 1 and 2", "'AAA'")


def test_nameless_column(read):
    refused(lambda: read(put(0, 2, " ")), "asset column 2 has no name")


def test_returns_passed_as_prices(tmp_path):
    returns = simple_returns(load_prices())
    returns.to_csv(tmp_path / "r.csv")
    refused(lambda: read_prices(tmp_path / "r.csv"), "look like returns", "(line 2)", "--returns")
    pd.testing.assert_frame_equal(read_returns(tmp_path / "r.csv"), returns, check_exact=True)


def test_prices_passed_as_returns(read):
    refused(lambda: read(reader=read_returns), "look like prices", "'AAA' at 2020-01-02 (line 2)")


def test_percents_passed_as_returns():
    refused(
        lambda: validate_returns(100 * simple_returns(load_prices())), "look like percents", "divide by 100"
    )


def test_return_that_loses_everything():
    returns = simple_returns(load_prices())
    returns.loc["1990-01-05", "GE"] = -1.0
    refused(lambda: validate_returns(returns), "'GE' at 1990-01-05 (row 3)", "is -1")


class TestFrames:
    def frame(self):
        return load_prices().iloc[:260, :3].copy()

    def test_where_is_in_the_message(self):
        frame = self.frame()
        frame.iloc[4, 1] = np.nan
        refused(
            lambda: validate_prices(frame, where="my prices"),
            "my prices: 1 value is missing",
            "'AMD' at 1990-01-08 (row 5)",
        )

    def test_the_argument_is_left_alone(self):
        frame = self.frame().astype(object)
        before = frame.copy()
        assert validate_prices(frame).dtypes.eq(float).all()
        pd.testing.assert_frame_equal(frame, before)

    def test_text_in_a_column(self):
        frame = self.frame().astype(object)
        frame.iloc[7, 2] = "n.a."
        refused(lambda: validate_prices(frame), "'BAC' at 1990-01-11 (row 8)", "'n.a.'")

    def test_truth_values_are_no_prices(self):
        frame = self.frame()
        frame["flag"] = True
        refused(lambda: validate_prices(frame), "'flag' at 1990-01-02 (row 1)", "True")

    def test_numbers_as_index(self):
        refused(lambda: validate_prices(self.frame().reset_index(drop=True)), "row 1 is '0'", "2020-01-31")

    def test_a_missing_date(self):
        frame = self.frame()
        frame.index = frame.index.where(frame.index != frame.index[9])
        refused(lambda: validate_prices(frame), "row 10", "NaT")

    def test_dates_as_text_and_with_a_zone_are_understood(self):
        frame = self.frame()
        text = frame.set_index(frame.index.strftime("%Y-%m-%d"))
        assert validate_prices(text).index.equals(frame.index)
        assert validate_prices(frame.tz_localize("America/New_York")).index.equals(frame.index)

    def test_no_column_at_all(self):
        refused(lambda: validate_prices(self.frame()[[]]), "assets are none")


def test_bad_data_is_a_value_error_under_the_one_base():
    assert issubclass(BadData, ProofolioError)
    assert issubclass(BadData, ValueError)
