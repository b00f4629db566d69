"""``proofolio trade``: the unit of the holdings, costs of their own, lots and smallest trades."""

import json

import numpy as np
import pandas as pd
import pytest

from proofolio.cli.group import command_line
from tests.command_line import CliRunner

PERIODS = 130
NAMES = ["US", "BONDS", "GOLD"]
FIX_MIX = ("--window", "60", "--strategy", "fix-mix")


def run(*arguments):
    return CliRunner().invoke(command_line, ["trade", *(str(a) for a in arguments)])


def answer(*arguments):
    found = run(*arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def refused(*arguments):
    found = run(*arguments)
    assert found.exit_code == 2, found.output
    return " ".join(found.stderr.split())


def prices():
    returns = np.random.default_rng(3).normal(0.0004, 0.01, (PERIODS, 3))
    days = pd.bdate_range("2021-01-04", periods=PERIODS)
    table = 100 * np.exp(returns.cumsum(axis=0)) * [1.0, 0.5, 2.0]
    return pd.DataFrame(table.round(2), index=days, columns=NAMES).rename_axis("Date")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    prices().to_csv(path)
    return path


@pytest.fixture
def held(tmp_path):
    def write(text):
        path = tmp_path / "held"
        path.write_text(text, encoding="utf-8")
        return path

    return write


SHARES = {"US": 10, "GOLD": 3}


@pytest.mark.parametrize(
    "text",
    [
        "Symbol,Quantity\nUS,10\nGOLD,3\n",
        "Symbol,Shares\nUS,10\nGOLD,3\nCASH,0\n",
        '{"shares": {"US": 10, "GOLD": 3}}',
    ],
)
def test_shares_are_weighed_by_the_last_prices(table, held, text):
    found = answer(table, "--holdings", held(text), *FIX_MIX)
    last = prices().iloc[-1]
    money = pd.Series(SHARES) * last[list(SHARES)]
    assert found["value"] == pytest.approx(money.sum())
    for name in NAMES:
        weight = money.get(name, 0.0) / money.sum()
        assert found["trades"][name]["held"] == pytest.approx(weight)
        left = (1.0 - found["cost"]) / 3
        assert found["trades"][name]["amount"] == pytest.approx((left - weight) * money.sum())


def test_the_unit_is_that_of_the_option_or_of_amounts_that_add_up_to_one(table, held):
    plain = "US,10\nGOLD,3\n"
    said = answer(table, "--holdings", held(plain), "--holdings-in", "shares", *FIX_MIX)
    assert said["value"] > 1000
    money = answer(table, "--holdings", held(plain), "--holdings-in", "money", *FIX_MIX)
    assert (money["value"], money["trades"]["US"]["held"]) == (13.0, pytest.approx(10 / 13))
    weights = answer(table, "--holdings", held("US,0.5\nGOLD,0.5\n"), *FIX_MIX)
    assert (weights["value"], weights["trades"]["US"]["held"]) == (1.0, 0.5)
    valued = answer(table, "--holdings", held("US,0.5\nGOLD,0.5\n"), *FIX_MIX, "--value", "2000")
    assert valued["trades"]["BONDS"]["amount"] == pytest.approx(2000 / 3 * (1 - valued["cost"]))


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("US,10\nGOLD,3\n", (), "add up to 13 and nothing says whether they are weights, shares or money"),
        ("Symbol,Amount\nUS,10\n", (), "called 'Amount', which is none of weights, shares and money"),
        (
            "Symbol,Shares\nUS,10\n",
            ("--holdings-in", "money"),
            "is shares, and --holdings-in money",
        ),
        ("Symbol,Weight\nUS,0.5\nGOLD,0.4\n", (), "add up to 0.9, not to 1; say that the rest is cash"),
        ("Symbol,Weight\nUS,0.5\nGOLD,0.7\n", ("--cash",), "add up to 1.2, not to 1; correct them"),
        ("Symbol,Shares\nUS,10\n", ("--value", "5"), "say themselves what the portfolio is worth"),
        ("Symbol,Weight\nUS,1\n", ("--impact", "1", "--volume", "1e6"), "weights do not say; give its value"),
        (
            "Symbol,Shares\nUS,10\n",
            ("--lots",),
            "allow it to stay in cash (cash=True, on the command line --cash)",
        ),
        ("Symbol,Weight\nUS,1\n", ("--lots", "--cash"), "follow the portfolio's money"),
    ],
)
def test_what_is_not_said_is_asked(table, held, text, more, words):
    assert words in refused(table, "--holdings", held(text), *FIX_MIX, *more)


def test_weights_short_of_one_are_cash_where_that_is_said(table, held):
    found = answer(table, "--holdings", held("Symbol,Weight\nUS,0.5\nGOLD,0.4\n"), "--cash", *FIX_MIX)
    assert found["cash"] == {"before": pytest.approx(0.1), "after": 0.0}
    assert found["trades"]["US"]["trade"] == pytest.approx((1 - found["cost"]) / 3 - 0.5)
    row = answer(table, "--holdings", held("Symbol,Weight\nUS,0.5\nGOLD,0.4\ncash,0.1\n"), *FIX_MIX)
    assert row["trades"] == found["trades"]


def test_impact_follows_the_value_of_the_book(table, held):
    """At a hundred times the value impact is ten times as much of it; the value was taken for 1."""
    options = ("--cost-bps", "0", "--impact", "1e-6", "--volume", "1e8", *FIX_MIX)
    small, large = (
        answer(table, "--holdings", held(f"Symbol,Money\nUS,{value}\n"), *options) for value in (2e7, 2e9)
    )
    assert large["cost"] == pytest.approx(10 * small["cost"], rel=1e-5)
    returns = prices().pct_change().iloc[1:].tail(250)
    u = np.array([-2 / 3, 1 / 3, 1 / 3])
    by_hand = (returns.std().to_numpy() * np.abs(u) ** 1.5 * np.sqrt(2e9 / 1e8)).sum() * 1e-6
    assert large["cost"] == pytest.approx(by_hand, rel=1e-5)  # paid out of what is bought
    weights = answer(table, "--holdings", held("Symbol,Weight\nUS,1\n"), *options, "--value", "2e9")
    assert weights["cost"] == pytest.approx(by_hand, rel=1e-5)


def test_costs_of_their_own(table, held, tmp_path):
    file = tmp_path / "costs.csv"
    file.write_text("asset,cost_bps,asymmetry_bps\nGOLD,50,20\nUS,,-5\n", encoding="utf-8")
    found = answer(table, "--holdings", held("Symbol,Money\nUS,100\n"), *FIX_MIX, "--costs", file)
    trades = found["trades"]
    third = (1 - found["cost"]) / 3
    assert trades["US"]["cost"] == pytest.approx((1 - third) * (10 + 5) / 1e4)  # sold: a - c
    assert trades["BONDS"]["cost"] == pytest.approx(third * 10 / 1e4)
    assert trades["GOLD"]["cost"] == pytest.approx(third * (50 + 20) / 1e4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("GOLD,50\n", "needs a first line of names"),
        ("asset,cost\nGOLD,50\n", "the column 'cost' is unknown"),
        ("asset,cost_bps,cost_bps\n", "is there twice"),
        ("asset,cost_bps\nGOLD,50,1\n", "line 2: 3 cells"),
        ("asset,cost_bps\nOIL,50\n", "line 2: there is no asset 'OIL'"),
        ("asset,cost_bps\nGOLD,5\nGOLD,6\n", "line 3: 'GOLD' is there twice"),
        ("asset,cost_bps\nGOLD,much\n", "line 2"),
        ("asset,impact\nGOLD,1\n", "no volume; add it"),
        ("asset,asymmetry_bps\nGOLD,11\n", "a trade would earn money"),
        ("asset,cost_bps\nGOLD,-1\n", "cannot be negative"),
    ],
)
def test_costs_that_cannot_be_meant(table, held, tmp_path, text, words):
    file = tmp_path / "costs.csv"
    file.write_text(text, encoding="utf-8")
    assert words in refused(table, "--holdings", held('{"US": 1}'), *FIX_MIX, "--costs", file)


def test_lots_leave_whole_shares_and_no_debt(table, held):
    options = ("--holdings", held("Symbol,Shares\nUS,50\nCASH,100\n"), *FIX_MIX, "--cash", "--cost-bps", "20")
    found = answer(table, *options, "--lots", "--min-trade", "300")
    last = prices().iloc[-1]
    value = 50 * last["US"] + 100
    assert found["value"] == pytest.approx(value)
    shares = {name: t["shares"] for name, t in found["trades"].items()}
    assert all(s == int(s) for s in shares.values())
    traded = pd.Series(shares) * last
    assert (traded.abs()[traded != 0] >= 300).all()
    left = 100 - traded.sum() - 0.002 * traded.abs().sum()
    assert found["lots"]["cash"] == pytest.approx(left)
    assert 0 <= left < last.max()
    assert found["cash"]["after"] * value == pytest.approx(left)
    assert found["lots"]["status"] == "certified-optimal"
    words = run(table, *options, "--lots", "--min-trade", "300").stdout
    assert "no plan of lots is nearer" in " ".join(words.split())
    assert "shares" in words
    round_lots = answer(table, *options, "--lots", "5")
    assert all(t["shares"] % 5 == 0 for t in round_lots["trades"].values())


def test_an_asset_that_has_ended_is_paid_out_before(held, tmp_path):
    ended = prices()
    ended.iloc[-10:, 2] = np.nan
    ended.iloc[:20, 1] = np.nan
    path = tmp_path / "ended.csv"
    ended.to_csv(path)
    assert "GOLD has no price on" in refused(path, "--holdings", held("Symbol,Shares\nGOLD,1\n"), *FIX_MIX)
    found = answer(path, "--holdings", held("Symbol,Shares\nUS,1\nCASH,10\n"), *FIX_MIX)
    assert {name: t["wanted"] for name, t in found["trades"].items()} == {
        "US": 0.5,
        "BONDS": 0.5,
        "GOLD": 0.0,
    }
    more = ("--window", "60", "--strategy", "erc-no-hmm", "--holdings", held("Symbol,Shares\nUS,1\n"))
    forecast = answer(path, *more)
    assert forecast["trades"]["GOLD"]["forecast_mean"] is None
    assert forecast["trades"]["BONDS"]["wanted"] > 0
    words = run(path, *more)
    assert words.exit_code == 0
    assert "nan" not in words.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Symbol,Weight\nUS,60%\nGOLD,40%\n", "'60%' is no plain number"),
        ('Symbol,Shares\nUS,"1,000"\n', "'1,000' is no plain number"),
        ("Symbol;Shares\nUS;1.000\n", "separated by semicolons"),
    ],
)
def test_amounts_that_are_no_plain_numbers_are_said(table, held, text, words):
    assert words in refused(table, "--holdings", held(text), *FIX_MIX)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--value", "-5"), "value is -5"),
        (("--value", "nan"), "value"),
        (("--volume", "1e6"), "--volume is of use to --impact alone"),
        (("--borrow-bps", "5"), "--borrow-bps is charged period by period"),
        (("--margin-bps", "5"), "--margin-bps is charged period by period"),
    ],
)
def test_options_that_would_be_ignored_or_cannot_be_meant(table, held, given, words):
    path = held('{"weights": {"US": 0.5, "GOLD": 0.5}}')
    assert words in refused(table, "--holdings", path, *FIX_MIX, *given)


def test_only_assets_with_impact_want_a_volume(table, held, tmp_path):
    path, costs = held('{"money": {"US": 500, "GOLD": 500}}'), tmp_path / "costs.csv"
    costs.write_text("asset,cost_bps,impact,volume\nUS,5,1,1e6\nBONDS,20,0,\n")  # GOLD has no line
    found = answer(table, "--holdings", path, *FIX_MIX, "--costs", costs)["trades"]
    assert found["BONDS"]["cost"] == pytest.approx(0.002 * found["BONDS"]["trade"], rel=1e-9)
    costs.write_text("asset,cost_bps,impact\nUS,5,1\n")
    words = refused(table, "--holdings", path, *FIX_MIX, "--costs", costs)
    assert words.count("costs.csv") == 1
    assert "US has impact and no volume" in words


def test_shorts_and_debts_are_read_where_the_rules_allow_them(table, held, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("[weights]\nlower = -0.3\n[exposure]\ncash = [-0.2, 0.2]\n")
    path = held("Symbol,Money\nUS,900\nBONDS,-200\nGOLD,400\nCASH,-100\n")
    options = ("--holdings", path, "--window", "60", "--strategy", "spo-no-hmm")
    found = answer(table, *options, "--rules", rules)
    assert found["value"] == 1000.0
    assert [found["trades"][name]["held"] for name in NAMES] == [0.9, -0.2, 0.4]
    assert found["cash"]["before"] == -0.1
    assert "'BONDS' is -200, which is sold short" in refused(table, *options)
    unsaid = refused(table, "--holdings", held("US,1\nGOLD,-3\n"), *options[2:], "--rules", rules)
    assert "add up to -2 and nothing says" in unsaid
