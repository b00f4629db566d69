"""`proofolio sample-data`: the tables it writes are read back as the bundled prices, and nothing is overwritten."""

import json

import numpy as np
import pandas as pd
import pytest

import proofolio
from proofolio.cli.group import command_line
from proofolio.forecasts.prices import read_returns
from tests.command_line import CliRunner


def run(*arguments):
    return CliRunner().invoke(command_line, ["sample-data", *map(str, arguments)])


def test_prices_come_back_as_they_are_bundled(tmp_path):
    file = tmp_path / "prices.csv"
    done = run(file)
    assert done.exit_code == 0, done.output
    assert "prices of 20 US stocks, 1990-01-02 to 2022-12-28, 8313 rows" in done.stdout
    pd.testing.assert_frame_equal(
        proofolio.read_prices(file),
        proofolio.load_prices(),
        check_freq=False,
        check_names=False,
        rtol=0,
        atol=1e-9,
    )


def test_a_file_named_for_returns_holds_returns(tmp_path):
    file = tmp_path / "returns.csv"
    done = run(file, "--assets", "KO,XOM", "--since", "2015-01-01")
    assert done.exit_code == 0, done.output
    assert "--returns" in done.stdout
    prices = proofolio.load_prices().loc["2015":, ["KO", "XOM"]]
    np.testing.assert_allclose(
        read_returns(file), prices.to_numpy()[1:] / prices.to_numpy()[:-1] - 1, atol=1e-12
    )


def test_months_hold_the_last_price_of_each(tmp_path):
    file = tmp_path / "monthly.csv"
    document = json.loads(run(file, "--resample", "monthly", "--assets", "KO, JNJ", "--json").stdout)
    assert document["rows"] == 33 * 12
    assert document["assets"] == ["KO", "JNJ"]
    assert (document["kind"], document["first"], document["last"]) == ("prices", "1990-01-31", "2022-12-28")
    table = proofolio.read_prices(file)
    assert table["KO"].iloc[0] == pytest.approx(
        proofolio.load_prices()["KO"].loc["1990-01"].iloc[-1], abs=1e-9
    )


def test_the_same_again_changes_nothing_and_a_file_of_the_users_own_stays(tmp_path):
    file = tmp_path / "prices.csv"
    assert run(file, "--assets", "KO,XOM").exit_code == 0
    assert run(file, "--assets", "KO,XOM").exit_code == 0
    file.write_text("mine", encoding="utf-8")
    refused = CliRunner().invoke(command_line, ["sample-data", str(file)])
    assert refused.exit_code == 2
    assert "holds something else" in refused.stderr
    assert file.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prices.xlsx"], "ends in .csv"),
        (["prices.csv", "--assets", "KO,VTI"], "'VTI' is none of the bundled stocks"),
        (["prices.csv", "--since", "yesterday-ish"], "no date"),
        (["prices.csv", "--since", "2030-01-01"], "end on 2022-12-28"),
        (["nowhere/prices.csv"], "there is no folder nowhere; make it first"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert not list(tmp_path.iterdir())
