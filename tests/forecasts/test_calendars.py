"""The calendar of a table, from its dates alone."""

import pandas as pd
import pytest

from proofolio.errors import BadData
from proofolio.forecasts.calendars import calendar_of, calendar_steps


def business(first="2019-01-01", periods=300):
    return pd.bdate_range(first, periods=periods)


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (business(), "daily (252 a year)"),
        (business()[business().month != 8][:200], "daily (252 a year)"),  # a month is missing
        (pd.DatetimeIndex(["2020-01-03", "2020-01-06"]), "daily (252 a year)"),  # Friday and Monday
        (business()[business().day_of_year % 11 != 0], "daily (252 a year)"),  # holidays
        (pd.date_range("2019-01-01", periods=50), "every day (365 a year)"),
        # Sunday to Thursday, as in Tel Aviv
        (pd.bdate_range("2019-01-06", periods=200, freq="C", weekmask="Sun Mon Tue Wed Thu"), "daily (252 a year)"),
        (pd.date_range("2019-01-04", periods=60, freq="W-FRI"), "weekly (52 a year)"),
        (pd.date_range("2019-01-06", periods=60, freq="W-SUN"), "weekly (52 a year)"),
        (pd.date_range("2019-01-04", periods=60, freq="2W-FRI"), "every two weeks (26 a year)"),
        (pd.date_range("2019-01-01", periods=60, freq="MS"), "monthly (12 a year)"),
        (pd.date_range("2019-01-31", periods=60, freq="BME"), "monthly (12 a year)"),
        (pd.date_range("2001-03-31", periods=40, freq="BQE"), "quarterly (4 a year)"),
        (pd.date_range("1980-12-31", periods=20, freq="YE"), "yearly (1 a year)"),
    ],
)  # fmt: skip
def test_calendars_are_seen(dates, text):
    assert str(calendar_of(dates)) == text


def test_the_last_trading_days_of_weeks_and_months_are_weeks_and_months():
    days = business(periods=800)
    days = days[days.day_of_year % 13 != 0]
    frame = pd.Series(days, index=days)
    weeks = pd.DatetimeIndex(frame.groupby(days.to_period("W")).last())
    months = pd.DatetimeIndex(frame.groupby(days.to_period("M")).last())
    assert calendar_of(weeks).periods_per_year == 52
    assert calendar_of(months).periods_per_year == 12


@pytest.mark.parametrize(
    "dates", [business()[::3], business()[::7], pd.date_range("2019", periods=30, freq="50D")]
)
def test_dates_of_no_calendar_are_refused_and_the_option_is_named(dates):
    with pytest.raises(BadData, match=r"t\.csv: .*--periods-per-year N, periods_per_year=N"):
        calendar_of(dates, where="t.csv")
    assert str(calendar_of(dates, 26.5)) == "as given (26.5 a year)"


def test_a_table_monthly_first_and_daily_later_is_refused_with_the_first_odd_step():
    months = pd.date_range("2015-01-31", periods=40, freq="BME")
    dates = months.append(business("2018-06-01", 160))
    with pytest.raises(BadData, match=r"160 of 199 steps are daily.*2015-02-27 to 2015-03-31"):
        calendar_of(dates)


@pytest.mark.parametrize("given", [0, -1, float("nan"), float("inf")])
def test_periods_a_year_are_a_positive_number(given):
    with pytest.raises(BadData, match="give a positive number"):
        calendar_of(business(), given)


def test_rates_compound_and_steps_are_usual_ones():
    weekly = calendar_of(pd.date_range("2019-01-04", periods=60, freq="W-FRI"))
    assert (1 + weekly.rate(0.05)) ** 52 == pytest.approx(1.05)
    assert weekly.yearly(weekly.rate(0.05)) == pytest.approx(0.05)
    assert weekly.yearly(1e9) == float("inf")
    dates = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-16"])
    assert calendar_steps(calendar_of(dates), dates).tolist() == [1, 1, 8]


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (pd.bdate_range("2018-01-01", periods=400, freq="C", weekmask="Mon Tue Wed Thu Fri Sat"), 313),
        (pd.bdate_range("2018-01-01", periods=400, freq="C", weekmask="Sun Mon Tue Wed Thu Fri"), 313),
        (pd.date_range("2018-01-01", periods=90, freq="SME"), 24),
        (pd.date_range("2018-01-01", periods=90, freq="SMS"), 24),
        (pd.date_range("2018-01-05", periods=60, freq="28D"), 13),
        (pd.date_range("2018-01-26", periods=40, freq="WOM-4FRI"), 12),  # 28 or 35 days apart
        (pd.DatetimeIndex(["2021-01-29", "2021-02-26", "2021-03-26"]), 12),  # last Fridays, twice four weeks
    ],
)  # fmt: skip
def test_the_rows_of_a_year_are_counted(dates, text):
    assert calendar_of(dates).periods_per_year == text


@pytest.mark.parametrize(
    ("dates", "rows"),
    [
        (pd.bdate_range("2018-01-01", periods=400, freq="C", weekmask="Mon Tue Wed Thu"), 209),
        (pd.bdate_range("2018-01-01", periods=400, freq="C", weekmask="Mon Tue Thu Fri"), 209),
        (business(periods=600).delete(range(5, 600, 3)), 174),
        (pd.date_range("2018-01-01", periods=900).delete(range(5, 900, 3)), 244),
    ],
)
def test_a_table_with_far_fewer_rows_a_year_is_refused_with_their_number(dates, rows):
    assert abs((len(dates) - 1) * 365.25 / (dates[-1] - dates[0]).days - rows) < 1.5
    with pytest.raises(BadData, match=r"figures a year are wrong.*--periods-per-year (\d+)") as error:
        calendar_of(dates, where="t.csv")
    said = int(str(error.value).split("--periods-per-year ")[1].split(",")[0])
    assert abs(said - rows) <= 1
    assert calendar_of(dates, said).periods_per_year == said


def test_a_tenth_of_the_days_missing_is_said_and_the_number_too():
    found = calendar_of(business(periods=600).delete(range(5, 600, 10)))
    assert found.periods_per_year == 252
    assert "235 rows a year" in found.doubt
    assert not calendar_of(business(periods=600)).doubt
