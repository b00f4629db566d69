"""The README's examples run as they stand, and say what their comments promise."""

import re
from pathlib import Path

import pyomo.environ as pyo
import pytest

import proofolio

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_example_runs_and_prints_what_its_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(BLOCKS[0].strip().splitlines()) <= 10
    exec(compile(BLOCKS[0], "README.md", "exec"), {})
    first, second = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("solver-optimal -0.0")
    status, claimed, true = second.split()
    assert status == "claim-wrong"
    assert float(claimed) == pytest.approx(1 - 3**0.5, abs=1e-6)
    assert float(true) == pytest.approx(-1.0, abs=1e-6)


def test_the_attached_formulation_stands_in_the_users_model() -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS[1], "README.md", "exec"), names)
    m = names["m"]
    assert isinstance(m, pyo.ConcreteModel)
    assert isinstance(m.top, pyo.Var)
    assert {c.name for c in m.component_objects(pyo.Constraint)} == {"top_at_least", "top_at_most", "top_one"}


def test_every_call_in_the_table_is_a_public_name() -> None:
    table = re.findall(
        r"^\|.*\|.*\|(.*)\|$", README.read_text(encoding="utf-8").partition("## Which")[0], re.MULTILINE
    )
    calls = [
        name
        for cell in table
        for name in re.findall(r"(?<![.\w])(\w+)\(", "".join(re.findall(r"`[^`]*`", cell)))
    ]
    assert {"solve", "audit", "prove", "Claim", "backtest", "tune", "trades_today"} <= set(calls)
    assert [name for name in calls if name not in proofolio.__all__] == []
