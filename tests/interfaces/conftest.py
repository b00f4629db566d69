"""A program spelled out in lines that tests can compare by eye: everything a file can say, defaults left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from proofolio import Program, read_program
from proofolio.program.quadratic import gathered_forms


def number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def terms(names, values, products=()) -> str:
    parts = [(v, n) for n, v in zip(names, values, strict=True) if v]
    parts += [(v, f"{a}^2" if a == b else f"{a}*{b}") for a, b, v in products if v]
    text = " ".join(
        f"{'-' if v < 0 else '+'} {'' if abs(v) == 1 else number(abs(v)) + ' '}{n}" for v, n in parts
    )
    return text.removeprefix("+ ") or "0"


def sides(body: str, low: float, high: float) -> str:
    if low == high:
        return f"{body} = {number(low)}"
    if np.isinf(low) and np.isinf(high):
        return f"{body} free"
    if np.isinf(low):
        return f"{body} <= {number(high)}"
    if np.isinf(high):
        return f"{body} >= {number(low)}"
    return f"{number(low)} <= {body} <= {number(high)}"


def products(names, Q, scale=1.0):
    Q = np.asarray(Q)
    return [
        (names[i], names[j], scale * (Q[i, j] if i == j else 2 * Q[i, j]))
        for i in range(len(names))
        for j in range(i, len(names))
    ]


def spelled(program: Program) -> list[str]:
    """Return objective, rows, quadratic rows, implied rows, sets, bounds and integers, a line each."""
    names, sign = program.column_names, -1.0 if program.maximise else 1.0
    objective = terms(names, sign * program.q, products(names, sign * program.P.toarray(), 0.5))
    constant = sign * program.c
    if constant:
        objective += f" {'-' if constant < 0 else '+'} {number(abs(constant))}"
    lines = [f"{'max' if program.maximise else 'min'} {objective}"]
    for name, row, low, high in zip(
        program.row_names, program.A.toarray(), program.row_lower, program.row_upper, strict=True
    ):
        lines.append(f"{name}: {sides(terms(names, row), low, high)}")
    curved = program.quadratic
    for k, name in enumerate(n for b in curved.blocks for n in b.element_names()):
        Q = gathered_forms(curved.forms[k], program.n).toarray()
        body = terms(names, curved.matrix.toarray()[k], products(names, Q))
        lines.append(f"{name}: {sides(body, curved.lower[k], curved.upper[k])}")
    implied = program.indicators
    for k, name in enumerate(n for b in implied.blocks for n in b.element_names()):
        body = terms(names, implied.matrix.toarray()[k])
        switch = f"{names[implied.binary[k]]} = {implied.on[k]}"
        lines.append(f"{name}: {switch} -> {sides(body, implied.lower[k], implied.upper[k])}")
    for group in program.sos:
        members = " ".join(
            f"{names[j]}:{number(w)}" for j, w in zip(group.columns, group.weights, strict=True)
        )
        lines.append(f"{group.name}: S{group.kind} {members}")
    boxes = zip(names, program.lower, program.upper, strict=True)
    lines += [sides(name, low, high) for name, low, high in boxes if (low, high) != (0, np.inf)]
    integers = [name for name, integer in zip(names, program.integer, strict=True) if integer]
    return [*lines, *([f"int {' '.join(integers)}"] if integers else [])]


@pytest.fixture
def read_text(tmp_path: Path) -> Callable[[str | bytes, str], Program]:
    """Read text as a file of a kind: ``read_text("Minimize ...", ".lp")``."""

    def read(text: str | bytes, suffix: str) -> Program:
        file = tmp_path / f"m{suffix}"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_program(file)

    return read


@pytest.fixture(name="spelled")
def spelled_fixture() -> Callable[[Program], list[str]]:
    """The function `spelled`."""
    return spelled
