"""`proofolio solve` as a process of its own: its streams, a reader that leaves, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from proofolio.cli import main; main()"]
# A runner in the background has its children ignore Ctrl-C; a user's shell does not.
LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
INTERRUPTIBLE = [sys.executable, "-c", f"{LISTEN}; {COMMAND[-1]}"]


def test_what_a_model_and_a_solver_print_stays_off_stdout(folder):
    arguments = ["solve", "models.py:small", "--option", "output_flag=true", "--json"]
    found = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout)["status"] == "certified-optimal"
    assert "a model may print what it likes" in found.stderr
    assert "HiGHS" in found.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["solve", "models.py:builder"],
        ["solve", "models.py:builder", "--json"],
        ["audit", "models.py:builder"],
        ["audit", "models.py:builder", "--json"],
        ["prove", "--list"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_a_reader_of_stdout_that_leaves_early_changes_nothing(folder, arguments):
    expected = subprocess.run([*COMMAND, *arguments], capture_output=True, check=False).returncode
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == expected


def test_bad_news_stays_bad_news_when_the_reader_leaves(folder):
    arguments = ["solve", "models.py:infeasible"]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_ctrl_c_gives_what_is_known_and_status_130(folder, solver):
    process = subprocess.Popen(
        [*INTERRUPTIBLE, "solve", "models.py:hard", "--solver", solver, "--time-limit", "60", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stderr.readline()
    while "objective" not in line and line:
        line = process.stderr.readline()
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    document = json.loads(out)
    assert process.returncode == 130
    assert time.monotonic() - pressed < 20
    assert "interrupted" in err
    assert "Traceback" not in err
    assert document["objective"] is not None
    assert document["bound"] <= document["objective"]
