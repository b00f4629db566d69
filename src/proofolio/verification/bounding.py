"""Bounds on what a candidate needs, by intervals and linear programs, made exact; and points that reach it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from proofolio.program.interval import quadratic_bounds
from proofolio.program.program import Program
from proofolio.verification.candidates import Candidate
from proofolio.verification.points import exact_point, fits, near_feasible
from proofolio.verification.rational import Certified, ExactRows, Question, as_decimal
from proofolio.verification.relaxation import Answer, Relaxation
from proofolio.verification.verdicts import Finding, Number, slack

__all__ = ["Bounding"]

Floats = NDArray[np.float64]
Boxes = Mapping[int, tuple[float, float]]
INTEGRAL = 1e-6
DIVES = 6
MARGIN = 1e-6
INEXACT = "a point that satisfies the rest to 1e-9 is cut off, but none was found that satisfies it exactly"
WELL = Fraction(1, 500)  # a point that needs this share of M shows a leak of 1e-6 M to be safe
UNBOUNDED = (
    "nothing else in the model bounds the row's body: give finite bounds to its variables to have M judged"
)


class Bounding:
    """One program, its relaxation and its exact data, shared by all questions about its rows."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.exact = ExactRows(program)
        self.integers = np.flatnonzero(program.integer)
        self._last: Floats | None = None

    @cached_property
    def relaxation(self) -> Relaxation:
        """The relaxation in the solver's memory."""
        return Relaxation(self.program)

    # --------------------------------------------------------------- intervals
    @cached_property
    def _posted(self) -> tuple[dict[int, int], dict[int, int]]:
        """Rows with one column that bound it better than its own bounds do: by column, above and below."""
        p, above, below = self.program, dict[int, int](), dict[int, int]()
        upper, lower = p.upper.copy(), p.lower.copy()
        for i in np.flatnonzero(np.diff(p.A.indptr) == 1).tolist():
            j, a = int(p.A.indices[p.A.indptr[i]]), float(p.A.data[p.A.indptr[i]])
            if not a:
                continue
            ends = sorted((p.row_lower[i] / a, p.row_upper[i] / a))
            if ends[1] < upper[j]:
                upper[j], above[j] = ends[1], i
            if ends[0] > lower[j]:
                lower[j], below[j] = ends[0], i
        return above, below

    def interval(self, candidate: Candidate) -> Certified | None:
        """Bound the body over the bounds of its columns, posted as rows or not; None when infinite."""
        above, below = self._posted
        body, y = candidate.body, dict[int, Fraction]()
        for j, a in body.items():
            i = (above if a > 0 else below).get(j)
            if i is not None:
                y[i] = y.get(i, Fraction(0)) + a / self.exact.coefficients(i)[j]
        bound, _ = self.exact.evaluate(body, y, Question())
        if bound is None or not candidate.forms:
            return None if bound is None else Certified(bound, y)
        curved = quadratic_bounds(candidate.forms, self.program.lower, self.program.upper)[1]
        return Certified(bound + Fraction(curved), y) if math.isfinite(curved) else None

    def by_interval(self, candidate: Candidate) -> Finding:
        """Start a finding with what intervals say: the binary does not matter to them."""
        if candidate.why_not:
            return Finding(reason=candidate.why_not)
        found = self.interval(candidate)
        if found is None:
            return Finding(reason="intervals give no bound")
        finding = Finding(top=found.bound, top_on=found.bound, certified=not candidate.forms)
        finding.multipliers = finding.multipliers_on = found.multipliers
        if candidate.forms:
            finding.reason = (
                "the row is quadratic, and intervals, the only bound known for those, do not decide"
            )
        return finding

    # --------------------------------------------------------- linear programs
    def solve(
        self,
        candidate: Candidate,
        value: int,
        boxes: Boxes | None = None,
        cap: float = math.inf,
        seconds: float = math.inf,
        margin: float = 0.0,
    ) -> Answer:
        """Maximise the body over the rest of the relaxation with the binary at a value."""
        held = _boxes(candidate, value, boxes)
        return self.relaxation.maximise(
            candidate.columns, candidate.values, candidate.freed, held, cap, seconds, margin
        )

    def prove(
        self, candidate: Candidate, value: int, answer: Answer, boxes: Boxes | None = None
    ) -> Certified | None:
        """Make the bound of an answer exact; a bound below zero on the empty body proves infeasibility."""
        question = self.question(candidate, value, boxes)
        if answer.status == "optimal" and answer.duals is not None:
            return self.exact.certify(candidate.body, answer.duals, question, answer.value)
        if answer.status != "infeasible":
            return None
        goal = Fraction(-1, 10**12)
        for ray in self._rays(candidate, value, answer, boxes):
            size = float(np.max(np.abs(ray), initial=0.0))
            if not size > 0:
                continue
            proof = self.exact.certify({}, ray / size, question, goal=goal)
            if proof is not None and proof.bound < 0:
                return proof
        return None

    def _rays(
        self, candidate: Candidate, value: int, answer: Answer, boxes: Boxes | None
    ) -> Iterator[Floats]:
        if answer.duals is not None:
            yield answer.duals
            yield -answer.duals
        held = _boxes(candidate, value, boxes)
        elastic = self.relaxation.elastic(candidate.freed, held)
        if elastic is not None:
            yield elastic

    def question(self, candidate: Candidate, value: int, boxes: Boxes | None = None) -> Question:
        """Return the question that an answer belongs to, for the exact side."""
        held = {j: (_exact(a), _exact(b)) for j, (a, b) in (boxes or {}).items()}
        held.update({j: (Fraction(v), Fraction(v)) for j, v in candidate.held(value).items()})
        freed = () if candidate.freed is None else (candidate.freed,)
        return Question(frozenset(freed), held)

    def by_lp(self, candidate: Candidate, finding: Finding, seconds: float) -> Answer:
        """Sharpen a finding by the linear program with the binary off."""
        answer = self.solve(candidate, candidate.off, seconds=seconds)
        if answer.status in ("limit", "failed"):
            said = (
                "the time limit was reached"
                if answer.status == "limit"
                else f"HiGHS stopped: {answer.message}"
            )
            finding.reason = finding.reason if answer.status == "limit" and finding.top < math.inf else said
            return answer
        if answer.status == "unbounded":
            finding.reason = UNBOUNDED
            return answer
        proof = self.prove(candidate, candidate.off, answer)
        if proof is None:
            what = "that nothing satisfies the rest" if answer.status == "infeasible" else "of its bound"
            finding.reason = f"no proof {what} held in exact arithmetic"
            return answer
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top:
            finding.top, finding.tier, finding.certified = top, "lp", True
            finding.multipliers = proof.multipliers
        finding.reason = (
            f"the relaxation allows up to {float(proof.bound - candidate.tight):.9g}, the integers may not"
        )
        return answer

    def by_lp_on(self, candidate: Candidate, finding: Finding, seconds: float) -> None:
        """Ask whether the side can bind at all with the binary on."""
        answer = self.solve(candidate, candidate.on, seconds=seconds)
        proof = self.prove(candidate, candidate.on, answer)
        if proof is None:
            return
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top_on:
            finding.top_on, finding.multipliers_on = top, proof.multipliers
            if top <= candidate.tight and finding.tier == "interval":
                finding.tier = "lp"

    # ------------------------------------------------------------------ points
    def reach(
        self, candidate: Candidate, finding: Finding, x: Floats, want_cut: bool, seconds: float
    ) -> None:
        """Raise the lower end of what is needed by points of the rest near a solution of its relaxation.

        A point found for a side that may be cut off is made exact; others hold to 1e-9. The search ends at a
        cut, or once what is needed is known well enough to call the leak safe.
        """
        ends = time.perf_counter() + seconds
        rounded = x.copy()
        rounded[self.integers] = np.round(x[self.integers])
        _hold(rounded, candidate)
        if self._record(candidate, finding, rounded, want_cut):
            return
        better = self._rounded_by_locks(x)
        _hold(better, candidate)
        if self._record(candidate, finding, better, want_cut) or not self.integers.size:
            return
        for guess in (*self._guesses(x, candidate), better):
            left = ends - time.perf_counter()
            found = self._completed(candidate, guess, left) if left > 0 else None
            if found is not None and self._record(candidate, finding, found, want_cut):
                return
        dived = self._dive(candidate, x, ends)
        if dived is not None:
            self._record(candidate, finding, dived, want_cut)

    def _guesses(self, x: Floats, candidate: Candidate) -> Iterator[Floats]:
        """Yield the point with the integers of the last feasible point: neighbours share most of theirs."""
        if self._last is not None:
            guess = x.copy()
            guess[self.integers] = self._last
            _hold(guess, candidate)
            yield guess

    def complete_and_record(self, candidate: Candidate, finding: Finding, x: Floats, seconds: float) -> None:
        """Take the integers of a point, solve for the rest, and record what is reached."""
        rounded = x.copy()
        rounded[self.integers] = np.round(x[self.integers])
        _hold(rounded, candidate)
        found = self._completed(candidate, rounded, seconds)
        if found is None or not self._record(candidate, finding, found, True):
            self._record(candidate, finding, rounded, True)

    def _record(self, candidate: Candidate, finding: Finding, x: Floats, want_cut: bool) -> bool:
        """Note a point if it satisfies the rest; says whether nothing more is wanted of points."""
        if not near_feasible(self.program, x, candidate.freed, candidate.held(candidate.off)):
            return False
        self._last = x[self.integers]
        value = float(candidate.values @ x[candidate.columns])
        limit = candidate.loose + slack(candidate)
        if want_cut and Fraction(value) > limit:
            fixed = candidate.held(candidate.off)
            point = exact_point(self.program, self.exact, x, candidate.freed, fixed)
            inner = self._inner(candidate, x) if point is None else None
            if inner is not None:
                point = exact_point(self.program, self.exact, inner, candidate.freed, fixed)
            if point is None:
                finding.reason = INEXACT
            if point is not None and candidate.value(point) > limit:
                if finding.point is None or candidate.value(point) > finding.reached:
                    finding.point, finding.reached = point, candidate.value(point)
                return True
        reached: Number = Fraction(value)
        if reached > finding.top > -math.inf:
            reached = finding.top
        if finding.point is None and reached > finding.reached:
            finding.reached = min(reached, limit) if want_cut else reached
        if want_cut:
            return False
        # either no point can need more, or the leak is known to be safe
        at_top = finding.top == -math.inf or finding.reached >= finding.top - _size(finding.top) / 10**6
        return at_top or finding.reached - candidate.tight >= candidate.big_m * WELL

    def _inner(self, candidate: Candidate, x: Floats) -> Floats | None:
        """Return a point with the same integers and some distance from all inequalities."""
        boxes = {j: (float(x[j]), float(x[j])) for j in self.integers.tolist()}
        answer = self.solve(candidate, candidate.off, boxes, self.cap(candidate), margin=MARGIN)
        if answer.status != "optimal" or answer.x is None:
            return None
        found = answer.x.copy()
        found[self.integers] = np.round(found[self.integers])
        return found

    @cached_property
    def _locks(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Mark the columns that can be raised, and lowered, without harm to any row."""
        p = self.program
        A = p.A.tocsc()
        row = A.indices
        up = np.where(A.data > 0, np.isfinite(p.row_upper[row]), np.isfinite(p.row_lower[row]))
        down = np.where(A.data > 0, np.isfinite(p.row_lower[row]), np.isfinite(p.row_upper[row]))
        column = np.repeat(np.arange(p.n), np.diff(A.indptr))
        locked_up, locked_down = np.bincount(column, up, p.n), np.bincount(column, down, p.n)
        return locked_up == 0, locked_down == 0

    def _rounded_by_locks(self, x: Floats) -> Floats:
        up, down = self._locks
        at, result = self.integers, x.copy()
        v = x[at]
        near = np.round(v)
        away = np.where(up[at], np.ceil(v), np.where(down[at], np.floor(v), near))
        result[at] = np.where(np.abs(v - near) <= INTEGRAL, near, away)
        return result

    def _completed(self, candidate: Candidate, x: Floats, seconds: float) -> Floats | None:
        """Solve again with all integers where the point has them."""
        boxes = {j: (float(x[j]), float(x[j])) for j in self.integers.tolist()}
        if any(not self.program.lower[j] <= v <= self.program.upper[j] for j, (v, _) in boxes.items()):
            return None
        cap = self.cap(candidate)
        answer = self.solve(candidate, candidate.off, boxes, cap, seconds)
        if answer.status != "optimal" or answer.x is None:
            return None
        found = answer.x.copy()
        found[self.integers] = np.round(found[self.integers])
        return found

    def cap(self, candidate: Candidate) -> float:
        """Return where to hold a freed side, so that a point beyond it is found though nothing bounds it."""
        if candidate.freed is None:
            return math.inf
        at_off = -candidate.big_m if candidate.off else Fraction(0)
        return float(candidate.loose + at_off + 10 * max(Fraction(1), candidate.big_m))

    def _dive(self, candidate: Candidate, x: Floats, ends: float) -> Floats | None:
        """Fix the integers a part at a time, those nearest to integers first, solving again in between."""
        boxes: dict[int, tuple[float, float]] = {}
        point, share = x, -(-self.integers.size // DIVES)
        lower, upper = self.program.lower, self.program.upper
        while len(boxes) < self.integers.size:
            open_ = np.array([j for j in self.integers.tolist() if j not in boxes], dtype=int)
            off = np.abs(point[open_] - np.round(point[open_]))
            chosen = open_[np.argsort(off, kind="stable")[: max(share, int(np.sum(off <= INTEGRAL)))]]
            near = np.clip(np.round(point[chosen]), np.ceil(lower[chosen]), np.floor(upper[chosen]))
            boxes.update({j: (v, v) for j, v in zip(chosen.tolist(), near.tolist(), strict=True)})
            left = ends - time.perf_counter()
            answer = self.solve(candidate, candidate.off, boxes, self.cap(candidate), max(left, 1e-3))
            if answer.status != "optimal" or answer.x is None:
                return None
            point = answer.x
        result = point.copy()
        result[self.integers] = np.round(point[self.integers])
        return result

    def confirms(self, candidate: Candidate, finding: Finding) -> bool:
        """Whether the exact checker agrees with a finding's point."""
        if finding.point is None:
            return False
        fixed = candidate.held(candidate.off)
        inside = fits(self.program, self.exact, finding.point, candidate.freed, fixed)
        return inside and candidate.value(finding.point) > candidate.loose + slack(candidate)


def _size(value: Number) -> Fraction:
    return max(Fraction(1), abs(value)) if isinstance(value, Fraction) else Fraction(1)


def _boxes(candidate: Candidate, value: int, boxes: Boxes | None) -> dict[int, tuple[float, float]]:
    return {**(boxes or {}), **{j: (float(v), float(v)) for j, v in candidate.held(value).items()}}


def _hold(x: Floats, candidate: Candidate) -> None:
    """Set the binary of a point that is being made."""
    for j, v in candidate.held(candidate.off).items():
        x[j] = v


def _exact(value: float) -> Fraction | None:
    return as_decimal(float(value)) if math.isfinite(value) else None
