"""``proofolio backtest``, ``tune`` and ``trade``: what they print, write and refuse."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.backtests import prepare, simulate_all
from proofolio.backtesting.costs import LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.strategies import strategies_named
from proofolio.charts.figures import COLOURS, chart_style, inline_svg, new_figure
from proofolio.cli.group import command_line
from tests.command_line import CliRunner

DAYS, FEWER = 160, 135
SMALL = ("--window", "100", "--regime-assets", "US,BONDS")


def prices():
    rng = np.random.default_rng(3)
    wild = (np.arange(DAYS) // 40) % 2
    returns = rng.normal(0.0004, 1.0, (DAYS, 3)) * np.where(wild, 0.02, 0.006)[:, None]
    table = 100 * np.exp(np.cumsum(returns, axis=0))
    days = pd.bdate_range("2021-01-04", periods=DAYS)
    return pd.DataFrame(table, index=days, columns=["US", "BONDS", "GOLD"]).rename_axis("Date")


def run(*arguments):
    return CliRunner().invoke(command_line, [str(a) for a in arguments])


def one_sentence(result):
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    return line.removeprefix("proofolio: ")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    prices().to_csv(path)
    return path


@pytest.fixture(scope="module")
def shorter(tmp_path_factory):
    """A table for every strategy there is: June whole, and a few days on either side."""
    path = tmp_path_factory.mktemp("data") / "shorter.csv"
    prices().iloc[:FEWER].to_csv(path)
    return path


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def document(shorter, out):
    found = run(
        "backtest", shorter, *SMALL, "--strategies", "all", "--experiment", "costs", "--out", out, "--json"
    )
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def test_the_document_has_the_promised_keys(document):
    assert {"span", "assets", "strategies", "seconds", "files"} <= set(document)
    assert document["assets"] == ["US", "BONDS", "GOLD"]
    assert document["span"]["days"] == FEWER - 1 - 100
    for figures in document["strategies"].values():
        keys = {
            "return",
            "volatility",
            "sharpe",
            "max_drawdown",
            "calmar",
            "turnover",
            "costs",
            "worst_month",
        }
        assert keys <= set(figures)


def test_the_figures_are_those_of_the_prices(document):
    shares = prices().pct_change().iloc[101:FEWER].mean(axis=1)
    figures = document["strategies"]["fix-mix"]
    assert figures["volatility"] == pytest.approx(shares.std() * 252**0.5, rel=1e-2)
    assert 1 + figures["total_return"] == pytest.approx((1 + shares).prod(), abs=2e-3)


def test_the_report_stands_alone(document, out):
    page = (out / "report.html").read_text(encoding="utf-8")
    for name in document["strategies"]:
        assert name in page
    for name in ("wealth", "drawdown", "regimes", "weights", "risk", "turnover", "costs"):
        assert f'id="{name}-' in page, name
    assert not re.findall(r"<(?:script|link|img|iframe)\b", page)
    assert not re.findall(r"(?:href|src)=\"(?!#)|url\((?!#)|@import", page)
    # every colour of a drawing is one of the page's own, so that it can be read on a dark ground
    drawings = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", drawings)) <= {"#000000"}
    references = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert references <= set(re.findall(r'\bid="([^"]+)"', page))


def test_the_second_call_finds_the_pieces_and_the_same_drawings(shorter, out, document, tmp_path):
    first = (out / "report.html").read_text(encoding="utf-8")
    again = run("backtest", shorter, *SMALL, "--strategies", "all", "--experiment", "costs", "--out", out)
    assert again.exit_code == 0
    assert "regime-erc" in again.stdout
    second = (out / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<svg .*?</svg>", first) == re.findall(r"<svg .*?</svg>", second)
    fresh = run("backtest", shorter, *SMALL, "--strategies", "fix-mix,erc", "--out", tmp_path, "--json")
    for name, figures in json.loads(fresh.stdout)["strategies"].items():
        expected = document["strategies"][name]
        # forecasts one day ahead only, instead of five, are the same to rounding
        assert {k: v for k, v in figures.items() if k != "seconds"} == {
            k: pytest.approx(v, rel=1e-12) if isinstance(v, float) else v
            for k, v in expected.items()
            if k != "seconds"
        }


def test_returns_prices_and_a_risk_free_column(tmp_path):
    table = prices()
    returns = table.pct_change().iloc[1:]
    returns["CASH"] = 0.0001 + 0.00001 * (np.arange(len(returns)) % 2)
    returns.to_csv(tmp_path / "returns.csv")
    found = run(
        "backtest", tmp_path / "returns.csv", "--returns", "--risk-free", "CASH", *SMALL, "--strategies", "fix-mix",
        "--cost-bps", "0", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    document = json.loads(found.stdout)
    assert document["assets"] == ["US", "BONDS", "GOLD"]
    excess = returns[["US", "BONDS", "GOLD"]].mean(axis=1).iloc[100:] - returns["CASH"].iloc[100:]
    expected = excess.mean() / excess.std() * 252**0.5
    assert document["strategies"]["fix-mix"]["sharpe"] == pytest.approx(expected, rel=1e-9)


def test_the_spans_are_what_is_traded(file, tmp_path):
    found = run(
        "backtest", file, *SMALL, "--strategies", "erc", "--train", "2021-01-08:2021-07-01", "--test",
        "2021-06-15:2021-07-30", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert found.exit_code == 2  # what is known cannot be traded
    for train in ("2021-01-08:2021-06-14", "2021-01-08:"):
        found = run(
            "backtest", file, *SMALL, "--strategies", "erc", "--train", train, "--test", "2021-06-15:2021-07-30",
            "--out", tmp_path, "--json",
        )  # fmt: skip
        span = json.loads(found.stdout)["span"]
        assert (span["first"], span["last"]) == ("2021-06-15", "2021-07-30")


def test_tuning_chooses_on_the_first_span_and_runs_once_on_the_second(file, tmp_path):
    found = run(
        "tune", file, *SMALL, "--horizon", "1,2", "--gamma-risk", "1,10", "--gamma-trade", "1e-4,1", "--test",
        "2021-07-01:", "--train", ":2021-06-30", "--out", tmp_path, "--json",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    assert len(document["trials"]) == 8
    best = max(document["trials"], key=lambda trial: trial["sharpe"])
    assert all(best[name] == value for name, value in document["chosen"].items())
    assert document["train"]["last"] < document["test"]["first"]
    assert set(document["out_of_sample"]) == {"mpo", "fix-mix"}
    # the same choice, run by hand on the test span
    chosen = document["chosen"]
    by_hand = run(
        "backtest", file, *SMALL, "--strategies", "mpo" if chosen["horizon"] > 1 else "spo", "--horizon",
        chosen["horizon"], "--gamma-risk", chosen["gamma_risk"], "--gamma-trade", chosen["gamma_trade"], "--test",
        "2021-07-01:", "--out", tmp_path / "hand", "--json",
    )  # fmt: skip
    (figures,) = json.loads(by_hand.stdout)["strategies"].values()
    assert figures["sharpe"] == pytest.approx(document["out_of_sample"]["mpo"]["sharpe"], rel=1e-6)
    assert "the choice is framed" in (tmp_path / "tuning.html").read_text(encoding="utf-8")


def test_today_s_trades_add_up_and_say_why(file, tmp_path):
    held = tmp_path / "held.csv"
    held.write_text("asset,money\nUS,600\nGOLD,400\n", encoding="utf-8")
    arguments = ("trade", file, *SMALL, "--holdings", held, "--strategy", "mpo-rp", "--gamma-trade", "1e-4")
    words = run(*arguments)
    assert words.exit_code == 0, words.output
    for reason in ("regime", "forecast", "cost"):
        assert f"  {reason} " in words.stdout
    document = json.loads(run(*arguments, "--json").stdout)
    trades = document["trades"]
    assert document["date"] == f"{prices().index[-1]:%Y-%m-%d}"
    spent = sum(t["amount"] for t in trades.values()) + document["value"] * document["cost"]
    assert spent == pytest.approx(0, abs=1e-9)
    assert trades["US"]["held"] == pytest.approx(0.6)
    assert document["cost"] == pytest.approx(0.001 * document["turnover"])
    assert trades["BONDS"]["trade"] > 0


def test_today_s_trades_are_the_backtest_s_next_ones(tmp_path):
    """What `trade` says after the last close is what a backtest does there that knows the days after."""
    shorter, held = tmp_path / "shorter.csv", tmp_path / "held.json"
    table = prices()
    table.iloc[:-2].to_csv(shorter)
    held.write_text('{"money": {"US": 1, "BONDS": 1, "GOLD": 1}}', encoding="utf-8")
    arguments = ("--strategy", "erc", "--holdings", held, "--json")
    # as many days as the window are enough
    today = json.loads(
        run("trade", shorter, "--window", DAYS - 3, "--regime-assets", "US", *arguments).stdout
    )
    assert today["date"] == f"{table.index[-3]:%Y-%m-%d}"
    market = Market.from_returns(table.pct_change().iloc[1:], 0.0)
    (erc,) = strategies = strategies_named(["erc"], market.names)
    context = prepare(market, strategies, ForecastPlan(driving=(0,), window=DAYS - 3))
    (expected,) = simulate_all(context, [erc], LinearCost(0.001))
    found = [today["trades"][name] for name in market.names]
    assert [trade["wanted"] for trade in found] == pytest.approx(expected.weights[0], abs=1e-9)
    held_then = expected.weights[0] - expected.trades[0]
    left = 1.0 - today["cost"]  # the amounts pay for their cost
    assert [trade["trade"] for trade in found] == pytest.approx(
        expected.weights[0] * left - held_then, abs=1e-9
    )
    assert today["turnover"] > 0.01


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "nothing is held"),
        ('{"OIL": 1}', "'OIL', which is not in the table"),
        ('{"US": -1}', "the amounts add up to -1"),
        ('{"US": -0.5, "GOLD": 1.5}', "'US' is -0.5"),
        ("US;3", "no amounts by asset"),
        ("US,1\nGOLD,1\nUS,2", "line 3: 'US' is there twice"),
        ('{"US": 1,\n "GOLD": 1,\n "US": 2}', "line 3: 'US' is there twice"),
        ('{"US": 1' + "0" * 400 + "}", "no amounts by asset"),
        ('{"a":' * 100_000, "no amounts by asset"),
        ("US," + "1" * 200_000, "no amounts by asset"),
        ('{"US": 1e308, "GOLD": 1e308}', "larger unit"),
        ('{"US": true}', "no amounts"),
        ('{"US": "much"}', "no amounts by asset"),
    ],
)
def test_holdings_that_cannot_be_meant(file, tmp_path, text, words):
    held = tmp_path / "held"
    held.write_text(text, encoding="utf-8")
    assert words in one_sentence(run("trade", file, *SMALL, "--holdings", held))


def changed(change):
    table = prices()
    return change(table)


def negative(table):
    table.iloc[7, 1] = -3.0
    return table


def gap(table):
    table.iloc[9, 2] = np.nan
    return table


def constant(table):
    return table.assign(GOLD=5.0)


@pytest.mark.parametrize("command", ["backtest", "tune", "trade"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gap, r"missing.*column 'GOLD' at 2021-01-15"),
        (lambda t: pd.concat([t.iloc[:5], t.iloc[4:]]), r"repeated.*2021-01-08"),
        (lambda t: t.iloc[[0, 2, 1, *range(3, DAYS)]], r"go back from 2021-01-06.*2021-01-05"),
        (negative, r"column 'BONDS' at 2021-01-13.*is -3"),
        (constant, r"column 'GOLD' at 2021-01-04.*never changes"),
        (
            lambda t: t.iloc[:90],
            r"89 returns, daily \(252 a year\), from 2021-01-05 to .*fewer than the window of 100",
        ),
        (lambda t: t.pct_change().iloc[1:], r"look like returns.*column.*--returns"),
    ],
    ids=["gap", "repeated", "unsorted", "negative", "constant", "short", "returns"],
)
def test_bad_data_is_one_sentence_that_says_where(tmp_path, command, change, words):
    path = tmp_path / "bad.csv"
    changed(change).to_csv(path)
    held = tmp_path / "held.json"
    held.write_text('{"US": 1}', encoding="utf-8")
    more = ("--holdings", held) if command == "trade" else ("--out", tmp_path / "out")
    sentence = one_sentence(run(command, path, *SMALL, *more))
    assert re.search(words, sentence), sentence
    assert "bad.csv" in sentence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--strategies", "luck"), "no strategy 'luck'"),
        (("--regime-assets", "US,OIL"), "no asset 'OIL'"),
        (("--risk-free", "EURIBOR"), "'EURIBOR'"),
        (("--risk-free", "3"), "0.02 for two percent"),
        (("--test", "2021-13-01:"), "dates like"),
        (("--test", ":20210701"), "dates like"),
        (("--test", ":2021-07"), "dates like"),
        (("--test", "now:"), "dates like"),
        (("--train", "NaT:"), "dates like"),
        (("--test", ":2021-03-01"), "before 2021-05-25, where it begins when no beginning is given"),
        (("--train", "2021-06-01:"), "no period is left to trade after --train 2021-06-01:"),
        (("--train", "2021-03-01:2021-04-01", "--test", "2021-04-02:"), "fewer than the window"),
        (("--test", "2030-01-01:"), "holds no date"),
        (("--test", "2021-02-01:"), "fewer than the window"),
        (("--impact", "1"), "--volume"),
        (("--cost-bps", "-5"), "--cost-bps is -5"),
        (("--cost-bps", "nan"), "--cost-bps is nan"),
        (("--horizon", "0"), "'--horizon': 0"),
        (("--window", "0"), "'--window': 0"),
        (("--seed", "-1"), "'--seed': -1"),
        (("--regimes", "0"), "'--regimes': 0"),
        (("--jobs", "0"), "1 or more"),
    ],
)
def test_options_that_cannot_be_meant(file, tmp_path, arguments, words):
    assert words in one_sentence(run("backtest", file, *SMALL, "--out", tmp_path, *arguments))


def test_a_drawing_is_the_same_whatever_the_user_s_matplotlib_settings():
    import matplotlib as mpl

    @chart_style
    def drawn():
        figure = new_figure("test", "a < b")
        axes = figure.add_subplot()
        axes.plot([0, 1], [1, 2], color=COLOURS["s0"], label="one")
        axes.legend()
        return figure

    plain = inline_svg(drawn())
    with mpl.rc_context({"font.size": 30, "axes.grid": False, "axes.facecolor": "red"}):
        assert inline_svg(drawn()) == plain
    assert 'aria-label="a &lt; b"' in plain
    assert "var(--s0)" in plain


def test_words_and_ticks_of_a_drawing_are_left_as_they_are():
    words = ["0.75", "0.85", "gamma 0.001", "id=0.123456"]

    @chart_style
    def drawn():
        figure = new_figure("test", "numbers")
        axes = figure.add_subplot()
        axes.plot([0, 1], [1 / 3, 2 / 3], alpha=0.85)
        axes.set_yticks([0.4, 0.5], words[:2])
        axes.set_title(words[2])
        axes.set_xlabel(words[3])
        return figure

    svg = inline_svg(drawn())
    assert set(words) <= set(re.findall(r">([^<>]*)</text>", svg))
    assert "opacity: 0.85" in svg
    # while coordinates are short
    path = re.search(r'<path d="([^"]*)"', svg).group(1)
    assert all(len(number.partition(".")[2]) <= 1 for number in path.split())


def test_the_end_of_train_left_out_is_the_window_s(file, tmp_path):
    found = run(
        "backtest", file, "--window", "60", "--strategies", "fix-mix", "--train", "2021-03-01:", "--out", tmp_path,
        "--json",
    )  # fmt: skip
    span = json.loads(found.stdout)["span"]
    days = prices().index[1:]
    first = days.get_loc("2021-03-01")
    assert span["first"] == f"{days[first + 60]:%Y-%m-%d}"
    assert span["known_before"] == 60


def test_tuning_refuses_horizons_that_are_no_days(file, tmp_path):
    for text in ("inf", "nan", "0", "1.5"):
        sentence = one_sentence(run("tune", file, *SMALL, "--horizon", text, "--out", tmp_path))
        assert f"--horizon is {text!r}" in sentence


def test_one_strategy_is_traded_by(file, tmp_path):
    held = tmp_path / "held.json"
    held.write_text('{"US": 1}', encoding="utf-8")
    sentence = one_sentence(run("trade", file, *SMALL, "--holdings", held, "--strategy", "all"))
    assert "name the one to trade by" in sentence


def test_a_report_of_the_user_s_own_is_not_overwritten(file, tmp_path):
    for command, name in (("backtest", "report.html"), ("backtest", "figures.json"), ("tune", "tuning.html")):
        folder = tmp_path / f"{command}-{name}"
        folder.mkdir()
        (folder / name).write_text("mine", encoding="utf-8")
        assert f"{name} is there already" in one_sentence(run(command, file, *SMALL, "--out", folder))
        assert (folder / name).read_text(encoding="utf-8") == "mine"
        assert [p.name for p in folder.iterdir()] == [name]  # refused before the work


def test_a_rate_that_never_changes_is_a_rate(tmp_path):
    returns = prices().pct_change().iloc[1:]
    returns.assign(CASH=1e-4).to_csv(tmp_path / "returns.csv")
    arguments = (
        "--returns",
        *SMALL,
        "--strategies",
        "fix-mix",
        "--cost-bps",
        "0",
        "--out",
        tmp_path,
        "--json",
    )
    document = json.loads(run("backtest", tmp_path / "returns.csv", "--risk-free", "CASH", *arguments).stdout)
    excess = returns.mean(axis=1).iloc[100:] - 1e-4
    assert document["assets"] == ["US", "BONDS", "GOLD"]
    assert document["strategies"]["fix-mix"]["sharpe"] == pytest.approx(
        excess.mean() / excess.std() * 252**0.5
    )
    # as an asset it is still refused, and a yearly rate in a column is not taken for a daily one
    assert "'CASH'" in one_sentence(run("backtest", tmp_path / "returns.csv", *arguments))
    returns.assign(CASH=0.02).to_csv(tmp_path / "yearly.csv")
    sentence = one_sentence(run("backtest", tmp_path / "yearly.csv", "--risk-free", "CASH", *arguments))
    assert "'CASH', read as period-rate, earns more than 1000 % a year" in sentence
    said = (*arguments, "--risk-free-as", "yearly-rate")
    document = json.loads(run("backtest", tmp_path / "yearly.csv", "--risk-free", "CASH", *said).stdout)
    excess = returns.mean(axis=1).iloc[100:] - (1.02 ** (1 / 252) - 1)
    assert document["strategies"]["fix-mix"]["sharpe"] == pytest.approx(
        excess.mean() / excess.std() * 252**0.5
    )


def still(table):
    """GOLD does not move from row 20 to row 139."""
    return table.assign(
        GOLD=np.where((np.arange(DAYS) >= 20) & (np.arange(DAYS) < 140), 5.0, table["GOLD"] / 20)
    )


def test_days_on_which_an_asset_is_riskless_are_counted_and_the_rest_is_traded(tmp_path):
    still(prices()).to_csv(tmp_path / "still.csv")
    names = ("erc", "regime-erc", "spo-rp", "erc-no-hmm")
    found = run(
        "backtest", tmp_path / "still.csv", *SMALL, "--strategies", ",".join(names), "--out", tmp_path / "o", "--json"
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    figures = json.loads(found.stdout)["strategies"]
    # returns 20 to 138 are 0 (139 moves again): windows of 100 that begin at 20 and end by 138
    assert figures["erc-no-hmm"]["unanswered"] == 138 - 119 + 1
    for name in names:
        # with regimes more: one may hold still days only
        assert 20 <= figures[name]["unanswered"]
    assert figures["spo-rp"]["unanswered"] < figures["spo-rp"]["days"]


def test_trading_by_risk_names_the_asset_without_any(tmp_path):
    still(prices()).iloc[:135].to_csv(tmp_path / "still.csv")
    (tmp_path / "held.json").write_text('{"US": 1}', encoding="utf-8")
    arguments = ("trade", tmp_path / "still.csv", *SMALL, "--holdings", tmp_path / "held.json", "--strategy")
    for name in ("erc-no-hmm", "spo-rp-no-hmm"):
        sentence = one_sentence(run(*arguments, name))
        assert re.search(r"^GOLD did not move in the periods .* up to 2021-07-0", sentence), sentence


@pytest.mark.parametrize("driving", ["US,GOLD", "US,TWIN"])
def test_regime_assets_that_tell_nothing_are_named_with_the_days(tmp_path, driving):
    still(prices()).assign(TWIN=prices()["US"]).iloc[20:].to_csv(tmp_path / "still.csv")
    found = run(
        "backtest",
        tmp_path / "still.csv",
        "--window",
        "100",
        "--regime-assets",
        driving,
        "--out",
        tmp_path / "o",
    )
    words = {"US,GOLD": "GOLD is constant", "US,TWIN": "US, TWIN are linearly dependent"}[driving]
    assert re.search(rf"from 2021-02-02 to 2021-06-21, .*{words}", one_sentence(found))


def test_a_table_of_names_only_is_a_sentence_about_the_table(tmp_path):
    (tmp_path / "names.csv").write_text("Date,A,B\n", encoding="utf-8")
    sentence = one_sentence(run("backtest", tmp_path / "names.csv", "--out", tmp_path / "o"))
    assert "0 lines of prices" in sentence
    assert "minimum_rows" not in sentence


def test_a_crisis_is_said_to_cover_the_days_traded(tmp_path):
    rows = prices().set_axis(pd.bdate_range("2020-01-01", periods=DAYS, name="Date"))
    rows.to_csv(tmp_path / "prices.csv")
    arguments = (
        "--window",
        "40",
        "--strategies",
        "fix-mix",
        "--experiment",
        "crises",
        "--out",
        tmp_path,
        "--json",
    )
    (crisis,) = json.loads(run("backtest", tmp_path / "prices.csv", *arguments).stdout)["crises"]
    # 40 returns are known on 2020-02-26; the pandemic's fall began on the 19th
    assert (crisis["first"], crisis["last"], crisis["days"]) == ("2020-02-27", "2020-03-23", 18)
    assert "pandemic, 2020-02-27 to 2020-03-23, 18 periods" in (tmp_path / "report.html").read_text(
        encoding="utf-8"
    )


def test_every_column_of_weights_has_dates_that_do_not_overlap(file, tmp_path):
    names = "erc,spo-rp,mpo-rp"
    assert run("backtest", file, *SMALL, "--strategies", names, "--out", tmp_path).exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    drawing = next(d for d in re.findall(r"<svg .*?</svg>", page) if 'id="weights-' in d)
    dates = [text for text in re.findall(r">([^<>]*)</text>", drawing) if re.match(r"20\d\d-", text)]
    assert len(dates) == 9  # three below each panel


# ------------------------------------------------------------------ the same in the terminal, the page and the JSON
def still_prices():
    """GOLD does not move for 110 of the days, so that its share of the risk cannot be told."""
    table = prices()
    table.iloc[:118, 2] = table.iloc[0, 2]
    return table


def test_days_without_an_answer_are_said_everywhere(tmp_path):
    still_prices().to_csv(tmp_path / "still.csv")
    arguments = (
        "backtest",
        tmp_path / "still.csv",
        *SMALL,
        "--strategies",
        "fix-mix,erc",
        "--out",
        tmp_path / "out",
    )
    words = run(*arguments)
    assert words.exit_code == 0, words.output
    document = json.loads(run(*arguments, "--json").stdout)
    silent = document["strategies"]["erc"]["unanswered"]
    assert silent == 18  # the closes from row 99 on, until GOLD moves in row 117
    (sentence,) = [s for s in document["warnings"] if s.startswith("erc had no answer")]
    assert f"at {silent} of the 59 closes" in sentence
    joined = " ".join(words.stdout.split())
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"warning: {sentence}" in joined
    assert sentence in page
    assert f"{59 - silent} of 59" in joined
    assert f"{59 - silent} of 59" in page


def test_tables_are_written_as_csv(file, tmp_path):
    found = run(
        "backtest", file, *SMALL, "--strategies", "fix-mix,erc",
        "--out", tmp_path / "out", "--csv", tmp_path / "csv", "--json",
    )  # fmt: skip
    document = json.loads(found.stdout)
    weights = pd.read_csv(tmp_path / "csv" / "weights-erc.csv", index_col=0)
    assert str(tmp_path / "csv" / "weights-erc.csv") in document["files"]
    assert weights.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert list(weights.columns) == ["US", "BONDS", "GOLD", "cash"]
    wealth = pd.read_csv(tmp_path / "csv" / "wealth.csv", index_col=0)
    assert wealth["erc"].iloc[-1] - 1 == pytest.approx(document["strategies"]["erc"]["total_return"])


def test_crises_have_weights_and_returns_of_assets(tmp_path):
    table = prices().set_axis(pd.bdate_range("2019-09-02", periods=DAYS), axis=0).rename_axis("Date")
    table.to_csv(tmp_path / "prices.csv")
    found = run(
        "backtest", tmp_path / "prices.csv", *SMALL, "--strategies", "fix-mix", "--experiment", "crises", "--out",
        tmp_path / "out", "--json",
    )  # fmt: skip
    (pandemic,) = json.loads(found.stdout)["crises"]
    grown = table.loc["2020-03-23"] / table.loc["2020-02-19"] - 1
    assert pandemic["asset_returns"] == {name: pytest.approx(g) for name, g in grown.items()}
    assert pandemic["weights"]["mean"] == {name: pytest.approx(1 / 3) for name in grown.index}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "pandemic: what each asset did, and its mean weight" in page


def test_tuning_says_its_rule_and_what_the_choice_is_worth(file, tmp_path):
    arguments = (
        "tune", file, *SMALL, "--horizon", "1,2", "--gamma-risk", "10", "--gamma-trade", "1e-4,1e-3,25",
        "--max-turnover", "40", "--walk-forward", "10:5", "--out", tmp_path,
    )  # fmt: skip
    words = run(*arguments)
    assert words.exit_code == 0, words.output
    document = json.loads(run(*arguments, "--json").stdout)
    joined = " ".join(words.stdout.split())
    page = (tmp_path / "tuning.html").read_text(encoding="utf-8").replace("&#x27;", "'")
    assert document["rule"]["max_turnover"] == 40
    for sentence in document["worth"]["text"]:
        assert sentence in joined
        assert sentence in page
    allowed = [t for t in document["trials"] if t["turnover"] <= 40]
    best = max(allowed, key=lambda t: t["sharpe"])
    assert all(best[name] == value for name, value in document["chosen"].items())
    assert len(document["walk_forward"]["choices"]) == 10
    assert "walk-forward" in page.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--walk-forward", "500"), "--walk-forward is '500'; give periods"),
        (("--max-turnover", "-1"), "max_turnover is -1"),
        (("--max-turnover", "nan"), "max_turnover is nan"),
        (("--grid", "publised"), "'--grid'"),
        (("--horizon", "1.5"), "--horizon is '1.5'"),
        (("--gamma-trade", "cheap"), "--gamma-trade is 'cheap'"),
    ],
)
def test_options_of_tune_that_cannot_be_meant(file, tmp_path, arguments, words):
    assert words in one_sentence(run("tune", file, *SMALL, "--out", tmp_path, *arguments))
