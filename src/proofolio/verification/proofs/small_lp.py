"""Small linear programs by HiGHS, and exact answers made of its floating ones.

HiGHS only suggests. What it says is used as (a) multipliers, projected and rounded until
`proofolio.verification.exact.certificate` accepts them, or (b) a basis, solved in fractions, or (c) nothing at all,
and the system is solved in fractions from the start: these systems have a few dozen columns, so the fractions
stay small (Applegate, Cook, Dash & Espinoza 2007, Exact solutions to linear programming problems).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf, log2

import numpy as np
from scipy import sparse

from proofolio.errors import SolverFailure
from proofolio.solvers.highs.session import BASIC, UPPER, Session
from proofolio.verification.exact.certificate import (
    Row,
    Side,
    System,
    Undecidable,
    bound,
    proves_empty,
    violation,
)
from proofolio.verification.exact.elimination import solve_square
from proofolio.verification.exact.simplex import exact_feasible, exact_maximum
from proofolio.verification.proofs.lines import Line
from proofolio.verification.proofs.statement import reach as implied_reach

__all__ = ["Answer", "SmallLP"]


DENOMINATORS = (1, 1000, 10**6)
# Dual simplex without presolving, so that there is a basis and a ray, at the least tolerances HiGHS takes.
OPTIONS = {
    "presolve": "off",
    "solver": "simplex",
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
}


# A coefficient below this whose term stays below it too, or has no bound, is what the rounding of a square root left.
# HiGHS, which only suggests, is not given it: kept, it takes a proof from delta = 0 to 1e-9, or leaves HiGHS without
# an answer (shipped disjunctions, two-decimal family).
NOTHING = 1e-9
USUAL = (5e-5, 2e4)  # sizes of columns between which the absolute tolerances of HiGHS do no harm
NOISE = 1e-12  # of a row's largest term: what is smaller in all its rows gives no column a unit
LEAST = Fraction(1, 10**18)  # what a strict inequality asks for in exact programs


BRIEFLY = 1e-2  # seconds that HiGHS is given when the time is up


@dataclass(frozen=True)
class Answer:
    """What HiGHS said: a status, the value of max c'x, a point and multipliers (a ray's when empty)."""

    status: str  # "optimal", "empty" or "unbounded"
    value: float
    point: list[float]
    multipliers: list[float]


class SmallLP:
    """One system held in HiGHS, asked many questions that differ in freed sides, fixed columns and objective.

    Parameters
    ----------
    system : System
        Its own `freed` and `fixed` are ignored: each question brings them.
    deadline : float
        On the clock of `time.perf_counter`; past it every question is `Undecidable`.
    """

    def __init__(self, system: System, deadline: float = inf) -> None:
        self.system = replace(system, freed=frozenset(), fixed={})
        self.deadline = deadline
        self._freed: frozenset[tuple[int, str]] = frozenset()
        self._fixed: Mapping[int, Fraction] = {}
        self._cost: set[int] = set()
        self._low, self._high = _floats(system.low, -inf), _floats(system.high, inf)
        self._lower, self._upper = _floats(system.lower, -inf), _floats(system.upper, inf)
        self._units = self._column_units(system)
        sizes = [
            max((abs(float(a)) * self._units[j] for j, a in row.items()), default=1.0) for row in system.rows
        ]
        self._factors = [_power(1.0 / size) if self._scaled and size else 1.0 for size in sizes]
        self._cost_unit = 1.0
        self._session = self._loaded(system)

    def question(
        self, freed: frozenset[tuple[int, str]] = frozenset(), fixed: Mapping[int, Fraction] | None = None
    ) -> System:
        """Return the system of one question."""
        return replace(self.system, freed=freed, fixed=fixed or {})

    def maximise(self, c: Row, system: System) -> Answer:
        """Maximise c'x over a `question` of this system.

        Raises
        ------
        Undecidable
            Past the deadline, or when HiGHS gives up on a program too large for fractions.
        """
        if time.perf_counter() > self.deadline:
            raise Undecidable("the time limit was reached")
        session = self._session
        for i, _ in self._freed ^ system.freed:
            low = -inf if (i, "lower") in system.freed else self._low[i]
            high = inf if (i, "upper") in system.freed else self._high[i]
            session.change_row(i, low * self._factors[i], high * self._factors[i])
        moved = sorted({*self._fixed, *system.fixed})
        if moved:
            fixed = [(float(system.fixed[j]),) * 2 if j in system.fixed else None for j in moved]
            ends = [end or (self._lower[j], self._upper[j]) for j, end in zip(moved, fixed, strict=True)]
            lower, upper = (np.array(ends, dtype=float).T / [self._units[j] for j in moved]).copy()
            session.change_box(np.array(moved, dtype=np.int32), lower, upper)
        sized = {j: -float(a) * self._units[j] for j, a in c.items()}
        most = max((abs(a) for a in sized.values()), default=0.0)
        unit = self._cost_unit = _power(1.0 / most) if self._scaled and most else 1.0
        cost = dict.fromkeys(self._cost - set(c), 0.0) | {j: a * unit for j, a in sized.items()}
        if cost:
            values = np.array([*cost.values()], dtype=float)
            session.change_cost(np.array([*cost], dtype=np.int32), values)
        self._freed, self._fixed, self._cost = system.freed, dict(system.fixed), set(c)
        status = self._solved()
        if status not in ("optimal", "infeasible", "unbounded"):
            session.forget()
            status = self._solved()
        if status == "optimal":
            return self._optimal()
        if status == "infeasible":
            ray = session.dual_ray()
            return Answer("empty", -inf, [], [] if ray is None else (ray * np.array(self._factors)).tolist())
        if status == "unbounded" and all(self._reach(j) < inf for j in c):
            session.forget()  # a bounded objective is never unbounded: ask once more, from no basis
            status = self._solved()
            if status == "optimal":
                return self._optimal()
        if status == "unbounded":
            return Answer("unbounded", inf, [], [])
        return self._in_fractions(c, system)

    def _in_fractions(self, c: Row, system: System) -> Answer:
        """Answer without HiGHS, which gave up or calls a bounded objective unbounded."""
        best = exact_maximum(system, c, self.deadline)
        y = [float(best.multipliers.get(i, 0)) for i in range(len(system.rows))]
        if best.value is None:
            return Answer(best.status, -inf if best.status == "empty" else inf, [], y)
        return Answer(
            "optimal", float(best.value), [float(best.point.get(j, 0)) for j in range(len(system.lower))], y
        )

    def _optimal(self) -> Answer:
        session, unit = self._session, self._cost_unit
        point, duals = session.point() * self._units, -session.row_duals() * self._factors / unit
        return Answer("optimal", -session.value / unit, point.tolist(), duals.tolist())

    def _solved(self) -> str:
        try:
            return self._session.solve(max(self.deadline - time.perf_counter(), BRIEFLY))
        except SolverFailure:
            return "failed"

    def _loaded(self, system: System) -> Session:
        session = Session(OPTIONS, seed=1)
        units, factors = np.array(self._units), np.array(self._factors)
        entries = [
            (i, j, float(a) * units[j] * factors[i])
            for i, row in enumerate(system.rows)
            for j, a in row.items()
        ]
        rows = [
            (i, j, a) for i, j, a in entries if abs(a) >= NOTHING or NOTHING <= abs(a) * self._reach(j) < inf
        ]
        where, columns, data = zip(*rows, strict=True) if rows else ((), (), ())
        shape = len(system.rows), len(system.lower)
        matrix = sparse.csr_array((np.array(data, dtype=float), (where, columns)), shape=shape)
        box, sides = (
            (np.array(self._lower) / units, np.array(self._upper) / units),
            (np.array(self._low) * factors, np.array(self._high) * factors),
        )
        try:
            session.load(np.zeros(shape[1]), box, matrix, sides)
        except SolverFailure:
            raise Undecidable("HiGHS refused the numbers of a small linear program") from None
        return session

    def _reach(self, j: int) -> float:
        return max(abs(self._lower[j]), abs(self._upper[j])) / self._units[j]

    @property
    def _scaled(self) -> bool:
        return any(unit != 1.0 for unit in self._units)

    def _column_units(self, system: System) -> list[float]:
        """Return the power of two each column is measured in: 1 everywhere unless sizes are unusual.

        What the rows leave a column counts, not careless bounds. A column without limits is measured like the
        smallest that shares a row with it. One that is lost beside the others in all its rows (what the rounding of a
        square root left) has no say.
        """
        bounds = [max(abs(low), abs(high)) for low, high in zip(self._lower, self._upper, strict=True)]
        if all(_is_usual(r) for r in bounds):
            return [1.0] * len(bounds)
        rows = zip(system.rows, system.low, system.high, strict=True)
        reach = _floats(implied_reach([Line(*row) for row in rows], system.lower, system.upper, 2), inf)
        seen: set[int] = set()
        for row in system.rows:
            terms = {j: abs(float(a)) * reach[j] for j, a in row.items() if 0.0 < reach[j] < inf}
            least = NOISE * max(terms.values(), default=0.0)
            seen |= {j for j, term in terms.items() if term > least}
        reach = [r if r == inf or j in seen else 0.0 for j, r in enumerate(reach)]
        if all(_is_usual(r) for r in reach):
            return [1.0] * len(reach)
        units = [_power(r) if 0.0 < r < inf else 1.0 for r in reach]
        found = list(units)
        for row in system.rows:
            shared = [units[j] * abs(float(a)) for j, a in row.items() if 0.0 < reach[j] < inf]
            for j, a in row.items():
                if reach[j] == inf and shared:
                    found[j] = _power(min(shared) / abs(float(a)))
        return found

    # ------------------------------------------------------------- exactness
    def certify(
        self,
        c: Row,
        system: System,
        answer: Answer,
        target: Fraction,
        lent: Callable[[Row], Fraction] = lambda y: Fraction(0),
    ) -> dict[int, Fraction] | None:
        """Return multipliers that prove c'x <= target + what they are lent, or None; none at all come first."""
        found: list[tuple[Fraction, dict[int, Fraction]]] = []
        for y in self._multipliers(c, system, answer):
            proved = bound(system, c, y)
            if proved is not None:
                found.append((proved, y))
                if proved <= min(target, Fraction(0)):
                    break
        for proved, y in sorted(found, key=lambda pair: pair[0]):
            if proved <= target or proved <= target + lent(y):
                return y
        beyond = _with_goal(system, c, target + LEAST)
        point, y = exact_feasible(beyond, self.deadline)
        share = -y.pop(len(system.rows), Fraction(0))  # of the goal, which is low: its multiplier is negative
        if point is not None or share <= 0:
            return None
        solved = {i: v / share for i, v in y.items()}
        proved = bound(system, c, solved)
        return solved if proved is not None and proved <= target + lent(solved) else None

    def certify_empty(self, system: System, answer: Answer) -> dict[int, Fraction] | None:
        """Return multipliers that prove the system empty, or None."""
        for sign in (1.0, -1.0):
            turned = replace(answer, multipliers=[sign * y for y in answer.multipliers])
            for y in self._multipliers({}, system, turned):
                proved = bound(system, {}, y)
                if proved is not None and proved < 0:
                    return y
        point, y = exact_feasible(system, self.deadline)
        return y if point is None and proves_empty(system, y) else None

    def _multipliers(self, c: Row, system: System, answer: Answer) -> Iterator[dict[int, Fraction]]:
        yield {}
        largest = max((abs(y) for y in answer.multipliers), default=0.0)
        raw = [(i, y) for i, y in enumerate(answer.multipliers) if abs(y) > 1e-12 * largest]
        allowed = [
            (i, y) for i, y in raw if system.side(i, "upper" if y > 0 else "lower") is not None and y == y
        ]
        if answer.status == "empty":
            allowed = [(i, y / largest) for i, y in allowed]
        for limit in DENOMINATORS:
            yield {i: f for i, y in allowed if (f := Fraction(y).limit_denominator(limit))}
        yield {i: Fraction(y) for i, y in allowed}
        if answer.status == "optimal":
            solved = self._basic_multipliers(c, system)
            if solved is not None:
                yield solved

    def _basic_multipliers(self, c: Row, system: System) -> dict[int, Fraction] | None:
        """Solve B'y = c_B in fractions, for the basis HiGHS stopped at."""
        columns, rows = self._session.basis()
        basic = [j for j, status in enumerate(columns) if status == BASIC]
        tight = [i for i, status in enumerate(rows) if status != BASIC]
        matrix = [[system.rows[i].get(j, Fraction(0)) for i in tight] for j in basic]
        solved = solve_square(matrix, [c.get(j, Fraction(0)) for j in basic])
        if solved is None:
            return None
        y = {i: v for i, v in zip(tight, solved, strict=True) if v}
        usable = all(system.side(i, "upper" if v > 0 else "lower") is not None for i, v in y.items())
        return y if usable else None

    def exact_point(
        self, system: System, answer: Answer, goal: Row | None = None, above: Fraction = Fraction(0)
    ) -> dict[int, Fraction] | None:
        """Return an exact point of the system with goal x > above, near what HiGHS said last."""
        wanted = goal or {}
        for point in self._points(system, answer):
            if (not wanted or _value(wanted, point) > above) and violation(system, point) == 0:
                return point
        asked = _with_goal(system, wanted, above + LEAST) if wanted else system
        found, _ = exact_feasible(asked, self.deadline)
        return found

    def has_point(self, system: System, answer: Answer) -> bool:
        """Whether an exact point of the system lies near what HiGHS said last; False says nothing."""
        return any(violation(system, point) == 0 for point in self._points(system, answer))

    def vertex(self, system: System) -> dict[int, Fraction] | None:
        """Return the exact vertex HiGHS stopped at, None when its basis is not exactly feasible."""
        point = self._basic_point(system)
        return point if point is not None and violation(system, point) == 0 else None

    def _points(self, system: System, answer: Answer) -> Iterator[dict[int, Fraction]]:
        for limit in DENOMINATORS:
            yield {j: _rounded(x, *system.box(j), limit) for j, x in enumerate(answer.point)}
        point = self._basic_point(system)
        if point is not None:
            yield point
        yield {j: _rounded(x, *system.box(j), 10**15) for j, x in enumerate(answer.point)}

    def _basic_point(self, system: System) -> dict[int, Fraction] | None:
        """Solve for the basis HiGHS stopped at, in fractions."""
        columns, rows = self._session.basis()
        basic = [j for j, status in enumerate(columns) if status == BASIC]
        tight = [i for i, status in enumerate(rows) if status != BASIC]
        point: dict[int, Fraction] = {}
        for j, status in enumerate(columns):
            if status != BASIC:
                point[j] = _end(*system.box(j), upper=status == UPPER)
        right, matrix = [], []
        for i in tight:
            side = _end(system.side(i, "lower"), system.side(i, "upper"), upper=rows[i] == UPPER)
            row = system.rows[i]
            right.append(side - sum((a * point[j] for j, a in row.items() if j in point), Fraction(0)))
            matrix.append([row.get(j, Fraction(0)) for j in basic])
        solved = solve_square(matrix, right)
        return None if solved is None else point | dict(zip(basic, solved, strict=True))


def _is_usual(reach: float) -> bool:
    return reach in (0.0, inf) or USUAL[0] <= reach <= USUAL[1]


def _power(size: float) -> float:
    return float(2.0 ** round(log2(size)))


def _with_goal(system: System, goal: Row, least: Fraction) -> System:
    """Return the system with one more row: goal x >= least."""
    return replace(system, rows=(*system.rows, goal), low=(*system.low, least), high=(*system.high, None))


def _value(terms: Row, point: Mapping[int, Fraction]) -> Fraction:
    return sum((a * point.get(j, Fraction(0)) for j, a in terms.items()), Fraction(0))


def _rounded(x: float, low: Side, high: Side, limit: int) -> Fraction:
    """Round to a denominator, onto a bound that is met within rounding."""
    for end in (low, high):
        if end is not None and abs(float(end) - x) <= 1e-11 * max(1.0, abs(x)):
            return end
    return Fraction(x).limit_denominator(limit)


def _end(low: Side, high: Side, upper: bool) -> Fraction:
    first, second = (high, low) if upper else (low, high)
    return first if first is not None else second if second is not None else Fraction(0)


def _floats(sides: tuple[Side, ...], infinite: float) -> list[float]:
    return [infinite if side is None else float(side) for side in sides]
