"""With ``--json`` there is one JSON document on stdout, whatever a solver prints there while it is loaded or used.

The commands run as processes of their own, since a library in C writes past Python's ``sys.stdout``. `.ci/run` runs
this file a second time with the newest highspy.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

COMMAND = [sys.executable, "-c", "from proofolio.cli.group import main; main()"]
DAYS = 160


def document(folder, *arguments):
    """The JSON document that a command prints; anything beside it is an error of json."""
    found = subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert found.returncode in (0, 1), found.stderr
    return json.loads(found.stdout)


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_solve_prints_one_document(folder, solver):
    found = document(folder, "solve", "models.py:builder", "--solver", solver, "--json")
    assert found["status"].startswith(("verified", "certified"))


def test_solve_by_outer_approximation_prints_one_document(tmp_path):
    (tmp_path / "curved.py").write_text(
        "import proofolio as pf\n\n\n"
        "def model():\n"
        "    m = pf.Model('curved')\n"
        "    x = m.variable('x', 3, 0.0, 10.0, integer=True)\n"
        "    m.add('sum', x.sum() >= 4)\n"
        "    m.minimise(m.quadratic([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]], x))\n"
        "    return m\n",
        encoding="utf-8",
    )
    found = document(tmp_path, "solve", "curved.py:model", "--solver", "highs", "--json")
    assert found["objective"] == pytest.approx(8.0)


def test_trade_prints_one_document(tmp_path):
    rng = np.random.default_rng(3)
    wild = (np.arange(DAYS) // 40) % 2
    returns = rng.normal(0.0004, 1.0, (DAYS, 3)) * np.where(wild, 0.02, 0.006)[:, None]
    days = pd.bdate_range("2021-01-04", periods=DAYS)
    table = pd.DataFrame(
        100 * np.exp(np.cumsum(returns, axis=0)), index=days, columns=["US", "BONDS", "GOLD"]
    )
    table.rename_axis("Date").to_csv(tmp_path / "prices.csv")
    (tmp_path / "held.json").write_text('{"US": 600, "GOLD": 400}', encoding="utf-8")
    asked = ("--window", 100, "--regime-assets", "US,BONDS", "--holdings", "held.json", "--strategy", "mpo")
    found = document(tmp_path, "trade", "prices.csv", *asked, "--json")
    assert set(found["trades"]) == {"US", "BONDS", "GOLD"}


# dask's own servers leave sockets to the garbage collector when they close.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_bench_on_a_cluster_prints_one_document_and_records_every_run(folder):
    distributed = pytest.importorskip("distributed")
    (folder / "suite.py").write_text(
        "import proofolio as pf\n\n\n"
        "def cover():\n"
        "    m = pf.Model('cover')\n"
        "    x = m.variable('x', 4, binary=True)\n"
        "    m.add('some', x.sum() >= 2)\n"
        "    m.minimise(x[0] + 2 * x[1] + 3 * x[2] + 4 * x[3])\n"
        "    return m\n",
        encoding="utf-8",
    )
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        found = document(
            folder, "bench", Path("suite.py"), "--scheduler", cluster.scheduler_address, "--seeds", 1,
            "--solvers", "highs,scip", "--out", "out", "--json",
        )  # fmt: skip
    assert found["by_status"] == {"verified-optimal": 2}
