"""Files as Excel, Yahoo and offices write them give the same prices, or a sentence."""

import numpy as np
import pandas as pd
import pytest

from proofolio.errors import BadData
from proofolio.forecasts import read_prices, read_returns

ROWS = 40


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(5)
    values = 1500.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (ROWS, 3)), axis=0))
    days = pd.bdate_range("2020-01-02", periods=ROWS, name="Date")
    return pd.DataFrame(values.round(2), index=days, columns=["AAA", "BBB", "CCC"])


def thousands(value, group, decimal):
    return f"{value:,.2f}".replace(".", "@").replace(",", group).replace("@", decimal)


def fields(prices, adjusted):
    names = ["Close", "High", "Low", "Open", "Volume"]
    parts = {name: prices * (10 + i) for i, name in enumerate(names)}
    if adjusted:
        parts["Adj Close"] = prices
    else:
        parts["Close"] = prices
    return pd.concat(parts, axis=1)


WAYS = {
    "semicolons": lambda p: p.to_csv(sep=";"),
    "tabs": lambda p: p.to_csv(sep="\t"),
    "bars": lambda p: p.to_csv(sep="|"),
    "semicolons, decimal comma": lambda p: p.to_csv(sep=";", decimal=","),
    "quoted decimal comma": lambda p: p.map(lambda v: f"{v:.2f}".replace(".", ",")).to_csv(),
    "day first": lambda p: p.to_csv(date_format="%d/%m/%Y"),
    "month first": lambda p: p.to_csv(date_format="%m/%d/%Y"),
    "day first with points": lambda p: p.to_csv(sep=";", decimal=",", date_format="%d.%m.%Y"),
    "compact dates": lambda p: p.to_csv(date_format="%Y%m%d"),
    "months by name": lambda p: p.to_csv(date_format="%d-%b-%Y"),
    "hours": lambda p: p.to_csv(date_format="%Y-%m-%d 16:00:00"),
    "half days": lambda p: p.to_csv(date_format="%m/%d/%Y 4:00:00 PM"),
    "summer time": lambda p: "\n".join(
        line if i == 0 else line.replace(",", f" 16:00:00-0{4 + i % 2}:00,", 1)
        for i, line in enumerate(p.to_csv().splitlines())
    ),
    "English thousands": lambda p: p.map(lambda v: thousands(v, ",", ".")).to_csv(),
    "German thousands": lambda p: p.map(lambda v: thousands(v, ".", ",")).to_csv(sep=";"),
    "French thousands": lambda p: p.map(lambda v: thousands(v, "\u202f", ",")).to_csv(sep=";"),
    "Swiss thousands": lambda p: p.map(lambda v: thousands(v, "'", ".")).to_csv(sep=";"),
    "a byte order mark": lambda p: "\ufeff" + p.to_csv(),
    "separators at the end": lambda p: p.to_csv(sep=";").replace("\n", ";;\n"),
    "Yahoo, two lines of names": lambda p: fields(p, False).rename_axis(["Price", "Ticker"], axis=1).to_csv(),
    "Yahoo, by ticker": lambda p: (
        fields(p, False).swaplevel(axis=1).rename_axis(["Ticker", "Price"], axis=1).to_csv()
    ),
    "Yahoo, adjusted": lambda p: fields(p, True).rename_axis(["Price", "Ticker"], axis=1).to_csv(),
    "Yahoo, without titles": lambda p: fields(p, True).to_csv(),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_prices_however_they_are_written(prices, tmp_path, way):
    path = tmp_path / "prices.csv"
    path.write_text(WAYS[way](prices), encoding="utf-8")
    found = read_prices(path, minimum_rows=3)
    pd.testing.assert_frame_equal(found, prices, check_exact=True, check_names=False, check_index_type=False)


def test_excels_unicode_text_and_workbooks(prices, tmp_path):
    (tmp_path / "p.txt").write_text(prices.to_csv(sep="\t"), encoding="utf-16")
    assert (read_prices(tmp_path / "p.txt", minimum_rows=3).to_numpy() == prices.to_numpy()).all()
    pytest.importorskip("openpyxl")
    prices.to_excel(tmp_path / "p.xlsx")
    found = read_prices(tmp_path / "p.xlsx", minimum_rows=3)
    assert (found.to_numpy() == prices.to_numpy()).all()
    assert found.index.equals(prices.index.as_unit(found.index.unit))


def test_a_workbook_without_openpyxl_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "p.xlsx").write_bytes(b"PK")
    with pytest.raises(BadData, match=r'p\.xlsx.*pip install "proofolio\[excel\]"'):
        read_prices(tmp_path / "p.xlsx")


def months(prices):
    days = pd.date_range("2020-01-01", periods=6, freq="MS", name="Date")
    return prices.iloc[:6].set_axis(days)


def test_day_and_month_that_no_row_tells_apart_are_asked_for(prices, tmp_path):
    path, wanted = tmp_path / "p.csv", months(prices)
    path.write_text(wanted.to_csv(date_format="%d/%m/%Y"), encoding="utf-8")
    with pytest.raises(BadData, match=r"line 2: whether '01/01/2020' .*--day-first or --month-first"):
        read_prices(path, minimum_rows=3)
    assert list(read_prices(path, minimum_rows=3, day_first=True).index.strftime("%m-%d")) == [
        f"0{m}-01" for m in range(1, 7)
    ]
    assert list(read_prices(path, minimum_rows=3, day_first=False).index.strftime("%m-%d")) == [
        f"01-0{m}" for m in range(1, 7)
    ]
    path.write_text(
        wanted.to_csv(date_format="%d/%m/%Y") + "13/07/2020,1,1,1\n07/14/2020,1,1,1\n", encoding="utf-8"
    )
    with pytest.raises(
        BadData, match=r"line 9: in '07/14/2020' the day and the month .*13/07/2020' \(line 8\)"
    ):
        read_prices(path, minimum_rows=3)
    with pytest.raises(BadData, match="line 8: '13/07/2020' has no month 13"):
        read_prices(path, minimum_rows=3, day_first=False)


def test_commas_that_no_cell_tells_apart_are_asked_for(prices, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text(prices.map(lambda v: f"{v:,.0f}").to_csv(sep=";"), encoding="utf-8")
    with pytest.raises(
        BadData, match=r"line 2: column 'AAA' is '1,\d{3}'.*--decimal-comma or --decimal-point"
    ):
        read_prices(path, minimum_rows=3)
    plain = read_prices(path, minimum_rows=3, decimal_comma=False).to_numpy()
    assert plain == pytest.approx(prices.to_numpy(), abs=0.5)
    assert read_prices(path, minimum_rows=3, decimal_comma=True).to_numpy() == pytest.approx(plain / 1000)


def test_two_meanings_of_a_comma_are_refused_with_both_cells(prices, tmp_path):
    mixed = prices.map(lambda v: f"{v:.2f}")
    mixed.iloc[5, 1] = "101,25"
    (tmp_path / "p.csv").write_text(mixed.to_csv(sep=";"), encoding="utf-8")
    with pytest.raises(BadData, match=r"line 7: column 'BBB' is '101,25', and column 'AAA' in line 2"):
        read_prices(tmp_path / "p.csv", minimum_rows=3)


def test_several_rows_a_day_become_the_last_price_or_the_compounded_return(tmp_path):
    hours = pd.date_range("2020-01-02 09:00", periods=48, freq="8h", name="Date")
    levels = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, (48, 2)), axis=0))
    frame = pd.DataFrame(levels, index=hours, columns=["AAA", "BBB"])
    frame.to_csv(tmp_path / "p.csv")
    frame.pct_change().iloc[1:].to_csv(tmp_path / "r.csv")
    with pytest.raises(
        BadData, match=r"dates have several rows, the first 2020-01-02 17:00 \(line 3\).*--resample daily"
    ):
        read_prices(tmp_path / "p.csv", minimum_rows=3)
    wanted = frame.groupby(frame.index.date).last()
    found = read_prices(tmp_path / "p.csv", minimum_rows=3, resample="daily")
    assert (found.to_numpy() == wanted.to_numpy()).all()
    assert list(found.index.date) == list(wanted.index)
    returns = read_returns(tmp_path / "r.csv", minimum_rows=3, resample="daily")
    assert returns.to_numpy()[1:] == pytest.approx(wanted.pct_change().to_numpy()[1:], abs=1e-14)
    weekly = read_prices(tmp_path / "p.csv", minimum_rows=2, resample="weekly")
    assert list(weekly.index.strftime("%m-%d")) == ["01-05", "01-12", "01-18"]
    assert (weekly.to_numpy()[-1] == levels[-1]).all()
