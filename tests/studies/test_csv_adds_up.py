"""The tables that are written let wealth be computed again from the prices alone."""

import numpy as np
import pandas as pd

import proofolio as pf


def test_wealth_follows_from_the_written_weights_cash_costs_and_charges(tmp_path):
    dates = pd.bdate_range("2021-01-04", periods=120)
    drawn = np.random.default_rng(8).normal(0.0005, 0.01, (120, 2))
    prices = pd.DataFrame(100 * np.exp(np.cumsum(drawn, axis=0)), index=dates, columns=["A", "cash"])

    def leaning(context):
        return [1.6, -0.8] if len(context.returns) % 2 else [0.9, -0.3]

    result = pf.backtest(
        prices, [pf.strategy(leaning, cash=True, window=200)], window=60, risk_free=0.02, cash=True, cost_bps=20,
        account=pf.Account(borrow=0.05, margin=0.03),
    )  # fmt: skip
    result.to_csv(tmp_path)
    weights = pd.read_csv(tmp_path / "weights-leaning.csv", index_col=0, parse_dates=True)
    trades = pd.read_csv(tmp_path / "trades-leaning.csv", index_col=0, parse_dates=True)
    # An asset is called cash here, so the money beside it stands in brackets.
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-12)
    held, idle = weights[["A", "cash"]], weights["[cash]"]
    moves = prices.pct_change().loc[held.index]
    earned = (held * moves).sum(axis=1) + idle * (1.02 ** (1 / 252) - 1)
    growth = (1 - trades["cost"]) * (1 + earned - trades["charge"])
    assert trades["charge"].min() > 0
    assert np.allclose(growth.cumprod(), result["leaning"].wealth.iloc[1:], rtol=0, atol=1e-9)
    figures = result.figures.loc["leaning"]
    assert np.isclose(figures["charges"], trades["charge"].sum())
    assert np.isclose(figures["cash"], idle.mean())
