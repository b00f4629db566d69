"""How far a long call is: a bar in the kernel of a notebook while it lasts, and nothing in a pipe."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from proofolio import progress
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.progress import shows_progress

SOURCE = Path(progress.__file__).parents[1]
SLOW = """
import time
import proofolio as pf

def slow(context):
    time.sleep(0.03)
    return context.holdings

prices = pf.load_prices()[["KO", "XOM"]].tail(80)
strategies = [pf.strategy(slow, name=name) for name in ("first & last", "second", "third")]
result = pf.backtest(prices, strategies, window=30)
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


def run_in_a_kernel(source, folder):
    """What a cell shows while it runs, in the order of the messages, and what stays below it."""
    nbclient = pytest.importorskip("nbclient", reason="the extra docs is not installed")
    pytest.importorskip("ipykernel", reason="the extra docs is not installed")
    from nbformat import v4

    shown = []

    class Client(nbclient.NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] in ("display_data", "update_display_data", "stream", "error"):
                shown.append(msg)
            return super().process_message(msg, cell, cell_index)

    notebook = v4.new_notebook(cells=[v4.new_code_cell(source)])
    Client(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return shown, notebook.cells[0].outputs


def test_in_a_notebook_a_long_call_shows_a_bar_and_takes_it_away(environment):
    shown, outputs = run_in_a_kernel(SLOW, environment)
    kinds = [message["msg_type"] for message in shown]
    assert kinds == ["display_data", *["update_display_data"] * (len(kinds) - 1)]  # one bar, kept up to date
    drawn = [message["content"]["data"] for message in shown]
    assert '<progress value="1" max="3"' in drawn[0]["text/html"]
    assert drawn[0]["text/plain"].startswith("backtest: first & last, 1 of 3 (")
    assert "first &amp; last, 1 of 3" in drawn[0]["text/html"]
    (output,) = outputs
    assert set(output.data.values()) == {""}


@pytest.mark.parametrize("command", [["-c"], ["-m", "IPython", "-c"]])
def test_in_a_pipe_and_in_a_plain_shell_there_is_nothing(environment, command):
    if "IPython" in command:
        pytest.importorskip("IPython", reason="the extra docs is not installed")
    run = subprocess.run([sys.executable, *command, SLOW], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


class Kernel:
    """A notebook's display, which counts the places it was given."""

    def __init__(self):
        self.places = []

    def __call__(self, drawn, *, raw, **_):
        news = [drawn]
        self.places.append(news)
        return SimpleNamespace(update=lambda drawn, raw: news.append(drawn))


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setattr(progress, "QUIET", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    found = Kernel()
    monkeypatch.setattr(progress, "_notebook_display", lambda: found)
    return found


@shows_progress("inner")
def inner(progress=None):
    if progress is not None:
        progress("within", 1, 2)


@shows_progress("outer")
def outer(progress=None, fail=False):
    progress("step", 1, 2)
    inner()
    if fail:
        raise ValueError
    progress("step", 2, 2)


def test_what_a_call_calls_itself_has_no_bar_of_its_own(kernel):
    outer()
    (news,) = kernel.places
    assert [drawn["text/plain"].partition(" (")[0] for drawn in news] == [
        "outer: step, 1 of 2",
        "outer: step, 2 of 2",
        "",
    ]
    inner()
    assert len(kernel.places) == 2


def test_what_is_over_soon_shows_nothing(kernel, monkeypatch):
    monkeypatch.setattr(progress, "QUIET", 1000.0)
    outer()
    assert kernel.places == []


def test_a_bar_goes_when_the_call_fails(kernel):
    with pytest.raises(ValueError):  # noqa: PT011 - its own
        outer(fail=True)
    assert kernel.places[0][-1]["text/html"] == ""


def test_a_function_that_is_given_takes_the_place_of_the_bar(kernel):
    heard = []
    outer(progress=lambda *news: heard.append(news))
    assert heard == [("step", 1, 2), ("step", 2, 2)]
    assert kernel.places == []


def test_a_pipe_is_no_terminal_because_colours_are_forced(monkeypatch, capsys):
    """The kernel of a notebook sets FORCE_COLOR for what it starts: tables in 80 columns, and bars in captured text."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    with CountProgress(progress_console(), "slow") as count:
        monkeypatch.setattr(count, "_next", 0.0)
        count("step", 1, 2)
    assert capsys.readouterr().err == "slow: step, 1 of 2 (0 s)\n"
    assert answer_console().width == 160
