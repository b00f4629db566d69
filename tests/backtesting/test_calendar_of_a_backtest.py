"""Figures a year count the periods that a table has: against pandas, on one market seen daily, weekly, monthly."""

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.account import Account
from proofolio.backtesting.forecasts import ForecastPlan, usual_window
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategies import FixMix, RegimeBudgets, strategies_named
from proofolio.errors import BadData

PERIODS = {"daily": 252, "weekly": 52, "monthly": 12, "quarterly": 4}


@pytest.fixture(scope="module")
def tables():
    """One random market, daily for twelve years, and the last prices of its weeks, months and quarters."""
    rng = np.random.default_rng(11)
    days = pd.bdate_range("2008-01-02", periods=12 * 261)
    moves = rng.multivariate_normal([9e-4, 4e-4], [[1e-4, 2e-5], [2e-5, 3e-5]], size=len(days))
    daily = pd.DataFrame(100 * np.exp(np.cumsum(moves, axis=0)), index=days, columns=["AAA", "BBB"])
    found = {"daily": daily}
    for name, letter in (("weekly", "W-FRI"), ("monthly", "M"), ("quarterly", "Q")):
        groups = days.to_period(letter)
        last = daily.groupby(groups).last()
        found[name] = last.set_axis(pd.Series(days, index=days).groupby(groups).last())
    return found


@pytest.mark.parametrize("name", PERIODS)
def test_every_figure_a_year_is_that_of_pandas(tables, name):
    table, P = tables[name], PERIODS[name]
    rate = 0.02
    run = pf.simulate(Market.from_prices(table, rate), FixMix(), costs=0.002, start=1)
    earned = table.pct_change().iloc[2:]
    drifted = (0.5 * (1 + earned)).div((0.5 * (1 + earned)).sum(axis=1), axis=0).shift(1)
    turned = (0.5 - drifted).abs().sum(axis=1)  # 0 before the first period: it begins equally weighted
    net = (1 - 0.002 * turned) * (1 + earned.mean(axis=1)) - 1
    m, D = run.metrics, len(net)
    assert m.days == D
    assert m.annual_return == pytest.approx((1 + net).prod() ** (P / D) - 1, rel=1e-10)
    assert m.volatility == pytest.approx(net.std() * P**0.5, rel=1e-10)
    excess = net - (1.02 ** (1 / P) - 1)
    assert m.sharpe == pytest.approx(excess.mean() / excess.std() * P**0.5, rel=1e-9)
    assert m.turnover == pytest.approx(turned.sum() * P / D, rel=1e-10)
    assert m.costs == pytest.approx(0.002 * turned.sum() * P / D, rel=1e-10)


def test_the_same_market_has_about_the_same_sharpe_ratio_however_it_is_seen(tables):
    found = [pf.simulate(table, FixMix(), start=1).metrics.sharpe for table in tables.values()]
    assert max(found) - min(found) < 0.25 * np.mean(found)


def test_windows_are_eight_years_and_at_most_half_of_the_table(tables):
    windows = {name: usual_window(Market.from_prices(table).calendar) for name, table in tables.items()}
    assert windows == {"daily": 2000, "weekly": 413, "monthly": 95, "quarterly": 32}
    plans = {name: ForecastPlan.for_market(Market.from_prices(table)) for name, table in tables.items()}
    assert {name: plan.window for name, plan in plans.items()} == {
        name: min(windows[name], (len(table) - 1) // 2) for name, table in tables.items()
    }


def test_charges_a_year_are_spread_over_its_periods(tables):
    account = Account(borrow=0.052, margin=0.104)
    assert account.charge(np.array([1.2, -0.1]), -0.1, 52) == pytest.approx(
        0.052 / 52 * 0.1 + 0.104 / 52 * 0.1
    )


def test_regime_budgets_annualise_by_the_table(tables):
    (strategy,) = strategies_named(["regime-erc"], ["AAA"], periods_per_year=52)
    assert isinstance(strategy, RegimeBudgets)
    assert strategy.periods_per_year == 52
    weekly = pf.backtest(tables["weekly"], ["regime-erc"], window=200, start="2019-06-01", refit=50)
    given = pf.backtest(
        tables["weekly"], [RegimeBudgets(periods_per_year=52)], window=200, start="2019-06-01", refit=50
    )
    daily = pf.backtest(tables["weekly"], [RegimeBudgets()], window=200, start="2019-06-01", refit=50)
    assert (weekly["regime-erc"].weights == given["regime-erc"].weights).all(axis=None)
    assert (weekly["regime-erc"].weights != daily["regime-erc"].weights).any(axis=None)


def test_what_is_said_names_the_calendar_and_the_short_span(tables, tmp_path):
    result = pf.backtest(tables["weekly"], ["fix-mix"], window=100, start="2019-06-01")
    assert result.document()["calendar"] == {"name": "weekly", "periods_per_year": 52}
    (sentence,) = result.warnings
    assert (
        "less than a year of the table, weekly (52 a year): return and Calmar are those of the span"
        in sentence
    )
    m = result["fix-mix"].metrics
    assert m.annual_return == m.total_return
    page = result.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "weekly (52 a year)" in page
    assert sentence in page
    whole = pf.backtest(tables["weekly"], ["fix-mix"], window=100)
    assert whole.warnings == []


def test_the_decision_of_today_is_a_year_of_the_table(tables):
    today = pf.trades_today(tables["weekly"], {"AAA": 1.0}, "erc-no-hmm", window=200)
    assert today.reasons()[0].startswith("weekly (52 a year): after the close of 2020-01-")
    own = tables["weekly"].pct_change().iloc[-200:]
    shown = today.document()["calendar"], today.rows()[0][6]
    assert shown == ({"name": "weekly", "periods_per_year": 52}, f"{own['AAA'].std(ddof=0) * 52**0.5:.1%}")
    given = pf.trades_today(tables["weekly"], {"AAA": 1.0}, "erc-no-hmm", window=200, periods_per_year=100)
    assert given.calendar.periods_per_year == 100
    assert "52 a year" in given.warnings[0]


# ------------------------------------------------------------------ the risk-free rate
def rates(table, kind):
    yearly = np.linspace(0.01, 0.03, len(table))
    if kind == "yearly-rate":
        return yearly
    per_period = (1 + yearly) ** (1 / 52) - 1
    if kind == "period-rate":
        return per_period
    return 90.0 * np.concatenate([[1.0], np.cumprod(1 + per_period[1:])])


@pytest.mark.parametrize("kind", ["yearly-rate", "period-rate", "price"])
def test_a_column_is_the_same_rate_whichever_way_it_is_written(tables, kind):
    weekly = tables["weekly"]
    table = weekly.assign(RF=rates(weekly, kind))
    market = Market.from_prices(table, "RF", risk_free_as=kind)
    assert market.names == ("AAA", "BBB")
    assert market.risk_free == pytest.approx(rates(weekly, "period-rate")[1:], rel=1e-9)
    if kind == "price":
        assert (Market.from_prices(table, "RF").risk_free == market.risk_free).all()
    else:
        returns = weekly.pct_change().assign(RF=rates(weekly, kind)).iloc[1:]
        found = Market.from_returns(returns, "RF", risk_free_as=kind)
        assert (found.risk_free == market.risk_free).all()


@pytest.mark.parametrize(
    ("column", "kind", "words"),
    [
        (
            lambda t: rates(t, "period-rate"),
            None,
            "'RF' is 0.000191.* at 2008-01-04, which is no price; say what it",
        ),
        (lambda t: rates(t, "yearly-rate"), "period-rate", "read as period-rate, earns 1.8.* % a year"),
        (
            lambda t: 100 * rates(t, "yearly-rate"),
            "yearly-rate",
            "'RF' is 1 at 2008-01-04, which is no yearly rate",
        ),
        (
            lambda t: t["AAA"],
            None,
            "read as price, (varies by|earns) .* % a year, which no risk-free asset does",
        ),
        (
            lambda t: np.where(np.arange(len(t)) == 9, np.nan, 0.01),
            "yearly-rate",
            "missing or infinite.*2008-03-07",
        ),
        (
            lambda t: ["x", *[0.01] * (len(t) - 1)],
            "yearly-rate",
            "column 'RF' at 2008-01-04 .* is 'x', not a number",
        ),
        (
            lambda t: rates(t, "price"),
            "bond",
            "risk_free_as is 'bond'; choose yearly-rate, period-rate or price",
        ),
    ],
)
def test_columns_that_are_no_such_rate_are_refused(tables, column, kind, words):
    weekly = tables["weekly"]
    with pytest.raises(BadData, match=words.replace("1.8.*", "[0-9e+.]+|more than 1000")):
        Market.from_prices(weekly.assign(RF=column(weekly)), "RF", risk_free_as=kind)


def test_a_rate_that_is_no_rate_and_prices_among_returns_are_refused(tables):
    weekly = tables["weekly"]
    with pytest.raises(BadData, match=r"2 a year; give a decimal, 0.02 for two percent"):
        Market.from_prices(weekly, 2.0)
    returns = weekly.pct_change().iloc[1:].assign(RF=rates(weekly, "price")[1:])
    with pytest.raises(BadData, match="prices in a table of returns"):
        Market.from_returns(returns, "RF", risk_free_as="price")
    with pytest.raises(BadData, match="earns more than 1000 % a year"):
        Market.from_returns(returns, "RF")
