"""A run that hangs, eats memory, crashes or is killed costs that run alone, and each is recorded as what it was."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from proofolio.benchmarking import Pool, Records, open_suite, plan
from proofolio.benchmarking.records import read_records
from proofolio.errors import BadData

PLANTED = Path(__file__).parent / "planted.py"
LIMITS = {"time_limit": 1.0, "hard_limit": 1.5, "memory_limit": 400.0}


def planned(*solvers, seeds=1, formulations=("knapsack",), **limits):
    return plan([open_suite(PLANTED)], solvers, formulations, seeds, **(LIMITS | limits))


@pytest.fixture(scope="module")
def measured():
    """Every planted failure among honest runs, on two processes."""
    failing = ("eats", "swallows", "segfaults", "exits", "raises", "killed", "nothing")
    # one that hangs is soon ended; the others end by themselves, on a busy machine later
    runs = planned("hangs") + planned("highs", *failing, time_limit=15.0, hard_limit=30.0)
    with Pool(2) as pool:
        found = [(run, record) for run, record in pool.measure(runs)]
    assert sorted(run.key for run, _ in found) == sorted(run.key for run in runs)
    return found


def of(measured, solver):
    return [record for run, record in measured if run.solver == solver]


@pytest.mark.parametrize(
    ("solver", "status", "words"),
    [
        ("hangs", "limit", "still running after 1.5 s"),
        ("eats", "memory", "400 MB"),
        ("swallows", "memory", "refused"),
        ("segfaults", "crash", "SIGSEGV"),
        ("exits", "crash", "exit status 3"),
        ("killed", "crash", "SIGKILL"),
        ("raises", "error", "RuntimeError: no licence"),
        ("nothing", "error", "returned a NoneType"),
    ],
)
def test_each_failure_is_recorded_as_what_it_was(measured, solver, status, words):
    found = of(measured, solver)
    assert len(found) == 3
    assert {record["status"] for record in found} == {status}
    assert all(words in record["message"] for record in found)


def test_the_honest_runs_among_them_are_untouched(measured):
    found = of(measured, "highs")
    assert [record["status"] for record in found] == ["solver-optimal"] * 3


def test_a_worker_killed_from_outside_costs_its_run_alone():
    runs = planned("highs", "hangs", time_limit=30.0, hard_limit=60.0)
    with Pool(1) as pool:
        found = {}
        for run, record in _killing(pool, runs):
            found[run.id] = record
    assert len(found) == len(runs)
    lost = [r for name, r in found.items() if "hangs" in name]
    assert {r["status"] for r in lost} == {"crash"}
    assert all("SIGKILL" in r["message"] for r in lost)
    assert {r["status"] for name, r in found.items() if "highs" in name} == {"solver-optimal"}


def _killing(pool, runs):
    """Measure, and kill the worker whenever a run has been at it for a while."""
    stop = threading.Event()

    def kill():
        while not stop.wait(0.05):
            for worker in list(pool._workers):
                if worker.run is not None and worker.run.solver == "hangs" and worker.elapsed > 0.2:
                    with contextlib.suppress(ProcessLookupError):  # it may have just ended
                        os.kill(worker.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield from pool.measure(runs)
    finally:
        stop.set()
        thread.join()


def test_the_main_process_killed_half_way_loses_nothing_and_the_same_command_does_the_rest(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "proofolio", "bench", str(PLANTED), "--solvers", "highs,scip"]
    command += ["--formulations", "knapsack", "--seeds", "8", "--out", str(out), "--json"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    file = out / "runs.jsonl"
    while not file.exists() or file.read_bytes().count(b"\n") < 10:
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.wait()
    before = file.read_bytes()
    whole = before[: before.rfind(b"\n") + 1]
    done = before.count(b'"kind": "run"')
    assert 0 < done < 48
    # the end of a line that was being written
    file.write_bytes(whole + b'{"kind": "run", "key": "half')
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    document = json.loads(second.stdout)
    assert document["runs"] == 48
    assert document["by_status"] == {"solver-optimal": 48}
    after = file.read_bytes()
    assert after.startswith(whole)
    keys = [json.loads(line)["key"] for line in after.splitlines() if b'"kind": "run"' in line]
    assert len(keys) == len(set(keys)) == 48


def test_no_process_outlives_the_main_one(tmp_path):
    command = [sys.executable, "-m", "proofolio", "bench", str(PLANTED), "--solvers", "hangs"]
    command += ["--time-limit", "30", "--out", str(tmp_path / "out")]
    main = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    # the fork server and its neighbour come first, the worker last, in a session of its own
    while not any(map(_leads_a_session, started := _descendants(main.pid))) and time.monotonic() < limit:
        time.sleep(0.02)
    assert main.poll() is None
    main.kill()
    main.wait()
    limit = time.monotonic() + 20
    while any(map(_alive, started)) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not any(map(_alive, started))


def _leads_a_session(pid):
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _descendants(pid):
    found, front = [], [pid]
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = entry.read_text()
        except OSError:
            continue
        parents[int(entry.parent.name)] = int(text.rpartition(")")[2].split()[1])
    while front:
        children = [child for child, parent in parents.items() if parent in front]
        found += children
        front = children
    return found


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_benchmark_in_the_same_folder_is_turned_away(tmp_path):
    with Records(tmp_path, {}), pytest.raises(BadData, match="in use by another benchmark"):
        Records(tmp_path, {})


def test_a_file_that_holds_something_else_is_said_with_its_line(tmp_path):
    (tmp_path / "runs.jsonl").write_text('{"no": "record"}\n\n')
    with pytest.raises(BadData, match="line 1, is no record"):
        read_records(tmp_path)


def test_many_short_runs_share_workers_that_were_warmed_up():
    runs = planned("highs", "scip", seeds=4)
    with Pool(2) as pool:
        found = [record for _, record in pool.measure(runs)]
        assert len(pool.processes) == 2
    assert {record["status"] for record in found} == {"solver-optimal"}
    assert len(found) == 24
    assert sum(record["runs_before"] == 0 for record in found) == 2
    assert all(record["memory_peak"] > 10 for record in found)


def test_a_solver_is_killed_soon_after_its_own_limit_however_long_the_run_may_take():
    with Pool(1) as pool:
        ((_, record),) = pool.measure(planned("hangs", time_limit=0.2, hard_limit=60.0)[:1])
    assert record["status"] == "limit"
    assert "its solver did not come back soon after its limit of 0.2 s" in record["message"]
