"""One rule for every table: an asset may begin late and end early; what needs full rows says which one does."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.market import Market
from proofolio.errors import BadData
from proofolio.forecasts import (
    read_prices,
    read_returns,
    regime_moments,
    simple_returns,
    validate_prices,
    validate_returns,
)


@pytest.fixture
def late() -> pd.DataFrame:
    """300 days of AAPL, GE and KO; GE begins on day 100, KO ends on day 250."""
    prices = pf.load_prices()[["AAPL", "GE", "KO"]].iloc[:300].copy()
    prices.iloc[:100, 1] = np.nan
    prices.iloc[250:, 2] = np.nan
    return prices


def test_files_and_frames_are_read_as_by_a_backtest(late, tmp_path):
    late.to_csv(tmp_path / "late.csv")
    found = read_prices(tmp_path / "late.csv")
    pd.testing.assert_frame_equal(found, late, check_freq=False)
    pd.testing.assert_frame_equal(validate_prices(late), late, check_freq=False)
    returns = Market.from_prices(late).returns
    np.testing.assert_array_equal(simple_returns(found), returns)
    simple_returns(late).to_csv(tmp_path / "returns.csv")
    np.testing.assert_array_equal(read_returns(tmp_path / "returns.csv"), returns)
    np.testing.assert_array_equal(validate_returns(simple_returns(late)), returns)


def test_returns_are_missing_just_where_a_price_is(late):
    """By hand: day t has a return where days t - 1 and t have prices."""
    found = simple_returns(late)
    for name in late.columns:
        for t in range(1, 300):
            before, now = late[name].iloc[t - 1], late[name].iloc[t]
            expected = now / before - 1 if before == before and now == now else np.nan
            np.testing.assert_equal(found[name].iloc[t - 1], expected)


def test_a_gap_is_refused_everywhere(late, tmp_path):
    late.iloc[150, 1] = np.nan
    late.to_csv(tmp_path / "late.csv")
    for read in (lambda: read_prices(tmp_path / "late.csv"), lambda: validate_prices(late)):
        with pytest.raises(BadData, match=r"1 value is missing between others, the first in column 'GE'"):
            read()
    with pytest.raises(BadData, match="in column 'GE' is nan"):
        simple_returns(late)


def test_a_column_without_a_value_is_refused(late):
    late["KO"] = np.nan
    with pytest.raises(BadData, match="column 'KO' has no value at all"):
        validate_prices(late)


FULL_ROWS = {
    "fit_regimes": lambda prices, returns: pf.fit_regimes(returns, 2),
    "regime_moments": lambda prices, returns: regime_moments(returns, np.zeros(len(returns), dtype=int)),
    "Historical": lambda prices, returns: pf.Historical(window=50).fit(returns),
    "RollingRegimes": lambda prices, returns: pf.RollingRegimes(window=50, K=2, driving=(0,)).fit(returns),
    "BlackLitterman": lambda prices, returns: pf.BlackLitterman(confidence=0.5).fit(returns),
    "sample": lambda prices, returns: pf.forecasts.sample(returns),
    "market_instance": lambda prices, returns: pf.market_instance(prices, R=2, T=2),
    "RegimeControl": lambda prices, returns: pf.RegimeControl.fit(prices, 2, gamma=5.0),
}


@pytest.mark.parametrize("name", FULL_ROWS)
def test_what_needs_every_row_names_the_asset_and_its_date(name, late):
    begins = late.iloc[:200]
    with pytest.raises(BadData, match=r"of GE begin on 1990-05-2\d, .*every row is needed.*\.loc\["):
        FULL_ROWS[name](begins, simple_returns(begins))
    ends = late.iloc[100:]
    with pytest.raises(BadData, match=r"of KO end on 1990-12-\d\d, before the last row .*drop the column"):
        FULL_ROWS[name](ends, simple_returns(ends))
