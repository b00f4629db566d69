"""Points that reach what candidates need, each exact: found near solutions of relaxations, shared by all candidates.

A point of the whole model is one of every candidate's rest whose binary it has off, so a few of them say of many
candidates what they need at least. For one candidate alone a point is sought next to a known one: the linear program
that raises the body is also drawn to the known integers, by costs too small to matter, so that most integers come out
whole and only those that have to move are different. How a point is made exact:
`proofolio.verification.exact.whole_points` and `proofolio.verification.exact.points`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.program.program import Program
from proofolio.verification.audit.bounding import INTEGRAL, Bounding
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.relaxation import Answer, Relaxation
from proofolio.verification.audit.verdicts import CLOSE, Finding
from proofolio.verification.certified.maximum import Maxima
from proofolio.verification.exact.points import Nearness, exact_point
from proofolio.verification.exact.whole_points import whole_point

__all__ = ["FINER_PULL", "INEXACT", "Search"]


MARGIN = 1e-6  # distance from inequalities at which a point that could not be made exact is sought again
DIVES = 6  # linear programs of a dive
POINTS, MEMORY = 32, 4_000_000  # known points that are kept, and numbers in them
PULL = (
    1e-4  # of M, the cost of leaving a known point's integers; never more than a tenth of M over all of them
)
FINER_PULL = 1e-6  # the same where the most that is needed counts, and not only that it is more than M
LIKE = 1e3  # times as much or as little, to which M's are of a like size
ROUNDS = 3  # linear programs in which the integers next to a known point are made whole
FIRST_SECONDS = 10.0  # for the first point of the whole model
WIDE_SECONDS = 1.0  # for an integer program that looks for a point of many candidates
TURNED = 4  # known points in which one binary alone is turned
STARS = 1e-12  # of its size: a known point has to need so much more to be looked at exactly
INEXACT = "a point that satisfies the rest to 1e-9 is cut off, but none was found that satisfies it exactly"


@dataclass(frozen=True, eq=False)
class _Watched:
    """Candidates that all points are tried on: their bodies as rows, and what they are known to reach."""

    candidates: Sequence[Candidate]
    findings: Sequence[Finding]
    bodies: Sparse
    binary: Integers
    off: Floats
    reached: Floats


class Search(Bounding):
    """The bounds of one program, and a search for points beside them."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._by_integers: dict[bytes, Floats] = {}  # exact points of the whole model, the last found last
        self._near = Nearness(program)
        self._anchor: Floats | None = None  # the known point that all questions are drawn to
        self._unit = 0.0  # the M that their costs are written for
        self._watched: _Watched | None = None
        self._shown = np.zeros((2, program.n), dtype=bool)

    @cached_property
    def maxima(self) -> Maxima:
        """Maxima over the integers by certified trees."""
        return Maxima(self.program, self.exact)

    @cached_property
    def _drawn(self) -> Relaxation:
        """A second relaxation, so that costs of integers do not cost the first one its basis."""
        return Relaxation(self.program)

    @cached_property
    def _fixing(self) -> Relaxation:
        """A third one, in which integers are fixed: going to and fro would cost the second one its basis."""
        return Relaxation(self.program)

    @property
    def solved(self) -> int:
        """How many linear programs were solved for bounds and points."""
        made = [vars(self).get(name) for name in ("relaxation", "_drawn", "_fixing")]
        return sum(relaxation.solved for relaxation in made if relaxation is not None)

    @property
    def points(self) -> list[Floats]:
        """The points known of the whole model, in floating numbers."""
        return [*self._by_integers.values()]

    def shown(self, column: int, value: int) -> bool:
        """Whether an exact point of the whole model is known in which a binary has a value."""
        return bool(self._shown[value, column])

    def show(self, column: int, value: int, seconds: float) -> bool:
        """Look for an exact point of the whole model in which a binary has a value.

        A known point is tried with this binary alone turned, then a point of the relaxation with its integers rounded.
        """
        for x in self.points[: -TURNED - 1 : -1]:
            turned = x.copy()
            turned[column] = value
            if self._shows(turned):
                return True
        nothing = np.zeros(0, dtype=np.int32)
        held = {column: (float(value), float(value))}
        answer = self._drawn.maximise(nothing, np.zeros(0), None, held, time_limit=seconds, point_only=True)
        if answer.status != "optimal" or answer.x is None:
            return False
        rounded = self._rounded_by_locks(answer.x)
        return rounded[column] == value and self._shows(rounded)

    def _shows(self, x: Floats) -> bool:
        """Whether a point is one of the whole model, exactly; its binaries then are known to have their values."""
        if not self._near(x, None, {}) or whole_point(self.program, self.exact, x, None, {}) is None:
            return False
        self._shown |= [x == 0, x == 1]
        return True

    # ------------------------------------------------------------ many candidates
    def watch(self, candidates: Sequence[Candidate], findings: Sequence[Finding]) -> None:
        """Try every point of the whole model that is found from now on for these candidates."""
        lengths = [c.columns.size for c in candidates]
        pointer = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        columns = np.concatenate([c.columns for c in candidates]) if candidates else np.zeros(0, np.int32)
        values = np.concatenate([c.values for c in candidates]) if candidates else np.zeros(0)
        self._watched = _Watched(
            candidates, findings,
            sparse.csr_array((values, columns, pointer), shape=(len(candidates), self.program.n)),
            np.array([c.place.binary for c in candidates], dtype=int),
            np.array([float(c.off) for c in candidates]),
            np.array([float(f.reached) if f.point is not None else -math.inf for f in findings]),
        )  # fmt: skip

    def scatter(self, seconds: float, most: int) -> None:
        """Find points in which many watched candidates are off and need much: a few integer programs."""
        watched, ends = self._watched, time.perf_counter() + seconds
        if watched is None or not self.integers.size:
            return
        if not self._by_integers:
            nothing = np.zeros(0, dtype=np.int32)
            first = max(seconds, min(self.left / 3, FIRST_SECONDS))  # all others are sought next to it
            answer, _ = self.relaxation.maximise_integer(nothing, np.zeros(0), None, {}, first, first=True)
            ends = time.perf_counter() + seconds
            every = np.arange(len(watched.candidates))
            if answer.x is None or not (self._spread(answer.x, every, seconds) or self._take(answer.x)):
                return
        for _ in range(most):
            wanted = self._unreached(watched)
            left = min(WIDE_SECONDS, ends - time.perf_counter())
            if not wanted.size or left <= 0:
                return
            cost = np.zeros(self.program.n)
            np.add.at(cost, watched.binary[wanted], np.where(watched.off[wanted] > 0, 1.0, -1.0))
            at = np.flatnonzero(cost).astype(np.int32)
            answer, _ = self.relaxation.maximise_integer(at, cost[at], None, {}, left)
            if answer.x is None or not self._spread(answer.x, wanted, ends - time.perf_counter()):
                return

    def _unreached(self, watched: _Watched) -> Integers:
        """Return the candidates of which no point is known that needs as much of M as tight ones do."""
        size = np.array([float(c.tight + c.big_m / CLOSE) for c in watched.candidates])
        found: Integers = np.flatnonzero(watched.reached < size)
        return found

    def _spread(self, x: Floats, wanted: Integers, seconds: float) -> bool:
        """Raise the bodies of all candidates that a point has off, its integers as they are, and keep the point."""
        watched = self._watched
        assert watched is not None
        near = np.round(x[self.integers])
        boxes = dict(zip(self.integers.tolist(), zip(near.tolist(), near.tolist(), strict=True), strict=True))
        off = wanted[np.abs(x[watched.binary[wanted]] - watched.off[wanted]) < 0.5]
        scale = np.array([1.0 / max(float(watched.candidates[k].big_m), 1e-9) for k in off.tolist()])
        cost = np.asarray(watched.bodies[off].T @ scale) if off.size else np.zeros(self.program.n)
        at = np.flatnonzero(cost).astype(np.int32)
        answer = self._drawn.maximise(at, cost[at], None, boxes, time_limit=seconds, point_only=True)
        return answer.status == "optimal" and answer.x is not None and self._take(answer.x)

    def _take(self, x: Floats) -> bool:
        """Keep a point of the whole model, when it can be made exact."""
        x = self._whole(x)
        if not self._near(x, None, {}):
            return False
        point = whole_point(self.program, self.exact, x, None, {}) or exact_point(
            self.program, self.exact, x, None, {}, self.ends
        )
        if point is not None:
            self.keep(x, point)
        return point is not None

    def keep(self, x: Floats, point: Mapping[int, Fraction]) -> None:
        """Keep an exact point of the whole model, and try it on all watched candidates."""
        key = x[self.integers].tobytes()
        self._by_integers.pop(key, None)
        self._by_integers[key] = x
        self._shown |= [x == 0, x == 1]
        if len(self._by_integers) > max(2, min(POINTS, MEMORY // max(1, x.size))):
            del self._by_integers[next(iter(self._by_integers))]
        watched = self._watched
        if watched is None:
            return
        value = np.asarray(watched.bodies @ x)
        known = np.where(np.isfinite(watched.reached), np.abs(watched.reached), 0.0)
        better = (x[watched.binary] == watched.off) & (value > watched.reached + STARS * known)
        for k in np.flatnonzero(better).tolist():
            _raise(watched.candidates[k], watched.findings[k], point)
            watched.reached[k] = max(watched.reached[k], float(watched.findings[k].reached))

    # ------------------------------------------------------------- one candidate
    def near_known(
        self, candidate: Candidate, finding: Finding, seconds: float, pull: float = PULL
    ) -> Answer | None:
        """Look for a point next to a known one that needs much; returns the answer of the relaxation.

        None where no point is known. The answer's value is not the body's, and its multipliers prove nothing.
        """
        # one for all: to be drawn to another costs a thousand iterations, a body alone a quarter of that
        base = self._anchor = self._anchor if self._anchor is not None else self._base(candidate)
        if base is None:
            return None
        ends, boxes = time.perf_counter() + seconds, dict[int, tuple[float, float]]()
        first: Answer | None = None
        for turn in range(ROUNDS):
            answer = self._drawn_to(candidate, base, boxes, ends - time.perf_counter(), pull)
            first = first or answer
            if answer.status != "optimal" or answer.x is None:
                if turn == 1 and len(boxes) > len(self._moved_only):
                    boxes = dict(
                        self._moved_only
                    )  # those that came out whole, without those that were rounded
                    continue
                return first
            v = answer.x[self.integers]
            whole = np.round(v)
            fractional = np.abs(v - whole) > INTEGRAL
            if not fractional.any():
                self._record(candidate, finding, answer.x)
                return first
            if turn == 0 and self._reaches(candidate, answer.x) <= float(finding.reached):
                return first
            pairs = list(zip(self.integers.tolist(), whole.tolist(), fractional.tolist(), strict=True))
            self._moved_only = {j: (w, w) for j, w, f in pairs if not f}
            boxes = {j: (w, w) for j, w, f in pairs}
        # what is left open is small: a solver may propose
        some = self._moved_only
        answer, _ = self.relaxation.maximise_integer(
            candidate.columns, candidate.values, candidate.freed, {**some, **_box(candidate)},
            min(WIDE_SECONDS, max(ends - time.perf_counter(), 1e-3)),
        )  # fmt: skip
        if answer.x is not None:
            self.complete_and_record(candidate, finding, answer.x, ends - time.perf_counter())
        return first

    _moved_only: Mapping[int, tuple[float, float]] = {}

    def _base(self, candidate: Candidate) -> Floats | None:
        """Return the known point to start from: one with the binary off that needs most, else the last."""
        points = self.points
        if not points:
            return None
        held = candidate.held(candidate.off)
        off = [x for x in points if all(x[j] == v for j, v in held.items())]
        return max(off, key=lambda x: self._reaches(candidate, x)) if off else points[-1]

    def _reaches(self, candidate: Candidate, x: Floats) -> float:
        return float(candidate.values @ x[candidate.columns])

    def _drawn_to(
        self,
        candidate: Candidate,
        base: Floats,
        boxes: Mapping[int, tuple[float, float]],
        seconds: float,
        pull: float,
    ) -> Answer:
        """Raise the body, drawn to the integers of a known point that lie on a bound."""
        p, at = self.program, self.integers
        # in one unit for candidates with M's of a like size: the next one then changes the costs of its body alone
        M = max(float(candidate.big_m), 1e-9)
        if not self._unit / LIKE <= M <= self._unit * LIKE:
            self._unit = M
        weight = self._unit * min(pull, 0.1 / max(1, at.size))
        cost = np.zeros(p.n)
        cost[at] = np.where(base[at] <= p.lower[at], -weight, np.where(base[at] >= p.upper[at], weight, 0.0))
        cost[candidate.columns] += candidate.values * (self._unit / M)
        some = np.flatnonzero(cost).astype(np.int32)
        held = {**boxes, **_box(candidate)}
        relaxation = self._fixing if boxes else self._drawn
        answer = relaxation.maximise(
            some, cost[some], candidate.freed, held, math.inf, max(seconds, 1e-3), point_only=True
        )
        if answer.status == "unbounded" and candidate.declared:
            # a body that nothing bounds is cut only where M was meant for it
            cap = self.cap(candidate)
            return relaxation.maximise(
                some, cost[some], candidate.freed, held, cap, max(seconds, 1e-3), point_only=True
            )
        return answer

    def reach(self, candidate: Candidate, finding: Finding, x: Floats, seconds: float) -> None:
        """Raise the lower end of what is needed by points of the rest near a solution of its relaxation."""
        ends = time.perf_counter() + seconds
        better, rounded = self._rounded_by_locks(x), self._whole(x)
        _hold(better, candidate)
        _hold(rounded, candidate)
        if self._record(candidate, finding, better) or not self.integers.size:
            return
        if not np.array_equal(better, rounded) and self._record(candidate, finding, rounded):
            return
        base = self._base(candidate)
        if base is not None:
            guess = x.copy()
            guess[self.integers] = base[self.integers]
            _hold(guess, candidate)
            found = self._completed(candidate, guess, ends - time.perf_counter())
            if found is not None and self._record(candidate, finding, found):
                return
        dived = self._dive(candidate, x, ends)
        if dived is not None:
            self._record(candidate, finding, dived)

    def complete_and_record(self, candidate: Candidate, finding: Finding, x: Floats, seconds: float) -> None:
        """Take the integers of a point, solve for the rest, and record what is reached."""
        rounded = self._whole(x)
        _hold(rounded, candidate)
        if self._record(candidate, finding, rounded):
            return
        found = self._completed(candidate, rounded, seconds)
        if found is not None:
            self._record(candidate, finding, found)

    def take_exact(self, candidate: Candidate, finding: Finding, point: Mapping[int, Fraction]) -> None:
        """Note an exact point of a candidate's rest."""
        _raise(candidate, finding, point)
        if candidate.value(point) <= candidate.loose:
            self.keep_exact(point)

    def keep_exact(self, point: Mapping[int, Fraction]) -> None:
        """Keep an exact point of the whole model."""
        x = np.zeros(self.program.n)
        for j, v in point.items():
            x[j] = float(v)
        self.keep(x, point)

    def _whole(self, x: Floats) -> Floats:
        x = x.copy()
        x[self.integers] = np.round(x[self.integers])
        return x

    def _record(self, candidate: Candidate, finding: Finding, x: Floats) -> bool:
        """Note a point if it satisfies the rest exactly; says whether it needs more than those known."""
        x = self._whole(x)
        fixed = candidate.held(candidate.off)
        if not self._near(x, candidate.freed, fixed) or self._reaches(candidate, x) <= float(finding.reached):
            return False
        point = self._exactly(candidate, x)
        if point is None:
            cut = self._reaches(candidate, x) > float(candidate.limit)
            inner = self._inner(candidate, x) if cut else None
            point = None if inner is None else self._exactly(candidate, inner)
            if point is None:
                finding.reason = INEXACT if cut else finding.reason
                return False
        before = finding.reached
        _raise(candidate, finding, point)
        if candidate.freed is None or candidate.value(point) <= candidate.loose:
            self.keep(x, point)
        return finding.reached > before

    def _exactly(self, candidate: Candidate, x: Floats) -> Mapping[int, Fraction] | None:
        fixed = candidate.held(candidate.off)
        return whole_point(self.program, self.exact, x, candidate.freed, fixed) or exact_point(
            self.program, self.exact, x, candidate.freed, fixed, self.ends
        )

    def _inner(self, candidate: Candidate, x: Floats) -> Floats | None:
        """Return a point with the same integers and some distance from all inequalities."""
        boxes = {j: (float(x[j]), float(x[j])) for j in self.integers.tolist()}
        answer = self.solve(
            candidate, candidate.off, boxes, self.cap(candidate), self.left, margin=MARGIN, point_only=True
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


def _raise(candidate: Candidate, finding: Finding, point: Mapping[int, Fraction]) -> None:
    value = candidate.value(point)
    if finding.point is None or value > finding.reached:
        finding.point, finding.reached = point, value


def _box(candidate: Candidate) -> dict[int, tuple[float, float]]:
    return {j: (float(v), float(v)) for j, v in candidate.held(candidate.off).items()}


def _hold(x: Floats, candidate: Candidate) -> None:
    """Set the binary of a point that is being made."""
    for j, v in candidate.held(candidate.off).items():
        x[j] = v
