"""Points that reach what a candidate needs: found near a relaxation's solution, and made exact where they cut.

A solver's point misses equations by its tolerance. It is made exact by reading its numbers as fractions with
small denominators, or by solving the rows it is meant to meet, in fractions, for the columns strictly between
their bounds. Whatever comes out is believed only after `ExactRows.holds` has found it inside everything, in
integers; `certificate.violation`, which reads the same and is slower, has the last word on what is saved.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from proofolio.arrays import Floats, Mask, Sparse
from proofolio.program.program import Program, RowBlock
from proofolio.verification.audit.bounding import INTEGRAL, Bounding
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.verdicts import Finding, Number
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.lp_bounds import ExactRows, Freed, as_decimal

__all__ = ["INEXACT", "Nearness", "Point", "Search", "broken_beyond", "exact_point"]


Point = dict[int, Fraction]

ACTIVE = 1e-6  # rows closer to a side than this, relative to its size, are meant to be on it
NEAR = 1e-9  # relative violation of a point that is worth making exact: the relaxation's own tolerance
ROUNDING = 4e-15  # 18 units in the last place, of a body's terms: what floating sums may be off by
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


# ------------------------------------------------------------------ exact points
class Nearness:
    """Whether points satisfy a program to 1e-9 of its terms' size, asked many times."""

    def __init__(self, program: Program) -> None:
        self.program = p = program
        self.integers = np.flatnonzero(p.integer)
        self._sides = (p.row_lower, p.row_upper)
        self._sizes = tuple(np.maximum(1.0, np.where(np.isfinite(v), np.abs(v), 1.0)) for v in self._sides)
        self._boxes = (p.lower, p.upper)
        self._largest = float(np.max(np.abs(p.A.data), initial=0.0))

    def __call__(self, x: Floats, freed: Freed | None, fixed: Mapping[int, int]) -> bool:
        """Whether a point with exact integers satisfies all but one side."""
        integers = x[self.integers]
        if any(x[j] != v for j, v in fixed.items()) or (integers != np.rint(integers)).any():
            return False
        slack = NEAR * np.maximum(1.0, np.abs(x))
        if (x < self._boxes[0] - slack).any() or (x > self._boxes[1] + slack).any():
            return False
        body = self.program.A @ x
        below, above = self._sides[0] - body, body - self._sides[1]
        if freed is not None:
            (below if freed[1] == "lower" else above)[freed[0]] = -np.inf
        # relative to the sides alone, but for rounding: a row M y that misses by 1e-9 M is a leak
        beyond = (below > NEAR * self._sizes[0]) | (above > NEAR * self._sizes[1])
        if beyond.any():
            worst = np.maximum(below, above)[beyond]
            if worst.max() > ROUNDING * self._largest * float(np.abs(x).sum()):
                return False
            terms = np.asarray(abs(self.program.A[beyond]) @ np.abs(x))
            if np.any(worst > ROUNDING * terms):
                return False
        return _fits_beyond(self.program, x)


def _fits_beyond(program: Program, x: Floats) -> bool:
    if not (len(program.quadratic) or len(program.cones) or len(program.indicators) or program.sos):
        return True
    rows, implied = program.quadratic, program.indicators
    if len(rows):
        body = rows.value(x)
        if np.any(body < rows.lower - NEAR) or np.any(body > rows.upper + NEAR):
            return False
    if len(program.cones) and np.any(program.cones.violation(x) > NEAR):
        return False
    if len(implied):
        body = np.asarray(implied.matrix @ x)
        on = x[implied.binary] == implied.on
        if np.any(on & ((body < implied.lower - NEAR) | (body > implied.upper + NEAR))):
            return False
    return all(_sos_holds([x[j] != 0 for j in s.columns[np.argsort(s.weights)]], s.kind) for s in program.sos)


def _sos_holds(nonzero: list[bool], kind: int) -> bool:
    at = [k for k, used in enumerate(nonzero) if used]
    return not at or (len(at) <= kind and at[-1] - at[0] < kind)


def exact_point(
    program: Program, exact: ExactRows, x: Floats, freed: Freed | None, fixed: Mapping[int, int]
) -> Point | None:
    """Return an exact point of the model, one side free and some columns fixed; None if none was found.

    Parameters
    ----------
    program : Program
    exact : ExactRows
    x : ndarray
        A point that is nearly one; its integers are rounded.
    freed : (row, "lower" or "upper"), optional
    fixed : mapping from column to value
    """
    near, snapped = Nearness(program), list[Point]()
    for largest in (1_000, 1_000_000):
        point = _snapped(program, x, fixed, largest)
        snapped.append(point)
        # the exact check of a whole model is slow: it is asked only where floating numbers see nothing wrong
        if near(_floating(program, point), freed, fixed) and _fits(program, exact, point, freed, fixed):
            return point
    for point in snapped:
        moved = _moved(program, exact, point, x, freed, fixed)
        if moved is not None and _fits(program, exact, moved, freed, fixed):
            return moved
    return None


def _floating(program: Program, point: Point) -> Floats:
    x = np.zeros(program.n)
    for j, v in point.items():
        x[j] = float(v)
    return x


def _fits(
    program: Program, exact: ExactRows, point: Point, freed: Freed | None, fixed: Mapping[int, int]
) -> bool:
    """Whether a point satisfies everything but one freed side in exact arithmetic."""
    held = {j: Fraction(v) for j, v in fixed.items()}
    if any(point.get(j, 0) != v for j, v in held.items()):
        return False
    if any(v.denominator != 1 for j, v in point.items() if program.integer[j]):
        return False
    return exact.holds(point, freed) and broken_beyond(program, point) is None


def _snapped(program: Program, x: Floats, fixed: Mapping[int, int], largest: int) -> Point:
    point: Point = {j: Fraction(v) for j, v in fixed.items() if v}
    nearest = np.clip(x, program.lower, program.upper)
    for j in np.flatnonzero((nearest != 0) | (x != 0)).tolist():
        v = float(nearest[j])
        if j in fixed:
            continue
        if program.integer[j]:
            value = Fraction(round(x[j]))
        else:
            ends = [e for e in (float(program.lower[j]), float(program.upper[j])) if math.isfinite(e)]
            close = [e for e in ends if abs(v - e) <= NEAR * max(1.0, abs(e))]
            if close:
                value = as_decimal(close[0])
            elif abs(v - round(v)) <= NEAR:
                value = Fraction(round(v))
            else:
                value = Fraction(v).limit_denominator(largest)
        if value:
            point[j] = value
    return point


def _moved(
    program: Program, exact: ExactRows, point: Point, x: Floats, freed: Freed | None, fixed: Mapping[int, int]
) -> Point | None:
    """Solve the rows the point is meant to meet, exactly, for the columns between their bounds."""
    body = np.asarray(program.A @ x)
    low, high = program.row_lower.copy(), program.row_upper.copy()
    if freed is not None:
        (low if freed[1] == "lower" else high)[freed[0]] = -np.inf if freed[1] == "lower" else np.inf
    margin = ACTIVE * np.maximum(1.0, np.abs(body))
    at_low, at_high = body - low <= margin, high - body <= margin
    between = (x > program.lower + NEAR) & (x < program.upper - NEAR) & ~program.integer
    between[list(fixed)] = False
    equations: list[tuple[dict[int, Fraction], Fraction]] = []
    optional: list[int] = []
    for i in np.flatnonzero(at_low | at_high).tolist():
        terms = exact.coefficients(i)
        side = as_decimal(float(low[i] if at_low[i] else high[i]))
        reached = sum((a * point[j] for j, a in terms.items() if j in point), Fraction(0))
        unknown = {j: a for j, a in terms.items() if between[j]}
        if low[i] != high[i]:
            optional.append(len(equations))
        equations.append((unknown, side - reached))
    change = solve_exactly(equations, frozenset(optional))
    if change is None:
        return None
    moved = dict(point)
    for j, v in change.items():
        moved[j] = moved.get(j, Fraction(0)) + v
    return {j: v for j, v in moved.items() if v}


# ------------------------------------------------------------ beyond linear rows
def broken_beyond(program: Program, point: Mapping[int, Fraction]) -> str | None:
    """Return the name of a quadratic row, cone, indicator or set that an exact point breaks, None if none."""
    zero = Fraction(0)

    def affine(matrix: Sparse, row: int) -> Fraction:
        a, b = matrix.indptr[row], matrix.indptr[row + 1]
        pairs = zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True)
        return sum((as_decimal(v) * point[j] for j, v in pairs if j in point), zero)

    rows = program.quadratic
    for i, forms in enumerate(rows.forms):
        value = affine(rows.matrix, i)
        for form in forms:
            used = [(k, j) for k, j in enumerate(form.columns.tolist()) if j in point]
            for k, j in used:
                for other, t in used:
                    value += as_decimal(float(form.matrix[k, other])) * point[j] * point[t]
        if _outside(value, rows.lower[i], rows.upper[i]):
            return _name(rows.blocks, i)
    cones = program.cones
    for c in range(len(cones)):
        members = range(int(cones.pointer[c]), int(cones.pointer[c + 1]))
        t, z, *Y = (affine(cones.matrix, r) + as_decimal(float(cones.constant[r])) for r in members)
        if t < 0 or z < 0 or sum((y * y for y in Y), zero) > t * z:
            return _name(cones.blocks, c)
    implied = program.indicators
    for i in range(len(implied)):
        on = point.get(int(implied.binary[i]), zero) == int(implied.on[i])
        if on and _outside(affine(implied.matrix, i), implied.lower[i], implied.upper[i]):
            return _name(implied.blocks, i)
    for s in program.sos:
        if not _sos_holds([bool(point.get(int(j), zero)) for j in s.columns[np.argsort(s.weights)]], s.kind):
            return s.name
    return None


def _outside(value: Fraction, low: float, high: float) -> bool:
    return bool(
        (np.isfinite(low) and value < as_decimal(float(low)))
        or (np.isfinite(high) and value > as_decimal(float(high)))
    )


def _name(blocks: Sequence[RowBlock], i: int) -> str:
    return [name for block in blocks for name in block.element_names()][i]
