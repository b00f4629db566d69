"""The code of docs/custom-formulation.md, run as a reader would: one block after the other."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "custom-formulation.md"


@pytest.fixture(scope="module")
def run():
    """What the page's code defines, what it printed block by block, and the proof before the correction."""
    if not PAGE.exists():
        pytest.skip("the documentation is in the repository, not in the sdist")
    printed, names = [], {}
    first = None
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        lines = []
        names["print"] = lambda *words, lines=lines: lines.append(" ".join(map(str, words)))
        exec(compile(block, str(PAGE), "exec"), names)
        if "proof" in names and first is None:
            first = names["proof"]
        printed.append(lines)
    return names, printed, first


def test_the_mistake_is_refuted_where_the_page_says(run):
    _, printed, first = run
    assert first.verdict == "refuted"
    assert first.witness.direction == "complete"
    assert any(10 < value < 100 for name, value in first.witness.values.items() if name.startswith("holding"))
    said = [line for lines in printed for line in lines]
    assert said[0] == "refuted"
    assert said[1].startswith("the rows cut off a point that the meaning allows: ")


def test_the_correction_is_proved_and_conforms(run):
    names, _, _ = run
    assert names["proof"].verdict == "proved"
    assert names["report"].interfaces == {"pyomo": "agrees", "cvxpy": "agrees"}


def test_the_lowerings_are_compared(run):
    _, printed, _ = run
    lines = [line for lines in printed for line in lines]
    assert [line.split()[:2] for line in lines if line.startswith(("incremental", "logarithmic"))] == [
        ["incremental", "2000"],
        ["logarithmic", "2000"],
    ]


def test_both_interfaces_give_the_fee_that_the_page_names(run):
    _, printed, _ = run
    lines = [line for lines in printed for line in lines]
    # which word is known in half a second depends on how busy the machine is
    assert len([line for line in lines if line.endswith("-optimal 1.02")]) == 2
