"""Runs on a cluster: each in a Python of its own, in the order given; without dask a sentence says what is missing."""

import contextlib
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


class Client:
    """As much of dask's client as is used: it does the work at once, or loses it."""

    lost = False

    def __init__(self, address, **_):
        if address == "nobody":
            raise OSError("refused")

    def as_current(self):
        return contextlib.nullcontext()

    def submit(self, function, lines, **_):
        failure = RuntimeError("worker gone") if self.lost else None
        return SimpleNamespace(
            exception=lambda: failure, result=lambda: [{"status": "limit", "line": line} for line in lines]
        )

    def close(self):
        pass


@pytest.fixture
def dask(monkeypatch):
    client = type("Lossy", (Client,), {})
    # futures of dask can be keys; these namespaces cannot
    submit = Client.submit
    client.submit = lambda self, *a, **k: type("Future", (), dict(vars(submit(self, *a, **k))))
    monkeypatch.setitem(
        sys.modules, "distributed", SimpleNamespace(Client=client, as_completed=lambda f: list(f))
    )
    return client


def test_every_run_comes_back_with_its_own_measures(dask, runs):
    many = [*runs, *runs, *runs, *runs]
    found = list(measure_on_cluster(many, "somewhere"))
    assert [run for run, _ in found] == many
    assert all(record["line"] == run.to_json() for run, record in found)


def test_what_the_cluster_loses_is_recorded(dask, runs):
    dask.lost = True
    found = list(measure_on_cluster(runs, "somewhere"))
    assert [record["status"] for _, record in found] == ["crash"] * len(runs)
    assert all("worker gone" in record["message"] for _, record in found)


def test_no_scheduler_and_no_dask_are_one_sentence_each(dask, runs, monkeypatch):
    with pytest.raises(BadData, match="no dask scheduler answers at nobody"):
        list(measure_on_cluster(runs, "nobody"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadData, match="install the package distributed"):
        list(measure_on_cluster(runs, "somewhere"))
