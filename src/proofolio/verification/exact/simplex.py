"""Whether a small linear system has a point, decided by the simplex method in fractions.

The general simplex of Dutertre & de Moura 2006 (A fast linear-arithmetic solver for DPLL(T)): every row has
a slack :math:`s_i = a_i'x`, bounds stand on columns and slacks alike, and a basic variable outside its
bounds is moved in by a pivot; Bland's rule ends it. It is slow and always right: it is used where a solver's
floating answer could not be made exact.
"""

from __future__ import annotations

import time
from fractions import Fraction
from math import inf

from proofolio.verification.exact.certificate import Side, System, Undecidable

__all__ = ["exact_feasible"]


LARGEST = (
    20_000  # rows times columns of a tableau: fractions grow with every pivot, so larger ones are not tried
)
Point = dict[int, Fraction]


def exact_feasible(system: System, deadline: float = inf) -> tuple[Point | None, Point]:
    """Return a point of the system, or None and multipliers for which `proves_empty` holds.

    Raises
    ------
    Undecidable
        For a system too large to try, or past the deadline.
    """
    n, m = len(system.lower), len(system.rows)
    if n * m > LARGEST:
        raise Undecidable("a linear program is too large to be solved in fractions")
    ends: list[tuple[Side, Side]] = [system.box(j) for j in range(n)]
    ends += [(system.side(i, "lower"), system.side(i, "upper")) for i in range(m)]
    value = [low if low is not None else high if high is not None else Fraction(0) for low, high in ends[:n]]
    for low, high in ends:
        if low is not None and high is not None and low > high:
            return None, _crossed(ends, n)
    tableau: dict[int, dict[int, Fraction]] = {
        n + i: {j: a for j, a in row.items() if a} for i, row in enumerate(system.rows)
    }
    value += [sum((a * value[j] for j, a in row.items()), Fraction(0)) for row in tableau.values()]
    while True:
        if time.perf_counter() > deadline:
            raise Undecidable("the time limit was reached")
        wrong = next((b for b in sorted(tableau) if not _inside(value[b], ends[b])), None)
        if wrong is None:
            return {j: value[j] for j in range(n)}, {}
        low, high = ends[wrong]
        rising = low is not None and value[wrong] < low
        target = low if rising else high
        assert target is not None
        row = tableau[wrong]
        entering = next((j for j in sorted(row) if _movable(value[j], ends[j], (row[j] > 0) == rising)), None)
        if entering is None:
            sign = Fraction(1 if rising else -1)
            whole = {**{j: -a for j, a in row.items()}, wrong: Fraction(1)}
            return None, {k - n: -sign * a for k, a in whole.items() if k >= n}
        _pivot(tableau, value, wrong, entering, target)


def _crossed(ends: list[tuple[Side, Side]], n: int) -> Point:
    """Return the multipliers of a row whose sides cross; crossing bounds of a column need none."""
    for k, (low, high) in enumerate(ends):
        if low is not None and high is not None and low > high:
            return {k - n: Fraction(1)} if k >= n else {}
    return {}


def _inside(value: Fraction, ends: tuple[Side, Side]) -> bool:
    low, high = ends
    return (low is None or value >= low) and (high is None or value <= high)


def _movable(value: Fraction, ends: tuple[Side, Side], up: bool) -> bool:
    end = ends[1] if up else ends[0]
    return end is None or value != end


def _pivot(
    tableau: dict[int, dict[int, Fraction]],
    value: list[Fraction],
    leaving: int,
    entering: int,
    target: Fraction,
) -> None:
    """Move a basic variable to its bound, and let a nonbasic one stand for it."""
    row = tableau.pop(leaving)
    factor = row.pop(entering)
    step = (target - value[leaving]) / factor
    solved = {j: -a / factor for j, a in row.items()}
    solved[leaving] = 1 / factor
    value[leaving] = target
    value[entering] += step
    for b, other in tableau.items():
        share = other.pop(entering, None)
        if share is None:
            continue
        value[b] += share * step
        for j, a in solved.items():
            merged = other.get(j, Fraction(0)) + share * a
            if merged:
                other[j] = merged
            else:
                del other[j]
    tableau[entering] = solved
