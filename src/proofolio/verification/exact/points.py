"""Points made exact: a solver's floating point becomes one that satisfies every row in fractions, or none.

A solver's point misses equations by its tolerance. It is made exact by reading its numbers as fractions with
small denominators, or by solving the rows it is meant to meet, in fractions, for the columns strictly between
their bounds. Whatever comes out is believed only after `ExactRows.holds` has found it inside everything, in
integers; `certificate.violation`, which reads the same and is slower, has the last word on what is saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from time import perf_counter

import numpy as np

from proofolio.arrays import Floats, Sparse
from proofolio.program.program import Program, RowBlock
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.in_time import check_time
from proofolio.verification.exact.lp_bounds import ExactRows, Freed, as_decimal

__all__ = ["Nearness", "Point", "broken_beyond", "exact_point", "fits"]


Point = dict[int, Fraction]

ACTIVE = 1e-6  # rows closer to a side than this, relative to its size, are meant to be on it
NEAR = 1e-9  # relative violation of a point that is worth making exact: the relaxation's own tolerance
ROUNDING = 4e-15  # 18 units in the last place, of a body's terms: what floating sums may be off by


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
    program: Program,
    exact: ExactRows,
    x: Floats,
    freed: Freed | None,
    fixed: Mapping[int, int],
    ends: float = math.inf,
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
    ends : float
        Time of `time.perf_counter` at which the search is given up.
    """
    near, snapped = Nearness(program), list[Point]()
    for largest in (1_000, 1_000_000):
        point = _snapped(program, x, fixed, largest)
        snapped.append(point)
        # the exact check of a whole model is slow: it is asked only where floating numbers see nothing wrong
        if near(_floating(program, point), freed, fixed) and fits(program, exact, point, freed, fixed):
            return point
    for point in snapped:
        if perf_counter() > ends:
            return None
        moved = _moved(program, exact, point, x, freed, fixed, ends)
        if moved is not None and fits(program, exact, moved, freed, fixed):
            return moved
    return None


def _floating(program: Program, point: Point) -> Floats:
    x = np.zeros(program.n)
    for j, v in point.items():
        x[j] = float(v)
    return x


def fits(
    program: Program,
    exact: ExactRows,
    point: Mapping[int, Fraction],
    freed: Freed | None,
    fixed: Mapping[int, int],
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
    program: Program,
    exact: ExactRows,
    point: Point,
    x: Floats,
    freed: Freed | None,
    fixed: Mapping[int, int],
    ends: float,
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
        check_time()
        terms = exact.coefficients(i)
        side = as_decimal(float(low[i] if at_low[i] else high[i]))
        reached = sum((a * point[j] for j, a in terms.items() if j in point), Fraction(0))
        unknown = {j: a for j, a in terms.items() if between[j]}
        if low[i] != high[i]:
            optional.append(len(equations))
        equations.append((unknown, side - reached))
    change = solve_exactly(equations, frozenset(optional), ends=ends)
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
                check_time()
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
        check_time()
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
