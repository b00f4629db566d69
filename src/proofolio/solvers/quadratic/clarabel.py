"""Clarabel: continuous convex programs with quadratic objectives, quadratic rows and rotated cones.

Its tolerances are absolute where the objective is small, so it is given everything in natural units.
Source: Goulart, Chen, "Clarabel: An interior-point solver for conic programs with quadratic objectives",
2024.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.solvers.capabilities import SolverEntry
from proofolio.solvers.continuous_answer import answer, apply_options, empty, seconds_left
from proofolio.solvers.natural_units import natural_units, power_of_two
from proofolio.solvers.quadratic.conic_form import ConicForm, conic_form, row_multipliers
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "ENTRY", "VERSION", "solve"]


VERSION: str = clarabel.__version__
CAN = frozenset({"quadratic-objective", "quadratic-rows", "cones"})
WHO = ("clarabel", VERSION, "interior point")
TOLERANCES, REDUCED = (1e-9, 1e-8, 1e-7), 1e-7
# Units this many times too small or too large are measured again; a size below NOTHING is noise.
FAR, NOTHING = 64.0, 1e-8
STATUS = {
    "Solved": "solved",
    "AlmostSolved": "solved",
    "PrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
}


def solve(program: Program, settings: Settings) -> Solution:
    """Solve a continuous convex program with Clarabel.

    Parameters
    ----------
    program : Program
        Convex, without integers (`require` has the table to ask first).
    settings : Settings
        `options` are the names of Clarabel's own settings. It cannot use a start.

    Returns
    -------
    Solution
        With linear rows alone, ``duals["rows"]``, ``["lower"]`` and ``["upper"]`` satisfy
        ``Px + q = A'rows + lower - upper`` for the minimised objective, and the bound is what they prove;
        otherwise the bound is Clarabel's dual objective and only ``rows`` are given.

    Raises
    ------
    BadData
        For an option Clarabel does not have or does not take.
    """
    started = time.perf_counter()
    if not program.n:
        return empty(program, settings, started, WHO)
    unit = natural_units(program)
    form, found = _run(program, unit, settings, started)
    if STATUS.get(str(found.status)) == "solved":
        measured = _measured(program, unit, unit * np.array(found.x))
        if measured is not None:
            better, again = _run(program, measured, settings, started)
            if STATUS.get(str(again.status)) == "solved":
                unit, form, found = measured, better, again
    said, iterations = str(found.status), int(found.iterations)
    status = STATUS.get(said, "limit")
    if status == "unbounded" and not _feasible(program, settings, started):
        status = "infeasible"
    if status != "solved":
        return answer(program, settings, started, WHO, said, status, iterations=iterations)
    x = unit * np.array(found.x)
    rows = row_multipliers(program, form, np.array(found.z))
    if not form.orders.size:
        return answer(program, settings, started, WHO, said, status, x, None, rows, iterations)
    bound = form.worth * float(found.obj_val_dual) + program.c
    claim = answer(program, settings, started, WHO, said, status, x, bound, None, iterations)
    return replace(claim, duals={"rows": rows})


def _run(program: Program, unit: Floats, settings: Settings, started: float) -> tuple[ConicForm, Any]:
    """Solve in these units; where the last digits cannot be had, with tolerances ten and a hundred times as large."""
    form = conic_form(program, unit)
    kinds = [(clarabel.ZeroConeT, form.equalities), (clarabel.NonnegativeConeT, form.inequalities)]
    kinds += [(clarabel.SecondOrderConeT, size) for size in form.orders.tolist()]
    cones = [kind(int(size)) for kind, size in kinds if size]
    for tolerance in TOLERANCES:
        config = clarabel.DefaultSettings()
        _configure(config, tolerance, settings, started)
        found = clarabel.DefaultSolver(form.P, form.q, form.A, form.b, cones, config).solve()
        if str(found.status) not in ("InsufficientProgress", "NumericalError"):
            break
    return form, found


def _measured(program: Program, unit: Floats, x: Floats) -> Floats | None:
    """Return better units once a solution is known; None when the units were about right.

    They were not when a column without two bounds turned out far larger than its unit, or the objective far
    smaller than its own: both cost digits.
    """
    size = np.abs(x) / unit
    guessed = ~(np.isfinite(program.lower) & np.isfinite(program.upper))
    terms = np.abs(program.q * x)
    worth = np.max(np.abs(program.q) * unit, initial=0.0)
    too_large = bool(np.any(size[guessed] > FAR))
    too_small = not program.P.nnz and 0.0 < float(terms.sum()) < worth / FAR**2
    if not (too_large or too_small):
        return None
    seen = guessed & (size > NOTHING)
    measured = unit.copy()
    measured[seen] = power_of_two(np.abs(x[seen]))
    return measured


def _configure(config: Any, tolerance: float, settings: Settings, started: float) -> None:
    config.verbose = False
    config.max_threads = settings.threads
    config.time_limit = seconds_left(settings, started)
    config.tol_gap_abs = config.tol_gap_rel = config.tol_feas = tolerance
    config.reduced_tol_gap_abs = config.reduced_tol_gap_rel = config.reduced_tol_feas = REDUCED
    names = [name for name in dir(config) if not name.startswith("_") and not callable(getattr(config, name))]
    apply_options("clarabel", settings.options, names, partial(setattr, config))


def _feasible(program: Program, settings: Settings, started: float) -> bool:
    """Whether a program with a ray that improves for ever has a point: solved with a zero objective."""
    still = replace(program, P=sparse.csc_array((program.n, program.n)), q=np.zeros(program.n), c=0.0)
    left = replace(settings, time_limit=max(seconds_left(settings, started), 1e-3))
    return solve(still, left).status != "infeasible"


ENTRY = SolverEntry("clarabel", VERSION, CAN, solve)
