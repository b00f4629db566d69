"""``--json`` in a process of its own: one document on stdout, whatever libraries in C print there.

highspy 1.16 prints a banner when its first object is made, past `sys.stdout`: only a real stdout shows that.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import proofolio

SMALL = ("--window", "100", "--regime-assets", "US,BONDS")
PLANTED = Path(__file__).parents[1] / "benchmarking" / "planted.py"


def document(*arguments):
    command = [sys.executable, "-m", "proofolio", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def file(tmp_path):
    model = proofolio.Model()
    x, y = model.variable("x", 3, 0, 10), model.variable("y", 3, binary=True)
    model.add("enough", x.sum() >= 4)
    model.add("link", x <= 20 * y)
    model.minimise(x.sum() + 3 * y.sum())
    proofolio.write_program(model.freeze(), tmp_path / "model.lp")
    return tmp_path / "model.lp"


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_solve_prints_one_document(file, solver):
    assert document("solve", file, "--solver", solver)["objective"] == pytest.approx(7.0)


def test_audit_prints_one_document(file):
    assert document("audit", file)["summary"]


def test_trade_prints_one_document(tmp_path):
    returns = np.random.default_rng(3).normal(0.0004, 0.01, (130, 3))
    days = pd.bdate_range("2021-01-04", periods=130)
    prices = pd.DataFrame(100 * np.exp(returns.cumsum(axis=0)), index=days, columns=["US", "BONDS", "GOLD"])
    prices.rename_axis("Date").to_csv(tmp_path / "prices.csv")
    held = tmp_path / "held.csv"
    held.write_text("asset,money\nUS,600\nGOLD,400\n", encoding="utf-8")
    found = document("trade", tmp_path / "prices.csv", *SMALL, "--holdings", held)
    assert set(found["trades"]) == {"US", "BONDS", "GOLD"}


# dask's own servers leave sockets to the garbage collector when they close.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_benchmark_on_a_cluster_prints_one_document(tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    local = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**local, host="127.0.0.1", protocol="tcp") as cluster:
        found = document(
            "bench", PLANTED, "--solvers", "highs", "--seeds", 1, "--time-limit", 5, "--out", tmp_path / "out",
            "--scheduler", cluster.scheduler_address,
        )  # fmt: skip
    assert found["runs"] > 0
    assert found["by_status"] == {"solver-optimal": 4}
