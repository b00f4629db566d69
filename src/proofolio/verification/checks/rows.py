r"""Whether a point satisfies a program: bounds, rows, integers, curved rows, and what binaries switch.

How much a row may be off: a violation in units of what the row is made of.

With the integers at their rounded values a row :math:`\ell \le a'x \le u` says
:math:`\ell - a_I'x_I \le a_C'x_C \le u - a_I'x_I`; its size is the largest of that side and of the terms of
:math:`a_C'x_C`, so that a Big-M, which cancels there, lends it no room. A violation counts

- relative to the size where that is above 1: a balance of flows of 1e8 may be off by 100 at a tolerance of 1e-6;
- absolutely where the size is between a thousandth and 1;
- a thousandth of the size as 1e-6 where it is smaller still: a cost of 1e-5 may not be off by more than 1e-8.

The columns' natural units (`proofolio.solvers.natural_units`) stand in for terms that happen to be zero.

How much an objective may be off (`allowance`) is relative to the objective without its constant, so that a large
constant hides nothing, or to a thousandth of the sum of its terms where these cancel: that is as far as solvers and
double precision carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.program.program import Program, RowBlock
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import CANCELLED, Check

__all__ = [
    "FIRM",
    "NOISE",
    "Sides",
    "Tolerances",
    "allowance",
    "feasibility_checks",
    "largest_terms",
    "relaxed",
    "rounded",
    "row_violation",
]


# No violation of more than this part of a row's own size is noise, however small the row is.
NOISE = 1e-3
# The sum of a row is known to this part of its terms.
ROUNDING = 16 * float(np.finfo(float).eps)
# What a claimed number may be off because a constant was added to it: some rounding of that constant.
OF_CONSTANT = 1e-12


class Sides:
    """Rows at a point: their sides, how large each side is, and which rows have integers only.

    Attributes
    ----------
    lower, upper, scale_low, scale_high : ndarray
        The sides, and what a violation of each is measured in.
    whole : ndarray of bool
        The rows of integers alone.
    rounding : ndarray
        What a sum in floating point may be off.
    """

    def __init__(
        self,
        program: Program,
        matrix: Any,
        lower: Floats,
        upper: Floats,
        x: Floats,
        unit: Floats,
        curved: tuple[Floats, Floats] | None = None,
    ) -> None:
        absolute = abs(matrix.tocsr())
        loose = ~program.integer
        self.whole = absolute @ loose.astype(float) == 0.0
        terms = largest_terms(absolute, np.where(loose, np.abs(x), 0.0))
        natural = largest_terms(absolute, np.where(loose, np.maximum(np.abs(x), unit), 0.0))
        if curved is not None:
            self.whole &= curved[1] == 0.0
            terms, natural = np.maximum(terms, curved[0]), np.maximum(natural, curved[1])
        natural = np.where(self.whole, largest_terms(absolute, np.maximum(np.abs(x), 1.0)), natural)
        self.rounding = ROUNDING * np.asarray(absolute @ np.abs(x))
        self.lower, self.upper = lower, upper
        given = np.asarray(matrix @ np.where(program.integer, np.round(x), 0.0))
        self.scale_low, self.scale_high = (
            _scale(np.where(self.whole, 0.0, side - given), terms, natural) for side in (lower, upper)
        )

    @classmethod
    def of_quadratic(cls, program: Program, x: Floats, unit: Floats) -> Sides:
        """Return the sides of the program's quadratic rows."""
        rows = program.quadratic
        sizes = (_largest_curved(program, np.abs(x)), _largest_curved(program, np.maximum(np.abs(x), unit)))
        return cls(program, rows.matrix, rows.lower, rows.upper, x, unit, sizes)

    def violation(self, body: Floats) -> Floats:
        """Return how far bodies are beyond their sides, in units of the rows' sizes; negative inside."""
        low = (self.lower - body - self.rounding) / self.scale_low
        high = (body - self.upper - self.rounding) / self.scale_high
        worst: Floats = np.maximum(low, high)
        return worst

    def take(self, rows: slice) -> Sides:
        """Return the sides of some of the rows."""
        some = copy(self)
        for name in ("whole", "rounding", "lower", "upper", "scale_low", "scale_high"):
            setattr(some, name, getattr(self, name)[rows])
        return some


def _scale(side: Floats, terms: Floats, natural: Floats) -> Floats:
    size = np.maximum(np.where(np.isfinite(side), np.abs(side), 0.0), terms)
    scale: Floats = np.maximum(size, np.minimum(1.0, np.maximum(natural, size) / NOISE))
    # a row of nothing but zeros has no size of its own
    return np.where(scale > 0.0, scale, 1.0)


def largest_terms(absolute: Any, size: Floats) -> Floats:
    """Return the largest term of each row of a matrix of sizes."""
    found = np.zeros(absolute.shape[0])
    rows = np.repeat(np.arange(absolute.shape[0]), np.diff(absolute.indptr))
    np.maximum.at(found, rows, absolute.data * size[absolute.indices])
    return found


def _largest_curved(program: Program, size: Floats) -> Floats:
    found = np.zeros(len(program.quadratic))
    for k, forms in enumerate(program.quadratic.forms):
        for f in forms:
            terms = np.abs(f.matrix) * np.outer(size[f.columns], size[f.columns])
            found[k] = max(found[k], float(np.max(terms, initial=0.0)))
    return found


@dataclass(frozen=True)
class Tolerances:
    """What counts as satisfied.

    Attributes
    ----------
    feasibility : float
        Of rows, bounds and cones: absolute, relative to sizes above 1, stricter below a thousandth (see
        `proofolio.verification.checks.rows`).
    integrality : float
        Absolute.
    objective : float
        Relative, of the recomputed objective, the bound and the optimality conditions.
    worse : float
        Relative, of the objective once the integers are exact.
    """

    feasibility: float = 1e-6
    integrality: float = 1e-6
    objective: float = 1e-6
    worse: float = 1e-6


# Feasible enough to say that a value is reached: what a tolerance lends a point can be worth more than a gap.
FIRM = Tolerances(feasibility=1e-8, integrality=0.0)


def allowance(program: Program, x: Floats, relative: float, unit: Floats | None = None) -> float:
    """Return how far the objective at a point may be from another for the two to count as equal."""
    unit = natural_units(program) if unit is None else unit
    parts = float(np.abs(program.q * x).sum() + 0.5 * np.abs(x) @ (abs(program.P) @ np.abs(x)))
    own = abs(program.objective(x) - (-program.c if program.maximise else program.c))
    # where nothing is left of the objective, its size is that of the columns it is made of
    natural = float(np.abs(program.q) @ unit)
    return relative * max(own, CANCELLED * parts, CANCELLED * natural, 1e-12) + OF_CONSTANT * abs(program.c)


def rounded(program: Program, x: Floats) -> Floats:
    """Return the point with its integers rounded."""
    point: Floats = np.where(program.integer, np.round(x), x)
    return point


def feasibility_checks(
    program: Program, x: Floats, tol: Tolerances, unit: Floats | None = None
) -> list[Check]:
    """Check a point against everything but the objective: one check a part of the program that there is."""
    if not np.all(np.isfinite(x)):
        column = program.column_names[int(np.argmin(np.isfinite(x)))]
        return [Check("bounds", False, float("inf"), tol.feasibility, f"{column} is not a finite number")]
    unit = natural_units(program) if unit is None else unit
    found = [
        _worst("bounds", _bound_violation(program, x, unit), tol.feasibility, lambda: program.column_names),
        _worst("rows", row_violation(program, x, unit), tol.feasibility, lambda: program.row_names),
        _integrality(program, x, tol),
    ]
    curved, cones, ind = program.quadratic, program.cones, program.indicators
    if len(curved):
        off = Sides.of_quadratic(program, x, unit).violation(curved.value(x))
        found.append(_worst("quadratic rows", off, tol.feasibility, lambda: _names(curved.blocks)))
    if len(cones):
        found.append(
            _worst("cones", _cone_violation(program, x, unit), tol.feasibility, lambda: _names(cones.blocks))
        )
    if len(ind):
        side = Sides(program, ind.matrix, ind.lower, ind.upper, x, unit)
        off = np.where(np.round(x[ind.binary]) == ind.on, side.violation(np.asarray(ind.matrix @ x)), 0.0)
        found.append(_worst("indicators", off, tol.feasibility, lambda: _names(ind.blocks)))
    if program.sos:
        off = np.array(
            [_sos_violation(x, s.columns[np.argsort(s.weights)], s.kind, unit) for s in program.sos]
        )
        found.append(_worst("sos", off, tol.feasibility, lambda: [s.name for s in program.sos]))
    return found + _logic(program, x, unit, tol)


def row_violation(program: Program, x: Floats, unit: Floats | None = None) -> Floats:
    """Return how far each linear row is from holding, in units of its size.

    A row of integers alone is taken at their rounded values: that they are integers is another check.
    """
    side = _linear(program, x, unit)
    return side.violation(
        np.where(side.whole, np.asarray(program.A @ rounded(program, x)), np.asarray(program.A @ x))
    )


def relaxed(program: Program, x: Floats, feasibility: float) -> tuple[Floats, Floats]:
    """Return the sides of the linear rows, moved outward by what rows may be off at a point like x."""
    side = _linear(program, x)
    room = np.where(side.whole, 0.0, feasibility)
    return program.row_lower - room * side.scale_low, program.row_upper + room * side.scale_high


def _linear(program: Program, x: Floats, unit: Floats | None = None) -> Sides:
    unit = natural_units(program) if unit is None else unit
    return Sides(program, program.A, program.row_lower, program.row_upper, x, unit)


def _worst(name: str, violation: Floats, tolerance: float, names: Callable[[], Sequence[str]]) -> Check:
    if not violation.size:
        return Check(name, True, 0.0, tolerance)
    at = int(np.argmax(violation))
    value = max(float(violation[at]), 0.0)
    ok = value <= tolerance
    return Check(name, ok, value, tolerance, "" if ok else f"worst at {names()[at]}")


def _names(blocks: Sequence[RowBlock]) -> list[str]:
    return [name for block in blocks for name in block.element_names()]


def _bound_violation(program: Program, x: Floats, unit: Floats) -> Floats:
    size = np.minimum(1.0, unit / NOISE)
    low, high = program.lower, program.upper
    below = (low - x) / np.maximum(size, np.where(np.isfinite(low), np.abs(low), 0.0))
    above = (x - high) / np.maximum(size, np.where(np.isfinite(high), np.abs(high), 0.0))
    worst: Floats = np.maximum(below, above)
    return worst


def _integrality(program: Program, x: Floats, tol: Tolerances) -> Check:
    off = np.where(program.integer, np.abs(x - np.round(x)), 0.0)
    # solvers stop exactly at the same tolerance, which the rounding of x can miss
    off = np.where(off <= tol.integrality * (1.0 + 1e-6), np.minimum(off, tol.integrality), off)
    return _worst("integrality", off, tol.integrality, lambda: program.column_names)


def _cone_violation(program: Program, x: Floats, unit: Floats) -> Floats:
    r"""Return the violation of each cone :math:`\|Y\|^2 \le t z`, the larger of two.

    The distance :math:`(\|(2Y, t - z)\| - t - z)/2`, over the smaller of t and z where that is above 1; and where
    t z is naturally below a thousandth, what it lacks, a thousandth of it counting as 1e-6.
    """
    cones = program.cones
    matrix = cones.matrix.tocsr()
    size = np.maximum(largest_terms(abs(matrix), np.maximum(np.abs(x), unit)), np.abs(cones.constant))
    size = np.where(size > 0.0, size, 1.0)
    first = cones.pointer[:-1]
    found = []
    for member, t_size, z_size in zip(cones.members(x), size[first], size[first + 1], strict=True):
        t, z, Y = member[0], member[1], member[2:]
        distance = float(np.hypot(2.0 * np.linalg.norm(Y), t - z) - (t + z)) / 2.0
        lacks = float(Y @ Y - t * z) / min(1.0, t_size * z_size / NOISE)
        negative = max(-t / min(1.0, t_size / NOISE), -z / min(1.0, z_size / NOISE))
        inside = max(1.0, abs(t) * abs(z))
        found.append(max(distance / max(1.0, min(abs(t), abs(z))), lacks / inside, negative))
    return np.array(found, dtype=float)


def _sos_violation(x: Floats, columns: Integers, kind: int, unit: Floats) -> float:
    size = np.abs(x[columns]) / np.minimum(1.0, unit[columns] / NOISE)
    if size.size <= kind:
        return 0.0
    first = int(np.lib.stride_tricks.sliding_window_view(size, kind).sum(axis=1).argmax())
    return float(size[:first].sum() + size[first + kind :].sum())


def _logic(program: Program, x: Floats, unit: Floats, tol: Tolerances) -> list[Check]:
    """Check every switched row whose binary is on, with the binary at its exact value."""
    worst, where, any_switch = 0.0, "", False
    for blocks, matrix, body, sides in _switched(program, x, unit):
        for block in blocks:
            if block.switch is None or not block.size:
                continue
            any_switch = True
            binary, rows = block.switch.binary, block.rows
            on = np.round(x[binary]) == block.switch.on
            coefficient = np.asarray(matrix[np.arange(rows.start, rows.stop), binary]).ravel()
            exact = body[rows] + coefficient * (block.switch.on - x[binary])
            off = np.where(on, sides.take(rows).violation(exact), 0.0)
            if float(off.max()) > worst:
                worst = float(off.max())
                where = list(block.element_names())[int(off.argmax())]
    if not any_switch:
        return []
    ok = worst <= tol.feasibility
    said = "" if ok else f"worst at {where}, with its binary exactly on"
    return [Check("logic", ok, worst, tol.feasibility, said)]


def _switched(
    program: Program, x: Floats, unit: Floats
) -> Iterator[tuple[Sequence[RowBlock], Any, Floats, Sides]]:
    curved = program.quadratic
    if any(block.switch is not None for block in program.rows):
        yield program.rows, program.A.tocsr(), np.asarray(program.A @ x), _linear(program, x, unit)
    if any(block.switch is not None for block in curved.blocks):
        sides = Sides.of_quadratic(program, x, unit)
        yield curved.blocks, curved.matrix.tocsr(), curved.value(x), sides
