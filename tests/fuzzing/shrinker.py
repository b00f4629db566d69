"""The smallest problem that still fails: parts are left out and numbers made simple while it does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from tests.fuzzing.problem import Column, Problem, Row

__all__ = ["problem_steps", "shrunk", "simpler_columns", "smaller_rows"]

T = TypeVar("T")


def shrunk(
    problem: T, steps: Callable[[T], Iterator[T]], fails: Callable[[T], bool], seconds: float = 60.0
) -> T:
    """Return what fails and of which no single step smaller fails, or what time allows."""
    deadline = time.monotonic() + seconds
    progress = True
    while progress:
        progress = False
        for smaller in steps(problem):
            if time.monotonic() > deadline:
                return problem
            if smaller != problem and fails(smaller):
                problem, progress = smaller, True
                break
    return problem


def problem_steps(problem: Problem) -> Iterator[Problem]:
    """Yield smaller problems, the large steps first."""
    for k in range(len(problem.rows)):
        yield replace(problem, rows=problem.rows[:k] + problem.rows[k + 1 :])
    for k in range(len(problem.indicators)):
        yield replace(problem, indicators=problem.indicators[:k] + problem.indicators[k + 1 :])
    for k in range(len(problem.ordered)):
        yield replace(problem, ordered=problem.ordered[:k] + problem.ordered[k + 1 :])
    for k in range(len(problem.squares)):
        yield replace(problem, squares=problem.squares[:k] + problem.squares[k + 1 :])
    if len(problem.columns) > 1:
        for c in problem.columns:
            yield without(problem, c.name)
    for k, row in enumerate(problem.rows):
        for smaller in smaller_rows(row):
            yield replace(problem, rows=(*problem.rows[:k], smaller, *problem.rows[k + 1 :]))
    for k, one in enumerate(problem.indicators):
        for smaller in smaller_rows(one.row):
            rest = problem.indicators
            yield replace(problem, indicators=(*rest[:k], replace(one, row=smaller), *rest[k + 1 :]))
    for k, c in enumerate(problem.columns):
        for smaller_column in simpler_columns(c):
            yield replace(problem, columns=(*problem.columns[:k], smaller_column, *problem.columns[k + 1 :]))
    for k, (name, v) in enumerate(problem.squares):
        for simple in simpler(v):
            if simple > 0:
                yield replace(
                    problem, squares=(*problem.squares[:k], (name, simple), *problem.squares[k + 1 :])
                )
    if problem.maximise:
        yield replace(problem, maximise=False)


def without(problem: Problem, name: str) -> Problem:
    """Return the problem with a column at zero and left out."""

    def cut(row: Row) -> Row:
        return replace(row, terms=tuple(t for t in row.terms if t[0] != name))

    rows = tuple(r for r in map(cut, problem.rows) if r.terms)
    indicators = tuple(
        replace(k, row=cut(k.row)) for k in problem.indicators if k.binary != name and cut(k.row).terms
    )
    ordered = tuple(
        replace(o, members=tuple(m for m in o.members if m != name))
        for o in problem.ordered
        if len(set(o.members) - {name}) > 1
    )
    return replace(
        problem,
        columns=tuple(c for c in problem.columns if c.name != name),
        rows=rows,
        indicators=indicators,
        ordered=ordered,
        squares=tuple(s for s in problem.squares if s[0] != name),
    )


def simpler(v: float) -> Iterator[float]:
    """Yield simpler numbers of the same sign, simplest first, none that is as long as v itself."""
    if not math.isfinite(v) or v == 0:
        return
    yield 0.0
    for digits in ("1", f"{v:.0e}", f"{v:.1e}", f"{v:.3g}"):
        simple = math.copysign(float(digits), v) if digits == "1" else float(digits)
        if len(repr(simple)) < len(repr(v)) or (abs(simple) == 1 and abs(v) != 1):
            yield simple


def smaller_rows(row: Row) -> Iterator[Row]:
    for k, (name, v) in enumerate(row.terms):
        if len(row.terms) > 1:
            yield replace(row, terms=row.terms[:k] + row.terms[k + 1 :])
        for simple in simpler(v):
            if simple:
                yield replace(row, terms=(*row.terms[:k], (name, simple), *row.terms[k + 1 :]))
    if row.lower == row.upper:
        for simple in simpler(row.lower):
            yield replace(row, lower=simple, upper=simple)
        return
    if math.isfinite(row.lower) and math.isfinite(row.upper):
        yield replace(row, lower=-math.inf)
        yield replace(row, upper=math.inf)
    for simple in simpler(row.lower):
        if simple <= row.upper:
            yield replace(row, lower=simple)
    for simple in simpler(row.upper):
        if simple >= row.lower:
            yield replace(row, upper=simple)


def simpler_columns(c: Column) -> Iterator[Column]:
    for simple in simpler(c.cost):
        yield replace(c, cost=simple)
    if c.semi:
        yield replace(c, semi=False)
    if c.binary:
        return
    if c.integer:
        yield replace(c, integer=False)
    if math.isfinite(c.lower) and c.lower != 0 and c.upper >= 0:
        yield replace(c, lower=0.0)
    for simple in simpler(c.lower):
        if simple <= c.upper:
            yield replace(c, lower=simple)
    for simple in simpler(c.upper):
        if simple >= c.lower:
            yield replace(c, upper=simple)
