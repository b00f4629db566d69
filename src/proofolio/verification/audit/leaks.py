r"""Whether the leak of a switched row can change the answer: points that solvers accept, and bounds on all of them.

A solver takes a binary for an integer when it is within eps = 1e-6 of one, so that a row which it switches moves by
M eps while the binary still counts as on. Two questions are asked of every side.

Not safe: is there a point that a solver accepts and may call optimal, which is none? One binary stands eps off its
on-value, the other integers are whole, the rows hold (those in which the binary weighs no more than the feasibility
tolerance would move: to that tolerance), and the objective is at most a usual gap above that of the best exact point.
With its integers rounded, this very side is broken by more than its tolerance (where only another row of
the same binary is, it is that one that is not safe), and nothing is feasible, or the best that is left is worse by more
than 1e-6 of the objective.
The point is exact, and what rounding leaves is proved by multipliers.

Safe: it is proved that no point whose integers are all within eps of whole numbers, this binary of its on-value, is
better than the best exact point by more than 1e-6 of its objective (`tolerances`; multipliers with all other integers
relaxed prove it as well). Several binaries may leak together: where they gain more than that, but no more than 1e-6
for each of them and than a usual gap, a proof for this binary's own leak is enough. That a leak is within the
feasibility tolerance proves nothing: rows may be written in small units, and other rows may multiply what leaks.

Where neither is shown, and where the objective is curved or there is none to compare by, nothing is said.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.errors import SolverFailure
from proofolio.program.program import Program
from proofolio.solvers.highs.session import Session
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.relaxation import DISCRETE, OPTIONS
from proofolio.verification.audit.tolerances import NearlyWhole
from proofolio.verification.audit.verdicts import Finding, Safety, leak_of
from proofolio.verification.exact.certificate import violation
from proofolio.verification.exact.lp_bounds import Certified, ExactRows, Question, as_decimal
from proofolio.verification.exact.points import Point, broken_beyond, exact_point

__all__ = ["Best", "Leaks"]

FEASIBILITY = Fraction(1, 10**6)  # of HiGHS (mixed-integer) and SCIP, absolute, by default
WORSE = Fraction(1, 10**6)  # part of the objective by which an answer has to be wrong to count
GAP = Fraction(1, 10**4)  # at which solvers stop by default: a point within it may be the answer
NEARLY = Fraction(99, 100)  # part of the integrality tolerance by which the binary is off in a point
BEST_SECONDS = 3.0  # for an exact point that is as good as can be
TOGETHER = 0.4  # part of the time for what all leaks gain together
TREE_SECONDS = 0.5  # for one tree of one binary
EMPTY, ONE = Fraction(-1, 10**12), Fraction(1)
OTHERS_SECONDS = 0.2  # for the other integers beside one binary that leaks
SAFE_BOUND = (
    "no point with the binary within the integrality tolerance of its on-value beats the best exact one"
)
CURVED = "the objective is curved"
NO_TIME = "the time limit was reached before its leak was looked at"
OPEN = "neither a point that leaks was found, nor a proof that none does"


@dataclass(frozen=True)
class Best:
    """The best exact point known."""

    point: Point
    x: Floats
    value: Fraction


class Leaks:
    """One program and its candidates' leaks; linear programs with the objective, asked many times."""

    def __init__(self, search: Search, integrality: float) -> None:
        self.search, self.program, self.eps = search, search.program, as_decimal(integrality)
        self.integers = search.integers
        p = self.program
        self.cost = {int(j): as_decimal(float(p.q[j])) for j in np.flatnonzero(p.q)}
        self.constant = as_decimal(float(p.c))
        self.upward = {j: -a for j, a in self.cost.items()}
        self.columns = p.A.tocsc()
        self.curved = p.P.nnz > 0
        self._linear = _loaded(p, np.zeros(p.n, dtype=bool))
        self._held: dict[int, tuple[float, float]] = {}
        self._near: NearlyWhole | None = None
        self.harmless = self.little = False  # whether all leaks together gain nothing, or little for each

    # ---------------------------------------------------------------- the answer
    def judge(
        self, asked: Sequence[Candidate], findings: Sequence[Finding], best: Best | None, seconds: float
    ) -> None:
        """Say of each finding whether its leak can matter, given the best exact point known."""
        ends = time.perf_counter() + seconds
        linear = [k for k, c in enumerate(asked) if c.kind == "row"]
        shared = None if best is None or self.curved else self._shared_bound()
        if best is not None and self.cost and not self.curved:
            self._together(best, len({asked[k].place.binary for k in linear}), TOGETHER * seconds)
        for k in sorted(linear, key=lambda k: -leak_of(asked[k], float(self.eps))):
            candidate, finding = asked[k], findings[k]
            left = ends - time.perf_counter()
            if self.curved or left <= 0:
                finding.safety = Safety(None, CURVED if self.curved else NO_TIME)
                continue
            found = self._unsafe(candidate, best, ends)
            if found is None and best is not None:
                bounded = self.harmless or self._bounded(candidate, best, shared, ends)
                if bounded or self._by_trees(candidate, best, ends):
                    found = Safety(True, SAFE_BOUND)
            finding.safety = found or Safety(None, OPEN)

    def best(self, seconds: float = BEST_SECONDS) -> Best | None:
        """Return a best exact point of the whole model, None if none is found in time."""
        x = self._mixed({}, {}, min(seconds, BEST_SECONDS))
        if x is None:
            return None
        whole = {j: (v, v) for j, v in zip(self.integers.tolist(), x[self.integers].tolist(), strict=True)}
        status, x = self._solve(whole, {}, seconds)
        if status != "optimal" or x is None:
            return None
        point = exact_point(self.program, self.search.exact, x, None, {}, self.search.ends)
        return None if point is None else Best(point, x, self._value(point))

    # ------------------------------------------------------------------ not safe
    def _unsafe(self, candidate: Candidate, best: Best | None, ends: float) -> Safety | None:
        for pattern in self._patterns(candidate, best, ends):
            found = self._leaking(candidate, pattern, best, ends)
            if found is not None:
                return found
        return None

    def _patterns(self, candidate: Candidate, best: Best | None, ends: float) -> Iterator[dict[int, float]]:
        """Yield values of the integers beside which the binary may leak: the best point's, and its own best."""
        y = candidate.place.binary
        if best is not None:
            yield {j: float(best.x[j]) for j in self.integers.tolist()} | {y: float(candidate.on)}
        seconds = min(OTHERS_SECONDS, ends - time.perf_counter())
        if seconds > 0 and not self.harmless:
            x = self._mixed(*self._leaky(candidate), seconds, free=y)
            if x is not None:
                yield {j: float(round(x[j])) for j in self.integers.tolist()} | {y: float(candidate.on)}

    def _leaky(
        self, candidate: Candidate
    ) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
        """Return the binary's box and the sides of the rows that give way to it by the feasibility tolerance."""
        p, y = self.program, candidate.place.binary
        at = float(self._off_by(candidate))
        rows = dict[int, tuple[float, float]]()
        A = self.columns
        for k in range(int(A.indptr[y]), int(A.indptr[y + 1])):
            i, a = int(A.indices[k]), abs(float(A.data[k]))
            if a <= 1.0:
                room = a * float(self.eps)
                rows[i] = (float(p.row_lower[i]) - room, float(p.row_upper[i]) + room)
        return {y: (at, at)}, rows

    def _off_by(self, candidate: Candidate) -> Fraction:
        """Return where the binary stands: within the integrality tolerance of its on-value."""
        return candidate.on + NEARLY * self.eps * (1 if candidate.off else -1)

    def _leaking(
        self, candidate: Candidate, pattern: Mapping[int, float], best: Best | None, ends: float
    ) -> Safety | None:
        y = candidate.place.binary
        held = {j: (v, v) for j, v in pattern.items()}
        box, rows = self._leaky(candidate)
        status, x = self._solve({**held, **box}, rows, ends - time.perf_counter())
        if status != "optimal" or x is None:
            return None
        about = self.program.q @ x
        if best is not None and about > float(best.value - self.constant + 2 * GAP * self._size(best.point)):
            return None
        status, after = self._solve(held, {}, ends - time.perf_counter())
        if status == "optimal" and after is not None:
            worse = float(self.program.q @ after - about)
            if not worse > 0:
                return None
        elif status != "infeasible":
            return None
        point = self._exactly(x, {**held, **box}, rows, y)
        if point is None:
            return None
        value, size = self._value(point), self._size(point)
        if best is not None:
            size = max(size, self._size(best.point))
            if value > best.value + GAP * size:
                return None
        if not self._needs_leak(candidate, point):
            return None
        return self._rounded(candidate, held, point, value, size)

    @staticmethod
    def _needs_leak(candidate: Candidate, point: Point) -> bool:
        """Whether a point breaks this very side once its binary is rounded: another row may leak beside it.

        The other integers of the point are whole. The tolerance is that part of the side's own terms at the point, at
        most of one: rows may be in small units.
        """
        terms = [abs(a * point[j]) for j, a in candidate.body.items() if j in point]
        size = min(ONE, max([abs(candidate.tight), *terms]))
        return candidate.value(point) - candidate.tight > FEASIBILITY * size

    def _exactly(
        self,
        x: Floats,
        boxes: Mapping[int, tuple[float, float]],
        rows: Mapping[int, tuple[float, float]],
        y: int,
    ) -> Point | None:
        """Return an exact point that a solver accepts near x, or None."""
        program = self._narrowed(boxes, rows)
        integer = program.integer.copy()
        integer[y] = False
        program = replace(program, integer=integer)
        point = exact_point(program, ExactRows(program), x, None, {}, self.search.ends)
        if point is None or broken_beyond(self.program, point) is not None:
            return None
        return point if violation(self.search.exact.system, point) <= FEASIBILITY else None

    def _rounded(
        self,
        candidate: Candidate,
        held: Mapping[int, tuple[float, float]],
        point: Point,
        value: Fraction,
        size: Fraction,
    ) -> Safety | None:
        """Prove that rounding the integers of a point leaves nothing, or nothing as good."""
        whole = {j: Fraction(round(low)) for j, (low, _) in held.items()}
        question = Question((frozenset()), {j: (v, v) for j, v in whole.items()})
        status, _ = self._solve(held, {}, self.search.left)
        if status == "optimal":
            proof = self._certified(self.search.exact, question)
            if proof is None:
                return None
            after = self.constant - proof.bound
            if after <= value + WORSE * size:
                return None
            why = f"{float(value):.9g} becomes {float(after):.9g} once its integers are rounded"
            return Safety(False, why, point, value, after)
        if status == "infeasible" and self._proved_empty(question):
            return Safety(False, "nothing is feasible once its integers are rounded", point, value, None)
        return None

    def _proved_empty(self, question: Question) -> bool:
        """Whether the multipliers of the program just solved prove that nothing satisfies it."""
        try:
            ray = self._linear.dual_ray()
        except SolverFailure:
            return False
        for signed in () if ray is None else (ray, -ray):
            largest = float(np.max(np.abs(signed), initial=0.0))
            if largest:
                proof = self.search.exact.certify({}, signed / largest, question, goal=EMPTY)
                if proof is not None and proof.bound < 0:
                    return True
        return False

    # ---------------------------------------------------------------------- safe
    def _goal(self, best: Best, times: Fraction = ONE) -> Fraction:
        """Return the objective below which a gain counts; `times` as much for several leaks together."""
        allowed = min(times * WORSE, GAP)
        return best.value - allowed * min(abs(best.value), abs(best.value - self.constant))

    def _together(self, best: Best, count: int, seconds: float) -> None:
        """Ask what all leaks gain together: nothing, or little for each of `count` binaries."""
        self._near = NearlyWhole(self.program, float(self.eps))
        ends = time.perf_counter() + seconds
        self.harmless = self._near.at_least(self._goal(best) - self.constant, seconds / 2)
        if not self.harmless:
            goal = self._goal(best, Fraction(count)) - self.constant
            self.little = self._near.at_least(goal, ends - time.perf_counter())

    def _by_trees(self, candidate: Candidate, best: Best, ends: float) -> bool:
        """Whether trees prove that the leak gains nothing: with all others, or alone where all gain little together."""
        if self._near is None:
            return False
        goal, held = self._goal(best) - self.constant, {candidate.place.binary: candidate.on}

        def left() -> float:
            return min(TREE_SECONDS, ends - time.perf_counter())

        if self._near.at_least(goal, left(), held):
            return True
        return self.little and self._near.at_least(goal, left(), held, alone=candidate.place.binary)

    def _shared_bound(self) -> Mapping[int, Fraction] | None:
        """Return multipliers of the relaxation with the objective: they may prove many sides safe at once."""
        status, _ = self._solve({}, {}, self.search.left)
        proof = self._certified(self.search.exact, Question()) if status == "optimal" else None
        return None if proof is None else proof.multipliers

    def _bounded(
        self, candidate: Candidate, best: Best, shared: Mapping[int, Fraction] | None, ends: float
    ) -> bool:
        """Whether multipliers prove that the leak gains nothing beyond the best exact point."""
        if not self.cost:
            return False  # every point is as good: that none is better says nothing
        on, off = Fraction(candidate.on), candidate.on + self.eps * (1 if candidate.off else -1)
        question = Question(frozenset(), {candidate.place.binary: (min(on, off), max(on, off))})
        goal = self._goal(best)
        if shared is not None:
            bound, _ = self.search.exact.evaluate(self.upward, shared, question)
            if bound is not None and self.constant - bound >= goal:
                return True
        box = {candidate.place.binary: (float(min(on, off)), float(max(on, off)))}
        status, x = self._solve(box, {}, ends - time.perf_counter())
        if status == "infeasible":
            return self._proved_empty(question)
        if (
            status != "optimal"
            or x is None
            or float(self.program.q @ x) < float(goal - self.constant) * (1 - 1e-9)
        ):
            return False
        proof = self._certified(self.search.exact, question)
        return proof is not None and self.constant - proof.bound >= goal

    # ----------------------------------------------------------------- arithmetic
    def _value(self, point: Point) -> Fraction:
        return self.constant + sum((a * point[j] for j, a in self.cost.items() if j in point), Fraction(0))

    def _size(self, point: Point) -> Fraction:
        """Return the size of the objective at a point: its value, or its largest term where they cancel."""
        terms = [abs(a * point[j]) for j, a in self.cost.items() if j in point]
        return max([abs(self._value(point)), *terms])

    # -------------------------------------------------------------------- solving
    def _certified(self, exact: ExactRows, question: Question) -> Certified | None:
        session = self._linear
        return exact.certify(self.upward, -session.row_duals(), question, -session.value)

    def _narrowed(
        self, boxes: Mapping[int, tuple[float, float]], rows: Mapping[int, tuple[float, float]]
    ) -> Program:
        p = self.program
        lower, upper = p.lower.copy(), p.upper.copy()
        low, high = p.row_lower.copy(), p.row_upper.copy()
        for j, box in boxes.items():
            lower[j], upper[j] = box
        for i, sides in rows.items():
            low[i], high[i] = sides
        return replace(p, lower=lower, upper=upper, row_lower=low, row_upper=high)

    def _solve(
        self,
        boxes: Mapping[int, tuple[float, float]],
        rows: Mapping[int, tuple[float, float]],
        seconds: float,
    ) -> tuple[str, Floats | None]:
        """Solve the relaxation with some columns in other bounds and some rows with other sides."""
        p, session = self.program, self._linear
        changed = {j: boxes.get(j, (float(p.lower[j]), float(p.upper[j]))) for j in {*self._held, *boxes}}
        changed = {j: box for j, box in changed.items() if self._held.get(j) != box}
        if changed:
            ends = np.array(list(changed.values()), dtype=float)
            at = np.fromiter(changed, dtype=np.int32, count=len(changed))
            session.change_box(at, ends[:, 0].copy(), ends[:, 1].copy())
        self._held = dict(boxes)
        for i, sides in rows.items():
            session.change_row(i, *sides)
        try:
            status = session.solve_decided(max(seconds, 1e-3))
            x = session.point() if status == "optimal" else None
        except SolverFailure:
            session.forget()
            status, x = "failed", None
        for i in rows:
            session.change_row(i, float(p.row_lower[i]), float(p.row_upper[i]))
        return status, x

    def _mixed(
        self,
        boxes: Mapping[int, tuple[float, float]],
        rows: Mapping[int, tuple[float, float]],
        seconds: float,
        free: int = -1,
    ) -> Floats | None:
        """Return a solver's best point over the integers, rounded; `free` is a column that need be none."""
        integer = self.program.integer.copy()
        if free >= 0:
            integer[free] = False
        session = _loaded(self._narrowed(boxes, rows), integer)
        session.listen()
        try:
            session.solve(max(seconds, 1e-2))
        except SolverFailure:
            return None
        if not session.has_point:
            return None
        x = session.point()
        x[integer] = np.round(x[integer])
        return x


def _loaded(program: Program, integer: Mask) -> Session:
    some = bool(integer.any())
    session = Session(OPTIONS | DISCRETE if some else OPTIONS)
    sides = (program.row_lower, program.row_upper)
    session.load(program.q, (program.lower, program.upper), program.A, sides, integer if some else None)
    return session
