"""One problem by every way into the product: program, LP and MPS text, Pyomo, CVXPY.

The texts are written here, by nothing of the product, so that a misread file shows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cvxpy
import pyomo.environ as pyo

import proofolio as pf
from tests.fuzzing.exact import rational
from tests.fuzzing.problem import Problem, Row

__all__ = ["ROUTES", "fits", "lp_text", "model_of", "mps_text"]

ROUTES = ("program", "lp", "mps", "pyomo", "cvxpy")


def fits(problem: Problem, route: str) -> bool:
    """Whether a route can say all that the problem holds."""
    semi = any(c.semi for c in problem.columns)
    if route == "pyomo":
        return not problem.indicators and not semi
    if route == "cvxpy":
        return not problem.indicators and not semi and not problem.ordered
    if route == "program":
        return not semi
    return True


def model_of(problem: Problem, route: str, folder: Path) -> Any:
    """Return what the product is given: a Program, a path, a Pyomo model or a CVXPY problem."""
    if route == "program":
        return program_of(problem)
    if route == "pyomo":
        return pyomo_of(problem)
    if route == "cvxpy":
        return cvxpy_of(problem)
    path = folder / f"model.{route}"
    path.write_text(lp_text(problem) if route == "lp" else mps_text(problem), encoding="utf-8")
    return path


def program_of(problem: Problem) -> pf.Program:
    model = pf.Model()
    x = {
        c.name: model.variable(c.name, lower=c.lower, upper=c.upper, integer=c.integer)
        for c in problem.columns
    }

    def body(row: Row) -> Any:
        return sum((v * x[name] for name, v in row.terms), 0 * x[problem.columns[0].name])

    for row in problem.rows:
        if row.lower == row.upper:
            model.add(row.name, body(row) == row.lower)
        elif row.lower == -math.inf:
            model.add(row.name, body(row) <= row.upper)
        elif row.upper == math.inf:
            model.add(row.name, body(row) >= row.lower)
        else:
            model.add(row.name, pf.between(row.lower, body(row), row.upper))
    for one in problem.indicators:
        sides = [(one.row.lower, "lower"), (one.row.upper, "upper")]
        for limit, side in sides:
            if math.isfinite(limit):
                rows = body(one.row) >= limit if side == "lower" else body(one.row) <= limit
                model.indicator(f"{one.row.name}_{side}", x[one.binary], rows, when=one.on)
    for group in problem.ordered:
        add = model.sos1 if group.kind == 1 else model.sos2
        add(group.name, pf.stack([x[name] for name in group.members]))
    objective = sum((c.cost * x[c.name] for c in problem.columns), 0 * x[problem.columns[0].name])
    for name, v in problem.squares:
        objective = objective + model.quadratic([[v]], pf.stack([x[name]]))
    (model.maximise if problem.maximise else model.minimise)(objective)
    return model.freeze()


def signed(v: float) -> str:
    return f"{'-' if v < 0 else '+'} {abs(v)!r}"


def linear(terms: Any) -> str:
    return " ".join(f"{signed(v)} {name}" for name, v in terms)


def limit(v: float) -> str:
    return repr(v) if math.isfinite(v) else ("+inf" if v > 0 else "-inf")


def lp_rows(row: Row, before: str = "") -> list[str]:
    """Return the lines of a row; a range is written as two rows, the second with another name."""
    body, lines = linear(row.terms), []
    if row.lower == row.upper:
        return [f" {row.name}: {before}{body} = {row.lower!r}"]
    if math.isfinite(row.upper):
        lines.append(f" {row.name}: {before}{body} <= {row.upper!r}")
    if math.isfinite(row.lower):
        name = f"{row.name}_l" if lines else row.name
        lines.append(f" {name}: {before}{body} >= {row.lower!r}")
    return lines


def lp_text(problem: Problem) -> str:
    """Write the LP file."""
    objective = linear((c.name, c.cost) for c in problem.columns)
    if problem.squares:
        objective += (
            " + [ " + " ".join(f"{signed(2 * v)} {name} ^ 2" for name, v in problem.squares) + " ] / 2"
        )
    lines = ["Maximize" if problem.maximise else "Minimize", f" obj: {objective}", "Subject To"]
    for row in problem.rows:
        lines += lp_rows(row)
    for one in problem.indicators:
        lines += lp_rows(one.row, f"{one.binary} = {one.on} -> ")
    lines.append("Bounds")
    lines += [f" {limit(c.lower)} <= {c.name} <= {limit(c.upper)}" for c in problem.columns]
    for title, names in (
        ("Generals", [c.name for c in problem.columns if c.integer]),
        ("Semi-Continuous", [c.name for c in problem.columns if c.semi]),
    ):
        if names:
            lines += [title, " " + " ".join(names)]
    if problem.ordered:
        lines.append("SOS")
        for group in problem.ordered:
            members = " ".join(f"{name}:{k + 1}" for k, name in enumerate(group.members))
            lines.append(f" {group.name}: S{group.kind}:: {members}")
    return "\n".join([*lines, "End", ""])


def mps_text(problem: Problem) -> str:
    """Write the MPS file (free form)."""
    rows = [
        part for row in [*problem.rows, *(one.row for one in problem.indicators)] for part in mps_rows(row)
    ]
    lines = ["NAME fuzz"]
    if problem.maximise:
        lines += ["OBJSENSE", "    MAX"]
    lines += ["ROWS", " N obj"]
    lines += [f" {kind(row)} {row.name}" for row in rows]
    lines.append("COLUMNS")
    inside = False
    for c in problem.columns:
        if c.integer != inside:
            lines.append(f"    MARKER 'MARKER' '{'INTORG' if c.integer else 'INTEND'}'")
            inside = c.integer
        lines.append(f"    {c.name} obj {c.cost!r}")
        lines += [f"    {c.name} {row.name} {v!r}" for row in rows for name, v in row.terms if name == c.name]
    if inside:
        lines.append("    MARKER 'MARKER' 'INTEND'")
    lines.append("RHS")
    lines += [f"    RHS {row.name} {(row.lower if kind(row) == 'G' else row.upper)!r}" for row in rows]
    ranged = [row for row in rows if kind(row) == "L" and math.isfinite(row.lower)]
    if ranged:
        lines.append("RANGES")
        lines += [f"    RNG {row.name} {row.upper - row.lower!r}" for row in ranged]
    lines.append("BOUNDS")
    for c in problem.columns:
        if c.semi:
            lines += [f" LO B {c.name} {c.lower!r}", f" SC B {c.name} {c.upper!r}"]
            continue
        if c.lower == -math.inf and c.upper == math.inf:
            lines.append(f" FR B {c.name}")
            continue
        lines.append(f" MI B {c.name}" if c.lower == -math.inf else f" LO B {c.name} {c.lower!r}")
        lines.append(f" PL B {c.name}" if c.upper == math.inf else f" UP B {c.name} {c.upper!r}")
    if problem.squares:
        lines.append("QUADOBJ")
        lines += [f"    {name} {name} {2 * v!r}" for name, v in problem.squares]
    if problem.ordered:
        lines.append("SOS")
        for group in problem.ordered:
            lines.append(f" S{group.kind} SOS {group.name}")
            lines += [f"    {name} {k + 1}" for k, name in enumerate(group.members)]
    if problem.indicators:
        lines.append("INDICATORS")
        for one in problem.indicators:
            lines += [f" IF {part.name} {one.binary} {one.on}" for part in mps_rows(one.row)]
    return "\n".join([*lines, "ENDATA", ""])


def mps_rows(row: Row) -> list[Row]:
    """Return the row, or its two sides where a reader would not get back from the width of its range what it was."""
    both = math.isfinite(row.lower) and math.isfinite(row.upper) and row.lower != row.upper
    width = row.upper - row.lower
    exact = both and rational(width) == rational(row.upper) - rational(row.lower)
    if not both or (exact and row.upper - width == row.lower):
        return [row]
    return [replace(row, lower=-math.inf), replace(row, name=f"{row.name}_l", upper=math.inf)]


def kind(row: Row) -> str:
    if row.lower == row.upper:
        return "E"
    return "L" if math.isfinite(row.upper) else "G"


def pyomo_of(problem: Problem) -> Any:
    model = pyo.ConcreteModel()
    for c in problem.columns:
        bounds = (c.lower if math.isfinite(c.lower) else None, c.upper if math.isfinite(c.upper) else None)
        domain = pyo.Integers if c.integer else pyo.Reals
        if c.integer and bounds == (0.0, 1.0):
            domain = pyo.Binary
        model.add_component(c.name, pyo.Var(domain=domain, bounds=bounds))

    def body(terms: Any) -> Any:
        return sum(v * getattr(model, name) for name, v in terms)

    for row in problem.rows:
        expression = body(row.terms)
        if row.lower == row.upper:
            rule = expression == row.lower
        elif row.lower == -math.inf:
            rule = expression <= row.upper
        elif row.upper == math.inf:
            rule = expression >= row.lower
        else:
            rule = pyo.inequality(row.lower, expression, row.upper)
        model.add_component(row.name, pyo.Constraint(expr=rule))
    for group in problem.ordered:
        members = [getattr(model, name) for name in group.members]
        weights = list(range(1, len(members) + 1))
        model.add_component(
            group.name, pyo.SOSConstraint(rule=lambda _, v=members, w=weights: (v, w), sos=group.kind)
        )
    objective = body((c.name, c.cost) for c in problem.columns)
    objective += sum(v * getattr(model, name) ** 2 for name, v in problem.squares)
    model.objective = pyo.Objective(expr=objective, sense=pyo.maximize if problem.maximise else pyo.minimize)
    return model


def cvxpy_of(problem: Problem) -> Any:
    x = {
        c.name: cvxpy.Variable(
            name=c.name, **({"boolean": True} if c.binary else {"integer": True} if c.integer else {})
        )
        for c in problem.columns
    }
    constraints = []
    for c in problem.columns:
        if math.isfinite(c.lower) and not (c.binary and c.lower == 0):
            constraints.append(x[c.name] >= c.lower)
        if math.isfinite(c.upper) and not (c.binary and c.upper == 1):
            constraints.append(x[c.name] <= c.upper)
    for row in problem.rows:
        body = sum(v * x[name] for name, v in row.terms)
        if row.lower == row.upper:
            constraints.append(body == row.lower)
            continue
        if math.isfinite(row.lower):
            constraints.append(body >= row.lower)
        if math.isfinite(row.upper):
            constraints.append(body <= row.upper)
    objective = sum(c.cost * x[c.name] for c in problem.columns)
    objective += sum(v * cvxpy.square(x[name]) for name, v in problem.squares)
    return cvxpy.Problem((cvxpy.Maximize if problem.maximise else cvxpy.Minimize)(objective), constraints)
