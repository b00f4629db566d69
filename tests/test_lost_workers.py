"""A scheduler and two workers as processes of their own, of which one is killed half-way: the figures are the same."""

import json
import os
import re
from pathlib import Path

import pytest

import proofolio as pf
from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.benchmark import benchmark
from proofolio.cli.group import command_line
from tests.command_line import CliRunner

pytest.importorskip("distributed", reason="the extra dask is not installed")
from tests.dask_processes import cluster  # it imports distributed

# dask's client leaves sockets to the garbage collector when a worker's connection breaks; a slow machine is a stall
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::proofolio.errors.StalledCluster"),
]
PLANTED = Path(__file__).parent / "benchmarking" / "planted.py"
GRID = {"horizon": [1, 2], "gamma_risk": [1, 5], "gamma_trade": [0.001, 0.1]}


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("dask"), workers=2) as found:
        yield found


@pytest.fixture
def killing(two_workers):
    """A function of (what, done, total) that kills a worker once; a new one is started after the test."""
    killed = []

    def when(reached):
        def progress(what, done, total):
            if reached(what, done, total) and not killed:
                worker = two_workers.workers.pop(0)
                worker.kill()
                worker.wait()
                killed.append(what)

        return progress

    yield when
    assert len(killed) == 1, "no worker was killed: the test showed nothing"
    two_workers.add_worker()


@pytest.fixture(scope="module")
def prices():
    return pf.load_prices().loc["2019", ["KO", "XOM", "JPM", "MSFT"]]


def test_tune_loses_nothing(two_workers, killing, prices):
    alone = pf.tune(prices, "mpo-no-hmm", GRID, window=120)
    found = pf.tune(
        prices, "mpo-no-hmm", GRID, window=120, scheduler=two_workers.address,
        progress=killing(lambda what, done, total: what == "mpo-no-hmm" and done >= 3),
    )  # fmt: skip
    assert [(t.strategy, t.metrics) for t in found.trials] == [(t.strategy, t.metrics) for t in alone.trials]
    assert found.chosen.strategy == alone.chosen.strategy
    assert found.test_run.metrics == alone.test_run.metrics


def test_backtest_loses_nothing(two_workers, killing, prices):
    names = ["fix-mix", "mpo-no-hmm", "erc-no-hmm", "spo-no-hmm"]
    alone = pf.backtest(prices, names, window=120)
    found = pf.backtest(
        prices, names, window=120, scheduler=two_workers.address,
        progress=killing(lambda what, done, total: what in names),
    )  # fmt: skip
    assert [run.metrics for run in found.runs] == [run.metrics for run in alone.runs]


def test_bench_loses_nothing(two_workers, killing, tmp_path):
    runs = plan([open_suite(PLANTED)], ["highs"], ["knapsack", "leaky"], 3, time_limit=5.0, hard_limit=30.0)
    alone = benchmark(runs, tmp_path / "alone")
    found = benchmark(
        runs, tmp_path / "found", scheduler=two_workers.address, progress=killing(lambda *_: True)
    )
    shown = ("status", "objective", "case", "solver")
    assert [[r.get(k) for k in shown] for r in found] == [[r.get(k) for k in shown] for r in alone]
    assert len(found) == len(runs)


def test_the_commands_print_the_same_document(two_workers, tmp_path, prices, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prices.to_csv("prices.csv")
    asked = ["tune", "prices.csv", "--strategy", "mpo-no-hmm", "--window", "120", "--horizon", "1",
             "--gamma-risk", "1,5", "--gamma-trade", "0.01", "--json"]  # fmt: skip
    alone = CliRunner().invoke(command_line, [*asked, "--out", "alone"])
    found = CliRunner().invoke(command_line, [*asked, "--out", "found", "--scheduler", two_workers.address])
    assert (alone.exit_code, found.exit_code) == (0, 0), found.output + found.stderr

    def figures(document):
        text = json.dumps({k: v for k, v in json.loads(document).items() if "seconds" not in k})
        return re.sub(r'"(alone|found)(/|")', r'"out\2', text)

    assert figures(found.stdout) == figures(alone.stdout)


@pytest.mark.skipif(
    "PROOFOLIO_KILLS" not in os.environ, reason="PROOFOLIO_KILLS=20 kills so many, at random moments"
)
def test_many_kills(two_workers, prices):
    import random
    import threading

    from distributed import Client

    alone = pf.tune(prices, "mpo-no-hmm", GRID, window=120)
    for k in range(int(os.environ["PROOFOLIO_KILLS"])):
        timer = threading.Timer(random.Random(k).uniform(0.0, 4.0), two_workers.workers.pop(0).kill)
        timer.start()
        found = pf.tune(prices, "mpo-no-hmm", GRID, window=120, scheduler=two_workers.address)
        timer.join()
        assert [(t.strategy, t.metrics) for t in found.trials] == [
            (t.strategy, t.metrics) for t in alone.trials
        ]
        two_workers.add_worker()
        with Client(two_workers.address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(2, timeout=120)
