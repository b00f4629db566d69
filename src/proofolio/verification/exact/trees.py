r"""The checker of optimality over integers: a tree of branches, every leaf of which is a bound by multipliers.

A program is :math:`\min \tfrac12 x'Px + q'x + c` over linear rows, bounds, integers and convex quadratic rows. What a
tree proves is read from the leaves up: a branch divides at an integer, :math:`x_j \le k` or :math:`x_j \ge k + 1`, so
it proves the smaller of what its two halves prove; a leaf is a linear program, and its multipliers prove a bound or
that it is empty (`proofolio.verification.exact.certificate`). What is curved enters by tangents: a convex f has
:math:`f(x) \ge f(p) + \nabla f(p)'(x - p)` at every point p, and f is convex when its matrix is positive semidefinite,
which an elimination in fractions decides. A cut is a row that a tree of its own proves of all integer points, in most
cases one of two leaves: every MIR, Chvatal-Gomory and flow-cover cut holds in both halves of a split
:math:`\pi'x \le k` or :math:`\pi'x \ge k + 1` over integers. Where every
value the objective can take is a multiple of a step, a bound counts as the next multiple.

This module and `certificate` are all that has to be right for a certified optimum to be believed: fractions, the
model's data, no solver, no floating point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, gcd, lcm

from proofolio.verification.exact.certificate import Row, Side, System, bound, proves_empty, violation
from proofolio.verification.exact.in_time import check_time

__all__ = [
    "Branch",
    "Cut",
    "ExactProgram",
    "Leaf",
    "Node",
    "QuadraticRow",
    "Split",
    "Tangent",
    "boxed",
    "improves",
    "proved_bound",
    "semidefinite",
    "strengthened",
    "with_cut",
    "with_tangents",
]

Symmetric = Mapping[tuple[int, int], Fraction]  # both (i, j) and (j, i) stand in it
ZERO, ONE = Fraction(0), Fraction(1)


@dataclass(frozen=True)
class QuadraticRow:
    """A row ``low <= x'Px / 2 + linear x <= high``; a finite low needs -P, a finite high needs P, semidefinite."""

    matrix: Symmetric
    linear: Row
    low: Side
    high: Side


@dataclass(frozen=True)
class ExactProgram:
    """A minimisation in fractions: linear rows and bounds, integer columns, objective, and quadratic rows."""

    system: System
    integer: frozenset[int]
    linear: Row
    matrix: Symmetric = field(default_factory=dict)
    constant: Fraction = ZERO
    quadratic: tuple[QuadraticRow, ...] = ()

    def objective(self, x: Row) -> Fraction:
        """Return the objective at a point (absent columns are zero)."""
        return self.constant + _value(self.matrix, self.linear, x)

    def owns(self, columns: Iterable[int]) -> bool:
        """Whether all of some columns are columns of the program."""
        return all(0 <= j < len(self.system.lower) for j in columns)

    def holds(self, x: Row) -> bool:
        """Whether a point satisfies every row, bound and integrality exactly, and has no columns but the program's."""
        if not self.owns(x):
            return False
        if violation(self.system, x) > 0 or any(x.get(j, ZERO).denominator != 1 for j in self.integer):
            return False
        for row in self.quadratic:
            value = _value(row.matrix, row.linear, x)
            if (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
                return False
        return True

    @property
    def step(self) -> Fraction | None:
        """The largest number of which every value of the objective less its constant is a multiple, or None."""
        if self.matrix or not all(j in self.integer for j, a in self.linear.items() if a):
            return None
        some = [a for a in self.linear.values() if a]
        L = lcm(1, *(a.denominator for a in some))
        whole = gcd(*(a.numerator * (L // a.denominator) for a in some))
        return Fraction(whole, L) if whole else None


@dataclass(frozen=True)
class Tangent:
    """A tangent at a point: of the objective (row None), or of a quadratic row."""

    row: int | None
    point: Row


@dataclass(frozen=True)
class Leaf:
    """Multipliers of the rows, of the system first and then of the tangents; empty: that nothing satisfies them."""

    multipliers: Row
    empty: bool


@dataclass(frozen=True)
class Branch:
    """A column at most `at` (the node `below`) or at least `at + 1` (the node `above`); nodes by their number."""

    column: int
    at: int
    below: int
    above: int


@dataclass(frozen=True)
class Split:
    """A sum of integer columns at most `at` (node `below`) or at least `at + 1` (`above`): a row after the others."""

    row: Mapping[int, int]
    at: int
    below: int
    above: int


Node = Leaf | Branch | Split


@dataclass(frozen=True)
class Cut:
    """A row ``row x <= side`` that a tree proves of every point with integers; of one column, a bound and no row."""

    row: Row
    side: Fraction
    nodes: tuple[Node, ...]


def boxed(system: System, boxes: Mapping[int, tuple[Side, Side]]) -> System:
    """Return a system with some columns in other bounds."""
    lower, upper = list(system.lower), list(system.upper)
    for j, (low, high) in boxes.items():
        lower[j], upper[j] = low, high
    return replace(system, lower=tuple(lower), upper=tuple(upper))


def proved_bound(
    program: ExactProgram, tangents: Sequence[Tangent], nodes: Sequence[Node], cuts: Sequence[Cut] = ()
) -> Fraction | str | None:
    """Return the bound on the objective that a tree proves: a number, None for nothing, or ``"empty"``.

    The root is node 0. A tree that is none (a node used twice, a branch on a column that is no integer, nodes that
    are missing) proves nothing. The rows are those of the program, then the cuts, then the tangents.
    """
    cut = strengthened(program, cuts)
    if cut is None or not _convex(program, tangents):
        return None
    system, objective = with_tangents(cut, tangents)
    found = _least(system, program.integer, objective, nodes)
    if found is None or isinstance(found, str):
        return found
    step = program.step
    return (found if step is None else step * ceil(found / step)) + program.constant


def strengthened(program: ExactProgram, cuts: Sequence[Cut]) -> ExactProgram | None:
    """Return a program with its cuts as rows, each proved by those before it; None where one is not proved."""
    system = program.system
    for cut in cuts:
        if not (cut.row and all(cut.row.values()) and program.owns(cut.row)):
            return None
        proved = _least(system, program.integer, {j: -a for j, a in cut.row.items()}, cut.nodes)
        if proved != "empty" and not (isinstance(proved, Fraction) and -proved <= cut.side):
            return None
        system = with_cut(system, cut)
    return replace(program, system=system)


def with_cut(system: System, cut: Cut) -> System:
    """Return a system with a cut as its last row, or as a bound where it has one column."""
    if len(cut.row) > 1:
        return _with_row(system, cut.row, None, cut.side)
    ((j, a),) = cut.row.items()
    low, high = system.lower[j], system.upper[j]
    return boxed(system, {j: (low, cut.side / a) if a > 0 else (cut.side / a, high)})


def _least(
    root: System, integer: frozenset[int], objective: Row, nodes: Sequence[Node]
) -> Fraction | str | None:
    """Return what a tree proves that a linear function is at least, over the points with integers in a system."""
    if not nodes:
        return None
    body = {j: -a for j, a in objective.items()}
    least: Fraction | str = "empty"
    seen: set[int] = set()
    todo: list[tuple[int, System]] = [(0, root)]
    while todo:
        check_time()
        at, here = todo.pop()
        if at in seen or not 0 <= at < len(nodes):
            return None
        seen.add(at)
        node = nodes[at]
        if isinstance(node, Branch):
            j, k = node.column, node.at
            if j not in integer or k != int(k):
                return None
            low, high = here.box(j)
            if low is None or low <= k:
                end = Fraction(k) if high is None else min(high, Fraction(k))
                todo.append((node.below, boxed(here, {j: (low, end)})))
            if high is None or high >= k + 1:
                end = Fraction(k + 1) if low is None else max(low, Fraction(k + 1))
                todo.append((node.above, boxed(here, {j: (end, high)})))
        elif isinstance(node, Split):
            if node.at != int(node.at) or not all(j in integer and a == int(a) for j, a in node.row.items()):
                return None
            row = {j: Fraction(a) for j, a in node.row.items()}
            todo.append((node.below, _with_row(here, row, None, Fraction(node.at))))
            todo.append((node.above, _with_row(here, row, Fraction(node.at + 1), None)))
        elif node.empty:
            if not proves_empty(here, node.multipliers):
                return None
        else:
            most = bound(here, body, node.multipliers)
            if most is None:
                return None
            least = -most if isinstance(least, str) else min(least, -most)
    return least


def _with_row(system: System, row: Row, low: Side, high: Side) -> System:
    return replace(system, rows=(*system.rows, row), low=(*system.low, low), high=(*system.high, high))


def improves(program: ExactProgram, x: Row, value: Fraction) -> bool:
    """Whether a point satisfies the program exactly and its objective is below a value."""
    return program.holds(x) and program.objective(x) < value


def semidefinite(matrix: Symmetric) -> bool:
    """Whether a symmetric matrix is positive semidefinite: no pivot is negative, and no zero one has a row."""
    left = {key: a for key, a in matrix.items() if a}
    if any(left.get((j, i)) != a for (i, j), a in left.items()):
        return False
    for k in sorted({i for i, _ in left}):
        pivot = left.get((k, k), ZERO)
        others = {j: a for (i, j), a in left.items() if i == k and j != k}
        if pivot < 0 or (pivot == 0 and others):
            return False
        for i in [*others, k]:
            left.pop((i, k), None)
            left.pop((k, i), None)
        for i, a in others.items():
            check_time()
            for j, b in others.items():
                rest = left.get((i, j), ZERO) - a * b / pivot
                if rest:
                    left[i, j] = rest
                else:
                    left.pop((i, j), None)
    return True


def _convex(program: ExactProgram, tangents: Sequence[Tangent]) -> bool:
    """Whether everything that tangents are taken of is convex."""
    rows = {tangent.row for tangent in tangents}
    if not semidefinite(program.matrix) or (None in rows and not program.matrix):
        return False
    for i in rows - {None}:
        if i is None or not 0 <= i < len(program.quadratic):
            return False
        row = program.quadratic[i]
        sign = ONE if row.high is not None else -ONE
        if (row.low is not None) == (row.high is not None):
            return False
        if not semidefinite({key: sign * a for key, a in row.matrix.items()}):
            return False
    return True


def with_tangents(program: ExactProgram, tangents: Sequence[Tangent]) -> tuple[System, Row]:
    """Return the linear rows with those of the tangents after them, and the objective as a row.

    A curved objective is a column of its own, the last one, that every tangent of the objective is below.
    """
    system, n = program.system, len(program.system.lower)
    rows, low, high = list(system.rows), list(system.low), list(system.high)
    for tangent in tangents:
        check_time()
        curve = None if tangent.row is None else program.quadratic[tangent.row]
        matrix, linear = (program.matrix, program.linear) if curve is None else (curve.matrix, curve.linear)
        slope = dict(linear)
        for (i, j), a in matrix.items():
            if j in tangent.point:
                slope[i] = slope.get(i, ZERO) + a * tangent.point[j]
        # f(p) - slope'p = -p'Pp / 2
        start = (
            -sum(
                (a * tangent.point.get(i, ZERO) * tangent.point.get(j, ZERO) for (i, j), a in matrix.items()),
                ZERO,
            )
            / 2
        )
        if curve is None:
            rows.append({**slope, n: -ONE})
            low.append(None)
            high.append(-start)
        else:
            rows.append(slope)
            low.append(None if curve.low is None else curve.low - start)
            high.append(None if curve.high is None else curve.high - start)
    if not program.matrix:
        return replace(system, rows=tuple(rows), low=tuple(low), high=tuple(high)), program.linear
    wider = System(tuple(rows), tuple(low), tuple(high), (*system.lower, None), (*system.upper, None))
    return wider, {n: ONE}


def _value(matrix: Symmetric, linear: Row, x: Row) -> Fraction:
    curved = sum((a * x.get(i, ZERO) * x.get(j, ZERO) for (i, j), a in matrix.items()), ZERO) / 2
    return curved + sum((a * x.get(j, ZERO) for j, a in linear.items()), ZERO)
