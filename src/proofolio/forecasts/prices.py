"""Prices and returns: the bundled ones, the user's own, and what is wrong with them."""

from __future__ import annotations

import gzip
import io
from importlib import resources
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd

from proofolio.errors import BadData
from proofolio.forecasts.table_files import read_table
from proofolio.forecasts.tables import Resample, Table, between, resampled, sound_prices, sound_returns

MARKET = "SP500"


def load_prices() -> pd.DataFrame:
    """Return adjusted daily closing prices of 20 US stocks, 1990-01-02 to 2022-12-28.

    8,313 days, US dollars, a column a ticker. They equal those of skfolio 1.12.2 (BSD-3-Clause, see
    NOTICE) to within 1e-9: all 3 decimals it has. Three decimals are coarse for the oldest adjusted
    prices: AAPL starts at 0.264, so its early daily returns are rounded to about 0.4 %. All 20
    companies survived to 2022; results on them flatter any long-only strategy. For examples and tests only.

    Returns
    -------
    (8313, 20) DataFrame
    """
    return _bundled().drop(columns=MARKET)


def load_market() -> pd.Series:
    """Return the S&P 500 index on the days of `load_prices`, without dividends.

    It equals that of skfolio 1.12.2 (BSD-3-Clause, see NOTICE) to within 1e-9: all 2 decimals it has.

    Returns
    -------
    (8313,) Series named "SP500"
    """
    return _bundled()[MARKET]


def _bundled() -> pd.DataFrame:
    data = resources.files("proofolio.forecasts").joinpath("data", "us_stocks.csv.gz").read_bytes()
    text = io.BytesIO(gzip.decompress(data))
    frame = pd.read_csv(text, index_col="Date")
    frame.index = pd.to_datetime(frame.index, format="%Y-%m-%d")
    return frame


@overload
def simple_returns(prices: pd.DataFrame) -> pd.DataFrame: ...
@overload
def simple_returns(prices: pd.Series) -> pd.Series: ...
def simple_returns(prices: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    """Return simple returns per period, ``r_t = p_t / p_{t-1} - 1``, one row fewer than prices.

    Before the second price of an asset that begins late, and after the last one of an asset that ends early, its
    return is NaN.

    Raises
    ------
    BadData
        If there are fewer than two prices, one is missing between two others, or one is infinite, zero or negative.

    Examples
    --------
    >>> simple_returns(pd.Series([100.0, 110.0, 99.0])).round(6).tolist()
    [0.1, -0.1]
    """
    values = prices.to_numpy(dtype=np.float64, na_value=np.nan)
    if len(values) < 2:
        raise BadData(f"{len(values)} prices give no return; give two or more.")
    missing = np.isnan(values)
    bad = np.argwhere(between(missing) | ~(missing | (np.isfinite(values) & (values > 0))))
    if len(bad):
        at = tuple(int(i) for i in bad[0])
        column = f" in column {prices.columns[at[1]]!r}" if isinstance(prices, pd.DataFrame) else ""
        raise BadData(
            f"the price at {prices.index[at[0]]}{column} is {values[at]}; fill or drop it, since a return "
            "needs finite prices above zero."
        )
    returns = values[1:] / values[:-1] - 1.0
    if isinstance(prices, pd.DataFrame):
        return pd.DataFrame(returns, index=prices.index[1:], columns=prices.columns)
    return pd.Series(returns, index=prices.index[1:], name=prices.name)


def read_prices(
    path: str | Path,
    *,
    minimum_rows: int = 250,
    minimum_assets: int = 2,
    day_first: bool | None = None,
    decimal_comma: bool | None = None,
    resample: Resample | None = None,
) -> pd.DataFrame:
    """Return the prices in a file, checked, by the rule that a backtest reads tables by.

    The table is wide: dates in the first column, oldest first, then a column of prices an asset, with the names in
    the first line. Kinds: .csv, .csv.gz, .tsv, .txt, .xlsx with ``proofolio[excel]`` and .parquet with
    ``proofolio[parquet]``; separators, decimal commas and the order of day and month are recognised where the file
    leaves no doubt. An asset may begin after the first date and end before the last one; the cells before and after
    are NaN, and a value missing between two others is refused.

    Parameters
    ----------
    path : str or Path
    minimum_rows, minimum_assets : int
        Fewer are refused.
    day_first : bool, optional
        Whether 03/02/2020 is the third of February, where no row of the file tells.
    decimal_comma : bool, optional
        Whether 1,234 is about one, where no cell of the file tells.
    resample : {"daily", "weekly", "monthly"}, optional
        Keep the last price of each day, week or month.

    Returns
    -------
    (T, n) DataFrame
        Floats by date; NaN before an asset begins and after it ends.

    Raises
    ------
    BadData
        If the file cannot be read as such a table (see `read_table`) or the prices are not sound (see
        `validate_prices`); names the file, column, date and line.
    """
    table = read_table(path, day_first=day_first, decimal_comma=decimal_comma)
    if resample is not None:
        table = resampled(table, resample, str(path))
    return sound_prices(table, str(path), minimum_rows, minimum_assets)


def read_returns(
    path: str | Path,
    *,
    minimum_rows: int = 250,
    minimum_assets: int = 2,
    day_first: bool | None = None,
    decimal_comma: bool | None = None,
    resample: Resample | None = None,
) -> pd.DataFrame:
    """Return the simple returns in a file, decimals per period, checked.

    As `read_prices`, for a table of returns; resampled, they are compounded.

    Raises
    ------
    BadData
        If the file cannot be read as such a table (see `read_table`) or the returns are not sound (see
        `validate_returns`); names the file, column, date and line.
    """
    table = read_table(path, day_first=day_first, decimal_comma=decimal_comma)
    if resample is not None:
        table = resampled(table, resample, str(path), compounded=True)
    return sound_returns(table, str(path), minimum_rows, minimum_assets)


def validate_prices(
    frame: pd.DataFrame, *, where: str = "prices", minimum_rows: int = 250, minimum_assets: int = 2
) -> pd.DataFrame:
    """Return a copy of `frame` as floats by date, if these are sound prices.

    An asset may begin after the first date and end before the last one, with NaN before and after.

    Parameters
    ----------
    frame : (T, n) DataFrame
        Indexed by date, a column an asset.
    where : str
        What the message calls the table.
    minimum_rows, minimum_assets : int
        Fewer are refused.

    Raises
    ------
    BadData
        If a name is repeated or empty, there are too few assets or rows, the index is not dates, dates are
        repeated or not oldest first, a cell is not a number, a value is missing between two others or infinite, a
        price is zero or negative or many times those beside it, the values look like returns, a column never changes, a
        day has several rows, or the columns are the fields of one share.
    """
    return sound_prices(Table(frame), where, minimum_rows, minimum_assets)


def validate_returns(
    frame: pd.DataFrame, *, where: str = "returns", minimum_rows: int = 250, minimum_assets: int = 2
) -> pd.DataFrame:
    """Return a copy of `frame` as floats by date, if these are sound simple returns in decimals.

    Raises
    ------
    BadData
        As `validate_prices`, except that a value may be negative, but not -1 or less, and that
        values which look like prices or percents are refused.
    """
    return sound_returns(Table(frame), where, minimum_rows, minimum_assets)
