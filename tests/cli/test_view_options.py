"""Options of ``proofolio views``: each that a question does not read is refused, and nonsense is one sentence."""

import json

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.planted_regimes import planted_returns

VIEW = "A - B = 4 % a year"
SURE = "A - B = 4 % a year (60 %)"
PAIRS = ("--opposite-pairs", "3", "--window", "300", "--weeks", "20")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    returns, _ = planted_returns(420, 3, seed=1)
    dates = pd.bdate_range("2015-01-01", periods=421)
    prices = 100 * np.cumprod(np.vstack([np.ones(3), 1 + returns]), axis=0)
    path = tmp_path_factory.mktemp("views") / "prices.csv"
    pd.DataFrame(prices, index=dates, columns=["A", "B", "C"]).rename_axis("Date").to_csv(path)
    return path


# Options of the experiment, with values that it would take.
OF_THE_EXPERIMENT = {
    "--yearly": 0.03, "--weeks": 30, "--shifts": 3, "--horizon": "1,2", "--gamma-risk": 2, "--gamma-trade": 2,
    "--spread-bps": 1, "--impact": 2, "--volume": 1e8, "--value": 1e5, "--jobs": 2,
}  # fmt: skip


@pytest.mark.parametrize("option", [*OF_THE_EXPERIMENT, "--no-impact"])
def test_options_of_the_experiment_are_refused_beside_views(table, run, one_sentence, option):
    value = [OF_THE_EXPERIMENT[option]] if option in OF_THE_EXPERIMENT else []
    found = run("views", table, "--view", SURE, option, *value)
    assert found.exit_code == 2
    assert one_sentence(found) == (
        f"{option} is an option of the experiment (--opposite-pairs, --frontier); leave it out."
    )


UNREAD = {
    ("{}", "--view", SURE, "--confidence", "0.2"): "--confidence says how far views are believed, and each of these",
    ("{}", "--view", SURE, "--window", "300"): "--window says how far views are believed, and each of these",
    ("{}", "--view", VIEW, "--confidence", "0.5", "--window", "300"): "--window is of regimes",
    ("{}", "--view", VIEW, "--eta", "2"): "--eta is of the sigmoid, and the confidence is calibrated",
    ("{}", "--view", VIEW, "--confidence", "cdf", "--scale", "error"): "--scale is of the sigmoid",
    ("{}", "--view", SURE, "--seed", "1"): "--seed draws planted returns, pairs and windows, and none is drawn",
    ("stocks", "--view", "AAPL = 4 % a year (9 %)", "--returns"): "--returns is about a file, and stocks is none",
    ("{}", *PAIRS, "--confidence", "cdf", "--eta", "2"): "--eta is of the sigmoid, and the confidence is cdf",
    ("{}", *PAIRS, "--no-impact", "--volume", "1e8"): "--volume is of the impact, and --no-impact leaves it out",
    ("{}", *PAIRS, "--no-impact", "--impact", "2"): "--impact is of the impact, and --no-impact leaves it out",
    ("{}", *PAIRS, "--impact", "0", "--value", "1e5"): "--value is of the impact, and --impact 0 leaves it out",
    ("{}", *PAIRS, "--gamma-risk", "1,2"): "--gamma-risk is '1,2'; give one number (several are for --frontier)",
    ("{}", "--frontier", "--gamma-risk", "1"): "a frontier needs two risk aversions or more",
    ("{}", "--view", VIEW, "--frontier"): "one of them",
    ("{}", "--view", VIEW, "--opposite-pairs", "3"): "one of them",
    ("--claims", "--eta", "2"): "--eta is an option of --view or --views and the experiment",
    ("--claims", "--frontier"): "--claims needs no table and no views",
    ("--frontier",): "name a table of prices",
}  # fmt: skip


@pytest.mark.parametrize("arguments", UNREAD, ids=" ".join)
def test_what_is_not_read_is_refused(table, run, one_sentence, arguments, tmp_path):
    given = [str(table) if a == "{}" else a for a in arguments]
    out = ("--out", tmp_path / "out") if "--claims" not in arguments else ()
    found = run("views", *given, *out)
    assert found.exit_code == 2
    assert UNREAD[arguments] in one_sentence(found)
    assert not (tmp_path / "out" / "views.json").exists()


# Nonsense in every option, and the question that reads it.
NONSENSE = {
    "--confidence": {"sure": "confidence is 'sure'", "": "confidence is ''", "nan": "confidence is nan"},
    "--eta": {"nan": "eta is nan", "0": "eta is 0.0", "x": "'x' is not a valid float"},
    "--scale": {"odd": "'odd' is not one of 'view', 'published', 'error'"},
    "--threshold": {"nan": "--threshold is nan", "2": "--threshold is 2"},
    "--half-life": {"nan": "half_life is nan", "-3": "half_life is -3"},
    "--window": {"5": "5 is not in the range", "99999": "99,999 rows are needed before the first decision"},
    "--yearly": {"nan": "each view claims nan a year", "0": "each view claims 0 a year"},
    "--weeks": {"1": "1 is not in the range", "5000": "and 5000 weeks after it"},
    "--shifts": {"0": "0 is not in the range", "500": "there are 24 decisions to shift confidences by"},
    "--horizon": {"0": "--horizon is '0'", "1.5": "--horizon is '1.5'", "nan": "is 'nan'", "": "is ''"},
    "--gamma-risk": {"nan": "gamma_risk is nan", "-1": "gamma_risk is -1", "x": "-risk is 'x'", "": "-risk is ''"},
    "--gamma-trade": {"nan": "gamma_trade is nan", "-1": "gamma_trade is -1"},
    "--spread-bps": {"nan": "--spread-bps is nan", "-1": "--spread-bps is -1", "1e9": "--spread-bps is 1e+09"},
    "--impact": {"nan": "impact is nan", "-1": "impact is -1"},
    "--volume": {"nan": "no volume is known", "0": "no volume is known: give --volume or --no-impact"},
    "--value": {"nan": "value is nan; give the money invested", "0": "value is 0"},
    "--seed": {"-1": "-1 is not in the range", "x": "'x' is not a valid integer"},
    "--jobs": {"0": "0 is not in the range"},
    "--opposite-pairs": {"0": "--opposite-pairs is '0'", "1.5": "give a number of pairs, or all", "": "is ''"},
}  # fmt: skip


@pytest.mark.parametrize("option", NONSENSE)
def test_nonsense_is_refused_in_one_sentence_before_any_work(table, run, one_sentence, option, tmp_path):
    for value, sentence in NONSENSE[option].items():
        pairs = PAIRS[2:] if option == "--opposite-pairs" else PAIRS
        kept = [
            a
            for name, said in zip(pairs[::2], pairs[1::2], strict=True)
            if name != option
            for a in (name, said)
        ]
        rule = ("--confidence", "sigmoid") if option in ("--eta", "--scale") else ()
        found = run("views", table, *kept, *rule, option, value, "--out", tmp_path / "out")
        assert found.exit_code == 2, (value, found.output)
        assert sentence in one_sentence(found)


WEIGHTS = {
    "A,1\nB,1\nC,nan\n": "the market's weights are all 0, or one is missing or infinite",
    "A,0\nB,0\nC,0\n": "the market's weights are all 0",
    "A,1\nB,1\n": "the market's weights and the returns differ in C",
    "A,1\nB,1\nC,-1\n": "the market's weight of C is -1; give 0 or more",
    "A,1\nA,1\nB,1\nC,1\n": "names an asset twice",
    "A;1\n": "must hold lines ASSET,weight and nothing else",
}


@pytest.mark.parametrize("question", [("--view", SURE), PAIRS], ids=["views", "experiment"])
def test_weights_of_the_market_are_read_or_refused(table, run, one_sentence, question, tmp_path):
    file = tmp_path / "weights.csv"
    for text, sentence in WEIGHTS.items():
        file.write_text(text)
        found = run("views", table, *question, "--market-weights", file, "--out", tmp_path / "out")
        assert found.exit_code == 2
        assert sentence in one_sentence(found)


def test_a_half_life_makes_the_covariance_fade(table, run):
    """With two days of half-life the last days count almost alone: those of a numpy sum with these weights."""
    asked = ("views", table, "--view", SURE, "--json")
    plain, faded = (json.loads(run(*asked, *more).stdout) for more in ((), ("--half-life", "2")))
    prices = pd.read_csv(table, index_col=0).to_numpy()
    last = (prices[1:] / prices[:-1] - 1)[-360:]
    weights = 0.5 ** (np.arange(len(last))[::-1] / 2)
    weights /= weights.sum()
    centred = last - weights @ last
    variance = weights @ centred**2
    assert plain["assets"] != faded["assets"]
    # risk = (1 + tau) Sigma where no view moves it: C is in no view, so a little is known of it only by correlation
    shown = faded["assets"][2]["volatility (% a year)"]
    assert shown == pytest.approx(100 * np.sqrt(252 * variance[2]), rel=0.03)


def test_a_view_that_says_what_the_prior_says_has_no_pull(table, run, tmp_path):
    asked = ("views", table, "--view", "A - A = 0 % a year", "--json")
    assert run(*asked).exit_code == 2
    prior = json.loads(run("views", table, "--view", SURE, "--json").stdout)["assets"]
    yearly = {row["asset"]: row["prior (% a year)"] / 100 for row in prior}
    same = f"A - B = {float(yearly['A'] - yearly['B'])!r} a year (50 %)"
    told = json.loads(run("views", table, "--view", same, "--json").stdout)
    assert told["views"][0]["pull"] is None
    shown = run("views", table, "--view", same, "--out", tmp_path / "out")
    assert shown.exit_code == 0
    row = next(line for line in shown.stdout.splitlines() if line.startswith("A - B"))
    assert row.split()[-1] == "-"
    assert "its pull is -" in shown.stdout
    page = (tmp_path / "out" / "views.html").read_text()
    assert page.count('class="wide"') == 1
    assert (tmp_path / "out" / "posterior.svg").read_text().startswith("<!-- written by proofolio -->\n<svg ")


def test_a_frontier_is_one_command(table, run, tmp_path):
    asked = (
        "views",
        table,
        "--frontier",
        "--opposite-pairs",
        "2",
        "--window",
        "300",
        "--weeks",
        "12",
        "--shifts",
        "2",
    )
    found = run(*asked, "--gamma-risk", "0.5,4", "--horizon", "1,2", "--out", tmp_path / "out", "--json")
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert document["gamma_risks"] == [0.5, 4.0]
    assert document["horizons"] == [1, 2]
    assert len(document["points"]) == 2 * 3 * 5 * 2  # horizons, halves, strategies, risk aversions
    assert document["unproved"] == 0
    assert document["plans"] == 2 * 2 * 12 * 2 * (2 * (1 + 3 + 2) + 2)
    assert [str(tmp_path / "out" / "frontier.svg")] == document["files"][2:]
    page = (tmp_path / "out" / "views.html").read_text()
    assert page.count('class="wide"') == 1
    assert "At equal risk the rule has earned" in page


def test_a_table_may_be_weekly_but_not_of_a_few_rows(run, one_sentence, tmp_path):
    prices = pd.DataFrame(
        100 + np.random.default_rng(0).standard_normal((110, 2)).cumsum(axis=0),
        pd.date_range("2020-01-03", periods=110, freq="W-FRI"),
        ["A", "B"],
    ).rename_axis("Date")
    file = tmp_path / "weekly.csv"
    prices.to_csv(file)
    found = run("views", file, "--view", SURE, "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["periods_per_year"] == 52
    prices[:40].to_csv(file)
    short = run("views", file, "--view", SURE)
    assert short.exit_code == 2
    assert (
        one_sentence(short)
        == f"{file}: 39 returns, and 60 are needed behind a covariance; give a longer history."
    )


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_view_that_is_stated_twice_is_answered(run, table, more):
    found = run("views", table, "--view", VIEW, "--view", VIEW, "--confidence", "0.5", *more)
    assert found.exit_code == 0, found.output
    if more:
        assert [row["view"] for row in json.loads(found.stdout)["views"]] == ["A - B = +4 %"] * 2
