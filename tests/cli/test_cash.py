"""``--cash`` of backtest, tune and trade: what the same call from Python does."""

import json

import numpy as np
import pandas as pd
import pytest

import proofolio as pf
from proofolio.backtesting.strategies import MeanVarianceControl
from proofolio.cli.group import command_line
from tests.command_line import CliRunner

WINDOW = 60
PLAN = ("--horizon", "1", "--gamma-trade", "0.0001")
COMMON = ("--window", WINDOW, "--risk-free", "BIL", "--cost-bps", "0", "--cash")


def run(*arguments):
    return CliRunner().invoke(command_line, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(8)
    returns = np.hstack([rng.normal(0.0, 0.012, (90, 2)), rng.uniform(1e-4, 3e-4, (90, 1))])
    days = pd.bdate_range("2021-01-04", periods=90, name="Date")
    return pd.DataFrame(100 * np.cumprod(1 + returns, axis=0), index=days, columns=["US", "GOLD", "BIL"])


@pytest.fixture(scope="module")
def table(prices, tmp_path_factory):
    path = tmp_path_factory.mktemp("cash") / "prices.csv"
    prices.to_csv(path)
    return path


def plan():
    return MeanVarianceControl("mpo-no-hmm", 1, gamma_trade=1e-4, needs="history")


def test_backtest(prices, table, tmp_path):
    asked = ("--strategies", "mpo-no-hmm,erc-no-hmm", "--out", tmp_path / "out", "--csv", tmp_path, "--json")
    result = run("backtest", table, *COMMON, *PLAN, *asked)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    here = pf.backtest(prices, [plan()], window=WINDOW, cash="BIL", cost_bps=0)
    weights = pd.read_csv(tmp_path / "weights-mpo-no-hmm.csv", index_col=0)
    assert here["mpo-no-hmm"].cash.mean() > 0.05
    assert weights[["US", "GOLD"]].to_numpy() == pytest.approx(
        here["mpo-no-hmm"].weights.to_numpy(), abs=1e-9
    )
    assert document["options"]["cash"] == "spo and mpo may keep it"
    sharpe = document["strategies"]["mpo-no-hmm"]["sharpe"]
    assert sharpe == pytest.approx(here.figures.loc["mpo-no-hmm", "sharpe"])


def test_tune(prices, table, tmp_path):
    grid = ("--horizon", "1", "--gamma-risk", "5", "--gamma-trade", "0.0001", "--strategy", "mpo-no-hmm")
    result = run("tune", table, *COMMON, *grid, "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    lists = {"horizon": [1], "gamma_risk": [5], "gamma_trade": [1e-4]}
    here = pf.tune(prices, "mpo-no-hmm", lists, window=WINDOW, cash="BIL", cost_bps=0)
    assert here.run.cash.mean() > 0.05
    assert json.loads(result.stdout)["test"] == json.loads(json.dumps(here.document()))["test"]


def test_trade(prices, table, tmp_path):
    held = tmp_path / "held.csv"
    held.write_text("Symbol,Weight\nUS,0.5\nGOLD,0.5\n")
    result = run("trade", table, "--holdings", held, *COMMON, *PLAN, "--strategy", "mpo-no-hmm", "--json")
    assert result.exit_code == 0, result.output
    today = pf.trades_today(
        prices, {"US": 0.5, "GOLD": 0.5}, plan(), costs=0.0, window=WINDOW, risk_free="BIL", cash=True
    )
    assert today.cash[1] > 0.05
    assert json.loads(result.stdout)["cash"]["after"] == pytest.approx(today.cash[1])


def test_cash_that_no_strategy_can_keep(table, tmp_path):
    result = run("backtest", table, *COMMON, "--strategies", "erc,fix-mix", "--out", tmp_path / "out")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "none of erc, fix-mix can keep cash" in line
