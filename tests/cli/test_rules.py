"""``--rules`` and ``--features`` of backtest, tune and trade."""

import json
import tomllib

import numpy as np
import pandas as pd
import pytest

from proofolio.cli.group import command_line
from tests.command_line import CliRunner

NAMES = ["US", "BONDS", "GOLD"]
RULES = """
[weights]
upper = 0.45
[weights.assets]
GOLD = { lower = 0.2, upper = 0.3 }
[features]
transformers = ["volatility-normalised"]
"""


def run(*arguments):
    return CliRunner().invoke(command_line, [str(a) for a in arguments])


def answer(*arguments):
    found = run(*arguments, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def refused(*arguments):
    found = run(*arguments)
    assert found.exit_code == 2, found.output
    return " ".join(found.stderr.split())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    returns = np.random.default_rng(5).normal(0.0004, 0.01, (130, 3))
    returns[60:90] *= 3.0
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    days = pd.bdate_range("2021-01-04", periods=130)
    levels = pd.DataFrame(100 * np.exp(returns.cumsum(axis=0)), index=days, columns=NAMES)
    levels.rename_axis("Date").to_csv(path)
    return path


@pytest.fixture
def file(tmp_path):
    def write(text, name="rules.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("command", ["backtest", "tune", "trade"])
def test_the_example_is_printed_without_a_table_and_can_be_read(command):
    found = run(command, "--rules-example")
    assert found.exit_code == 0
    assert {"weights", "groups", "trading", "costs", "features"} <= set(tomllib.loads(found.stdout))


def test_a_backtest_obeys_and_names_the_strategies_that_can(table, file, tmp_path):
    out = tmp_path / "out"
    document = answer(
        "backtest",
        table,
        "--window",
        60,
        "--refit",
        20,
        "--rules",
        file(RULES),
        "--out",
        out,
        "--csv",
        tmp_path / "t",
    )
    assert list(document["strategies"]) == ["mpo", "mpo-rp", "regime-erc"]
    for name in document["strategies"]:
        weights = pd.read_csv(tmp_path / "t" / f"weights-{name}.csv", index_col=0)
        assert weights[["US", "BONDS"]].to_numpy().max() <= 0.45 + 1e-6, name
        assert weights["GOLD"].between(0.2 - 1e-6, 0.3 + 1e-6).all(), name
    assert "rules.toml" in (out / "report.html").read_text(encoding="utf-8")


def test_trade_and_tune_obey(table, file, tmp_path):
    rules = file(RULES)
    held = file('{"weights": {"US": 1.0}}', "held.json")
    today = answer("trade", table, "--window", 60, "--holdings", held, "--rules", rules, "--strategy", "mpo")
    wanted = {name: trade["wanted"] for name, trade in today["trades"].items()}
    assert wanted["US"] <= 0.45 + 1e-6
    assert 0.2 - 1e-6 <= wanted["GOLD"] <= 0.3 + 1e-6
    grid = ("--horizon", 1, "--gamma-risk", 5, "--gamma-trade", "0.001,0.01", "--strategy", "mpo-no-hmm")
    found = answer("tune", table, "--window", 60, *grid, "--rules", rules, "--out", tmp_path / "tuned")
    assert found["files"]


def test_features_alone(table, file, tmp_path):
    common = ("backtest", table, "--window", 60, "--refit", 20, "--strategies", "regime-erc")
    told = file("[features]\nevidence = [1.0, 3.0]\npersistence = 30\n")
    plain = answer(*common, "--out", tmp_path / "a")["strategies"]["regime-erc"]["turnover"]
    changed = answer(*common, "--features", told, "--out", tmp_path / "b")["strategies"]["regime-erc"][
        "turnover"
    ]
    assert plain != pytest.approx(changed, rel=1e-6)
    by_rules = answer(*common, "--rules", told, "--out", tmp_path / "c")["strategies"]["regime-erc"][
        "turnover"
    ]
    assert by_rules == changed


def test_what_cannot_be_is_refused_in_one_sentence(table, file, tmp_path):
    out = ("--window", 60, "--out", tmp_path / "out")
    assert "fix-mix decides without reading rules" in refused(
        "backtest", table, *out, "--strategies", "fix-mix", "--rules", file(RULES)
    )
    assert "rules.toml: weights.uper is unknown" in refused(
        "backtest", table, *out, "--rules", file("[weights]\nuper = 1\n")
    )
    assert "weights is a rule, and features are wanted" in refused(
        "backtest", table, *out, "--features", file(RULES)
    )
    features = file("[features]\npersistence = 30\n", "features.toml")
    assert "give one of the two" in refused(
        "backtest", table, *out, "--rules", file(RULES), "--features", features
    )
    assert "change nothing for mpo" in refused(
        "backtest", table, *out, "--strategies", "mpo", "--features", features
    )
