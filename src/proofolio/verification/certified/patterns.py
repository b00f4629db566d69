r"""The best exact point with the integers and the pattern of a point that satisfies a program within tolerances.

The pattern is what a point decides beside its integers: the columns of special ordered sets that it leaves at zero, and
the indicators that are on. With both held, rows and objective are linear, and the simplex method in fractions finds the
best point, or that there is none: then a solver's point lives on its tolerances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np

from proofolio.arrays import Floats, Sparse
from proofolio.program.program import Program
from proofolio.verification.exact.certificate import Row, Side, System, Undecidable
from proofolio.verification.exact.lp_bounds import ExactRows, as_decimal
from proofolio.verification.exact.points import exact_point, fits
from proofolio.verification.exact.simplex import exact_maximum

__all__ = ["best_with_pattern", "exact_near"]

ZERO = Fraction(0)


def exact_near(program: Program, rows: ExactRows, x: Floats, ends: float) -> Mapping[int, Fraction] | None:
    """Return an exact point near one within tolerances: made from it, or else the best one with its pattern.

    Raises
    ------
    Undecidable
        Where none could be made and it cannot be said whether there is one.
    """
    made = exact_point(program, rows, x, None, {})
    return made if made is not None else best_with_pattern(program, rows, x, ends)


def best_with_pattern(
    program: Program, rows: ExactRows, x: Floats, ends: float
) -> Mapping[int, Fraction] | None:
    """Return the best exact point with the integers and the pattern of a point, None where there is none.

    Parameters
    ----------
    program : Program
    rows : ExactRows
        Its linear rows.
    x : ndarray
        Its integers are rounded.
    ends : float
        The moment, of `time.perf_counter`, at which it is given up.

    Raises
    ------
    Undecidable
        Where the rest is curved, too large for the simplex method in fractions, or unbounded, and when time is up.
    """
    if len(program.cones) or len(program.quadratic) or program.P.nnz:
        raise Undecidable("what is left with the integers held is curved")
    held = {j: Fraction(round(float(x[j]))) for j in np.flatnonzero(program.integer).tolist()}
    zeros = set(_zeros(program, x))
    if any(held.get(j) for j in zeros):
        return None
    held |= dict.fromkeys(zeros, ZERO)
    system = rows.system
    if any(not _inside(system.lower[j], v, system.upper[j]) for j, v in held.items()):
        return None
    kept, low, high = list(system.rows), list(system.low), list(system.high)
    for row, a, b in _implied(program, held):
        kept.append(row)
        low.append(a)
        high.append(b)
    small = _rest(System(tuple(kept), tuple(low), tuple(high), system.lower, system.upper), held)
    if small is None:
        return None
    rest, columns = small
    place = {j: k for k, j in enumerate(columns)}
    gain = {
        place[j]: -as_decimal(float(program.q[j])) for j in np.flatnonzero(program.q).tolist() if j in place
    }
    best = exact_maximum(rest, gain, ends)
    if best.status == "empty":
        return None
    if best.status != "optimal":
        raise Undecidable("what is left with the integers held is unbounded")
    point = {columns[k]: v for k, v in best.point.items() if v} | {j: v for j, v in held.items() if v}
    return point if fits(program, rows, point, None, {}) else None


def _zeros(program: Program, x: Floats) -> Iterator[int]:
    """Yield the columns that sets leave at zero: those outside the neighbours with the largest values."""
    for s in program.sos:
        columns = s.columns[np.argsort(s.weights, kind="stable")]
        size = np.abs(x[columns])
        if columns.size <= s.kind:
            continue
        first = int(np.lib.stride_tricks.sliding_window_view(size, s.kind).sum(axis=1).argmax())
        yield from columns[:first].tolist()
        yield from columns[first + s.kind :].tolist()


def _implied(program: Program, held: Mapping[int, Fraction]) -> Iterator[tuple[Row, Side, Side]]:
    """Yield the rows of the indicators that are on."""
    implied = program.indicators
    for i in range(len(implied)):
        if held.get(int(implied.binary[i]), ZERO) == int(implied.on[i]):
            yield _row(implied.matrix, i), _side(implied.lower[i]), _side(implied.upper[i])


def _rest(system: System, held: Mapping[int, Fraction]) -> tuple[System, list[int]] | None:
    """Return the system of the columns that are not held, and these; None where held columns alone break a row."""
    columns = [j for j in range(len(system.lower)) if j not in held]
    place = {j: k for k, j in enumerate(columns)}
    rows, low, high = list[Row](), list[Side](), list[Side]()
    for row, a, b in zip(system.rows, system.low, system.high, strict=True):
        reached = sum((v * held[j] for j, v in row.items() if j in held), ZERO)
        free = {place[j]: v for j, v in row.items() if j in place and v}
        if free:
            rows.append(free)
            low.append(None if a is None else a - reached)
            high.append(None if b is None else b - reached)
        elif not _inside(a, reached, b):
            return None
    lower, upper = (tuple(side[j] for j in columns) for side in (system.lower, system.upper))
    return System(tuple(rows), tuple(low), tuple(high), lower, upper), columns


def _inside(low: Side, value: Fraction, high: Side) -> bool:
    return not ((low is not None and value < low) or (high is not None and value > high))


def _row(matrix: Sparse, i: int) -> Row:
    begin, end = matrix.indptr[i], matrix.indptr[i + 1]
    return {
        int(j): as_decimal(float(a))
        for j, a in zip(matrix.indices[begin:end], matrix.data[begin:end], strict=True)
    }


def _side(value: float) -> Side:
    return as_decimal(float(value)) if np.isfinite(value) else None
