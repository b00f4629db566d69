"""Views in ``trade``, ``backtest`` and ``tune``: followed where they are given, and refused where nobody does."""

import json

import numpy as np
import pandas as pd
import pytest

import proofolio as pf

SURE = "A - B = 4 % a year (60 %)"
SHORT = ("--window", "100", "--regime-assets", "A")


@pytest.fixture(scope="module")
def prices():
    rng = np.random.default_rng(4)
    dates = pd.bdate_range("2015-01-01", periods=261)
    paths = 100 * np.cumprod(np.vstack([np.ones(3), 1 + 0.01 * rng.standard_normal((260, 3))]), axis=0)
    return pd.DataFrame(paths, index=dates, columns=["A", "B", "C"]).rename_axis("Date")


@pytest.fixture(scope="module")
def table(prices, tmp_path_factory):
    path = tmp_path_factory.mktemp("followed") / "prices.csv"
    prices.to_csv(path)
    return path


@pytest.fixture
def held(tmp_path):
    file = tmp_path / "held.csv"
    file.write_text("Symbol,Weight\nA,0.4\nB,0.3\nC,0.3\n")
    return file


def test_trade_follows_views_without_naming_a_strategy(table, held, run, prices):
    found = run("trade", table, "--holdings", held, "--window", "100", "--view", SURE, "--json")
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert document["strategy"] == "views"
    assert [view["confidence"] for view in document["views"]["views"]] == [0.6]
    views = pf.Views(prices.columns).relative("A", "B", 0.04, confidence=0.6)
    today = pf.trades_today(prices, {"A": 0.4, "B": 0.3, "C": 0.3}, "views", window=100, views=views)
    wanted = [document["trades"][name]["wanted"] for name in "ABC"]
    np.testing.assert_allclose(wanted, today.wanted, atol=1e-12)
    # and it asks for nothing of a strategy that is named
    named = run("trade", table, "--holdings", held, *SHORT, "--strategy", "erc-no-hmm", "--json")
    assert json.loads(named.stdout)["strategy"] == "erc-no-hmm"


def test_trade_knows_the_bundled_stocks_by_name(tmp_path, run):
    file = tmp_path / "held.csv"
    file.write_text("Symbol,Weight\nAAPL,0.5\nKO,0.5\n")
    found = run("trade", "stocks", "--holdings", file, "--view", "AAPL - GE = 4 % a year (50 %)", "--json")
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert document["date"] == "2022-12-28"
    assert len(document["trades"]) == 20
    refused = run("trade", "stocks", "--returns", "--holdings", file, "--strategy", "fix-mix")
    assert refused.exit_code == 2
    assert "--returns is about a file, and stocks is none; leave it out" in refused.stderr


FOLLOWED_BY_NONE = (
    "views are given, and no strategy that is named follows them: name views, views-static:C or views-placebo, or "
    "leave the views out."
)
VIEWS = ("--view", SURE)


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("trade", (*VIEWS, "--strategy", "erc"), FOLLOWED_BY_NONE),
        ("backtest", (*VIEWS, "--strategies", "fix-mix,market"), FOLLOWED_BY_NONE),
        ("tune", (*VIEWS, "--strategy", "mpo"), FOLLOWED_BY_NONE),
        ("tune", ("--strategy", "fix-mix"), "strategy 'fix-mix' has no parameters to tune: choose mpo,"),
        ("tune", ("--strategy", "viws"), "there is no strategy 'viws' (did you mean 'views'?)"),
        ("trade", (*VIEWS, "--gamma-risk", "2"), "--gamma-risk is of spo, mpo, control; the plan of views has its own"),
        ("trade", (*VIEWS, "--horizon", "2"), "in the file of --views; leave it out"),
        ("trade", (*VIEWS, "--kappa", "1"), "--kappa is of regime-erc; the plan of views"),
        ("trade", (*VIEWS, "--regimes", "3"), "--regimes is about forecasts, which strategies of views do not read"),
        ("backtest", (*VIEWS, "--covariance", "ewma"), "--covariance is about forecasts, which strategies of views"),
        ("tune", ("--strategy", "mpo-rp", "--gamma-risk", "1"), "and mpo-rp has no risk aversion"),
        ("tune", (*VIEWS, "--hysteresis", "0.9"), "--hysteresis is about forecasts, which strategies of views"),
        ("trade", ("--strategy", "views"), "strategy 'views' follows views, and none are given"),
        ("trade", (*VIEWS, "--views", "x.toml"), "--views and --view are both given"),
    ],
)  # fmt: skip
def test_what_nobody_reads_is_refused(table, held, run, one_sentence, command, options, sentence):
    given = ("--holdings", held) if command == "trade" else ()
    found = run(command, table, *given, "--window", "100", *options)
    assert found.exit_code == 2
    assert sentence in one_sentence(found)


def test_tune_varies_the_plan_of_views(table, prices, run, tmp_path):
    grid = ("--horizon", "1,2", "--gamma-risk", "1", "--gamma-trade", "1")
    found = run("tune", table, "--window", "100", *VIEWS, *grid, "--out", tmp_path / "out", "--json")
    assert found.exit_code == 0, found.stderr
    document = json.loads(found.stdout)
    assert [trial["horizon"] for trial in document["trials"]] == [1, 2]
    views = pf.Views(prices.columns).relative("A", "B", 0.04, confidence=0.6)
    lists = {"horizon": [1, 2], "gamma_risk": [1.0], "gamma_trade": [1.0]}
    direct = pf.tune(prices, "views", lists, window=100, views=views)
    assert document["chosen"]["horizon"] == direct.chosen.strategy.horizon
    assert document["trials"][0]["sharpe"] == pytest.approx(direct.trials[0].metrics.sharpe)


def test_in_python_too(prices):
    views = pf.Views(prices.columns).relative("A", "B", 0.04, confidence=0.6)
    for call in (
        lambda: pf.backtest(prices, ["fix-mix", "market"], window=100, views=views),
        lambda: pf.tune(prices, "mpo-no-hmm", {"horizon": [1]}, window=100, views=views),
        lambda: pf.trades_today(prices, {"A": 1.0}, "erc-no-hmm", window=100, views=views),
        lambda: pf.backtest(prices, pf.ViewControl.of(views), window=100, views=views),
    ):
        with pytest.raises(pf.BadData, match="no strategy that is named follows them"):
            call()
    found = pf.backtest(prices, ["fix-mix", "views"], window=100, views=views)
    assert list(found.figures.index) == ["fix-mix", "views"]


def toml(tmp_path, text):
    file = tmp_path / "views.toml"
    file.write_text(text)
    return file


# What is doubtful or wrong with views, as it is said on the command line.
SAID = {
    ("A - B = 4 % a year (100 %)", "A - B = -4 % a year (100 %)"): (
        2, "views 1 and 2 are both certain and contradict each other: A - B = +4 % and A - B = -4 %; lower a confidence"
    ),
    ("A = 4 % a year (100 %)", "0.999999 A + 0.000001 B = -4 % a year (100 %)"): (
        2, "views 1 and 2 are nearly the same row (angle 1e-06) with different values"
    ),
    ("A - A = 4 % a year (10 %)",): (2, "view 1 has no asset: all its weights are zero"),
    ("A - TSLA = 4 % a year (10 %)",): (2, "view 1 names TSLA, which is not among the 3 assets: A, B, C"),
    ("A = 400 % a week (90 %)",): (0, "if that number is a yearly one, use View.annual or per='year'"),
    ("A - B = 4 % a year",): (2, "1,700 rows are needed before the first decision; there are 260: these regimes"),
}  # fmt: skip


@pytest.mark.parametrize("sentences", SAID, ids=" & ".join)
@pytest.mark.parametrize("command", ["views", "trade"])
def test_doubtful_and_wrong_views_are_said(table, held, run, command, sentences):
    status, sentence = SAID[sentences]
    given = ("--holdings", held, "--window", "100") if command == "trade" else ()
    found = run(command, table, *given, *(a for s in sentences for a in ("--view", s)))
    assert sentence in found.stderr.replace("\n", " ")
    assert found.exit_code == status
    assert "Traceback" not in found.output


@pytest.mark.parametrize("command", ["views", "trade", "backtest"])
@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            "asymmetry_bps = 4.0",
            "asymmetry of asset 1 is 0.0004 and its half_spread 0.00025; it is at most that",
        ),
        ("volume = 0.0", "no volume is known: give volume and value above 0, or impact=0"),
        ("upper = 0.2", "upper"),
        ("gamma_risk = -1.0", "gamma_risk"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_when_its_file_is_read(
    table, held, run, one_sentence, tmp_path, command, plan, sentence
):
    file = toml(tmp_path, f'views = ["{SURE}"]\n[plan]\n{plan}\n')
    given = ("--holdings", held) if command == "trade" else ()
    window = () if command == "views" else ("--window", "100")
    found = run(command, table, *given, *window, "--views", file)
    assert found.exit_code == 2
    said = one_sentence(found)
    assert sentence in said
    assert str(file) in said


def test_a_plan_without_impact_needs_no_volume():
    views = pf.Views(["A", "B"]).relative("A", "B", 0.04, confidence=0.6)
    free = pf.ViewControl.of(views, impact=0.0, volume=0.0)
    assert free.model(np.full(2, 1e-4)).n == 2
    with pytest.raises(pf.BadData, match="no volume is known"):
        pf.ViewControl.of(views, volume=0.0)
    with pytest.raises(pf.BadData, match=r"asymmetry of asset 1 is 0\.0004"):
        pf.ViewControl.of(views, asymmetry=4e-4)


def test_the_published_scale_refuses_weeks(prices, run, one_sentence, tmp_path):
    weekly = tmp_path / "weekly.csv"
    prices.set_axis(pd.date_range("2015-01-02", periods=261, freq="W-FRI")).rename_axis("Date").to_csv(weekly)
    asked = (
        "--view",
        "A - B = 4 % a year",
        "--confidence",
        "sigmoid",
        "--scale",
        "published",
        "--window",
        "100",
    )
    found = run("views", weekly, *asked)
    assert found.exit_code == 2
    said = "scale 'published' needs daily numbers; this plan's period is a week: use scale='view'"
    assert said in one_sentence(found)
