"""A second look at a claimed optimum whose numbers a solver cannot tell apart: a neighbour may be better.

Beside coefficients that differ by many orders of magnitude, branch-and-bound loses not only answers that leak
but also better ones: it prunes them. Nothing inside the claim shows that, so a few points next to it are tried:
one binary changed, or one switched on for one that is switched off, and the rest solved again. A better one
refutes the claim; none proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from proofolio.errors import ProofolioError
from proofolio.program.features import features
from proofolio.program.program import Program
from proofolio.solvers import clarabel
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.deadline import NEVER, Deadline
from proofolio.solvers.fix import fix
from proofolio.solvers.natural_units import natural_units
from proofolio.solvers.solution import Settings
from proofolio.verification.check_rows import FIRM, feasibility_checks, rounded
from proofolio.verification.row_sizes import NOISE, largest_terms

__all__ = ["better_neighbour", "delicate"]

Floats = NDArray[np.float64]
INTEGRALITY = 1e-6
SECONDS = 1.0


def delicate(program: Program, x: Floats) -> bool:
    """Whether a row's meaning is near what solvers call noise.

    It is when an integer that is off by 1e-6 moves a row by more than a thousandth of its continuous
    terms, or when these terms are below a thousandth, where tolerances of 1e-6 are worth as much.
    """
    absolute = abs(program.A.tocsr())
    loose = ~program.integer
    both = (absolute @ loose.astype(float) > 0.0) & (absolute @ program.integer.astype(float) > 0.0)
    size = np.where(loose, np.maximum(np.abs(x), natural_units(program)), 0.0)
    continuous = largest_terms(absolute, size)
    discrete = largest_terms(absolute, program.integer.astype(float))
    return bool(np.any(both & ((INTEGRALITY * discrete > NOISE * continuous) | (continuous < NOISE))))


def better_neighbour(
    program: Program, x: Floats, than: float, deadline: Deadline = NEVER
) -> tuple[float, str] | None:
    """Return a better objective, in the user's sense, and the change that reaches it; None when none is found.

    Parameters
    ----------
    than : float
        The minimised objective to be beaten.
    deadline : Deadline
        The search ends then, and after a second in any case.
    """
    until = deadline.within(SECONDS)
    sign = -1.0 if program.maximise else 1.0
    columns = np.flatnonzero(program.integer)
    exact = rounded(program, x)
    for change in _changes(np.flatnonzero(program.binary), exact):
        if until.passed:
            break
        point = _with(program, columns, exact, change, until)
        if point is None:
            continue
        value = program.objective(point)
        if sign * value < than and all(c.ok for c in feasibility_checks(program, point, FIRM)):
            names = [f"{program.column_names[j]} = {1.0 - exact[j]:g}" for j in change]
            return value, " and ".join(names)
    return None


def _changes(binaries: NDArray[np.intp], exact: Floats) -> Iterator[list[int]]:
    """Yield one binary to change, then one that is on with one that is off."""
    yield from ([j] for j in binaries.tolist())
    on = exact[binaries] == 1.0
    yield from ([i, j] for i in binaries[on].tolist() for j in binaries[~on].tolist())


def _with(
    program: Program, columns: NDArray[np.intp], exact: Floats, change: list[int], deadline: Deadline
) -> Floats | None:
    """Return the best point with these binaries changed and the other integers kept."""
    values = exact.copy()
    values[change] = 1.0 - exact[change]
    left = fix(program, columns, values[columns])
    if left.small is None or not features(left.small) <= clarabel.CAN:
        return None
    try:
        again = solve_continuous(left.small, Settings().until(deadline))
    except ProofolioError:
        return None
    return None if again.x is None else left.expand(again.x)
