"""A solver of one's own: the example of the page, the words it may claim, and answers that were checked already."""

import re
from pathlib import Path

import pytest

from proofolio.benchmarking import open_suite, plan
from proofolio.benchmarking.execution import CLAIMS, Executor
from proofolio.program.structure import FEATURES
from proofolio.solvers.capabilities import SolverEntry

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SUITE = """
from dataclasses import replace
import proofolio as pf
from proofolio.solvers.capabilities import SOLVERS as SHIPPED, SolverEntry

def solved(program, settings):
    return pf.solve(program, confirm="none", gap=settings.gap)

def reworded(word):
    def solve(program, settings):
        return replace(SHIPPED["highs"].solve(program, settings), status=word)
    return solve

SOLVERS = {"solve": SolverEntry("solve", "1", SHIPPED["highs"].can, solved)}
for word in ("solver-optimal", "verified-optimal", "verified-feasible", "Optimal!"):
    SOLVERS[word] = SolverEntry(word, "1", SHIPPED["highs"].can, reworded(word))

def whole():
    model = pf.Model("whole")
    x = model.variable("x", 3, binary=True)
    model.add("room", 2 * x[0] + 3 * x[1] + 4 * x[2] <= 6)
    model.maximise(3 * x[0] + 4 * x[1] + 5 * x[2])
    return model
"""


def run(file, solver):
    (asked,) = plan([open_suite(file)], [solver], seeds=1)
    return Executor()(asked)


def test_the_example_of_the_page_is_a_solver(tmp_path):
    file = tmp_path / "mine.py"
    (example,) = [block for block in BLOCKS if "return Solution(" in block]
    file.write_text(example)
    ours, theirs = run(file, "enumeration"), run(file, "scip")
    assert ours["status"] == theirs["status"] == "solver-optimal"
    assert ours["objective"] == theirs["objective"] == 10.0


@pytest.mark.parametrize(
    ("solver", "status"),
    [
        ("solve", "solver-optimal"),
        ("solver-optimal", "solver-optimal"),
        ("verified-optimal", "solver-optimal"),  # it is the benchmark that verifies
        ("verified-feasible", "verified-feasible"),
    ],
)
def test_an_answer_that_was_checked_already_counts_as_its_claim(tmp_path, solver, status):
    file = tmp_path / "mine.py"
    file.write_text(SUITE)
    record = run(file, solver)
    assert (record["status"], record["objective"]) == (status, 8.0)


def test_a_word_that_is_no_claim_is_an_error_that_names_the_words(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SUITE)
    record = run(file, "Optimal!")
    assert record["status"] == "error"
    assert (
        record["message"]
        == "status is 'Optimal!'; give one of optimal, feasible, limit, infeasible, unbounded"
    )


def test_the_reference_names_every_feature_and_every_claim():
    """A feature that the page leaves out is one that an own solver cannot say it takes."""
    text = SolverEntry.__doc__
    assert [name for name in FEATURES if f'"{name}"' not in text] == []
    assert [word for word in CLAIMS if f'"{word}"' not in text] == []
