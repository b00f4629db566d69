"""Runs on a cluster: each in a Python of its own, in the order given; without dask a sentence says what is missing."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.benchmark import measure_on_cluster, measured_apart
from proofolio.errors import BadData

PLANTED = Path(__file__).parent / "planted.py"


@pytest.fixture(scope="module")
def runs():
    limits = {"time_limit": 0.5, "hard_limit": 5.0}
    return plan([open_suite(PLANTED)], ["highs", "segfaults"], ["knapsack"], 1, **limits)


def test_a_python_of_its_own_answers_for_every_run_in_order(runs):
    found = measured_apart([run.to_json() for run in runs])
    expected = ["solver-optimal" if run.solver == "highs" else "crash" for run in runs]
    assert [record["status"] for record in found] == expected


@pytest.fixture
def worker(monkeypatch):
    """A cluster that does the work at once, or loses it."""
    found = SimpleNamespace(lost=False)

    def on_cluster(address, work, shared, inputs):
        for k, lines in enumerate(inputs):
            if found.lost:
                yield k, None, RuntimeError("worker gone")
            else:
                yield k, [{"status": "limit", "line": line} for line in lines], None

    monkeypatch.setattr("proofolio.benchmarking.benchmark.on_cluster", on_cluster)
    return found


def test_every_run_comes_back_with_its_own_measures(worker, runs):
    many = [*runs, *runs, *runs, *runs]
    found = list(measure_on_cluster(many, "somewhere"))
    assert [run for run, _ in found] == many
    assert all(record["line"] == run.to_json() for run, record in found)


def test_what_the_cluster_loses_is_recorded(worker, runs):
    worker.lost = True
    found = list(measure_on_cluster(runs, "somewhere"))
    assert [record["status"] for _, record in found] == ["crash"] * len(runs)
    assert all("worker gone" in record["message"] for _, record in found)


def test_no_scheduler_and_no_dask_are_one_sentence_each(runs, monkeypatch):
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    with pytest.raises(BadData, match="no dask scheduler answers at nobody"):
        list(measure_on_cluster(runs, "nobody"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadData, match=r"needs distributed: pip install .proofolio\[dask\]"):
        list(measure_on_cluster(runs, "somewhere"))
