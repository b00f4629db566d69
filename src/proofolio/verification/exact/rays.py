r"""The checker of unboundedness: a direction in which every feasible point stays feasible and gets better.

From a point that satisfies a program, its integers included, a rational direction d leads to points that satisfy it as
well when :math:`a'd \ge 0` for a row with a lower side, :math:`a'd \le 0` for one with an upper side, d moves no column
against a bound, and nothing is curved along it, :math:`Qd = 0`: some multiple of d has whole steps in the integers. The
objective falls for ever when :math:`q'd < 0` and :math:`Pd = 0`.
"""

from __future__ import annotations

from fractions import Fraction

from proofolio.verification.exact.certificate import Row
from proofolio.verification.exact.in_time import check_time
from proofolio.verification.exact.trees import ExactProgram, Symmetric

__all__ = ["falls_for_ever"]

ZERO = Fraction(0)


def falls_for_ever(program: ExactProgram, ray: Row) -> bool:
    """Whether the objective falls without end along a direction, and no row or bound ever stops it."""
    system = program.system
    if not program.owns(ray):
        return False

    def along(row: Row) -> Fraction:
        return sum((a * ray[j] for j, a in row.items() if j in ray), ZERO)

    for row, low, high in zip(system.rows, system.low, system.high, strict=True):
        check_time()
        if not _open(along(row), low is not None, high is not None):
            return False
    for j, step in ray.items():
        if not _open(step, system.lower[j] is not None, system.upper[j] is not None):
            return False
    for curve in program.quadratic:
        if not _straight(curve.matrix, ray):
            return False
        if not _open(along(curve.linear), curve.low is not None, curve.high is not None):
            return False
    return _straight(program.matrix, ray) and along(program.linear) < 0


def _open(step: Fraction, has_low: bool, has_high: bool) -> bool:
    return not (has_low and step < 0) and not (has_high and step > 0)


def _straight(matrix: Symmetric, ray: Row) -> bool:
    turn: dict[int, Fraction] = {}
    for (i, j), a in matrix.items():
        if j in ray:
            turn[i] = turn.get(i, ZERO) + a * ray[j]
    return not any(turn.values())
