"""A command is back within a second of its limit, and of Ctrl-C, whatever a solver does."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from proofolio.cli.unanswered import KEYS
from proofolio.processes import is_alive

COMMAND = "from proofolio.cli import main; main()"
# A runner in the background has its children ignore Ctrl-C; a user's shell does not.
LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
MODELS = Path(__file__).with_name("models_never_late.py")
# Small numbers beside large ones: HiGHS before 1.16 goes round in circles while it presolves. The best is all zeros.
NEVER_RETURNS = """Minimize
 obj: - 2000000.0 y0 + 3000000.0 y1 + 2000000.0 x0
Subject To
 r0: - 2000000.0 x0 - 0.01 y1 + 0.001 y0 <= 0.02
 r2: + 0.004 x0 + 1e-05 y1 - 1e-05 y0 = 0.0
Bounds
 0.0 <= y0 <= 1.0
 0.0 <= y1 <= 1.0
 -inf <= x0 <= 0.0
Generals
 y0 y1
End
"""
HIGHS_RETURNS = tuple(map(int, version("highspy").split(".")[:2])) >= (1, 16)
# Of the second that is promised after the limit, and what a busy machine adds.
LIMIT, PROMISED, BUSY = 1.0, 1.0, 10.0

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="without fork a thread takes the place of a process"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the models, as the working directory."""
    (tmp_path / "models.py").write_text(MODELS.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "never_returns.lp").write_text(NEVER_RETURNS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", f"{LISTEN}; {COMMAND}", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked(*arguments):
    """Exit status, stdout, stderr, and the wall seconds of a command."""
    began = time.monotonic()
    process = started(*arguments)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, out, err, time.monotonic() - began


def is_gone(pid):
    ends = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < ends:
        time.sleep(0.01)
    return not is_alive(pid)


@pytest.mark.parametrize("model", ["never_returns.lp", "models.py:holds_the_lock"])
def test_solve_is_back_in_time_with_what_is_known(folder, model):
    code, out, err, seconds = asked("solve", model, "--time-limit", str(LIMIT), "--solver", "highs", "--json")
    document = json.loads(out)
    assert seconds - document["startup_seconds"] < LIMIT + PROMISED + BUSY
    if model == "never_returns.lp" and HIGHS_RETURNS:
        assert (code, err) == (0, "")
        assert set(document["values"].values()) == {0.0}
        return
    assert code == 1
    assert document["status"] == "limit"
    assert document["values"] is None
    assert err.splitlines() == [
        "proofolio: time is up, and the solver did not come back: it was stopped from outside"
    ]
    if "lock" in model:
        assert (document["objective"], document["bound"]) == (5.0, 1.0)
        assert is_gone(int((folder / "child.pid").read_text(encoding="utf-8")))


def test_a_checked_answer_is_not_lost_when_its_confirmation_never_ends(folder):
    code, out, _, _ = asked("solve", "models.py:never_confirmed", "--time-limit", "1", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["status"] == "solver-optimal"
    assert document["values"] == {"x[0]": 0.0, "x[1]": 1.0}


def test_without_json_the_same_is_a_line(folder):
    code, out, _, _ = asked("solve", "models.py:holds_the_lock", "--time-limit", "0.2")
    (line,) = out.splitlines()
    assert code == 1
    assert line.startswith("limit: ")
    assert "proven bound 1; best objective 5" in line


def test_audit_is_back_in_time(folder):
    code, out, err, _ = asked("audit", "models.py:never_audited", "--time-limit", "0.5", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["status"] == "limit"
    assert document["rows"] == []
    assert len(err.splitlines()) == 1


def test_what_an_audit_has_judged_is_not_lost_when_a_solver_never_comes_back(folder):
    code, out, _, _ = asked("audit", "models.py:never_bounded", "--time-limit", "5", "--json")
    document = json.loads(out)
    assert code == 1
    assert (document["status"], document["candidates"]) == ("limit", 2)
    assert document["message"] == "time was up and a solver did not come back"
    assert [(row["verdict"], row["needed"][1]) for row in document["rows"]] == [
        ("loose", 3.0),  # x <= 3 says so
        ("undecided", "inf"),
    ]


@pytest.mark.parametrize("model", ["holds_the_lock", "never_confirmed"])
def test_a_killed_solve_writes_what_is_known_to_its_file_too(folder, model):
    (folder / "plan.json").write_text('{"values": {"old": 1}}', encoding="utf-8")
    asked("solve", f"models.py:{model}", "--time-limit", "1", "--solver", "highs", "--out", "plan.json")
    written = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    if model == "never_confirmed":
        assert written == {"status": "solver-optimal", "values": {"x[0]": 0, "x[1]": 1}}
    else:
        assert written == {"status": "limit", "values": None}


def test_a_process_that_ends_by_ctrl_c_is_no_crash(folder):
    code, out, err, _ = asked("solve", "models.py:ends_itself", "--solver", "highs", "--json")
    assert code == 130
    assert json.loads(out)["message"] == "interrupted"
    assert err.splitlines()[-1] == "proofolio: interrupted"
    assert "crash" not in err


@pytest.mark.parametrize("model", ["models.py:holds_the_lock", "models.py:loops"])
def test_ctrl_c_is_answered_within_a_second(folder, model):
    process = started("solve", model, "--solver", "highs", "--json")
    time.sleep(0.5)
    for _ in range(600):  # until it is at work: what it has started, or what it has imported, shows that
        if (folder / "child.pid").exists() or _sleeps(process.pid):
            break
        time.sleep(0.05)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - pressed < PROMISED + BUSY
    assert process.returncode == 130
    assert json.loads(out)["message"] == "interrupted"
    assert "interrupted" in err
    assert "Traceback" not in err
    if "lock" in model:
        assert is_gone(int((folder / "child.pid").read_text(encoding="utf-8")))


def _sleeps(pid):
    """Whether the process that works has been idle for a while."""
    before = _ticks(pid)
    time.sleep(0.5)
    return before is not None and before > 50 and _ticks(pid) == before


def _ticks(pid):
    try:
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        numbers = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return int(numbers[11]) + int(numbers[12])


def test_ctrl_c_while_a_command_is_imported_prints_a_document_too(folder):
    process = started("solve", "models.py:small", "--json")
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    if process.returncode != 130:  # it was faster
        return
    assert json.loads(out)["message"] == "interrupted"
    assert set(KEYS["solve"]) <= set(json.loads(out))
    assert "interrupted" in err


def test_a_crash_is_a_sentence(folder):
    code, out, err, _ = asked("solve", "models.py:crashes", "--solver", "highs")
    assert (code, out) == (1, "")
    assert "native code ended the command by signal 6 (SIGABRT)" in err


def test_the_command_dies_with_the_process_that_was_started(folder):
    process = started("solve", "models.py:holds_the_lock", "--solver", "highs")
    while not (folder / "child.pid").exists():
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert is_gone(int((folder / "child.pid").read_text(encoding="utf-8")))
