"""``proofolio control``: experiments, prices, files, refusals."""

import json

import numpy as np
import pandas as pd
import pytest

from proofolio.cli.group import command_line
from proofolio.models.control.experiments import EXPERIMENTS
from tests.command_line import CliRunner


def run(*arguments):
    return CliRunner().invoke(command_line, ["control", *map(str, arguments)])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    rng = np.random.default_rng(1)
    wild = np.repeat(rng.random(30) < 0.4, 20)[:, None]
    returns = rng.normal(np.where(wild, -0.001, 0.0008), np.where(wild, 0.02, 0.007), (600, 2))
    days = pd.bdate_range("2019-01-02", periods=600, name="Date")
    path = tmp_path_factory.mktemp("data") / "prices.csv"
    pd.DataFrame(100 * np.exp(np.cumsum(returns, axis=0)), index=days, columns=["A", "B"]).to_csv(path)
    return path


@pytest.fixture
def short(monkeypatch):
    """Half a year instead of five: what is printed is the same, and quickly there."""
    monkeypatch.setattr("proofolio.models.control.experiments.YEARS", 0.5)


def test_the_published_experiment_judges_every_claim(short, tmp_path):
    result = run("--experiment", "published", "--paths", 3, "--json", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["command"] == "proofolio control --experiment published --paths 3 --seed 7"
    assert "covariances are assumed" in document["assumed"]
    assert [row["policy"] for row in document["tables"]["as it is"]][:3] == ["known", "filtered", "G = 0"]
    claims = document["claims"]
    assert len(claims) == 5
    assert not claims[-1]["reproduced"]
    assert (
        "-1/g_ii is 5, 5, 5 years; the stationary distribution is 0.286, 0.429, 0.286"
        in claims[-1]["finding"]
    )
    page = (tmp_path / "control.html").read_text(encoding="utf-8")
    assert "Not reproduced" in page
    assert json.loads((tmp_path / "control.json").read_text(encoding="utf-8"))["claims"] == claims
    again = run("--experiment", "published", "--paths", 3, "--json", "--out", tmp_path)
    same = json.loads(again.stdout)
    assert same["tables"] == document["tables"]


def test_the_experiment_of_eta_says_by_how_much(short, tmp_path):
    result = run("--experiment", "eta", "--paths", 2, "--out", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert "Doubling eta halves turnover. Not reproduced: Doubling eta changes turnover by -" in result.stdout
    assert "<svg" in (tmp_path / "new" / "control.html").read_text(encoding="utf-8")


def test_prices_become_regimes_targets_and_gaps(file):
    result = run(file, "--regimes", 2, "--paths", 4, "--json", "--costs", 20, "--eta", 0.01)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    tables = document["tables"]
    assert sum(row["share"] for row in tables["regimes"]) == pytest.approx(1.0)
    assert {"A", "B"} <= set(tables["targets without limits"][0])
    assert [row["policy"] for row in tables["gaps"]] == ["onestep", "lookahead 0.25 y"]
    assert all(row["gap"] >= -1e-9 for row in tables["gaps"])
    assert "Doubts: " in document["assumed"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give a table of prices or --experiment, one of the two"),
        (("missing.csv",), "missing.csv"),
        (("missing.csv", "--costs", -1), "--costs is -1; give basis points"),
        (("missing.csv", "--costs", 0.0005), "--costs is 0.0005 basis points, less than any trade costs"),
    ],
)
def test_bad_input_is_a_sentence(arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_eta_must_be_a_number(file):
    result = run(file, "--eta", "slow")
    assert result.exit_code == 2
    assert "--eta is 'slow'; give a number above 0, or match" in result.stderr
    assert set(EXPERIMENTS) == {"published", "eta", "anticipation", "gap", "costs"}


@pytest.mark.parametrize(
    "option", [("--gamma", 5), ("--eta", 0.2), ("--regimes", 2), ("--limit", 0.5), ("--costs", 5)], ids=str
)
def test_an_experiment_refuses_the_options_that_it_would_not_read(option):
    result = run("--experiment", "eta", "--paths", 2, *option)
    assert result.exit_code == 2
    assert f"{option[0]} is for a table of prices, and --experiment eta has its own" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--gamma", "nan"), "--gamma is nan; give risk aversion, a number above 0"),
        (("--gamma", -1), "--gamma is -1; give risk"),
        (("--limit", 0), "--limit is 0; give the largest size of a position"),
        (("--limit", "inf"), "--limit is inf; give"),
        (("--eta", "nan"), "--eta is 'nan'; give a number above 0, or match"),
        (("--eta", 0), "--eta is '0'; give"),
        (("--costs", "nan"), "--costs is nan; give basis points"),
        (("--seed", -1), "'--seed': -1 is not in the range x>=0"),
        (("--regimes", 99), "599 rows are too few for the 9998 parameters of 99 regimes"),
    ],
)
def test_numbers_that_make_no_problem_are_refused_before_the_fit(file, arguments, sentence, monkeypatch):
    monkeypatch.setattr(
        "proofolio.studies.controls.RegimeControl", None
    ) if "--regimes" not in arguments else None
    result = run(file, *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_too_many_paths_are_refused_in_a_sentence():
    result = run("--experiment", "published", "--paths", 10**12)
    assert result.exit_code == 2
    assert "paths of 1,260 steps need" in result.stderr
