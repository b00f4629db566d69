"""Tables with something wrong in them: a sentence each, or a warning; never a wrong number in silence."""

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.market import Market
from proofolio.errors import BadData
from proofolio.forecasts.table_files import read_table

ROWS = 300


def clean():
    rng = np.random.default_rng(3)
    values = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (ROWS, 3)), axis=0))
    return pd.DataFrame(
        values, index=pd.bdate_range("2019-01-01", periods=ROWS, name="Date"), columns=["AAA", "BBB", "CCC"]
    )


def changed(row, column, factor, stop=None):
    def change(table):
        table.iloc[row if stop is None else slice(row, stop), column] *= factor
        return table

    return change


def one_share(table):
    close = table["AAA"]
    fields = {
        "Open": close,
        "High": close * 1.01,
        "Low": close * 0.99,
        "Close": close,
        "Adj Close": close / 2,
    }
    return pd.DataFrame(fields | {"Volume": 1e6 + table["BBB"]})


def two_clocks(table):
    there = table[["AAA"]].set_axis(table.index + pd.Timedelta(hours=14.5))
    return pd.concat([there, table[["BBB"]]], axis=1, sort=True).rename_axis("Date")


def two_places(table):
    zones = ["-05:00", "+09:00"]
    return table.set_axis([f"{day:%Y-%m-%d} 16:00:00{zones[i % 2]}" for i, day in enumerate(table.index)])


def renamed(row, text):
    def change(table):
        days = [f"{day:%Y-%m-%d}" for day in table.index]
        days[row] = text
        return table.set_axis(days)

    return change


def long_form(table):
    return table.stack().rename_axis(["Date", "Ticker"]).rename("Close").reset_index("Ticker")


REFUSED = {
    "several rows a day": (
        lambda t: t.set_axis(pd.date_range("2019-01-01 09:00", periods=ROWS, freq="h")),
        r"13 dates have several rows, the first 2019-01-01 10:00 \(line 3\).*--resample daily",
    ),
    "a date twice": (lambda t: pd.concat([t[:5], t[4:]]), r"1 dates are repeated, the first 2019-01-07 \(line 7\)"),
    "newest first": (lambda t: t[::-1], r"go back from 2020-02-24 \(line 2\) to 2020-02-21 \(line 3\); sort"),
    "a date that is none": (renamed(7, "soon"), r"line 9: the date is 'soon'; write dates like"),
    "a day that does not exist": (renamed(7, "2019-02-30"), r"line 9: the date is '2019-02-30'"),
    "Excel's day numbers": (lambda t: t.set_axis(range(43466, 43466 + ROWS)), r"line 2: the date is '43466'.*Excel"),
    "years of two digits": (renamed(0, "01/01/19"), r"line 2: the date is '01/01/19'; write the year with four"),
    "hours that do not meet": (two_clocks, r"never meet: 'AAA' has a value at 2019-01-01 14:30 and 'BBB'"),
    "rows of two time zones": (two_places, r"line 3: the rows are of different time zones"),
    "monthly, then daily": (
        lambda t: pd.concat([t[:210:21], t[210:]]),
        r"no one calendar: 89 of 99 steps are daily.*2019-01-01 to 2019-01-30.*--periods-per-year",
    ),
    "every third day": (lambda t: t[::3], r"usually 5 days apart.*--periods-per-year"),
    "one share of Yahoo's": (one_share, r"Open, High, Low, Close, Adj Close, Volume are fields of a share, not assets"),
    "one share of R's": (lambda t: one_share(t).add_prefix("AAPL."), r"AAPL\.High, .* are fields of a share"),
    "one close times 100": (changed(100, 1, 100), r"'BBB' at 2019-05-21 \(line 102\) is .*times those beside it"),
    "the last close times 100": (changed(-1, 1, 100), r"'BBB' at 2020-02-24 \(line 301\) is .*the one before"),
    "the first close by 100": (changed(0, 1, 0.01), r"'BBB' at 2019-01-01 \(line 2\) is .* of the next"),
    "percents as rates": (lambda t: t.assign(AAA="1.5%"), r"column 'AAA' at 2019-01-01 is '1.5%', not a number"),
    "a line for each asset": (long_form, r"line 2: column 'Ticker' .*is there a line for each date and asset"),
    "a page instead of a table": (lambda t: "<html>rate limit</html>", r"line 1: only one column"),
    "decimal commas between commas": (
        lambda t: "\n".join(line.replace(".", ",") for line in t.to_csv().splitlines()),
        r"line 2: 7 cells, but the first line has 4.*separate by semicolons",
    ),
    "a gap in one column": (lambda t: t.mask((t.index == "2019-05-21")[:, None] & (t.columns == "BBB")), "2019-05-21"),
}  # fmt: skip


def market_in(folder, change, **options):
    table = change(clean())
    path = folder / "prices.csv"
    path.write_text(table if isinstance(table, str) else table.rename_axis("Date").to_csv(), encoding="utf-8")
    return Market.from_table(read_table(path), where="prices.csv", **options)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence_that_says_where(tmp_path, name):
    change, words = REFUSED[name]
    with pytest.raises(BadData, match=words) as caught:
        market_in(tmp_path, change)
    message = str(caught.value)
    assert "prices.csv" in message
    assert message.endswith(".")
    assert "\n" not in message


def test_a_clean_table_has_no_warnings(tmp_path):
    market = market_in(tmp_path, lambda t: t)
    assert market.warnings == ()
    assert str(market.calendar) == "daily (252 a year)"


DOUBTED = {
    "an unadjusted split": (
        lambda t: changed(150, 1, 0.25, ROWS)(t),
        r"BBB moves by -74\.7 % on 2019-07-30, as an unadjusted 4:1 split would",
    ),
    "an unadjusted reverse split": (lambda t: changed(150, 1, 5, ROWS)(t), r"as an unadjusted 1:5 reverse split would"),
    "a jump that is no split": (
        lambda t: changed(150, 1, 0.86, ROWS)(t), r"1 return beyond 10 robust standard deviations .*BBB -13\.1 % on"
    ),
    "a hole": (
        lambda t: t.drop(t.index[60:180]),
        r"1 gap of more than 4 usual steps, the widest from 2019-03-25 to 2019-09-10 \(121 steps\)",
    ),
    "a stale price": (
        lambda t: t.assign(CCC=t["CCC"].where((t.index < "2019-03-13") | (t.index > "2019-05-01")).ffill()),
        r"1 span of 20 periods or more .*CCC for 36 periods from 2019-03-13 to 2019-05-01",
    ),
    "prices carried over weekends": (
        lambda t: t.reindex(pd.date_range(t.index[0], t.index[-1])).ffill(), r"nothing moves on 120 of 120 Saturdays"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTED)
def test_warned_with_asset_and_date(tmp_path, name):
    change, words = DOUBTED[name]
    market = market_in(tmp_path, change)
    assert any(pd.Series(market.warnings).str.contains(words)), market.warnings
    assert all(sentence.startswith("prices.csv: ") and sentence.endswith(".") for sentence in market.warnings)


def test_a_stale_span_of_nineteen_and_a_gap_of_four_steps_are_not_warned_of(tmp_path):
    def still(periods):
        def change(table):
            table.iloc[51 : 51 + periods, 2] = table.iloc[50, 2]
            return table

        return change

    assert market_in(tmp_path, still(19)).warnings == ()
    assert len(market_in(tmp_path, still(20)).warnings) == 1
    assert market_in(tmp_path, lambda t: t.drop(t.index[60:63])).warnings == ()
    assert len(market_in(tmp_path, lambda t: t.drop(t.index[60:64])).warnings) == 1


def test_the_same_from_python():
    table = clean()
    assert str(Market.from_prices(table.tz_localize("America/New_York")).calendar) == "daily (252 a year)"
    named = pd.concat({"Close": table, "Volume": table * 1e6}, axis=1)
    market = Market.from_prices(named)
    assert market.names == ("AAA", "BBB", "CCC")
    assert market.warnings == ("prices: the column Close of each share is read, and Volume left aside.",)
    assert (market.returns == Market.from_prices(table).returns).all()
    whole = table.set_axis(table.index.strftime("%Y%m%d").astype(int))
    assert (Market.from_prices(whole).dates == market.dates).all()
    with pytest.raises(BadData, match=r"the date in row 1 is '0'"):
        Market.from_prices(table.reset_index(drop=True))
    zones = [day.tz_localize("UTC" if i % 2 else "Asia/Tokyo") for i, day in enumerate(table.index)]
    assert (Market.from_prices(table.set_axis(pd.Index(zones, dtype=object))).dates == market.dates).all()
    quarters = table[:40].set_axis(pd.period_range("2010Q1", periods=40, freq="Q"))
    assert str(Market.from_prices(quarters).calendar) == "quarterly (4 a year)"


def test_another_number_of_periods_is_obeyed_and_said():
    market = Market.from_prices(clean(), 0.05, periods_per_year=52)
    assert str(market.calendar) == "as given (52 a year)"
    assert market.risk_free == pytest.approx(1.05 ** (1 / 52) - 1)
    assert market.warnings == (
        "prices: the dates look daily (252 a year), and 52 periods a year are counted, as given.",
    )
    assert Market.from_prices(clean(), periods_per_year=260).warnings == ()
