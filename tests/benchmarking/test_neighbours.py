"""A run costs nothing but itself: not what comes after it, nor what runs beside it, nor what it has started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proofolio.benchmarking import Pool, Records, open_suite, plan
from proofolio.benchmarking.execution import Executor
from proofolio.processes import Family, is_alive

HARMFUL = Path(__file__).parent / "harmful.py"


def planned(problem, *solvers, **limits):
    return plan([open_suite(HARMFUL)], solvers or ["highs"], [problem], 1, **limits)


def measured(runs, jobs=1):
    with Pool(jobs) as pool:
        return {run.id: record for run, record in pool.measure(runs)}


def test_a_process_that_a_run_has_harmed_is_replaced():
    found = list(measured(planned("harm")).values())
    assert {record["status"] for record in found} == {"verified-optimal"}
    # after the threads, the closed streams and the child there is a new one; another folder is left again
    assert [record["runs_before"] for record in found] == [0, 0, 1, 0, 1, 2, 3, 0]


def test_runs_lost_with_the_fork_server_are_done_again_and_only_the_guilty_is_lost():
    found = measured(planned("orphan"), jobs=2)
    statuses = {name.partition("k=")[2][0]: record["status"] for name, record in found.items()}
    assert statuses == {
        "0": "verified-optimal",
        "1": "crash",
        "2": "verified-optimal",
        "3": "verified-optimal",
    }


def test_the_memory_of_children_counts():
    (record,) = measured(planned("hungry_child", memory_limit=450.0)).values()
    assert record["status"] == "memory"


@pytest.fixture
def started(tmp_path, monkeypatch):
    file = tmp_path / "pids"
    monkeypatch.setenv("HARMFUL_PIDS", str(file))
    return lambda: [int(word) for word in file.read_text().split()] if file.exists() else []


def gone(pids, seconds=5.0):
    until = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(is_alive, pids))


def test_nothing_a_killed_run_has_started_outlives_it(started, tmp_path):
    # the environment of workers is that of the fork server, so that a benchmark of its own is needed
    command = [sys.executable, "-m", "proofolio", "bench", str(HARMFUL), "--solvers", "highs", "--seeds", "1"]
    command += ["--formulations", "hangs_with_child", "--out", str(tmp_path / "out")]
    main = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120.0
    while len(started()) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    pids = started()
    assert len(pids) == 2
    assert all(map(is_alive, pids))
    main.send_signal(signal.SIGINT)
    main.wait(60.0)
    assert gone(pids)


def test_a_family_is_ended_with_children_in_sessions_of_their_own():
    inner = (
        "import subprocess, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"
    )
    head = subprocess.Popen([sys.executable, "-c", inner])
    family = Family(head.pid)
    until = time.monotonic() + 10.0

    def apart():
        pids = family.look()  # a child is in its parent's session until it has asked for its own
        return [pid for pid in pids if os.getsid(pid) == pid]

    while not apart() and time.monotonic() < until:
        time.sleep(0.01)
    pids = family.look()
    assert list(pids) == apart() != []
    # its parent is gone and nobody here adopts it: it was seen before
    head.kill()
    head.wait()
    family.kill()
    assert gone(pids)


@pytest.mark.parametrize("solver", ["picky", "slow-start", "dies-warming"])
def test_a_warm_up_that_goes_wrong_costs_no_run(solver):
    (record,) = measured(planned("easy", solver, hard_limit=1.5)).values()
    assert record["status"] == "verified-optimal", record


def test_ways_of_a_problems_own_are_warmed_up_once_on_the_case_it_gives():
    execute = Executor()
    messages = [execute(run)["message"] for run in planned("counted", "counts")]
    assert messages == ["[7, 1]", "[7, 1, 2]"]


def test_what_cannot_be_written_is_recorded_all_the_same(tmp_path):
    runs = planned("unsayable") + planned("easy", "many-nodes")
    with Records(tmp_path, {}) as records:
        for run, record in zip(runs, measured(runs).values(), strict=True):
            records.add(run, record)
        words, nodes = records.of(runs)[::-1]
    assert (words["status"], nodes["status"]) == ("error", "verified-optimal")
    assert "file \\udce8" in words["message"]
    assert len(words["message"]) == 2000
    assert nodes["nodes"] is None
