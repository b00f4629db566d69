"""The commands say a table's calendar first, count by it, and take files as they are."""

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def weekly():
    rng = np.random.default_rng(8)
    days = pd.date_range("2010-01-08", periods=300, freq="W-FRI", name="Date")
    moves = rng.normal([0.002, 0.001, 0.0015], [0.02, 0.01, 0.015], (300, 3))
    return pd.DataFrame(100 * np.exp(np.cumsum(moves, axis=0)), index=days, columns=["US", "BONDS", "GOLD"])


def sharpe(table, periods, first):
    earned = table.pct_change().iloc[1:].iloc[first:].mean(axis=1)
    return earned.mean() / earned.std() * periods**0.5


SMALL = ("--window", "100", "--strategies", "fix-mix", "--cost-bps", "0")


def test_backtest_says_the_calendar_first_and_counts_by_it(weekly, tmp_path, run):
    weekly.to_csv(tmp_path / "w.csv")
    plain = run("backtest", tmp_path / "w.csv", *SMALL, "--out", tmp_path / "out")
    assert plain.stdout.splitlines()[0] == "w.csv: weekly (52 a year), 2011-12-16 to 2015-10-02"
    found = json.loads(
        run("backtest", tmp_path / "w.csv", *SMALL, "--out", tmp_path / "out", "--json").stdout
    )
    assert found["calendar"] == {"name": "weekly", "periods_per_year": 52}
    assert found["strategies"]["fix-mix"]["sharpe"] == pytest.approx(sharpe(weekly, 52, 100), rel=1e-9)
    assert found["strategies"]["fix-mix"]["annualised"]
    given = ("--periods-per-year", "50", "--json", "--out", tmp_path / "out")
    found = json.loads(run("backtest", tmp_path / "w.csv", *SMALL, *given).stdout)
    assert found["calendar"] == {"name": "as given", "periods_per_year": 50}
    assert found["strategies"]["fix-mix"]["sharpe"] == pytest.approx(sharpe(weekly, 50, 100), rel=1e-9)


def test_resampled_tables_and_office_files(weekly, tmp_path, run):
    weekly.to_csv(tmp_path / "w.csv", sep=";", decimal=",", date_format="%d.%m.%Y")
    options = (
        "--resample",
        "monthly",
        "--window",
        "12",
        "--strategies",
        "fix-mix",
        "--cost-bps",
        "0",
        "--json",
    )
    found = json.loads(run("backtest", tmp_path / "w.csv", *options, "--out", tmp_path / "out").stdout)
    monthly = weekly.groupby(weekly.index.to_period("M")).last()
    assert found["calendar"] == {"name": "monthly", "periods_per_year": 12}
    assert found["strategies"]["fix-mix"]["sharpe"] == pytest.approx(sharpe(monthly, 12, 12), rel=1e-9)


def test_the_default_window_is_eight_years_of_the_table(weekly, tmp_path, run, one_sentence):
    weekly.to_csv(tmp_path / "w.csv")
    sentence = one_sentence(run("backtest", tmp_path / "w.csv", "--out", tmp_path / "out"))
    assert (
        "299 returns, weekly (52 a year), from 2010-01-15 to 2015-10-02 are fewer than the window of 413"
        in sentence
    )


def test_tune_and_trade_say_it_too(weekly, tmp_path, run):
    weekly.to_csv(tmp_path / "w.csv")
    (tmp_path / "held.json").write_text('{"US": 1}', encoding="utf-8")
    grid = ("--strategy", "mpo-no-hmm", "--horizon", "1", "--gamma-risk", "5", "--gamma-trade", "0.01,1")
    found = run("tune", tmp_path / "w.csv", *grid, "--window", "250", "--out", tmp_path / "out")
    assert found.stdout.splitlines()[0] == "w.csv: weekly (52 a year)"
    assert "while training, less than a year of the table, weekly (52 a year)" in found.stdout
    held = ("--holdings", tmp_path / "held.json", "--strategy", "erc-no-hmm", "--window", "100")
    found = run("trade", tmp_path / "w.csv", *held)
    assert found.stdout.startswith("weekly (52 a year): after the close of 2015-10-02, erc-no-hmm trades:")
    found = json.loads(run("trade", tmp_path / "w.csv", *held, "--json").stdout)
    assert found["calendar"] == {"name": "weekly", "periods_per_year": 52}


@pytest.mark.parametrize("command", ["backtest", "trade"])
def test_doubts_and_refusals_reach_every_command(weekly, tmp_path, run, one_sentence, command):
    (tmp_path / "held.json").write_text('{"US": 1}', encoding="utf-8")
    held = ("--holdings", tmp_path / "held.json", "--strategy", "erc-no-hmm")
    mine = ("--strategies", "fix-mix", "--out", tmp_path / "out") if command == "backtest" else held
    slip, split = weekly.copy(), weekly.copy()
    slip.iloc[-1, 1] *= 100
    split.iloc[200:, 1] /= 4
    slip.to_csv(tmp_path / "slip.csv")
    split.to_csv(tmp_path / "split.csv")
    refused = run(command, tmp_path / "slip.csv", "--window", "100", *mine)
    assert refused.exit_code == 2
    assert "'BONDS' at 2015-10-02 (line 301)" in one_sentence(refused)
    words = "as an unadjusted 4:1 split would"
    assert words in run(command, tmp_path / "split.csv", "--window", "100", *mine).stdout
    document = json.loads(run(command, tmp_path / "split.csv", "--window", "100", *mine, "--json").stdout)
    assert any(words in sentence for sentence in document["warnings"])


def test_a_risk_free_column_is_what_it_is_said_to_be(weekly, tmp_path, run, one_sentence):
    weekly.assign(RF=0.02 / 52).to_csv(tmp_path / "w.csv")
    options = ("--risk-free", "RF", *SMALL, "--out", tmp_path / "out", "--json")
    sentence = one_sentence(run("backtest", tmp_path / "w.csv", *options))
    assert (
        "'RF' is 0.000384615 at 2010-01-08, which is no price; say what it holds (--risk-free-as" in sentence
    )
    found = json.loads(run("backtest", tmp_path / "w.csv", *options, "--risk-free-as", "period-rate").stdout)
    excess = weekly.pct_change().iloc[101:].mean(axis=1) - 0.02 / 52
    assert found["strategies"]["fix-mix"]["sharpe"] == pytest.approx(excess.mean() / excess.std() * 52**0.5)
    assert found["options"]["risk-free"] == "RF as period-rate"
    sentence = one_sentence(run("backtest", tmp_path / "w.csv", *SMALL, "--risk-free-as", "price"))
    assert "--risk-free-as is what a column holds, and --risk-free is 0" in sentence
