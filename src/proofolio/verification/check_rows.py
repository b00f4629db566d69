r"""Whether a point satisfies a program: bounds, rows, integers, curved rows, and what binaries switch.

How much a row may be off is measured by what the row is made of. With the integers at their rounded values a
row :math:`\ell \le a'x \le u` says :math:`\ell - a_I'x_I \le a_C'x_C \le u - a_I'x_I`; its size is the largest of
that side and of the terms of :math:`a_C'x_C`, so that a Big-M, which cancels there, lends it no room. A violation
is measured

- relative to the size where that is above 1, so that a flow of 1e8 may be off by 100;
- absolutely between 1 and a thousandth;
- in thousandths of the natural size below that, so that a cost of 1e-5 may never be off by more than 1e-8.

The columns' natural units (`proofolio.solvers.natural_units`) stand in for terms that happen to be zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proofolio.program.program import Program, RowBlock
from proofolio.solvers.natural_units import natural_units

__all__ = ["Check", "Tolerances", "feasibility_checks", "relaxed_sides", "row_violation", "rounded"]

Floats = NDArray[np.float64]
# No violation of more than this part of a row's own size is noise, however small the row is.
NOISE = 1e-3
# The sum of a row is known to this part of its terms.
ROUNDING = 16 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Check:
    """One check: what was measured, and the most it may be.

    Attributes
    ----------
    name : str
    ok : bool
    value : float
        The measured violation, error or worsening; 0 is perfect, NaN is what could not be decided.
    tolerance : float
    detail : str
        Where, in the model's own names; empty when there is nothing to say.
    """

    name: str
    ok: bool
    value: float
    tolerance: float
    detail: str = ""


@dataclass(frozen=True)
class Tolerances:
    """What counts as held.

    Attributes
    ----------
    feasibility : float
        Of rows and bounds: absolute, relative to sizes above 1, and with rows made of numbers below 1e-3
        at most a thousandth of their size.
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


def rounded(program: Program, x: Floats) -> Floats:
    """Return the point with its integers rounded."""
    point: Floats = np.where(program.integer, np.round(x), x)
    return point


def feasibility_checks(program: Program, x: Floats, tol: Tolerances) -> list[Check]:
    """Hold a point to everything but the objective; the names of the checks are those of the parts."""
    unit = natural_units(program)
    found = [
        _worst("bounds", bound_violation(program, x, unit), tol.feasibility, program.column_names),
        _worst("rows", row_violation(program, x, unit), tol.feasibility, program.row_names),
        _integrality(program, x, tol),
    ]
    curved, cones, ind = program.quadratic, program.cones, program.indicators
    if len(curved):
        off = _Side.of_quadratic(program, x, unit).violation(curved.value(x))
        found.append(_worst("quadratic rows", off, tol.feasibility, _names(curved.blocks)))
    if len(cones):
        found.append(_worst("cones", _cone_violation(program, x, unit), tol.feasibility, _names(cones.blocks)))
    if len(ind):
        side = _Side(program, ind.matrix, ind.lower, ind.upper, x, unit)
        off = np.where(np.round(x[ind.binary]) == ind.on, side.violation(np.asarray(ind.matrix @ x)), 0.0)
        found.append(_worst("indicators", off, tol.feasibility, _names(ind.blocks)))
    if program.sos:
        off = np.array([_sos_violation(x, s.columns[np.argsort(s.weights)], s.kind, unit) for s in program.sos])
        found.append(_worst("sos", off, tol.feasibility, [s.name for s in program.sos]))
    found += _logic(program, x, unit, tol)
    return found


def bound_violation(program: Program, x: Floats, unit: Floats) -> Floats:
    """Return how far each column is outside its bounds, in units of what its size allows."""
    size = np.minimum(1.0, unit / NOISE)
    low = (program.lower - x) / np.maximum(size, np.where(np.isfinite(program.lower), np.abs(program.lower), 0.0))
    high = (x - program.upper) / np.maximum(size, np.where(np.isfinite(program.upper), np.abs(program.upper), 0.0))
    return _decided(np.maximum(low, high), x)


def row_violation(program: Program, x: Floats, unit: Floats | None = None) -> Floats:
    """Return how far each linear row is from holding, in units of what its size allows.

    A row of integers alone is taken at their rounded values: that they are integers is another check.
    """
    side = _Side(program, program.A, program.row_lower, program.row_upper, x, unit)
    body = np.where(side.whole, program.A @ rounded(program, x), program.A @ x)
    return side.violation(body)


def relaxed_sides(program: Program, x: Floats, feasibility: float) -> tuple[Floats, Floats]:
    """Return the sides of the linear rows, moved outward by what a point like x may be off."""
    side = _Side(program, program.A, program.row_lower, program.row_upper, x, None)
    room = np.where(side.whole, 0.0, feasibility)
    return program.row_lower - room * side.scale_low, program.row_upper + room * side.scale_high


class _Side:
    """Rows at a point: their sides, how large each side is, and which have integers only."""

    def __init__(
        self,
        program: Program,
        matrix: Any,
        lower: Floats,
        upper: Floats,
        x: Floats,
        unit: Floats | None,
        curved: tuple[Floats, Floats] | None = None,
    ) -> None:
        unit = natural_units(program) if unit is None else unit
        absolute = abs(matrix.tocsr())
        x = np.where(np.isfinite(x), x, 0.0)
        discrete = np.where(program.integer, np.round(x), 0.0)
        loose = ~program.integer
        self.whole = np.diff((absolute @ _diagonal(loose.astype(float))).indptr) == 0
        self.whole = absolute @ loose.astype(float) == 0.0
        terms = _largest(absolute, np.where(loose, np.abs(x), 0.0))
        natural = _largest(absolute, np.where(loose, np.maximum(np.abs(x), unit), 0.0))
        if curved is not None:
            terms, natural = np.maximum(terms, curved[0]), np.maximum(natural, curved[1])
            self.whole &= curved[1] == 0.0
        natural = np.where(self.whole, _largest(absolute, np.maximum(np.abs(x), 1.0)), natural)
        given = np.asarray(matrix @ discrete)
        self.rounding = ROUNDING * np.asarray(absolute @ np.abs(x))
        self.lower, self.upper = lower, upper
        self.scale_low = self._scale(lower - given, terms, natural)
        self.scale_high = self._scale(upper - given, terms, natural)

    @staticmethod
    def _scale(side: Floats, terms: Floats, natural: Floats) -> Floats:
        size = np.maximum(np.where(np.isfinite(side), np.abs(side), 0.0), terms)
        scale: Floats = np.maximum(size, np.minimum(1.0, np.maximum(natural, size) / NOISE))
        # a row of nothing but zeros has no size of its own
        return np.where(scale > 0.0, scale, 1.0)

    @classmethod
    def of_quadratic(cls, program: Program, x: Floats, unit: Floats) -> _Side:
        rows = program.quadratic
        size = np.maximum(np.abs(x), unit)

        def largest(v: Floats) -> Floats:
            each = [
                max((float(np.max(np.abs(f.matrix) * np.outer(v[f.columns], v[f.columns]), initial=0.0)) for f in forms), default=0.0)
                for forms in rows.forms
            ]
            return np.array(each, dtype=float)

        both = (largest(np.abs(x)), largest(size))
        return cls(program, rows.matrix, rows.lower, rows.upper, x, unit, both)

    def violation(self, body: Floats) -> Floats:
        low = (self.lower - body - self.rounding) / self.scale_low
        high = (body - self.upper - self.rounding) / self.scale_high
        return _decided(np.maximum(low, high), body)

    def take(self, rows: slice) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        return self.lower[rows], self.upper[rows], self.scale_low[rows], self.scale_high[rows], self.rounding[rows]


def _diagonal(entries: Floats) -> Any:
    from scipy import sparse

    return sparse.diags_array(entries)


def _largest(absolute: Any, size: Floats) -> Floats:
    """Return the largest term of each row."""
    found = np.zeros(absolute.shape[0])
    rows = np.repeat(np.arange(absolute.shape[0]), np.diff(absolute.indptr))
    np.maximum.at(found, rows, absolute.data * size[absolute.indices])
    return found


def _decided(violation: Floats, at: Floats) -> Floats:
    return np.where(np.isfinite(at), violation, np.inf)


def _worst(name: str, violation: Floats, tolerance: float, label: Sequence[str]) -> Check:
    if not violation.size:
        return Check(name, True, 0.0, tolerance)
    at = int(np.argmax(violation))
    value = max(float(violation[at]), 0.0)
    ok = value <= tolerance
    return Check(name, ok, value, tolerance, "" if ok else f"worst at {label[at]}")


def _integrality(program: Program, x: Floats, tol: Tolerances) -> Check:
    off = np.where(program.integer, np.abs(x - np.round(x)), 0.0)
    off = np.where(np.isfinite(x), off, np.inf)
    # solvers stop exactly at the same tolerance, which two roundings can miss
    off = np.where(off <= tol.integrality * (1.0 + 1e-6), np.minimum(off, tol.integrality), off)
    return _worst("integrality", off, tol.integrality, program.column_names)


def _names(blocks: Sequence[RowBlock]) -> list[str]:
    return [name for block in blocks for name in block.element_names()]


def _cone_violation(program: Program, x: Floats, unit: Floats) -> Floats:
    r"""Return the violation of each cone :math:`\|Y\|^2 \le t z`.

    Its distance :math:`(\|(2Y, t - z)\| - t - z)/2` to the cone, over the smaller of t and z above 1; and, where
    t z is naturally below a thousandth, the shortfall of t z in thousandths of that.
    """
    cones = program.cones
    matrix = cones.matrix.tocsr()
    size = np.maximum(_largest(abs(matrix), np.maximum(np.abs(x), unit)), np.abs(cones.constant))
    first = cones.pointer[:-1]
    found = []
    for member, t_size, z_size in zip(cones.members(x), size[first], size[first + 1], strict=True):
        t, z, Y = member[0], member[1], member[2:]
        away = float(np.hypot(2.0 * np.linalg.norm(Y), t - z) - (t + z)) / 2.0
        short = float(Y @ Y - t * z)
        natural = max(t_size * z_size, 1e-300)
        sides = max(-t / max(min(1.0, t_size / NOISE), 1e-300), -z / max(min(1.0, z_size / NOISE), 1e-300))
        found.append(max(away / max(1.0, min(abs(t), abs(z))), short * min(NOISE / natural, 1.0), sides))
    values = np.array(found, dtype=float)
    return np.where(np.isfinite(values), values, np.inf)


def _sos_violation(x: Floats, columns: NDArray[np.intp], kind: int, unit: Floats) -> float:
    size = np.abs(x[columns]) / np.minimum(1.0, unit[columns] / NOISE)
    if size.size <= kind:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(size, kind).sum(axis=1)
    chosen = int(windows.argmax())
    return float(size[:chosen].sum() + size[chosen + kind :].sum())


def _logic(program: Program, x: Floats, unit: Floats, tol: Tolerances) -> list[Check]:
    """Check every switched row whose binary is on, with the binary at its exact value."""
    worst, where, any_switch = 0.0, "", False
    for blocks, matrix, body, side in _switched_parts(program, x, unit):
        for block in blocks:
            if block.switch is None or not block.size:
                continue
            any_switch = True
            binary, rows = block.switch.binary, block.rows
            on = np.round(x[binary]) == block.switch.on
            coefficient = np.asarray(matrix[np.arange(rows.start, rows.stop), binary]).ravel()
            exact = body[rows] + coefficient * (block.switch.on - x[binary])
            off = np.where(on, _excess(exact, *side.take(rows)), 0.0)
            if float(off.max()) > worst:
                worst = float(off.max())
                where = list(block.element_names())[int(off.argmax())]
    if not any_switch:
        return []
    ok = worst <= tol.feasibility
    return [Check("logic", ok, worst, tol.feasibility, "" if ok else f"worst at {where}, with its binary exact")]


def _switched_parts(program: Program, x: Floats, unit: Floats) -> Iterator[tuple[Any, Any, Floats, _Side]]:
    rows, curved = program.rows, program.quadratic
    if any(block.switch is not None for block in rows):
        side = _Side(program, program.A, program.row_lower, program.row_upper, x, unit)
        yield rows, program.A.tocsr(), np.asarray(program.A @ x), side
    if any(block.switch is not None for block in curved.blocks):
        yield curved.blocks, curved.matrix.tocsr(), curved.value(x), _Side.of_quadratic(program, x, unit)


def _excess(body: Floats, lower: Floats, upper: Floats, low: Floats, high: Floats, rounding: Floats) -> Floats:
    return _decided(np.maximum((lower - body - rounding) / low, (body - upper - rounding) / high), body)
