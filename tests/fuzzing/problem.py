"""A small model as plain data: what the generator makes, the shrinker cuts, and every route is fed with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from tests.fuzzing.exact import Bound, Exact, bounded, rational, terms_of

__all__ = ["Column", "Indicator", "Ordered", "Problem", "Row", "exact_of", "extremes", "ordinary"]


@dataclass(frozen=True)
class Column:
    """A column; `semi` means zero or within the bounds."""

    name: str
    lower: float = 0.0
    upper: float = math.inf
    integer: bool = False
    cost: float = 0.0
    semi: bool = False

    @property
    def binary(self) -> bool:
        return self.integer and self.lower >= 0 and self.upper <= 1


@dataclass(frozen=True)
class Row:
    """``lower <= terms <= upper``; terms are (name of a column, coefficient)."""

    name: str
    terms: tuple[tuple[str, float], ...]
    lower: float = -math.inf
    upper: float = math.inf


@dataclass(frozen=True)
class Indicator:
    """``binary = on`` implies the row."""

    binary: str
    on: int
    row: Row


@dataclass(frozen=True)
class Ordered:
    """At most `kind` columns, neighbours for 2, are nonzero."""

    name: str
    kind: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Optimise ``cost'x + constant + sum of squares' weights`` over everything below."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    ordered: tuple[Ordered, ...] = ()
    maximise: bool = False
    squares: tuple[tuple[str, float], ...] = ()  # v x^2 in the objective, in its own sense
    big_m: tuple[str, ...] = field(default=(), compare=False)  # names of the rows meant as Big-M rows

    def index(self) -> dict[str, int]:
        return {c.name: j for j, c in enumerate(self.columns)}

    def with_column(self, name: str, **changes: object) -> Problem:
        return replace(
            self,
            columns=tuple(replace(c, **changes) if c.name == name else c for c in self.columns),  # type: ignore[arg-type]
        )


def exact_of(problem: Problem, *, sense: bool = True) -> Exact:
    """Return the problem in rationals, as a minimisation; without its objective when not `sense`."""
    at = problem.index()
    sign = -1 if problem.maximise else 1
    exact = Exact()
    for c in problem.columns:
        low, high = bounded(c.lower), bounded(c.upper)
        if c.semi:
            j = len(exact.lower)
            exact.choices.append([[(j, Fraction(0), Fraction(0))], [(j, low, high)]])
            low = None if low is None else min(low, Fraction(0))
            high = None if high is None else max(high, Fraction(0))
        exact.lower.append(low)
        exact.upper.append(high)
        exact.integer.append(c.integer)
        exact.cost.append(sign * rational(c.cost) if sense else Fraction(0))
    for row in problem.rows:
        terms = terms_of({at[name]: v for name, v in row.terms})
        exact.rows.append((terms, bounded(row.lower), bounded(row.upper)))
    for one in problem.indicators:
        k = exact.n + len(exact.rows)
        exact.rows.append((terms_of({at[name]: v for name, v in one.row.terms}), None, None))
        b, on = at[one.binary], Fraction(one.on)
        exact.choices.append(
            [[(b, 1 - on, 1 - on)], [(b, on, on), (k, bounded(one.row.lower), bounded(one.row.upper))]]
        )
    for group in problem.ordered:
        members = [at[name] for name in group.members]
        places = [set(members[k : k + group.kind]) for k in range(max(1, len(members) - group.kind + 1))]
        zero: tuple[Bound, Bound] = (Fraction(0), Fraction(0))
        exact.choices.append([[(j, *zero) for j in members if j not in kept] for kept in places])
    if sense:
        for name, v in problem.squares:
            exact.quadratic[at[name], at[name]] = 2 * sign * rational(v)
    return exact


def numbers(problem: Any) -> list[float]:
    """Return every finite nonzero number of a problem, or of what lists its own."""
    if not isinstance(problem, Problem):
        return list(problem.numbers())
    found = [v for c in problem.columns for v in (c.lower, c.upper, c.cost)]
    for row in [*problem.rows, *(one.row for one in problem.indicators)]:
        found += [row.lower, row.upper, *(v for _, v in row.terms)]
    found += [v for _, v in problem.squares]
    return [abs(v) for v in found if v and math.isfinite(v)]


def extremes(problem: Any) -> tuple[float, float]:
    """Return the smallest and largest size of a number in the problem."""
    sizes = numbers(problem) or [1.0]
    return min(sizes), max(sizes)


def ordinary(problem: Any) -> bool:
    """Whether all numbers lie between 1e-3 and 1e4."""
    low, high = extremes(problem)
    return low >= 1e-3 and high <= 1e4
