"""The future is replaced by noise, or taken away, and the past stays bit for bit what it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.costs import SpreadAndImpact
from proofolio.backtesting.simulator import Simulation, trading_days

from .independent_simulator import is_trading_day

NAMES = ("A", "B", "C", "D", "E")
WINDOW = 30
FIRST, CUT, ROWS = (
    32,
    37,
    41,
)  # rows of prices: the first period traded ends at FIRST, what follows CUT is unknown

STRATEGIES = [
    "buy-and-hold:D", "fix-mix", "spo", "mpo", "spo-rp", "mpo-rp", "erc", "regime-erc", "control",
    "spo-no-hmm", "mpo-no-hmm", "spo-rp-no-hmm", "mpo-rp-no-hmm", "erc-no-hmm",
]  # fmt: skip

HOLDS: dict[Any, Any] = {
    "RATE": "period-rate",
    "YEAR": "yearly-rate",
    "BILL": "price",
}  # what the columns are

KNOWN = ("weights", "cash", "trades", "costs", "charges", "unanswered", "unproved", "collapsed")
EARNED = ("gross", "paid_out", "risk_free")


def table(freq: str, changing: bool) -> pd.DataFrame:
    """Return prices of five assets and columns of rates; with two regimes, and where asked assets that come and go."""
    random = np.random.default_rng(11)
    wild = (np.arange(ROWS) // 8 % 2 == 1)[:, None]
    steps = random.normal(np.where(wild, -0.002, 0.002), np.where(wild, 0.025, 0.008), (ROWS, len(NAMES)))
    dates = pd.date_range("2020-01-03", periods=ROWS, freq=freq, name="date")
    prices = pd.DataFrame(100 * np.cumprod(1 + steps, axis=0), index=dates, columns=NAMES)
    if changing:
        prices.iloc[:4, 2] = np.nan  # C joins at row 34
        prices.iloc[36:, 4] = np.nan  # E ends at row 35
    prices["RATE"] = random.uniform(0.0, 2e-4, ROWS)
    prices["YEAR"] = 252 * prices["RATE"]
    prices["BILL"] = 100 * np.cumprod(1 + prices["RATE"])
    return prices


def of_noise(prices: pd.DataFrame, changing: bool) -> pd.DataFrame:
    """Return the table with everything after CUT replaced: prices, rates, and where asked which assets there are."""
    random = np.random.default_rng(12)
    other = prices.copy()
    after = slice(CUT + 1, ROWS)
    now = prices.iloc[CUT].to_numpy()
    noise = now * np.cumprod(1 + random.normal(0.0, 0.15, (ROWS - CUT - 1, now.size)).clip(-0.5, 0.5), axis=0)
    other.iloc[after] = noise  # an asset that has ended stays away: NaN times noise
    rates = random.uniform(0.0, 2e-4, ROWS - CUT - 1)
    other.iloc[after, -3:] = np.column_stack([rates, 252 * rates, now[-1] * np.cumprod(1 + rates)])
    if changing:
        other.iloc[CUT + 1 :, 3] = np.nan  # D ends with the last close that is known
    return other


def same_past(one: Simulation, other: Simulation, what: str) -> None:
    """Compare what was known and done up to the close of CUT, in every bit.

    The trade at that close is the first row of the period that follows, whose returns are the future.
    """
    closes = CUT - FIRST + 2
    for names, rows in ((KNOWN, closes), (EARNED, closes - 1)):
        for name in names:
            mine, theirs = getattr(one, name), getattr(other, name)
            shown = min(rows, len(theirs))  # where the future was taken away, the last trade was never made
            assert shown >= closes - 1
            assert mine[:shown].tobytes() == theirs[:shown].tobytes(), f"{what}: {name}"
    assert one.wealth[:closes].tobytes() == other.wealth[:closes].tobytes(), f"{what}: wealth"


def part_of_the_way(context: pf.DecisionContext) -> pd.Series:
    """Go half of the way to where what rose is held, half of it in cash; with a forecast among what is known."""
    assert context.forecast is not None
    assert context.returns.index[-1] == context.date
    rise = (1 + context.returns.tail(5)).prod() + context.forecast.mean[0]
    return context.holdings / 2 + rise / rise.sum() / 4


@dataclass(frozen=True)
class Scenario:
    """A calendar, and the options that go with it."""

    freq: str
    changing: bool = False
    rebalance: str = "daily"
    risk_free: Any = 0.0
    options: dict[str, Any] = field(default_factory=dict)


IMPACT = SpreadAndImpact(
    (0.001, 0.0, 0.002, 0.001, 0.001), 1.0, (1e6, 1e7, 1e7, 2e6, 1e6), (0.001, 0, 0, -0.001, 0), 20
)
RICH = pf.Account(value=3e6, borrow=0.02, margin=0.01)
SCENARIOS = {
    "daily, rates in a column": Scenario("B", risk_free="RATE", options={"costs": IMPACT, "account": RICH}),
    "daily, changing universe": Scenario(
        "B", True, "weekly", 0.03, {"costs": IMPACT, "account": RICH, "refit": 3, "weighting": "soft"}
    ),
    "weekly, cash in a column": Scenario(
        "W-FRI", rebalance="monthly", options={"cash": "BILL", "covariance": "ewma", "hysteresis": 0.6}
    ),
    "monthly, changing universe": Scenario(
        "ME", True, risk_free="YEAR", options={"cash": True, "covariance": "ledoit-wolf", "cost_bps": 20}
    ),
}
ALL = {
    **SCENARIOS,
    "every day": Scenario("D", rebalance="weekly", risk_free=0.02, options={"cash": True}),
    "weekly, changing universe": Scenario(
        "W-FRI", True, "weekly", "RATE", {"weighting": "soft", "hysteresis": 0.4}
    ),
    "monthly": Scenario("ME", rebalance="monthly", options={"costs": IMPACT, "cash": "BILL", "refit": 4}),
    "quarterly": Scenario("QE", risk_free="BILL", options={"covariance": "ewma", "half_life": 10.0}),
}


def run(prices: pd.DataFrame, scenario: Scenario, stop: int | None = None) -> pf.BacktestResult:
    used = {scenario.risk_free, scenario.options.get("cash")}
    prices = prices.drop(columns=set(HOLDS) - used).iloc[:stop]
    own = pf.strategy(part_of_the_way, forecasts="history", cash=True)
    return pf.backtest(
        prices,
        [*STRATEGIES, own],
        start=str(prices.index[FIRST].date()),
        rebalance=scenario.rebalance,
        risk_free=scenario.risk_free,
        risk_free_as=HOLDS.get(scenario.risk_free),
        window=WINDOW,
        regime_assets=["A", "B"],
        **scenario.options,
    )


@pytest.mark.parametrize("name", ALL)
def test_the_past_does_not_know_the_future(name: str, request: pytest.FixtureRequest) -> None:
    if name not in SCENARIOS and not request.config.getoption("--full"):
        pytest.skip("the other calendars run with --full")
    scenario = ALL[name]
    prices = table(scenario.freq, scenario.changing)
    found = run(prices, scenario)
    noisy = run(of_noise(prices, scenario.changing), scenario)
    ended = run(prices, scenario, stop=CUT + 1)
    for strategy in found.names:
        before = found[strategy].simulation
        same_past(before, noisy[strategy].simulation, f"{strategy}, noise")
        same_past(before, ended[strategy].simulation, f"{strategy}, the end")
        assert before.gross[-1] != noisy[strategy].simulation.gross[-1] or before.gross[-1] == 0.0


@pytest.mark.parametrize("strategy", ["mpo", "mpo-rp-no-hmm"])
def test_a_choice_does_not_know_the_span_it_is_tried_on(strategy: str) -> None:
    def tune(prices: pd.DataFrame) -> pf.TuningResult:
        grid = {"horizon": [1, 2], "gamma_trade": [1e-4, 1e-3]}
        spans = {"train": (FIRST - 1, CUT), "test": (CUT, None)}  # rows of returns
        return pf.tune(prices, strategy, grid, window=WINDOW, regime_assets=["A", "B"], costs=IMPACT, **spans)

    prices = table("B", changing=False)[list(NAMES)]
    noise = of_noise(table("B", changing=False), changing=False)[list(NAMES)]
    found, other = tune(prices), tune(noise)
    assert len(found.trials_table) >= 4
    pd.testing.assert_frame_equal(found.trials_table, other.trials_table, check_exact=True)
    assert found.chosen.strategy == other.chosen.strategy
    assert found.test_run.wealth[-1] != other.test_run.wealth[-1]


def test_days_on_which_trades_are_made() -> None:
    """Against the calendar of the standard library, over days of which a third are missing."""
    days = pd.date_range("2018-12-20", periods=1200, freq="D")
    days = days[np.random.default_rng(2).random(len(days)) < 0.67]
    dates = [day.date() for day in days]
    for rebalance in ("weekly", "monthly"):
        found = trading_days(days.to_numpy().astype("datetime64[D]"), rebalance)  # type: ignore[arg-type]
        assert found[1:].tolist() == [is_trading_day(dates, row, rebalance) for row in range(1, len(dates))]
