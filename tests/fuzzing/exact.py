"""Mixed-integer linear programs solved in rational arithmetic: nothing here is shared with the product.

A bounded simplex with Bland's rule over `fractions.Fraction`, and a search over integers and over choices (one of
several sets of bounds: the sides of an indicator, the places of an ordered set, zero or not). The search is fair,
best bound first, so it ends whenever the integers are bounded by the rows, and often when they are not; when it
does not end within its limit the answer is ``unknown`` and whoever asks must leave the instance out.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["Answer", "Exact", "Limit", "optimum"]

Number = Fraction
Bound = Fraction | None  # None: no bound
Choice = list[tuple[int, Bound, Bound]]  # (column, or columns + row, lower, upper), all of which must hold


class OutOfTime(Exception):
    """The limit is reached before the search has ended."""


@dataclass(frozen=True)
class Limit:
    """How long one search may take: nodes, and seconds of this process."""

    nodes: int = 4000
    seconds: float = 4.0


@dataclass
class Exact:
    """Minimise ``cost'x + constant`` over rows, bounds, integers and choices.

    `rows` are ``(terms, lower, upper)``; of each entry of `choices` at least one alternative must hold.
    `quadratic` holds the entries (i, j) of a symmetric positive semidefinite P of ``x'Px / 2``.
    """

    lower: list[Bound] = field(default_factory=list)
    upper: list[Bound] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    cost: list[Number] = field(default_factory=list)
    constant: Number = Fraction(0)
    rows: list[tuple[dict[int, Number], Bound, Bound]] = field(default_factory=list)
    choices: list[list[Choice]] = field(default_factory=list)
    quadratic: dict[tuple[int, int], Number] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.lower)

    def value(self, x: Sequence[Number]) -> Number:
        """Evaluate the objective."""
        curved = sum((v * x[i] * x[j] for (i, j), v in self.quadratic.items()), Fraction(0))
        return self.constant + sum((c * v for c, v in zip(self.cost, x, strict=True)), curved / 2)

    def holds(self, x: Sequence[Number]) -> bool:
        """Whether a point satisfies everything, exactly."""
        extended = [
            *x,
            *(sum((v * x[j] for j, v in terms.items()), Fraction(0)) for terms, _, _ in self.rows),
        ]
        limits = [*zip(self.lower, self.upper, strict=True), *((low, high) for _, low, high in self.rows)]
        return (
            all(within(v, low, high) for v, (low, high) in zip(extended, limits, strict=True))
            and all(v.denominator == 1 for v, integer in zip(x, self.integer, strict=True) if integer)
            and all(any(chosen(extended, a) for a in alternatives) for alternatives in self.choices)
        )


@dataclass(frozen=True)
class Answer:
    """``optimal`` with value and point, ``infeasible``, ``unbounded``, or ``unknown``."""

    status: str
    value: Number | None = None
    point: tuple[Number, ...] | None = None


def within(value: Number, low: Bound, high: Bound) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def chosen(extended: Sequence[Number], alternative: Choice) -> bool:
    return all(within(extended[k], low, high) for k, low, high in alternative)


class Simplex:
    """Columns and row bodies with bounds that may be changed; solved again from where it stands.

    Basic variables are combinations of the others, ``x[basic[i]] = sum_k table[i][k] x[others[k]]``.
    """

    def __init__(self, exact: Exact, deadline: float) -> None:
        n, m = exact.n, len(exact.rows)
        self.deadline = deadline
        self.n = n
        self.others = list(range(n))
        self.basic = list(range(n, n + m))
        self.table = [[terms.get(j, Fraction(0)) for j in range(n)] for terms, _, _ in exact.rows]
        self.x = [Fraction(0)] * (n + m)
        self.lower: list[Bound] = [None] * (n + m)
        self.upper: list[Bound] = [None] * (n + m)

    def bound(self, lower: Sequence[Bound], upper: Sequence[Bound]) -> None:
        """Set all bounds, and bring the columns that are not basic inside."""
        self.lower, self.upper = list(lower), list(upper)
        for k, j in enumerate(self.others):
            low, high = lower[j], upper[j]
            if low is not None and self.x[j] < low:
                self.shift(k, low - self.x[j])
            elif high is not None and self.x[j] > high:
                self.shift(k, high - self.x[j])

    def shift(self, k: int, step: Number) -> None:
        """Move one column that is not basic."""
        self.x[self.others[k]] += step
        for i, row in enumerate(self.table):
            if row[k]:
                self.x[self.basic[i]] += row[k] * step

    def pivot(self, i: int, k: int) -> None:
        """Exchange basic i with other k; the point stays."""
        if time.process_time() > self.deadline:
            raise OutOfTime
        row = self.table[i]
        inverse = 1 / row[k]
        row = [-inverse * v if v else v for v in row]
        row[k] = inverse
        self.table[i] = row
        for r, other in enumerate(self.table):
            factor = other[k]
            if r != i and factor:
                self.table[r] = [a + factor * b if b else a for a, b in zip(other, row, strict=True)]
                self.table[r][k] = factor * inverse
        self.basic[i], self.others[k] = self.others[k], self.basic[i]

    def room(self, j: int, up: bool) -> bool:
        limit = self.upper[j] if up else self.lower[j]
        return limit is None or (self.x[j] < limit if up else self.x[j] > limit)

    def feasible(self) -> bool:
        """Reach a point within all bounds, by Bland's rule; False when there is none."""
        if any(
            a is not None and b is not None and a > b for a, b in zip(self.lower, self.upper, strict=True)
        ):
            return False
        while True:
            outside = [
                (j, i)
                for i, j in enumerate(self.basic)
                if not within(self.x[j], self.lower[j], self.upper[j])
            ]
            if not outside:
                return True
            j, i = min(outside)
            low = self.lower[j]
            up = low is not None and self.x[j] < low
            target = low if up else self.upper[j]
            row = self.table[i]
            entering = [
                (v, k) for k, v in enumerate(self.others) if row[k] and self.room(v, (row[k] > 0) == up)
            ]
            if not entering:
                return False
            _, k = min(entering)
            self.shift(k, (target - self.x[j]) / row[k])
            self.pivot(i, k)

    def minimise(self, cost: Sequence[Number]) -> bool:
        """Minimise over the columns from a feasible point; False when it is unbounded."""
        while True:
            reduced = [cost[j] if j < self.n else Fraction(0) for j in self.others]
            for i, j in enumerate(self.basic):
                if j < self.n and cost[j]:
                    reduced = [
                        a + cost[j] * b if b else a for a, b in zip(reduced, self.table[i], strict=True)
                    ]
            entering = [
                (j, k) for k, j in enumerate(self.others) if reduced[k] and self.room(j, reduced[k] < 0)
            ]
            if not entering:
                return True
            j, k = min(entering)
            sign = 1 if reduced[k] < 0 else -1
            limit = self.upper[j] if sign > 0 else self.lower[j]
            steps = [] if limit is None else [(abs(limit - self.x[j]), j, -1)]
            for i, b in enumerate(self.basic):
                rate = self.table[i][k] * sign
                if rate:
                    limit = self.upper[b] if rate > 0 else self.lower[b]
                    if limit is not None:
                        steps.append(((limit - self.x[b]) / rate, b, i))
            if not steps:
                return False
            step, _, i = min(steps)
            self.shift(k, sign * step)
            if i >= 0:
                self.pivot(i, k)


def optimum(exact: Exact, limit: Limit | None = None, cutoff: Bound = None) -> Answer:
    """Solve exactly; with a `cutoff`, only points strictly better count."""
    limit = limit or Limit()
    try:
        return Search(exact, limit).run(cutoff)
    except OutOfTime:
        return Answer("unknown")


class Search:
    """Branch and bound, best bound first, over one simplex."""

    def __init__(self, exact: Exact, limit: Limit) -> None:
        self.exact, self.limit = exact, limit
        self.simplex = Simplex(exact, time.process_time() + limit.seconds)
        self.nodes = 0
        self.x: list[Number] = []
        self.integers = [j for j, integer in enumerate(exact.integer) if integer]

    def relaxation(self, lower: list[Bound], upper: list[Bound], cost: Sequence[Number]) -> str:
        self.nodes += 1
        if self.nodes > self.limit.nodes:
            raise OutOfTime
        self.simplex.bound(lower, upper)
        if not self.simplex.feasible():
            return "infeasible"
        self.x = self.simplex.x
        if self.exact.quadratic and cost is self.exact.cost:
            return self.curved(lower, upper)
        return "optimal" if self.simplex.minimise(cost) else "unbounded"

    def curved(self, lower: list[Bound], upper: list[Bound]) -> str:
        """Minimise the quadratic objective over a box of columns and rows that is known to have a point."""
        found = convex_point(self.exact, lower, upper, self.simplex.deadline)
        if found is None:
            return "unbounded"
        bodies = [
            sum((v * found[j] for j, v in terms.items()), Fraction(0)) for terms, _, _ in self.exact.rows
        ]
        self.x = [*found, *bodies]
        return "optimal"

    def run(self, cutoff: Bound) -> Answer:
        exact = self.exact
        lower = [ceiled(v, i) for v, i in zip(exact.lower, exact.integer, strict=True)]
        upper = [floored(v, i) for v, i in zip(exact.upper, exact.integer, strict=True)]
        lower += [low for _, low, _ in exact.rows]
        upper += [high for _, _, high in exact.rows]
        best, point = cutoff, None
        count = itertools.count()
        heap = [(-math.inf, 0, next(count), lower, upper, Fraction(0))]
        while heap:
            guess, _, _, lower, upper, parent = heapq.heappop(heap)
            if best is not None and guess != -math.inf and parent >= best:
                continue
            status = self.relaxation(lower, upper, exact.cost)
            if status == "infeasible":
                continue
            x = self.x
            value = exact.value(x[: exact.n])
            if status == "optimal" and best is not None and value >= best:
                continue
            depth = next(count)
            broken = [a for a in exact.choices if not any(chosen(x, one) for one in a)]
            if status == "unbounded":
                # Some direction improves for ever. With every choice made, integers do not stop it (the data are
                # rational), provided that there is any point at all.
                broken = broken or [
                    a for a in exact.choices if not any(fixed(lower, upper, one) for one in a)
                ]
                if not broken:
                    if self.any_point(lower, upper):
                        return Answer("unbounded")
                    continue
            if broken:
                children = [tightened(lower, upper, one) for one in broken[0]]
            else:
                fractional = [j for j in self.integers if x[j].denominator != 1]
                if not fractional:
                    best, point = value, tuple(x[: exact.n])
                    continue
                j = fractional[0]
                down = math.floor(x[j])
                children = [
                    tightened(lower, upper, [(j, None, Fraction(down))]),
                    tightened(lower, upper, [(j, Fraction(down + 1), None)]),
                ]
            order = float_of(value) if status == "optimal" else -math.inf
            for child_lower, child_upper in children:
                heapq.heappush(heap, (order, depth, next(count), child_lower, child_upper, value))
        return Answer("infeasible") if point is None else Answer("optimal", best, point)

    def any_point(self, lower: list[Bound], upper: list[Bound]) -> bool:
        """Whether there is a point with these bounds whose integers are integers; its choices are made."""
        zero = [Fraction(0)] * self.exact.n
        waiting = [(lower, upper)]
        for lower, upper in waiting:  # grows while it is read: breadth first
            if self.relaxation(lower, upper, zero) == "infeasible":
                continue
            fractional = [j for j in self.integers if self.x[j].denominator != 1]
            if not fractional:
                return True
            j = fractional[0]
            down = math.floor(self.x[j])
            waiting.append(tightened(lower, upper, [(j, None, Fraction(down))]))
            waiting.append(tightened(lower, upper, [(j, Fraction(down + 1), None)]))
        return False


def convex_point(
    exact: Exact, lower: Sequence[Bound], upper: Sequence[Bound], deadline: float
) -> list[Number] | None:
    """Minimise ``x'Px / 2 + cost'x`` over bounds and rows that have a point; None when it is unbounded.

    Lemke's method on the optimality conditions. Columns are counted from a finite bound, and free ones are
    differences of two; for a semidefinite P the method ends with a solution whenever there is one.
    """
    n = exact.n
    parts: list[tuple[int, int]] = []  # x_j = base + sum of sign * part
    base = [Fraction(0)] * n
    limits: list[tuple[dict[int, Number], Number]] = []  # terms >= right side
    for j in range(n):
        low, high = lower[j], upper[j]
        if low is not None:
            base[j] = low
            parts.append((j, 1))
        elif high is not None:
            base[j] = high
            parts.append((j, -1))
        else:
            parts += [(j, 1), (j, -1)]
        if low is not None and high is not None:
            limits.append(({j: Fraction(-1)}, -high))
    for k, (terms, _, _) in enumerate(exact.rows):
        low, high = lower[n + k], upper[n + k]
        if low is not None:
            limits.append((terms, low))
        if high is not None:
            limits.append(({j: -v for j, v in terms.items()}, -high))
    slope = list(exact.cost)
    for (i, j), v in exact.quadratic.items():
        slope[i] += v * base[j]
    size = len(parts) + len(limits)
    matrix = [[Fraction(0)] * size for _ in range(size)]
    right = [Fraction(0)] * size
    for a, (j, sign) in enumerate(parts):
        right[a] = sign * slope[j]
        for b, (i, other) in enumerate(parts):
            matrix[a][b] = sign * other * exact.quadratic.get((j, i), Fraction(0))
        for b, (terms, _) in enumerate(limits, len(parts)):
            matrix[a][b] = -sign * terms.get(j, Fraction(0))
            matrix[b][a] = sign * terms.get(j, Fraction(0))
    for b, (terms, least) in enumerate(limits, len(parts)):
        right[b] = sum((v * base[j] for j, v in terms.items()), Fraction(0)) - least
    z = lemke(matrix, right, deadline)
    if z is None:
        return None
    x = list(base)
    for a, (j, sign) in enumerate(parts):
        x[j] += sign * z[a]
    return x


def lemke(matrix: list[list[Number]], right: list[Number], deadline: float) -> list[Number] | None:
    """Return z >= 0 with w = matrix z + right >= 0 and w'z = 0, or None after a ray."""
    size = len(right)
    if all(v >= 0 for v in right):
        return [Fraction(0)] * size
    # Columns: w, z, the artificial one, the right side; w - matrix z - artificial = right.
    zero, one = Fraction(0), Fraction(1)
    table = [
        [one if j == i else zero for j in range(size)] + [-v for v in matrix[i]] + [-one, right[i]]
        for i in range(size)
    ]
    basic = list(range(size))
    artificial = 2 * size

    def pivot(i: int, k: int) -> None:
        if time.process_time() > deadline:
            raise OutOfTime
        inverse = 1 / table[i][k]
        table[i] = [v * inverse if v else v for v in table[i]]
        for r, row in enumerate(table):
            if r != i and row[k]:
                factor = row[k]
                table[r] = [a - factor * b if b else a for a, b in zip(row, table[i], strict=True)]
        basic[i] = k

    # The first pivot takes the row that is lexicographically least; so do the ties later: no cycles.
    i = min(range(size), key=lambda r: [table[r][-1], *table[r][:size]])
    leaving = basic[i]
    pivot(i, artificial)
    while leaving != artificial:
        entering = leaving + size if leaving < size else leaving - size
        rows = [r for r in range(size) if table[r][entering] > 0]
        if not rows:
            return None
        i = min(
            rows,
            key=lambda r: [
                table[r][-1] / table[r][entering],
                *(v / table[r][entering] for v in table[r][:size]),
            ],
        )
        if artificial in basic:
            r = basic.index(artificial)
            if (
                table[r][entering] > 0
                and table[r][-1] / table[r][entering] == table[i][-1] / table[i][entering]
            ):
                i = r
        leaving = basic[i]
        pivot(i, entering)
    z = [zero] * size
    for r, k in enumerate(basic):
        if size <= k < 2 * size:
            z[k - size] = table[r][-1]
    return z


def float_of(value: Number) -> float:
    """Return a float for the order of nodes only; a comparison that decides is made in rationals."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -1e308


def ceiled(value: Bound, integer: bool) -> Bound:
    return Fraction(math.ceil(value)) if integer and value is not None else value


def floored(value: Bound, integer: bool) -> Bound:
    return Fraction(math.floor(value)) if integer and value is not None else value


def tightened(
    lower: Sequence[Bound], upper: Sequence[Bound], alternative: Choice
) -> tuple[list[Bound], list[Bound]]:
    lower, upper = list(lower), list(upper)
    for k, low, high in alternative:
        mine, yours = lower[k], upper[k]
        if low is not None and (mine is None or low > mine):
            lower[k] = low
        if high is not None and (yours is None or high < yours):
            upper[k] = high
    return lower, upper


def fixed(lower: Sequence[Bound], upper: Sequence[Bound], alternative: Choice) -> bool:
    """Whether bounds already imply an alternative."""
    return all(
        (low is None or ((mine := lower[k]) is not None and mine >= low))
        and (high is None or ((yours := upper[k]) is not None and yours <= high))
        for k, low, high in alternative
    )


def rational(value: float) -> Number:
    """Read a finite float as the decimal that it prints as, as files are read."""
    return Fraction(repr(float(value)))


def bounded(value: float) -> Bound:
    return None if math.isinf(value) else rational(value)


def terms_of(terms: Mapping[int, float]) -> dict[int, Number]:
    return {j: rational(v) for j, v in terms.items() if v}
