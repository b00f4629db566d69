"""The daily loop: the accounts, the calendar, and what a strategy is shown."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from proofolio.backtesting.costs import LinearCost, SpreadAndImpact
from proofolio.backtesting.forecasts import record_forecasts
from proofolio.backtesting.policy import Decision
from proofolio.backtesting.simulator import simulate, trading_days
from proofolio.errors import BadData, SolverFailure
from proofolio.forecasts.forecast import Forecast


@dataclass(frozen=True)
class EqualShares:
    name: str = "equal"
    needs: str = "nothing"
    horizon: int = 1

    def start(self, history):
        return self

    def decide(self, day, row, forecast, holdings):
        return Decision(np.full(len(row), 1 / len(row)))


def accounts(market, run, rate):
    """Wealth in money, asset by asset, in plain Python: an independent reading of the same rules."""
    n = len(market.names)
    money = [1.0 / n] * n
    values = [1.0]
    for d in range(len(run.dates)):
        value = sum(money)
        wanted = [float(w) for w in run.weights[d]]
        traded = sum(abs(wanted[i] - money[i] / value) for i in range(n))
        value -= rate * traded * value
        money = [wanted[i] * value * (1.0 + float(market.returns[run.start + d][i])) for i in range(n)]
        values.append(sum(money))
    return values


@pytest.mark.parametrize("rebalance", ["daily", "weekly", "monthly"])
def test_wealth_is_what_an_independent_loop_finds(market, rebalance, momentum):
    run = simulate(market, momentum, LinearCost(0.002), start=50, rebalance=rebalance)
    expected = accounts(market, run, 0.002)
    assert run.wealth == pytest.approx(expected, abs=1e-12)
    assert run.metrics.total_return == pytest.approx(expected[-1] - 1, abs=1e-12)
    assert run.metrics.costs > 0


def test_equal_shares_every_day_without_cost_have_a_closed_form(market):
    run = simulate(market, EqualShares(), LinearCost(0.0), start=100)
    assert run.wealth[-1] == pytest.approx(np.prod(1 + market.returns[100:].mean(axis=1)), rel=1e-13)


def test_holding_without_trading_is_the_mean_of_the_assets_growth(market):
    @dataclass(frozen=True)
    class Hold(EqualShares):
        def decide(self, day, row, forecast, holdings):
            return Decision(holdings)

    run = simulate(market, Hold(), LinearCost(0.01), start=100)
    assert run.wealth[-1] == pytest.approx(np.prod(1 + market.returns[100:], axis=0).mean(), rel=1e-12)
    assert np.abs(run.trades).max() < 1e-15


def test_the_volatility_of_the_cost_is_the_one_known_at_the_trade(market, momentum):
    costs = SpreadAndImpact(0.0005, 1.0, 1e7, memory=20)
    run = simulate(market, momentum, costs, start=50)
    d = 30
    known = market.returns[50 + d - 20 : 50 + d]
    expected = costs.at(known, 1e6 * run.wealth[d]).total(run.trades[d])
    assert run.costs[d] == pytest.approx(expected, rel=1e-12)


def test_trades_are_made_on_the_days_of_the_calendar(market, momentum):
    run = simulate(market, momentum, LinearCost(), start=50, rebalance="monthly")
    traded = np.flatnonzero(np.abs(run.trades).sum(axis=1) > 0)
    closes = market.dates[49 + traded]
    months = closes.astype("datetime64[M]")
    assert traded[0] == 0
    assert len(set(months[1:])) == len(months[1:]) >= 8
    before = market.dates[48 + traded[1:]].astype("datetime64[M]")
    assert (before < months[1:]).all()  # each is the first close of its month


def test_weeks_begin_on_monday():
    days = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]")
    assert [str(day) for day in days[trading_days(days, "weekly")]] == [
        "2020-01-06",
        "2020-01-13",
        "2020-01-20",
        "2020-01-27",
    ]
    with pytest.raises(BadData, match="daily, weekly or monthly"):
        trading_days(days, "yearly")


@pytest.mark.parametrize("rebalance", ["daily", "weekly"])
def test_what_happens_later_changes_nothing_before(rebalance, market_of, two_regimes, momentum):
    returns = two_regimes()
    other = returns.copy()
    other[150:] = two_regimes(seed=9)[150:]
    runs = [
        simulate(market_of(r), momentum, LinearCost(), start=50, rebalance=rebalance)
        for r in (returns, other)
    ]
    # the decision at the close of row 149 is the last without knowledge: it is held on row 150, day 100
    assert (runs[0].weights[:101] == runs[1].weights[:101]).all()
    assert (runs[0].costs[:101] == runs[1].costs[:101]).all()
    assert (runs[0].wealth[:101] == runs[1].wealth[:101]).all()
    assert (runs[0].weights[101:] != runs[1].weights[101:]).any()


def test_a_strategy_cannot_reach_the_rows_to_come_through_what_it_is_given(market):
    seen = []

    @dataclass(frozen=True)
    class Curious(EqualShares):
        def start(self, history):
            seen.append(history)
            return self

        def decide(self, day, row, forecast, holdings):
            seen.append(row)
            holdings[:] = 0.0  # writing into its own copy is its own affair
            return super().decide(day, row, forecast, holdings)

    run = simulate(market, Curious(), LinearCost(), start=50)
    assert all(array.base is None for array in seen)
    assert len(seen[0]) == 49
    assert (np.array(seen[1]) == market.returns[49]).all()
    assert run.wealth[-1] == simulate(market, EqualShares(), LinearCost(), start=50).wealth[-1]


def test_a_day_without_an_answer_keeps_the_holdings_and_is_counted(market):
    @dataclass(frozen=True)
    class Fails(EqualShares):
        def decide(self, day, row, forecast, holdings):
            if day == 60:
                raise SolverFailure("no answer")
            return super().decide(day, row, forecast, holdings)

    run = simulate(market, Fails(), LinearCost(), start=50)
    assert np.flatnonzero(run.unanswered).tolist() == [11]
    assert np.abs(run.trades[11]).max() < 1e-15


def test_days_decided_on_a_collapsed_regime_are_counted(market):
    @dataclass(frozen=True)
    class OnForecasts(EqualShares):
        needs: str = "regimes"

    @dataclass
    class Doubtful:
        window: int = 50
        H: int = 1
        seen: int = 0

        def fit(self, returns):
            return replace(self, seen=len(returns))

        def predict(self):
            n = len(market.names)
            return Forecast(np.zeros((1, n)), np.eye(n)[None], collapsed=self.seen in (52, 55))

        def predict_online(self, row):
            self.seen += 1
            return self.predict()

    book = record_forecasts(market.returns, Doubtful(), 50)
    run = simulate(market, OnForecasts(), LinearCost(), start=50, forecasts=book)
    assert np.flatnonzero(run.collapsed).tolist() == [2, 5]
    assert not simulate(market, EqualShares(), LinearCost(), start=50).collapsed.any()


@pytest.mark.parametrize("weights", [[0.5, 0.5, 0.5, 0.5], [1.0], [np.nan] * 4])
def test_weights_that_do_not_add_to_one_are_refused_with_the_date(market, weights):
    @dataclass(frozen=True)
    class Wrong(EqualShares):
        def decide(self, day, row, forecast, holdings):
            return Decision(np.array(weights))

    with pytest.raises(BadData, match=r"equal on 2019-03-11.*add to 1"):
        simulate(market, Wrong(), LinearCost(), start=50)


def test_an_empty_span_and_missing_forecasts_are_refused(market):
    with pytest.raises(BadData, match="before the last"):
        simulate(market, EqualShares(), LinearCost(), start=len(market.dates))
    with pytest.raises(BadData, match="needs forecasts"):
        simulate(market, replace(EqualShares(), needs="regimes"), LinearCost(), start=50)


@dataclass(frozen=True)
class Charging:
    rate: float
    memory: int = 0

    def at(self, recent, value):
        return self

    def total(self, trade):
        return len(trade) * self.rate


@pytest.mark.parametrize("rate", [np.nan, 0.3, np.inf])
def test_wealth_that_cannot_go_on_is_refused_with_the_day(market, rate):
    """Four assets at 0.3 each are more than the portfolio."""
    with pytest.raises(BadData, match=rf"equal on {market.dates[49]}: the trade costs"):
        simulate(market, EqualShares(), Charging(rate), start=50)


def test_impact_needs_a_volatility(market):
    costs = SpreadAndImpact(0.0005, 1.0, 1e7)
    with pytest.raises(BadData, match="know 2 periods or more"):
        simulate(market, EqualShares(), costs, start=1, holdings=[0.4, 0.2, 0.2, 0.2])
    assert np.isfinite(simulate(market, EqualShares(), costs, start=2).wealth).all()
