import gzip
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofolio.errors import BadData
from proofolio.forecasts import load_market, load_prices, simple_returns, validate_prices

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_prices.py"


def test_bundled_prices_are_the_20_stocks_over_their_whole_span():
    prices = load_prices()
    assert prices.shape == (8313, 20)
    assert str(prices.index[0].date()) == "1990-01-02"
    assert str(prices.index[-1].date()) == "2022-12-28"
    assert {"AAPL", "JPM", "XOM"} < set(prices.columns)
    assert "SP500" not in prices.columns
    assert validate_prices(prices).equals(prices)


def test_bundled_market_has_the_known_levels_on_the_days_of_the_stocks():
    market = load_market()
    assert market.name == "SP500"
    assert market.index.equals(load_prices().index)
    assert market["2008-10-13"] == 1003.35
    worst = simple_returns(market).nsmallest(1)
    assert str(worst.index[0].date()) == "2020-03-16"
    assert worst.iloc[0] == pytest.approx(-0.1198, abs=1e-4)


def test_bundled_prices_equal_those_of_skfolio():
    datasets = pytest.importorskip("skfolio.datasets")
    pd.testing.assert_frame_equal(load_prices(), datasets.load_sp500_dataset(), rtol=0, atol=1e-9)
    pd.testing.assert_series_equal(load_market(), datasets.load_sp500_index()["SP500"], rtol=0, atol=1e-9)


def test_bundled_file_is_what_the_script_makes():
    pytest.importorskip("skfolio")
    if not SCRIPT.exists():
        pytest.skip("the script is in the repository only")
    spec = importlib.util.spec_from_file_location("make_prices", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert gzip.decompress(script.TARGET.read_bytes()) == script.content()
    assert script.compressed(b"the same bytes") == script.compressed(b"the same bytes")
    assert script.TARGET.stat().st_size < 1_000_000


@given(
    st.lists(st.floats(-0.5, 1.0), min_size=1, max_size=30),
    st.floats(0.01, 1e4),
)
def test_returns_of_compounded_returns_are_the_returns(returns, first):
    prices = pd.Series(first * np.cumprod([1.0, *(1 + r for r in returns)]))
    np.testing.assert_allclose(simple_returns(prices), returns, atol=1e-9)


def test_returns_keep_names_and_dates_and_leave_prices_alone():
    prices = load_prices().iloc[:300]
    before = prices.copy()
    returns = simple_returns(prices)
    assert returns.index.equals(prices.index[1:])
    assert returns.columns.equals(prices.columns)
    assert prices.equals(before)
    assert simple_returns(load_market()).name == "SP500"


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_returns_refuse_a_price_that_has_none(bad):
    prices = load_prices().iloc[:5].copy()
    prices.loc["1990-01-04", "GE"] = bad
    with pytest.raises(BadData, match=r"1990-01-04.*'GE'"):
        simple_returns(prices)


def test_returns_refuse_a_single_price():
    with pytest.raises(BadData, match="1 prices"):
        simple_returns(pd.Series([1.0]))
