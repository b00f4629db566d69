"""The leak test: round the integers, solve for the rest again, and see whether the answer survives.

A solver calls a binary of 1e-7 integral, and with an M of 1e8 that is room for 10 units nobody pays for. What
the rest can do is therefore asked with the integers at exact values. Three outcomes:

- a feasible point that is no worse: nothing leaks;
- a proof that every such point is worse, or that there is none: the answer leaks. A program that is infeasible
  is asked again with its rows relaxed by what rows may be off, so that a contradiction in the last digits of
  the data is not taken for a leak;
- neither, because solvers fail: another continuous solver is asked, and when none is left nothing is claimed.

When time is up before one of them has answered, the point itself may still settle it: with its integers exact
and every row satisfied outright it is one that is no worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import ProofolioError
from proofolio.program.program import Program
from proofolio.program.structure import features
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import Fixed, fix
from proofolio.solvers.highs import solver as highs
from proofolio.solvers.limits import NEVER, Deadline, finishing_seconds
from proofolio.solvers.polishing import solve_with_integers
from proofolio.solvers.quadratic import clarabel
from proofolio.solvers.scip import solver as scip
from proofolio.solvers.solution import Check, Settings, Solution
from proofolio.verification.checks.optimality import allowance
from proofolio.verification.checks.rows import (
    FIRM,
    Tolerances,
    feasibility_checks,
    relaxed,
    rounded,
    row_violation,
)

__all__ = ["Leak", "leak_check"]


# Feasible outright: what a point kept as it is must be when no solver can improve on it.
OUTRIGHT = Tolerances(feasibility=1e-9, integrality=0.0)
GAP = 1e-8
SECONDS = 60.0
QUICK = 1e-7


class Leak(NamedTuple):
    """What came of the leak test.

    Attributes
    ----------
    check : Check
        Named ``leak``; its value is the worsening relative to the objective, infinite when nothing is
        feasible and NaN when it could not be decided.
    reached : float or None
        The objective of the exact point found, in the user's sense; nothing where that point satisfies the rows
        only to a tolerance, or relaxed ones.
    finished : bool
        Whether what is left with the integers exact was solved again; time may have been up before.
    """

    check: Check
    reached: float | None
    finished: bool


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What was made of the rest: `value` is the minimised objective, or nothing; `kept` by the point itself.

    `firm` says that the point found satisfies the program itself, and not just to a tolerance.
    """

    word: Literal["holds", "worse", "infeasible", "unbounded", "unknown"]
    value: float = float("nan")
    kept: bool = False
    firm: bool = False


def leak_check(program: Program, x: Floats, tol: Tolerances, deadline: Deadline = NEVER) -> Leak:
    """Round the integers of a point, solve the rest again, and compare; no solver is begun after the deadline."""
    sign = -1.0 if program.maximise else 1.0
    claimed = sign * program.objective(x)
    allowed = allowance(program, x, tol.worse)
    if np.isfinite(deadline.at) and deadline.left < finishing_seconds(program):
        deadline = deadline.within(0.0)  # too short to begin what cannot be stopped
    outcome = _decide(program, x, claimed, allowed, tol, deadline)
    finished = not (outcome.kept and deadline.passed)
    scale = allowed / tol.worse
    if outcome.word == "unknown":
        if deadline.passed:
            said, finished = "time was up before what is left once the integers are exact was solved", False
        else:
            said = (
                "could not be decided: no continuous solver settled what is left once the integers are exact"
            )
        return Leak(Check("leak", False, float("nan"), tol.worse, said), None, finished)
    if outcome.word == "infeasible":
        said = f"{_breaks(program, x)}, and nothing feasible is left"
        return Leak(Check("leak", False, float("inf"), tol.worse, said), None, True)
    if outcome.word == "unbounded":
        return Leak(Check("leak", True, 0.0, tol.worse), -sign * float("inf") if outcome.firm else None, True)
    worse = outcome.value - claimed
    ok = outcome.word == "holds"
    said = (
        "" if ok else f"{sign * claimed:.9g} becomes {sign * outcome.value:.9g} once the integers are exact"
    )
    reached = sign * outcome.value if outcome.firm else None
    return Leak(Check("leak", ok, max(worse / scale, 0.0), tol.worse, said), reached, finished)


def _decide(
    program: Program, x: Floats, claimed: float, allowed: float, tol: Tolerances, deadline: Deadline
) -> _Outcome:
    exact = _quickly(program, x, claimed, allowed, tol, deadline)
    if exact.word == "unknown":
        exact = _resolved(program, x, claimed, allowed, tol, deadline)
    if exact.word == "infeasible":
        low, high = relaxed(program, rounded(program, x), tol.feasibility)
        room = tol.feasibility * np.maximum(1.0, np.abs(np.where(np.isfinite(x), x, 0.0)))
        loose = ~program.integer
        wider = replace(
            program,
            row_lower=low,
            row_upper=high,
            lower=np.where(loose, program.lower - room, program.lower),
            upper=np.where(loose, program.upper + room, program.upper),
        )
        twice = replace(tol, feasibility=2.0 * tol.feasibility)
        exact = replace(_resolved(wider, x, claimed, allowed, twice, deadline), firm=False)
    if exact.word == "unknown":
        kept = rounded(program, x)
        value = (-1.0 if program.maximise else 1.0) * program.objective(kept)
        if value - claimed <= allowed and all(c.ok for c in feasibility_checks(program, kept, OUTRIGHT)):
            return _Outcome("holds", value, kept=True, firm=True)
    return exact


def _quickly(
    program: Program, x: Floats, claimed: float, allowed: float, tol: Tolerances, deadline: Deadline
) -> _Outcome:
    """Look for a point that is no worse in the smallest form of what is left; another answer it cannot give."""
    if deadline.passed:
        return _Outcome("unknown")
    settings = Settings(gap=GAP).until(deadline.within(SECONDS))
    point = solve_with_integers(program, np.round(x[program.integer]), settings, QUICK)
    if point is None:
        return _Outcome("unknown")
    value = (-1.0 if program.maximise else 1.0) * program.objective(point)
    good = value - claimed <= allowed and all(c.ok for c in feasibility_checks(program, point, tol))
    return _Outcome("holds", value, firm=_is_firm(program, point)) if good else _Outcome("unknown")


def _resolved(
    program: Program, x: Floats, claimed: float, allowed: float, tol: Tolerances, deadline: Deadline
) -> _Outcome:
    """Ask one solver after the other until one settles it, or time is up."""
    if deadline.passed:
        return _Outcome("unknown")
    columns = np.flatnonzero(program.integer)
    left = fix(program, columns, np.round(x[columns]))
    if left.small is None:
        return _Outcome("infeasible")
    for ask in _solvers(left.small, deadline):
        if not deadline.left:
            break
        try:
            again = ask(left.small)
        except ProofolioError:
            continue
        outcome = _judged(program, left, again, claimed, allowed, tol)
        if outcome.word != "unknown":
            return outcome
    return _Outcome("unknown")


def _solvers(rest: Program, deadline: Deadline) -> Iterator[Callable[[Program], Solution]]:
    used = features(rest)
    settings = Settings(gap=GAP)
    if used <= clarabel.CAN:
        yield lambda p: solve_continuous(p, settings.until(deadline))
        plain = replace(
            settings,
            options={"equilibrate_enable": False, "iterative_refinement_max_iter": 50, "max_iter": 500},
        )
        yield lambda p: clarabel.solve(p, plain.until(deadline.within(SECONDS)))
        yield lambda p: highs.solve(p, settings.until(deadline.within(SECONDS)))
    yield lambda p: scip.solve(p, settings.until(deadline.within(SECONDS)))


def _judged(
    program: Program, left: Fixed, again: Solution, claimed: float, allowed: float, tol: Tolerances
) -> _Outcome:
    sign = -1.0 if program.maximise else 1.0
    if again.x is None:
        if again.status == "unbounded":
            return _Outcome("unbounded", firm=True)
        return _Outcome("infeasible" if again.status == "infeasible" else "unknown")
    if not np.all(np.isfinite(again.x)):
        return _Outcome("unknown")
    point = left.expand(again.x)
    value = sign * program.objective(point)
    if not all(c.ok for c in feasibility_checks(program, point, tol)):
        return _Outcome("infeasible") if _contradicted(program, left, point, tol) else _Outcome("unknown")
    if value - claimed <= allowed:
        return _Outcome("holds", value, firm=_is_firm(program, point))
    # worse: a leak only when it is proved that nothing is as good as what was claimed
    proven = again.bound is not None and sign * again.bound - claimed > 0.5 * allowed
    return _Outcome("worse", value, firm=_is_firm(program, point)) if proven else _Outcome("unknown")


def _is_firm(program: Program, point: Floats) -> bool:
    return all(c.ok for c in feasibility_checks(program, point, FIRM))


def _contradicted(program: Program, left: Fixed, point: Floats, tol: Tolerances) -> bool:
    """Whether a row fails although the integers decide every column of it.

    Rows are dropped once they are decided, up to the rounding of their terms; next to an M of 1e9 that
    is more than what counts.
    """
    broken = row_violation(program, point) > tol.feasibility
    if not broken.any():
        return False
    free = np.zeros(program.n)
    free[left.columns] = 1.0
    decided = abs(program.A) @ free == 0.0
    return bool(np.any(broken & decided))


def _breaks(program: Program, x: Floats) -> str:
    """Say what breaks first when the integers are rounded and nothing else changes."""
    failed = [
        c for c in feasibility_checks(program, rounded(program, x), Tolerances()) if not c.ok and c.detail
    ]
    off = np.where(program.integer, np.abs(x - np.round(x)), 0.0)
    j = int(np.argmax(off))
    moved = f", {program.column_names[j]} from {x[j]:.3g} to {np.round(x[j]):g}" if off[j] > 0.0 else ""
    where = f" {failed[0].detail.removeprefix('worst at ')} breaks" if failed else " rows break"
    return f"with the integers rounded{moved},{where}"
