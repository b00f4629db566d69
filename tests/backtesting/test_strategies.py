"""The strategies that ship: causal, charged for what they trade, and told apart by their names."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest

from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.results import BacktestRecord
from proofolio.backtesting.simulator import simulate
from proofolio.backtesting.strategies import (
    EqualRiskContributions,
    MeanVarianceControl,
    RegimeBudgets,
    _MeanVariancePolicy,
    _RiskParityPolicy,
    strategies_named,
)
from proofolio.errors import BadData, SolverFailure
from proofolio.forecasts.forecast import Forecast
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import Group
from proofolio.models.portfolio.risk_budgeting import risk_contributions
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.report.backtest import backtest_page

WINDOW, CHANGE = 120, 150
PLAN = ForecastPlan(driving=(0, 1), window=WINDOW)


def every(names, horizon=3):
    return strategies_named(["all"], names, horizon=horizon, gamma_trade=0.0005)


def run_all(market, stop=None, rebalance="daily"):
    context = prepare(market, every(market.names), PLAN, stop=stop, rebalance=rebalance)
    return {run.name: run for run in simulate_all(context, every(market.names), LinearCost(0.001))}


@pytest.fixture(scope="module")
def market(market_of, two_regimes):
    return market_of(two_regimes(days=180), 0.01)


@pytest.fixture(scope="module")
def runs(market):
    return run_all(market)


@pytest.fixture(scope="module")
def runs_of_another_future(market_of, two_regimes):
    returns = two_regimes(days=180)
    returns[CHANGE:] = two_regimes(days=180, seed=5)[CHANGE:] * 3 - 0.01
    return run_all(market_of(returns, 0.01))


def test_all_is_every_strategy_with_and_without_the_hidden_markov_model(runs):
    assert list(runs) == [
        "buy-and-hold:A0", "fix-mix", "spo", "mpo", "spo-rp", "mpo-rp", "erc", "regime-erc", "control",
        "spo-no-hmm", "mpo-no-hmm", "spo-rp-no-hmm", "mpo-rp-no-hmm", "erc-no-hmm",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [s.name for s in every(["A0", "A1"])])
def test_no_strategy_looks_ahead(runs, runs_of_another_future, name):
    one, other = runs[name], runs_of_another_future[name]
    same = CHANGE - WINDOW + 1  # the trade at the close before the change is the last that cannot know
    assert (one.weights[:same] == other.weights[:same]).all()
    assert (one.trades[:same] == other.trades[:same]).all()
    assert (one.costs[:same] == other.costs[:same]).all()
    assert (one.returns[: same - 1] == other.returns[: same - 1]).all()
    if name not in ("buy-and-hold:A0", "fix-mix"):
        assert (one.weights[same:] != other.weights[same:]).any()


def test_cutting_the_data_short_changes_nothing_either(market, runs):
    for name, run in run_all(market, stop=CHANGE).items():
        days = CHANGE - WINDOW
        assert (run.wealth == runs[name].wealth[: days + 1]).all(), name


def test_everyone_starts_from_equal_shares_and_stays_long_only(market, runs):
    for run in runs.values():
        assert np.abs(run.trades[0] + 1 / 4 - run.weights[0]).max() < 1e-15
        assert run.weights.min() >= -1e-9
        assert run.weights.sum(axis=1) == pytest.approx(1, abs=1e-12)
        assert run.costs == pytest.approx(0.001 * np.abs(run.trades).sum(axis=1), abs=1e-15)
        assert not run.unanswered.any()


@pytest.mark.parametrize("kind", ["mean-variance", "risk parity"])
def test_a_day_whose_rules_no_trade_can_meet_takes_the_step_towards_them_and_is_counted(market, kind):
    # at least 40 % in the first two, and next to no turnover: from 1/4 each it is kept, from a drift away it is not
    rules = {"groups": (Group((0, 1), 0.4, 1.0),), "turnover_limit": 0.001}

    @dataclass(frozen=True)
    class Ruled(MeanVarianceControl):
        def start(self, history):
            n = history.shape[1]
            if kind == "risk parity":
                return _RiskParityPolicy(RiskParity(n, 1, 1e-3, **rules))
            return _MeanVariancePolicy(MeanVariance(n, 1, 5.0, 1e-3, **rules))

    strategy = Ruled("ruled", 1, needs="history")
    book = prepare(market, [strategy], PLAN).book("history")
    for holdings, possible in (([0.25, 0.25, 0.25, 0.25], True), ([0.1, 0.1, 0.4, 0.4], False)):
        run = simulate(
            market, strategy, LinearCost(0.001), start=WINDOW, stop=WINDOW + 1, forecasts=book,
            holdings=np.array(holdings),
        )  # fmt: skip
        assert not run.unanswered.any()
        assert run.rules_missed.tolist() == [not possible]
        assert np.abs(run.trades).sum() <= 0.001 + 1e-9
        if not possible:  # all the turnover there is goes into the group, and half of it is bought
            assert run.trades[0, :2].sum() == pytest.approx(0.0005, abs=1e-9)


def test_days_on_a_collapsed_regime_are_told_on_the_page_and_in_json(market, runs):
    doubtful = replace(runs["mpo"], collapsed=np.arange(len(runs["mpo"].dates)) < 7)
    context = prepare(market, every(market.names), PLAN)
    result = BacktestRecord("prices.csv", context, (doubtful, runs["fix-mix"]), {}, 0.0)
    counted = {name: figures["collapsed"] for name, figures in result.document()["strategies"].items()}
    assert counted == {"mpo": 7, "fix-mix": 0}
    assert re.search("mpo decided on .*collapsed.* at 7 of the 60 closes", backtest_page(result))
    sound = BacktestRecord("prices.csv", context, (runs["fix-mix"],), {}, 0.0)
    assert not any("collapsed" in sentence for sentence in sound.warnings)
    assert "collapsed" not in backtest_page(sound)


def test_buy_and_hold_is_its_asset_and_fix_mix_its_mean(market, runs):
    asset = np.prod(1 + market.returns[WINDOW:, 0])
    assert runs["buy-and-hold:A0"].wealth[-1] == pytest.approx(asset * (1 - 0.001 * 1.5), rel=1e-12)
    assert runs["fix-mix"].gross == pytest.approx(market.returns[WINDOW:].mean(axis=1), abs=1e-15)


def test_erc_has_equal_contributions_under_the_forecast(market, runs):
    context = prepare(market, every(market.names), PLAN)
    for name, book in (("erc", context.regimes), ("erc-no-hmm", context.history)):
        shares = risk_contributions(runs[name].weights, book.covariance[:, 0])
        assert shares == pytest.approx(0.25, abs=1e-9)


def test_without_regime_scores_regime_erc_is_erc(market, runs):
    strategies = [RegimeBudgets(kappa=0.0)]
    (plain,) = simulate_all(prepare(market, strategies, PLAN), strategies, LinearCost(0.001))
    assert plain.weights == pytest.approx(runs["erc"].weights, abs=1e-9)
    assert np.abs(runs["regime-erc"].weights - runs["erc"].weights).max() > 1e-3


def test_dear_trades_are_avoided_and_risk_aversion_lowers_risk(market):
    def run(**changes):
        (mpo,) = strategies_named(["mpo"], market.names, horizon=3, gamma_trade=0.0, gamma_risk=1.0)
        mpo = replace(mpo, **changes)
        (found,) = simulate_all(prepare(market, [mpo], PLAN), [mpo], LinearCost(0.0))
        return found.metrics

    free = run()
    assert run(gamma_trade=0.01).turnover < 0.5 * free.turnover
    assert run(gamma_trade=10.0).turnover < 1e-6
    assert run(gamma_risk=100.0).volatility < free.volatility


def test_one_period_of_mpo_is_spo(market, runs):
    (mpo,) = strategies_named(["mpo"], market.names, horizon=1, gamma_trade=0.0005)
    (run,) = simulate_all(prepare(market, [mpo], PLAN), [mpo], LinearCost(0.001))
    assert run.wealth == pytest.approx(runs["spo"].wealth, rel=1e-9)


def test_the_same_forecasts_whatever_the_horizon_of_the_book(market):
    """A book made for the longest horizon serves the shorter ones: its first days are the same."""
    short = PLAN.forecaster("regimes", 2).fit(market.returns[:WINDOW]).predict()
    long = prepare(market, every(market.names, horizon=6), PLAN).regimes.at(WINDOW - 1, 2)
    for name in ("mean", "covariance", "probabilities"):
        assert getattr(long, name) == pytest.approx(getattr(short, name), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("divine", "choose from buy-and-hold"),
        ("fix-mix-no-hmm", "no strategy"),
        ("regime-erc-no-hmm", "erc-no-hmm"),
        ("buy-and-hold:B", "no asset 'B'"),
    ],
)
def test_a_name_that_is_none_is_refused(name, words):
    with pytest.raises(BadData, match=words):
        strategies_named([name], ["A", "C"])


def test_a_window_that_leaves_nothing_is_refused(market):
    with pytest.raises(BadData, match="leave nothing to trade"):
        prepare(market, every(market.names), replace(PLAN, window=180))
    with pytest.raises(BadData, match="shorter window"):
        prepare(market, every(market.names), PLAN, start=100)


def test_a_riskless_forecast_is_no_answer_and_a_broken_one_an_error():
    policy = EqualRiskContributions().start(np.zeros((1, 2)))

    def decide(covariance):
        forecast = Forecast(mean=np.zeros((1, 2)), covariance=np.array([covariance]))
        return policy.decide(0, np.zeros(2), forecast, np.full(2, 0.5))

    assert decide([[1.0, 0.0], [0.0, 1.0]]).weights == pytest.approx([0.5, 0.5])
    for riskless in ([[1.0, 0.0], [0.0, 0.0]], [[1.0, -1.0], [-1.0, 1.0]]):
        with pytest.raises(SolverFailure, match="after row 0"):
            decide(riskless)
    with pytest.raises(BadData):
        decide([[1.0, 0.5], [0.1, 1.0]])
