"""Points that reach what a candidate needs: found near a relaxation's solution, and made exact where they cut.

How a point is made exact: `proofolio.verification.exact.points`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property

import numpy as np

from proofolio.arrays import Floats, Mask
from proofolio.program.program import Program
from proofolio.verification.audit.bounding import INTEGRAL, Bounding
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.verdicts import Finding, Number
from proofolio.verification.exact.points import Nearness, exact_point

__all__ = ["INEXACT", "Search"]


MARGIN = 1e-6  # distance from inequalities at which a point that could not be made exact is sought again
WELL = Fraction(1, 500)  # a point that needs this share of M shows a leak of 1e-6 M to be safe
DIVES = 6  # linear programs of a dive
POINTS, MEMORY = 32, 4_000_000  # known points that are kept, and numbers in them
KNOWN, RECALLED = 1, 4  # how many give their integers to a question, and how many are tried as they are
WIDE_SECONDS = 1.0  # for one integer program over all switches, once in an audit
INEXACT = "a point that satisfies the rest to 1e-9 is cut off, but none was found that satisfies it exactly"


class Search(Bounding):
    """The bounds of one program, and a search for points beside them."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._by_integers: dict[bytes, Floats] = {}  # feasible points, the last found last
        self.switches: dict[int, int] = {}  # off-values of all candidates' binaries, until they are used
        self._near = Nearness(program)

    def reach(
        self, candidate: Candidate, finding: Finding, x: Floats, want_cut: bool, seconds: float
    ) -> None:
        """Raise the lower end of what is needed by points of the rest near a solution of its relaxation.

        A point found for a side that may be cut off is made exact; others hold to 1e-9. The search ends at a
        cut, or once what is needed is known well enough to call the leak safe.
        """
        ends = time.perf_counter() + seconds
        better, rounded = self._rounded_by_locks(x), x.copy()
        rounded[self.integers] = np.round(x[self.integers])
        _hold(better, candidate)
        _hold(rounded, candidate)
        if self._record(candidate, finding, better, want_cut):
            return
        if not self.integers.size:
            return
        if not np.array_equal(better, rounded) and self._record(candidate, finding, rounded, want_cut):
            return
        if not want_cut and self._recall(candidate, finding):
            return
        if self._open_wide(seconds) and not want_cut and self._recall(candidate, finding):
            return
        for guess in self._guesses(x, candidate):
            left = ends - time.perf_counter()
            found = self._completed(candidate, guess, left) if left > 0 else None
            if found is not None and self._record(candidate, finding, found, want_cut):
                return
        dived = self._dive(candidate, x, ends)
        if dived is not None:
            self._record(candidate, finding, dived, want_cut)

    def _remember(self, x: Floats) -> None:
        """Keep a point that holds; of points with the same integers the last."""
        key = x[self.integers].tobytes()
        self._by_integers.pop(key, None)
        self._by_integers[key] = x
        if len(self._by_integers) > max(2, min(POINTS, MEMORY // max(1, x.size))):
            del self._by_integers[next(iter(self._by_integers))]

    def _open_wide(self, seconds: float) -> bool:
        """Look once for a point with as many of the binaries off as can be: sides that give way need most."""
        wanted, self.switches = self.switches, {}
        if not wanted:
            return False
        at = np.fromiter(wanted, dtype=np.int32, count=len(wanted))
        signs = np.array([1.0 if off else -1.0 for off in wanted.values()])
        answer, _ = self.relaxation.maximise_integer(at, signs, None, {}, min(WIDE_SECONDS, seconds))
        if answer.x is None:
            return False
        x = answer.x
        x[self.integers] = np.round(x[self.integers])
        if not self._near(x, None, {}):
            return False
        self._remember(x)
        return True

    def _best_known(self, candidate: Candidate) -> tuple[list[Floats], list[Floats]]:
        """Return known points with the binary off, and with it on: those that need most first."""
        points = [*self._by_integers.values()][::-1]
        value = [float(candidate.values @ known[candidate.columns]) for known in points]
        held = candidate.held(candidate.off)
        off, on = list[Floats](), list[Floats]()
        for k in sorted(range(len(value)), key=lambda k: -value[k]):
            known = points[k]
            (off if all(known[j] == v for j, v in held.items()) else on).append(known)
        return off, on

    def _guesses(self, x: Floats, candidate: Candidate) -> Iterator[Floats]:
        """Yield the point with the integers of known points: neighbours share most of theirs."""
        off, on = self._best_known(candidate)
        for known in (off or on)[:KNOWN]:
            guess = x.copy()
            guess[self.integers] = known[self.integers]
            _hold(guess, candidate)
            yield guess

    def _recall(self, candidate: Candidate, finding: Finding) -> bool:
        """Try known points as they are, but for this binary; says whether they need enough of M."""
        off, on = self._best_known(candidate)
        for known in (*off[:RECALLED], *on[:RECALLED]):
            if float(candidate.values @ known[candidate.columns]) > finding.reached:
                x = known.copy()
                _hold(x, candidate)
                if self._record(candidate, finding, x, False):
                    return True
        return False

    def again(self, candidate: Candidate, finding: Finding, seconds: float) -> bool:
        """Try the integers of points found since; says whether enough is known of what is needed."""
        for guess in self._guesses(np.zeros(self.program.n), candidate):
            found = self._completed(candidate, guess, seconds)
            if found is not None and self._record(candidate, finding, found, False):
                return True
        return False

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
        if not self._near(x, candidate.freed, candidate.held(candidate.off)):
            return False
        value = float(candidate.values @ x[candidate.columns])
        limit = candidate.limit
        if Fraction(value) <= limit:
            self._remember(x)  # a point that is cut off is none of the other candidates' rest
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
        answer = self.solve(
            candidate, candidate.off, boxes, self.cap(candidate), margin=MARGIN, point_only=True
        )
        if answer.status != "optimal" or answer.x is None:
            return None
        found = answer.x.copy()
        found[self.integers] = np.round(found[self.integers])
        return found

    @cached_property
    def _locks(self) -> tuple[Mask, Mask]:
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
        v = x[self.integers]
        if np.any((v < self.program.lower[self.integers]) | (v > self.program.upper[self.integers])):
            return None
        values = v.tolist()
        boxes = dict(zip(self.integers.tolist(), zip(values, values, strict=True), strict=True))
        cap = self.cap(candidate)
        answer = self.solve(candidate, candidate.off, boxes, cap, seconds, point_only=True)
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
            cap = self.cap(candidate)
            answer = self.solve(candidate, candidate.off, boxes, cap, max(left, 1e-3), point_only=True)
            if answer.status != "optimal" or answer.x is None:
                return None
            point = answer.x
        result = point.copy()
        result[self.integers] = np.round(point[self.integers])
        return result


def _size(value: Number) -> Fraction:
    return max(Fraction(1), abs(value)) if isinstance(value, Fraction) else Fraction(1)


def _hold(x: Floats, candidate: Candidate) -> None:
    """Set the binary of a point that is being made."""
    for j, v in candidate.held(candidate.off).items():
        x[j] = v
