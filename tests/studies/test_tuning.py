"""Choosing on one span and judging on the next: the rule, what the choice is worth, and choices as time goes on."""

import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategies import FixMix, strategies_named
from proofolio.backtesting.tuning import Grid, Rule, grid_of, walk_forward
from proofolio.report.tuning import compared_table

WINDOW = 120
GRID = {"horizon": [1, 2], "gamma_risk": [1, 50], "gamma_trade": [1e-4, 1e-3, 25]}


def tuned(prices, **changes):
    return pf.tune(prices, "mpo-no-hmm", GRID, **{"window": WINDOW, "cost_bps": 5, **changes})


@pytest.fixture(scope="module")
def found(prices):
    return tuned(prices)


def by_hand(prices, horizon, gamma_risk, gamma_trade, start, stop):
    """One combination as a backtest of its own, figures in pandas."""
    (mpo,) = strategies_named(
        ["mpo-no-hmm"], list(prices.columns), horizon=horizon, gamma_risk=gamma_risk, gamma_trade=gamma_trade
    )
    run = pf.backtest(prices, mpo, window=WINDOW, cost_bps=5, start=start, stop=stop)["mpo-no-hmm"]
    trades = int((run.turnover > 1e-4).sum())
    return run.returns.mean() / run.returns.std() * 252**0.5, 252 * run.turnover.mean(), trades


def test_each_trial_is_a_backtest_of_its_own_and_the_best_is_chosen(prices, found):
    table = found.trials_table
    assert len(table) == 12
    start, stop = found.train
    for row in table.to_dict("records"):
        sharpe, turnover, trades = by_hand(
            prices, row["horizon"], row["gamma_risk"], row["gamma_trade"], start, stop
        )
        assert row["sharpe"] == pytest.approx(sharpe, rel=1e-5)
        assert row["turnover"] == pytest.approx(turnover, rel=1e-4, abs=1e-9)
        assert row["trades"] == trades
    assert table["sharpe"].idxmax() == int(np.flatnonzero(table["chosen"])[0])
    assert found.test_run.start == WINDOW + 60
    assert found.run.weights.shape == (60, 4)
    assert list(found.figures.index.get_level_values("span").unique()) == ["train", "test"]


def test_a_ceiling_rules_trials_out(prices, found):
    table = found.trials_table
    ceiling = 0.9 * found.chosen.metrics.turnover
    expected = table[table["turnover"] <= ceiling]["sharpe"].idxmax()
    limited = tuned(prices, max_turnover=ceiling)
    assert int(np.flatnonzero(limited.trials_table["chosen"])[0]) == expected
    assert limited.chosen.metrics.turnover <= ceiling < found.chosen.metrics.turnover
    assert (
        f"the highest Sharpe ratio among those with a turnover of at most {ceiling:g}" in limited.verdict()[0]
    )
    assert limited.worth["chosen"]["rank"] == 1 + (table["sharpe"] > table["sharpe"][expected] + 1e-9).sum()
    with pytest.raises(pf.BadData, match=r"no trial keeps the ceilings .* least drawdown"):
        tuned(prices, max_drawdown=1e-6)
    with pytest.raises(pf.BadData, match="max_turnover is nan"):
        Rule(max_turnover=float("nan"))


def test_what_the_choice_is_worth(prices, found):
    worth, table = found.worth, found.trials_table
    assert worth["trials"] == 12
    assert worth["trials_without_trades"] == (table["trades"] == 0).sum() > 0
    assert worth["chosen"]["rank"] == 1
    assert worth["chosen"]["trades_test"] == (found.run.turnover > 1e-4).sum() > 0
    market = Market.from_prices(prices)
    for span, rows in (("train", found.train), ("test", found.test)):
        reference = pf.simulate(market, FixMix(), 0.0005, start=rows[0], stop=rows[1])
        assert worth["fix-mix"][f"trades_{span}"] == (np.abs(reference.trades).sum(axis=1) > 1e-4).sum()
        if span == "train":
            assert worth["fix-mix"]["rank"] == 1 + (table["sharpe"] > reference.metrics.sharpe).sum()
    assert any(
        f"{worth['trials_without_trades']} of the 12 trials never traded" in s for s in found.verdict()
    )


def test_a_choice_that_never_trades_is_called_so(prices):
    grid = {"horizon": [1, 2, 3], "gamma_trade": [25.0], "gamma_risk": [1]}
    still = pf.tune(prices, "mpo-no-hmm", grid, window=WINDOW)
    assert still.worth["chosen"] == {"rank": 1, "ties": 2, "trades_train": 0, "trades_test": 0}
    assert "with 2 others the same" in still.verdict()[0]
    assert "The choice never trades, on neither span" in still.verdict()[1]
    assert any("3 of the 3 trials never traded" in s for s in still.verdict())


def test_it_says_the_same_everywhere(found, tmp_path):
    document = found.document()
    json.dumps(document["worth"])
    assert document["worth"]["text"] == found.verdict()
    page = found.to_html(tmp_path / "tuning.html").read_text(encoding="utf-8")
    for sentence in (*found.verdict(), *found.warnings):
        assert sentence in str(found)
        assert sentence in page.replace("&#x27;", "'")
        assert sentence in found._repr_html_().replace("&#x27;", "'")
    again = pickle.loads(pickle.dumps(found))
    assert repr(again) == repr(found)
    pd.testing.assert_frame_equal(again.trials_table, found.trials_table)


def test_every_span_is_dated(prices, found, tmp_path):
    """Of 240 returns 120 are the window; the halves of the rest are the spans. Row t of the prices is return t - 1."""
    dates = [str(day.date()) for day in prices.index[1:]]
    spans = {"train": (120, 179), "test": (180, 239)}
    document = found.document()
    for name, (first, last) in spans.items():
        assert document[name] == {"first": dates[first], "last": dates[last], "periods": 60}
    said = (
        f"Trained from {dates[120]} to {dates[179]} (60 periods), tested from {dates[180]} to {dates[239]} "
        "(60 periods)."
    )
    for text in (str(found), found._repr_html_(), found.to_html(tmp_path / "t.html").read_text()):
        assert said in text
    walked = tuned(prices, walk_forward=(60, 30)).document()["walk_forward"]
    assert (walked["first"], walked["last"]) == (walked["choices"][0]["traded"][0], dates[239])


def test_the_published_grid_is_the_paper_s():
    grid = grid_of("published")
    assert grid.horizons == (1, 2, 5, 10, 15, 30)
    assert grid.gamma_risks == (0.01, 0.1, 1, 3, 5, 10)
    assert grid.gamma_trades == (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 25)
    mpo, risk_parity = strategies_named(["mpo", "mpo-rp"], ["A", "B"])
    assert len(grid.candidates(mpo)) == 432
    assert len(grid.candidates(risk_parity)) == 72
    assert grid_of(None) == Grid()


def test_walk_forward_goes_on_with_the_best_of_the_past(prices):
    """Chosen again by hand from runs of the candidates alone, and each stretch simulated from the holdings left."""
    market = Market.from_prices(prices)
    candidates = strategies_named(
        ["fix-mix", "erc-no-hmm", "buy-and-hold:GOLD", "buy-and-hold:OIL"], market.names
    )
    plan = ForecastPlan(driving=(0, 1), window=WINDOW)
    context = prepare(market, candidates, plan)
    walk = walk_forward(context, candidates, LinearCost(0.001), look_back=30, step=20)
    alone = simulate_all(context, candidates, LinearCost(0.001))
    held, wealth = np.full(4, 0.25), 1.0
    first, D = WINDOW + 30, len(market.dates) - WINDOW - 30
    assert walk.run.start == first
    for k, start in enumerate(range(first, len(market.dates), 20)):
        past = [run.returns[start - 30 - WINDOW : start - WINDOW] for run in alone]
        best = int(np.argmax([p.mean() / p.std() for p in past]))
        assert walk.folds[k].chosen == best
        for d in range(start, min(start + 20, len(market.dates))):
            if candidates[best].name == "erc-no-hmm":
                wanted = alone[1].weights[d - WINDOW]
            else:
                wanted = {0: np.full(4, 0.25), 2: np.eye(4)[2], 3: np.eye(4)[3]}[best]
            gross = wanted @ market.returns[d]
            wealth *= (1 - 0.001 * np.abs(wanted - held).sum()) * (1 + gross)
            held = wanted * (1 + market.returns[d]) / (1 + gross)
    assert len({fold.chosen for fold in walk.folds}) > 1
    assert len(walk.run.dates) == D
    assert walk.run.wealth[-1] == pytest.approx(wealth, rel=1e-12)
    reference = pf.simulate(market, FixMix(), 0.0, start=first)
    assert walk.reference.gross == pytest.approx(reference.gross, abs=1e-15)


def test_walk_forward_never_looks_ahead(prices):
    other = prices.copy()
    other.iloc[200:] *= np.random.default_rng(4).lognormal(0.0, 0.05, other.iloc[200:].shape)
    one, two = (tuned(p, walk_forward=(30, 20)) for p in (prices, other))
    past = 199 - WINDOW - 30
    assert (one.walked.run.weights[:past] == two.walked.run.weights[:past]).all()
    assert not (one.walked.run.weights == two.walked.run.weights).all()
    chosen = [[f.chosen for f in found.walked.folds if f.traded[0] <= 199] for found in (one, two)]
    assert chosen[0] == chosen[1]
    document = one.document()["walk_forward"]
    assert {"walk-forward", "fix-mix", "choices"} <= set(document)
    assert re.match(r"\d{4}-\d\d-\d\d", document["choices"][0]["traded"][0])
    with pytest.raises(pf.BadData, match="look back on fewer"):
        tuned(prices, walk_forward=(500, 20))


def test_the_comparison_says_what_the_walk_forward_earned():
    rng = np.random.default_rng(2)
    prices = pd.DataFrame(
        100 * np.exp(np.cumsum(rng.normal(0.0004, 0.01, (140, 2)), axis=0)),
        index=pd.bdate_range("2021-01-04", periods=140),
        columns=["A", "B"],
    )
    grid = {"horizon": [1], "gamma_risk": [5.0], "gamma_trade": [0.001, 0.1]}
    found = pf.tune(prices, "mpo-no-hmm", grid, window=40, walk_forward=(20, 20))
    rows = {row[:2]: row[2] for row in compared_table(found).rows if row[0] == "walk-forward"}
    assert rows == {
        ("walk-forward", "mpo-no-hmm, chosen anew"): f"{found.walked.run.metrics.sharpe:.3f}",
        ("walk-forward", "fix-mix"): f"{found.walked.reference.metrics.sharpe:.3f}",
    }
