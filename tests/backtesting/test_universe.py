"""Assets that begin and end inside the table: what is seen, held, paid out, and never filled in."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Decision
from proofolio.backtesting.simulator import simulate
from proofolio.backtesting.strategies import strategies_named
from proofolio.errors import BadData

WINDOW = 40
BEGINS, ENDS = 60, 120  # rows of the first and after the last return of A3 and A2
PLAN = ForecastPlan(driving=(0, 1), window=WINDOW, refit=5)


@pytest.fixture(scope="module")
def holed(market_of, two_regimes):
    returns = two_regimes(170)
    returns[:BEGINS, 3] = np.nan
    returns[ENDS:, 2] = np.nan
    return market_of(returns)


@dataclass(frozen=True)
class Watching:
    """Equal shares; it keeps what it is given."""

    name: str = "watching"
    needs: str = "nothing"
    horizon: int = field(default=1, init=False)
    begun: list = field(default_factory=list)
    seen: dict = field(default_factory=dict)

    def start(self, history):
        self.begun.append(history)
        return self

    def decide(self, day, row, forecast, holdings):
        self.seen[day] = row, forecast, holdings
        return Decision(np.full(len(row), 1 / len(row)))


def members(day):
    """A window of returns behind, and a price today."""
    return [0, 1] + [2] * (day < ENDS) + [3] * (day - WINDOW + 1 >= BEGINS)


def test_a_strategy_sees_the_universe_of_the_day(holed):
    watching = Watching()
    run = simulate(holed, watching, LinearCost(0.0), start=WINDOW, window=WINDOW)
    for day, (row, _, held) in watching.seen.items():
        assert (row == holed.returns[day, members(day)]).all()
        assert len(held) == len(row)
        d = day - WINDOW + 1
        assert np.flatnonzero(run.weights[d]).tolist() == members(day)
        assert run.weights[d].sum() == pytest.approx(1.0)
    # begun at first, when A3 has its window, and when A2 is gone
    assert len(watching.begun) == 3
    assert [h.shape for h in watching.begun] == [(WINDOW - 1, 4 - 1), (39, 4), (ENDS - BEGINS, 3)]
    assert all(np.isfinite(h).all() for h in watching.begun)
    assert np.isfinite(run.wealth).all()


def test_what_ends_is_paid_out_at_its_last_price_and_counted(holed):
    run = simulate(holed, Watching(), LinearCost(0.001), start=WINDOW, window=WINDOW)
    d = ENDS - WINDOW
    assert np.argwhere(run.paid_out).tolist() == [[d, 2]]
    assert run.paid_out[d, 2] == run.weights[d, 2] == pytest.approx(0.25)
    # nothing was earned on it, and no cost paid for it
    rest = [0, 1, 3]
    assert run.gross[d] == pytest.approx(run.weights[d, rest] @ holed.returns[ENDS, rest])
    assert run.trades[d + 1, 2] == 0.0
    # at the next close the money is invested again: the trades buy as much as was paid out, drifted
    drifted = 0.25 / (1 + run.gross[d])
    assert run.trades[d + 1].sum() == pytest.approx(drifted)
    assert run.costs[d + 1] == pytest.approx(0.001 * np.abs(run.trades[d + 1]).sum())


def test_what_was_paid_out_waits_in_cash_for_the_next_trade(holed):
    run = simulate(holed, Watching(), LinearCost(0.0), start=WINDOW, window=WINDOW, rebalance="monthly")
    d = ENDS - WINDOW
    assert run.cash[d] == 0.0
    waiting = run.cash[d + 1 :]
    stop = int(np.argmax(waiting == 0.0))
    assert 0 < stop < 25
    assert waiting[0] == pytest.approx(run.weights[d, 2] / (1 + run.gross[d]))
    assert not waiting[stop:].any()


def test_the_future_changes_nothing_of_the_past(holed, market_of, two_regimes):
    """Noise for all that comes, assets that go on, and one that never comes: the past is the same to the bit."""
    other = two_regimes(170, seed=5)
    other[:110] = holed.returns[:110]
    late = market_of(other)
    strategies = strategies_named(["mpo", "regime-erc", "spo-rp-no-hmm"], holed.names, horizon=2)
    runs = [
        simulate_all(prepare(market, strategies, PLAN, start=WINDOW), strategies, LinearCost(0.001))
        for market in (holed, late)
    ]
    d = 110 - WINDOW + 1  # the first day held on a decision of row 110, which differs
    for one, two in zip(*runs, strict=True):
        for name in ("weights", "trades", "costs", "cash"):
            assert (getattr(one, name)[:d] == getattr(two, name)[:d]).all(), (one.name, name)
        assert (one.wealth[:d] == two.wealth[:d]).all()
        assert (one.weights[d:] != two.weights[d:]).any()


def test_forecasts_are_those_of_the_universe_alone(holed):
    """While A3 has no window behind it, the forecast of the others is that of a table without A3."""
    context = prepare(
        holed, strategies_named(["erc", "erc-no-hmm"], holed.names), PLAN, start=WINDOW, stop=100
    )
    three = Market(holed.dates, holed.names[:3], holed.returns[:, :3].copy(), holed.risk_free)
    alone = prepare(three, strategies_named(["erc", "erc-no-hmm"], three.names), PLAN, start=WINDOW, stop=100)
    for book, other in ((context.regimes, alone.regimes), (context.history, alone.history)):
        assert np.isnan(book.mean[:60, :, 3]).all()
        for day in range(WINDOW - 1, 99):
            known = book.at(day, 1, book.members(day))
            expected = other.at(day, 1)
            assert (known.mean == expected.mean).all()
            assert (known.covariance == expected.covariance).all()


def test_a_regime_asset_that_ends_is_named(holed):
    strategies = strategies_named(["erc"], holed.names)
    with pytest.raises(BadData, match=rf"regime asset A2 .* up to {holed.dates[ENDS]}"):
        prepare(holed, strategies, replace(PLAN, driving=(0, 2)), start=WINDOW)
    with pytest.raises(BadData, match="regime asset A3"):
        prepare(holed, strategies, replace(PLAN, driving=(3,)), start=WINDOW)


def prices_with_holes(two_regimes):
    table = 100 * np.exp(np.cumsum(two_regimes(170), axis=0))
    table[:50, 3], table[130:, 2] = np.nan, np.nan
    names = ["A0", "A1", "A2", "A3"]
    return pd.DataFrame(table, index=pd.bdate_range("2019-01-01", periods=170), columns=names)


def test_a_table_of_prices_may_have_assets_that_begin_and_end(two_regimes):
    prices = prices_with_holes(two_regimes)
    market = Market.from_prices(prices)
    assert np.isnan(market.returns[:50, 3]).all()  # the first price gives no return
    assert np.isfinite(market.returns[50:, 3]).all()
    assert np.isnan(market.returns[129:, 2]).all()
    assert np.isnan(market.last_prices[2])
    gap = prices.copy()
    gap.iloc[60, 3] = np.nan
    with pytest.raises(
        BadData, match=r"1 value is missing between others, the first in column 'A3' at 2019-03-26"
    ):
        Market.from_prices(gap)
    gap["A3"] = np.nan
    with pytest.raises(BadData, match="'A3' has no value at all"):
        Market.from_prices(gap)


def test_a_function_sees_the_universe_of_the_day(two_regimes):
    prices = prices_with_holes(two_regimes)
    seen = {}

    def equal(context):
        seen[context.date] = context
        return dict.fromkeys(context.assets, 1 / len(context.assets))

    result = pf.backtest(prices, [pf.strategy(equal), "erc-no-hmm"], window=WINDOW)
    for date, context in seen.items():
        row = prices.index.get_loc(date)
        expected = ["A0", "A1"] + ["A2"] * (row < 130) + ["A3"] * (row - WINDOW >= 50)
        assert context.assets == expected
        assert context.returns.notna().all(axis=None)
        assert context.returns.index[-1] == date
        assert list(context.holdings.index) == expected
    assert result["equal"].weights["A2"].iloc[-1] == 0.0
    assert np.isfinite(result["erc-no-hmm"].wealth).all()


def test_cash_of_a_function(two_regimes):
    prices = prices_with_holes(two_regimes)
    half = pf.strategy(lambda context: {"A0": 0.5}, name="half", cash=True)
    result = pf.backtest(prices, [half], window=WINDOW, risk_free=0.03, cost_bps=0)
    assert result["half"].simulation.cash == pytest.approx(np.full(len(result["half"].weights), 0.5))


def test_nothing_to_hold_at_first_is_refused(market_of, two_regimes):
    returns = two_regimes(60)
    returns[:30] = np.nan
    with pytest.raises(BadData, match="no asset has a price on"):
        simulate(market_of(returns), Watching(), start=20)
    with pytest.raises(BadData, match="A0, which has no price"):
        simulate(
            market_of(np.where(np.arange(4) > 0, two_regimes(60), returns)),
            Watching(),
            start=20,
            holdings=np.full(4, 0.25),
        )


def test_one_asset_is_held_from_when_it_begins_until_it_ends(holed):
    late, ended = strategies_named(["buy-and-hold:A3", "buy-and-hold:A2"], holed.names)
    run = simulate(holed, late, 0.0, start=WINDOW, window=WINDOW)
    joins = BEGINS + WINDOW - 1 - (WINDOW - 1)  # the day held on the first close with the window behind
    assert np.flatnonzero(run.unanswered).tolist() == list(range(joins))
    assert (run.weights[joins:, 3] == 1.0).all()
    run = simulate(holed, ended, 0.0, start=WINDOW, window=WINDOW)
    d = ENDS - WINDOW
    assert (run.weights[: d + 1, 2] == 1.0).all()
    assert not run.weights[d + 1 :].any()
    assert (run.cash[d + 1 :] == 1.0).all()
    assert run.unanswered[d + 1 :].all()
