"""``proofolio views``: what views do today, and the experiment, as text, JSON and a page."""

import json

import numpy as np
import pandas as pd
import pytest

from proofolio.backtesting.planted_regimes import planted_returns
from proofolio.backtesting.view_claims import Claim
from proofolio.cli.group import command_line
from tests.command_line import CliRunner


def run(*arguments):
    return CliRunner().invoke(command_line, ["views", *map(str, arguments)])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    returns, _ = planted_returns(420, 3, seed=1)
    dates = pd.bdate_range("2015-01-01", periods=421)
    prices = 100 * np.cumprod(np.vstack([np.ones(3), 1 + returns]), axis=0)
    path = tmp_path_factory.mktemp("views") / "prices.csv"
    pd.DataFrame(prices, index=dates, columns=["A", "B", "C"]).rename_axis("Date").to_csv(path)
    return path


def test_views_of_today_are_answered_as_text_and_json(table):
    asked = (table, "--view", "A - B = 4 % a year (60 %)", "--view", "C = 8 % a year", "--confidence", "0.3")
    shown = run(*asked)
    assert shown.exit_code == 0
    assert "A - B = +4 %" in shown.stdout
    document = json.loads(run(*asked, "--json").stdout)
    assert [view["confidence"] for view in document["views"]] == [0.6, 0.3]
    assert len(document["assets"]) == 3
    assert set(document["surprise"]) == {"statistic", "degrees", "p"}
    dynamic = json.loads(run(table, "--view", "A - B = 4 % a year", "--window", "300", "--json").stdout)
    assert {"r_hat (bp)", "error (bp)", "age", "collapsed", "confidence", "pull"} <= dynamic["views"][
        0
    ].keys()


def test_a_file_of_views_says_what_its_sentences_and_options_say(table, tmp_path):
    file = tmp_path / "views.toml"
    file.write_text(
        'views = ["A - B = 4 % a year", "C = 8 % a year (30 %)"]\nconfidence = "sigmoid"\neta = 2.0\n'
        "[regimes]\nwindow = 300\nthreshold = 0.9\n"
    )
    weights = tmp_path / "weights.csv"
    weights.write_text("A,0.5\nB,0.3\nC,0.2\n")
    common = (table, "--market-weights", weights, "--json")
    by_file = run(*common, "--views", file)
    assert by_file.exit_code == 0
    by_option = run(
        *common, "--view", "A - B = 4 % a year", "--view", "C = 8 % a year (30 %)", "--confidence", "sigmoid",
        "--eta", "2", "--window", "300", "--threshold", "0.9",
    )  # fmt: skip
    assert json.loads(by_file.stdout) == json.loads(by_option.stdout)
    assert json.loads(by_file.stdout)["views"][1]["confidence"] == 0.3
    refused = run(*common, "--views", file, "--window", "300")
    assert refused.exit_code == 2
    assert "--window is said by the file of --views; write it there" in refused.stderr


def test_the_example_of_a_file_of_views_can_be_used(tmp_path):
    shown = run("--views-example")
    assert shown.exit_code == 0
    file = tmp_path / "views.toml"
    file.write_text(shown.stdout)
    found = json.loads(run("stocks", "--views", file, "--json").stdout)
    assert [view["view"] for view in found["views"]] == [
        "AAPL - GE = +4 %", "XOM = +8 %", "0.5 JPM + 0.5 BAC - KO = +2 %",
    ]  # fmt: skip


def test_the_experiment_writes_a_page_and_figures(table, tmp_path):
    out = tmp_path / "out"
    found = run(
        table,
        "--opposite-pairs",
        "3",
        "--window",
        "300",
        "--weeks",
        "20",
        "--shifts",
        "2",
        "--horizon",
        "1,2",
        "--out",
        out,
        "--json",
    )
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert document["pairs"] == 3
    assert len(document["differences"]) == 7
    assert [row["difference"] for row in document["horizons"]] == [
        "H = 2 less H = 1", "H = 2 less H = 1 at gamma_trade / 2",
    ]  # fmt: skip
    assert document["horizon"] == 1
    page = (out / "views.html").read_text()
    assert "Does it help?" in page
    assert page.count('class="wide"') == page.count('class="narrow"') == 3
    for name in ("differences", "placebos", "confidences"):
        assert "<svg role=" in (out / f"{name}.svg").read_text()
    assert document["sentence"] in page.replace("&#x27;", "'")
    assert json.loads((out / "views.json").read_text())["rank"] == document["rank"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give --view TEXT (once or more), --views FILE or --opposite-pairs N"),
        (("--view", "A - X = 4 % a year"), "view 1 names X, which is not among the 3 assets: A, B, C"),
        (("--view", "A - B = 4 % a year"), "1,700 rows are needed before the first decision; there are 420"),
        (("--opposite-pairs", "3", "--horizon", "1,0"), "--horizon is '1,0'; give weeks, 1 or more"),
        (("--opposite-pairs", "some"), "give a number of pairs, or all"),
        (("--opposite-pairs", "3", "--volume", "0"), "no volume is known: give --volume or --no-impact"),
        (("--view", "A = 4 % a year", "--confidence", "sure"), "confidence is 'sure'"),
    ],
)
def test_refusals_are_one_sentence(table, arguments, sentence, tmp_path):
    found = run(table, *arguments, "--out", tmp_path / "x")
    assert found.exit_code == 2
    assert sentence in found.stderr


def test_doubtful_views_are_said_in_a_sentence(table):
    twice = run(table, "--view", "A - B = 4 % a year", "--view", "A - B = 5 % a year", "--confidence", "0.5")
    assert twice.exit_code == 0
    assert "warning: views 1 and 2 say nearly the same" in twice.stderr


def test_the_claims_of_the_published_library_take_one_command(monkeypatch):
    claim = Claim("A view may be negative", "it stops", False, {"v": -1.0})
    monkeypatch.setattr("proofolio.cli.views.claims", lambda seed: [claim])
    shown = run("--claims")
    assert shown.exit_code == 0
    assert "does not hold" in shown.stdout
    document = json.loads(run("--claims", "--json").stdout)
    assert document["claims"] == [
        {
            "claim": claim.claim,
            "found": "it stops",
            "holds": False,
            "figures": {"v": -1.0},
            "verdict": "does not hold",
        }
    ]
    assert run("stocks", "--claims").exit_code == 2
    assert "name a table of prices" in run().stderr


def test_a_table_in_which_an_asset_begins_late_is_read_from_there_on(table, tmp_path):
    prices = pd.read_csv(table, index_col=0, parse_dates=True)
    cut = prices.iloc[100:]
    cut.to_csv(tmp_path / "cut.csv")
    prices.iloc[:100, 1] = np.nan
    prices.to_csv(tmp_path / "late.csv")
    asked = ("--view", "A - C = 4 % a year", "--confidence", "0.5")
    late, full = (
        json.loads(run(tmp_path / f"{name}.csv", *asked, "--json").stdout) for name in ("late", "cut")
    )
    day = f"{cut.index[0]:%Y-%m-%d}"
    (said,) = late.pop("warnings")
    assert f"is read from {day} on, when B begins: 100 rows are left out before" in said
    assert full.pop("warnings") == []
    assert (late.pop("source"), full.pop("source")) == (f"late.csv from {day} on", "cut.csv")
    assert late == full  # as if the table began there
    assert f"warning: {tmp_path}" in run(tmp_path / "late.csv", *asked).stdout
    prices.iloc[-5:, 0] = np.nan
    prices.to_csv(tmp_path / "ended.csv")
    ended = run(tmp_path / "ended.csv", *asked)
    assert ended.exit_code == 2
    assert f"of A end on {prices.index[-6]:%Y-%m-%d}, before the last row" in ended.stderr
