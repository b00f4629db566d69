"""What `pf.backtest` returns: tables of pandas, charts, pages and files, all of the same run."""

import io
import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

import proofolio as pf
from proofolio.backtesting.charts import turnover_chart
from proofolio.backtesting.costs import LinearCost, SpreadAndImpact
from proofolio.backtesting.experiments import charged
from proofolio.backtesting.strategies import FixMix
from proofolio.report.backtest import LESS_NEEDED, backtest_page, figures_table

WINDOW = 120


def momentum(context):
    """Everything in what rose most over the last 20 periods."""
    grown = (1 + context.returns.tail(20)).prod()
    return pd.Series({grown.idxmax(): 1.0})


@pytest.fixture(scope="module")
def result(prices):
    strategies = ["fix-mix", "mpo", "erc", "erc-no-hmm", pf.strategy(momentum)]
    return pf.backtest(prices, strategies, window=WINDOW, cost_bps=20)


def test_tables_have_the_dates_and_names_of_the_prices(prices, result):
    run = result["mpo"]
    days = prices.index[WINDOW + 1 :]
    for found in (run.weights, run.trades):
        assert list(found.columns) == list(prices.columns)
        assert list(found.index) == list(days)
    assert list(run.wealth.index) == list(prices.index[WINDOW:])
    assert list(result.figures.index) == ["fix-mix", "mpo", "erc", "erc-no-hmm", "momentum"]
    assert list(result) == result.names
    assert len(result) == 5
    assert "mpo" in result
    assert "spo" not in result


def test_wealth_follows_from_prices_weights_and_trades(prices, result):
    """Recomputed from the tables alone, in pandas."""
    returns = prices.pct_change().iloc[1:]
    for name in result:
        run = result[name]
        gross = (run.weights * returns.loc[run.weights.index]).sum(axis=1)
        net = (1 - 0.002 * run.trades.abs().sum(axis=1)) * (1 + gross) - 1
        assert run.returns.to_numpy() == pytest.approx(net.to_numpy(), abs=1e-14)
        assert run.wealth.to_numpy() == pytest.approx(np.r_[1.0, (1 + net).cumprod()], rel=1e-12)
        assert run.wealth.iloc[0] == 1.0
        assert run.turnover.to_numpy() == pytest.approx(run.trades.abs().sum(axis=1).to_numpy(), abs=1e-15)
        drifted = run.weights * (1 + returns.loc[run.weights.index])
        drifted = drifted.div(drifted.sum(axis=1), axis=0)
        assert (run.weights - run.trades).iloc[1:].to_numpy() == pytest.approx(
            drifted.iloc[:-1].to_numpy(), abs=1e-13
        )
        figures = result.figures.loc[name]
        assert figures["sharpe"] == pytest.approx(net.mean() / net.std() * 252**0.5, rel=1e-10)
        assert figures["costs"] == pytest.approx(run.costs.sum() * 252 / len(net), rel=1e-12)


def test_forecasts_are_of_the_days_before(prices, result):
    """The first one without regimes is the window's own mean and volatility."""
    forecasts = result["erc-no-hmm"].forecasts
    first = prices.pct_change().iloc[1 : WINDOW + 1]
    assert forecasts["mean"].iloc[0].to_numpy() == pytest.approx(first.mean().to_numpy(), rel=1e-10)
    assert forecasts["volatility"].iloc[0].to_numpy() == pytest.approx(first.std().to_numpy(), rel=0.01)
    assert "probability" not in forecasts.columns.get_level_values(0)
    probabilities = result["mpo"].forecasts["probability"]
    assert list(probabilities.columns) == ["regime 1", "regime 2"]
    assert probabilities.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert result["fix-mix"].forecasts is None


def test_two_calls_find_the_same(prices, result):
    strategies = ["fix-mix", "mpo", "erc", "erc-no-hmm", pf.strategy(momentum)]
    one, again = (pf.backtest(prices, strategies, window=WINDOW, cost_bps=20, stop=160) for _ in range(2))
    pd.testing.assert_frame_equal(again.figures, one.figures, check_exact=True)
    assert (again["mpo"].weights == one["mpo"].weights).all(axis=None)
    # nor does the end of the table change what was done before it
    assert (one["mpo"].weights == result["mpo"].weights.iloc[: len(one["mpo"].weights)]).all(axis=None)


def test_it_can_be_pickled(result):
    again = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(again.figures, result.figures, check_exact=True)
    assert repr(again) == repr(result)
    pd.testing.assert_frame_equal(again["momentum"].weights, result["momentum"].weights)


def test_repr_is_short_and_says_what_ran(result):
    assert len(repr(result)) < 800
    assert re.search(r"5 strategies on 4 assets, 2019-06-19 to 2019-12-03", repr(result))
    assert "momentum" in repr(result)
    assert len(repr(result["mpo"])) < 150
    assert result._repr_html_().startswith("<div class='scroll'><table>")


def test_tables_are_copies(result):
    weights = result["mpo"].weights
    weights.iloc[0, 0] = 7.0
    assert result["mpo"].weights.iloc[0, 0] <= 1.0


def test_charts_are_figures(result):
    drawn = [
        result.plot(), result.plot_drawdown(), result.plot_turnover(), result.plot_weights(),
        result.plot_weights("fix-mix"), result.plot_regimes(), result.plot_risk(),
    ]  # fmt: skip
    assert all(isinstance(figure, Figure) for figure in drawn)
    lines = result.plot().axes[0].get_lines()
    assert [line.get_label() for line in lines] == result.names
    assert lines[1].get_ydata()[-1] == pytest.approx(result["mpo"].wealth.iloc[-1])


def test_charts_that_cannot_be_drawn_say_why(prices):
    plain = pf.backtest(prices, "fix-mix", window=WINDOW)
    for draw, words in ((plain.plot_regimes, "regimes"), (plain.plot_risk, "forecasts")):
        with pytest.raises(pf.BadData, match=f"decided on {words}"):
            draw()
    assert plain.regimes() is None


def test_the_page_and_the_csv_say_what_the_result_says(result, tmp_path):
    page = result.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    for name in result:
        assert name in page
    assert "If trading cost more, or less" in page
    places = result.to_csv(tmp_path / "tables")
    names = {place.name for place in places}
    assert {"figures.csv", "wealth.csv", "weights-mpo.csv", "trades-momentum.csv", "regimes.csv"} <= names
    # read as text first: the reader of pandas 2 itself misses some numbers by the last digit
    back = pd.read_csv(tmp_path / "tables" / "weights-mpo.csv", index_col=0, dtype=str).astype(float)
    run = result["mpo"]
    assert list(back.columns) == [*run.weights.columns, "cash"]
    assert (back.to_numpy() == run.weights.assign(cash=run.cash).to_numpy()).all()
    wealth = pd.read_csv(tmp_path / "tables" / "wealth.csv", index_col=0)
    assert list(wealth.columns) == result.names
    result.to_csv(tmp_path / "tables")  # once more: these files are ours


def test_a_csv_of_another_program_is_left_alone(result, tmp_path):
    (tmp_path / "wealth.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(pf.BadData, match=r"wealth\.csv is there already"):
        result.to_csv(tmp_path)
    assert (tmp_path / "wealth.csv").read_text(encoding="utf-8") == "mine"
    assert [place.name for place in tmp_path.iterdir()] == ["wealth.csv"]


def test_other_costs_are_charged_without_solving_again(prices, result, monkeypatch):
    """What is charged afterwards is what a run under these costs pays, to the bit."""
    market = result.context.market
    account = pf.Account(value=5e5)
    for costs in (LinearCost(0.01), SpreadAndImpact(0.001, 1.0, 1e6, memory=30)):
        fresh = pf.backtest(
            prices, ["mpo", "erc", pf.strategy(momentum)], window=WINDOW, costs=costs, account=account
        )
        for name in fresh:
            again = charged(result[name].simulation, market, costs, account.value)
            assert (again.wealth == fresh[name].simulation.wealth).all()
            assert (again.costs == fresh[name].simulation.costs).all()

    def never(*_, **__):
        raise AssertionError("solved again")

    monkeypatch.setattr("proofolio.backtesting.backtests.simulate", never)
    tried = result.cost_sensitivity([20, 100])
    assert list(tried.columns) == [20.0, 100.0]
    assert tried[20.0].to_numpy() == pytest.approx(result.figures["sharpe"].to_numpy(), abs=1e-12)
    assert (tried[100.0] <= tried[20.0]).all()
    with pytest.raises(pf.BadData, match=r"momentum on .* the trade costs"):
        charged(result["momentum"].simulation, market, SpreadAndImpact(0.4, 1e3, 1.0, memory=30))


def test_a_crisis_is_part_of_the_whole_run(prices, result):
    first, last = "2019-09-02", "2019-10-15"
    found = result.crisis((first, last))
    inside = prices.index[(prices.index > first) & (prices.index <= last)]
    grown = prices.loc[last] / prices.loc[first] - 1
    for name in result:
        row, run = found.loc[name], result[name]
        assert row["asset return"].to_numpy(dtype=float) == pytest.approx(grown.to_numpy(), rel=1e-10)
        assert row["mean weight"].to_numpy(dtype=float) == pytest.approx(
            run.weights.loc[inside].mean().to_numpy(), abs=1e-14
        )
        assert row["figures", "total_return"] == pytest.approx(
            run.wealth.loc[last] / run.wealth.loc[first] - 1, rel=1e-10
        )
    with pytest.raises(pf.BadData, match=r"did you mean 'pandemic'"):
        result.crisis("pandemy")
    with pytest.raises(pf.BadData, match="fewer than two periods of pandemic"):
        result.crisis("pandemic")
    with pytest.raises(pf.BadData, match="two dates"):
        result.crisis(("then", "now"))


def test_the_summary_by_regime_is_that_of_its_days(prices, result):
    """Computed again from the believed regimes, in pandas."""
    summary = result.regimes()
    book = result.context.regimes
    returns = prices.pct_change().iloc[1 + book.first : 1 + book.first + len(book)]
    for k in (0, 1):
        own = returns[book.regime == k]
        found = summary.loc[str(k + 1)]
        assert (found["periods"] == len(own)).all()
        assert found["mean"].to_numpy() == pytest.approx(252 * own.mean().to_numpy(), rel=1e-10)
        assert found["volatility"].to_numpy() == pytest.approx(252**0.5 * own.std().to_numpy(), rel=1e-10)
        expected = np.corrcoef(own.to_numpy(), rowvar=False)
        assert found.filter(like="correlation").to_numpy() == pytest.approx(expected, abs=1e-12)
    assert list(summary.index.get_level_values("regime").unique()) == ["all", "1", "2"]
    assert (summary.loc["all", "periods"] == len(book)).all()
    assert summary.loc["all", "mean"].to_numpy() == pytest.approx(252 * returns.mean().to_numpy(), rel=1e-10)
    assert sum(summary.loc[k, "periods"].iloc[0] for k in ("1", "2")) == len(book)
    documented = result.document()["regimes"]["1"]["GOLD"]
    assert documented["volatility"] == summary.loc[("1", "GOLD"), "volatility"]


def test_an_unknown_strategy_of_a_result_is_said_with_a_suggestion(result):
    with pytest.raises(pf.BadData, match=r"no strategy 'mop' in this backtest \(did you mean 'mpo'\?\)"):
        result["mop"]


def test_closes_without_an_answer_are_said_everywhere(prices, tmp_path):
    def silent(context):
        if context.date >= pd.Timestamp("2019-10-01"):
            raise pf.SolverFailure("no answer")
        return np.full(4, 0.25)

    found = pf.backtest(prices, ["fix-mix", pf.strategy(silent)], window=WINDOW)
    closes = prices.index[WINDOW:-1]
    late = int((closes >= "2019-10-01").sum())
    assert found.figures.loc["silent", "unanswered"] == late
    assert found["silent"].unanswered.sum() == late
    short, sentence = found.warnings
    assert "periods are traded, less than a year of the table, daily (252 a year)" in short
    assert f"silent had no answer, and kept its holdings, at {late} of the {len(closes)} closes" in sentence
    assert "the first on 2019-10-01" in sentence
    assert found.document()["warnings"] == [short, sentence]
    assert sentence in found._repr_html_()
    page = found.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert sentence in page
    assert f"{len(closes) - late} of {len(closes)}" in page
    json.dumps(found.document()["warnings"])


def test_shipped_strategies_and_arrays_go_on_working(prices, result):
    alone = pf.backtest(prices, FixMix(), window=WINDOW, cost_bps=20)
    assert (alone["fix-mix"].wealth == result["fix-mix"].wealth).all()


def test_assets_that_begin_and_end_are_said(table_of):
    prices = table_of(300)
    prices.iloc[:60, 3] = np.nan  # OIL's first price is in row 60
    prices.iloc[221:, 2] = np.nan  # GOLD's last one in row 220
    found = pf.backtest(prices, ["fix-mix", "erc-no-hmm"], window=100)
    weights = found["fix-mix"].weights
    days = prices.index
    late = f"can be held from {days[160]:%Y-%m-%d} on, when the window of 100 is full."
    assert found.warnings[1:] == [
        f"GOLD ends on {days[220]:%Y-%m-%d}, and is paid out at its last price where it is held.",
        f"OIL begins on {days[61]:%Y-%m-%d} and {late}",
    ]
    assert (weights["OIL"] > 0).idxmax() == days[161]
    assert (
        weights["GOLD"][weights["GOLD"] > 0].index[-1] == days[221]
    )  # held into the period in which it is paid out
    assert found["erc-no-hmm"].forecasts["mean", "GOLD"].isna().sum() == len(days) - 1 - 221
    page = found._repr_html_()
    assert all(sentence in page for sentence in found.warnings)


def test_trades_that_are_rounding_are_not_drawn_as_turnover(result):
    """A logarithmic axis gave 1e-17 as much room as a hundred portfolios."""
    traded = result["erc"].simulation
    dust = replace(traded, name="still", trades=np.full_like(traded.trades, 1e-17))
    axes = turnover_chart([traded, dust]).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert np.isnan(drawn["still (never traded)"]).all()
    assert np.nanmin(drawn["erc"]) == pytest.approx(np.abs(traded.trades[0]).sum())
    assert axes.get_ylim()[0] > 1e-4


def in_a_terminal(table, width, less_needed):
    console = Console(file=io.StringIO(), width=width)
    table.show(console, less_needed)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_narrow_terminal_shows_whole_figures_and_names_the_columns_it_leaves_out(result, width):
    table = figures_table(result)
    text = in_a_terminal(table, width, LESS_NEEDED)
    assert max(map(len, text.splitlines()[: 1 + len(result)])) <= width
    named = re.findall(r"Columns left out: (.*); --json", text)
    left = named[0].split(", ") if named else []
    assert bool(left) == (width < 200)
    for name, *cells in zip(table.head, *table.rows, strict=True):
        for cell in cells:
            assert (cell in text) == (name not in left) or not cell.strip(), (name, cell)
    assert "Sharpe" not in left


def test_rebalance_daily_is_every_row_of_a_weekly_table(table_of):
    weekly = table_of(days=60)
    weekly.index = pd.date_range("2015-01-02", periods=len(weekly), freq="W-FRI")
    found = pf.backtest(weekly, ["fix-mix"], window=30)
    page = backtest_page(replace(found, options={"rebalance": "daily"}))
    row = re.search(r"<tr><td[^>]*>rebalance</td>(.*?)</tr>", page).group(1)
    assert "every period" in row
    assert "daily" not in row
