"""HiGHS through its array interface: opening it, its options, running it, and the words of its statuses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from proofolio.errors import BadData, SolverFailure

__all__ = ["STATUS", "VERSION", "accepted", "dual_bound", "open_highs", "run"]

Floats = NDArray[np.float64]

VERSION = version("highspy")

_Model = highspy.HighsModelStatus
STATUS: dict[Any, str] = {
    _Model.kOptimal: "optimal",
    _Model.kModelEmpty: "optimal",
    _Model.kInfeasible: "infeasible",
    _Model.kUnbounded: "unbounded",
    _Model.kUnboundedOrInfeasible: "either",
    _Model.kTimeLimit: "limit",
    _Model.kIterationLimit: "limit",
    _Model.kSolutionLimit: "limit",
    _Model.kObjectiveBound: "limit",
    _Model.kObjectiveTarget: "limit",
    _Model.kInterrupt: "limit",
    _Model.kMemoryLimit: "limit",
    _Model.kUnknown: "limit",
}

ROUNDING = 1e-12
REACH = 10.0


def open_highs(seed: int, threads: int, options: Mapping[str, Any]) -> Any:
    """Return a silent HiGHS with the user's options set.

    Raises
    ------
    BadData
        For an option HiGHS does not have, or a value it does not take.
    """
    highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]  # highspy annotates only its compiled part
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", min(threads, os.cpu_count() or 1))  # more hang it
    highs.setOptionValue("random_seed", seed)
    for name, value in options.items():
        if highs.getOptionType(name)[0] == highspy.HighsStatus.kError:
            raise BadData(f"HiGHS has no option named {name!r}: its documentation lists them all")
        try:
            taken = highs.setOptionValue(name, value) != highspy.HighsStatus.kError
        except TypeError:
            taken = False
        if not taken:
            raise BadData(f"HiGHS does not take {value!r} as the value of its option {name!r}")
    return highs


def accepted(status: Any, what: str) -> None:
    """Raise `SolverFailure` when HiGHS refused what it was given, which it says by its return status alone."""
    if status == highspy.HighsStatus.kError:
        raise SolverFailure(f"HiGHS refused {what}: look for numbers beyond 1e15 among the model's")


def run(highs: Any) -> str:
    """Run HiGHS and return what it says as one of the words in `STATUS`.

    Raises
    ------
    SolverFailure
        When HiGHS gives up; the text repeats its own words.
    """
    if highs.run() == highspy.HighsStatus.kError:
        # its scheduler of threads is global and keeps the number of threads it was first used with
        highspy.Highs.resetGlobalScheduler(True)
        highs.run()
    status = highs.getModelStatus()
    if status not in STATUS:
        raise SolverFailure(f"HiGHS stopped without an answer: {highs.modelStatusToString(status)}")
    return STATUS[status]


def dual_bound(
    rows: tuple[Floats, Floats], columns: tuple[Floats, Floats], x: Floats, y: Floats, reduced: Floats
) -> float:
    r"""Return a lower bound on :math:`\min q'x` over linear rows and bounds, from multipliers.

    .. math::
        \min_x q'x \ge \sum_i \min(y_i \ell_i, y_i u_i) + \sum_j \min_{x_j} r_j x_j,\qquad r = q - A'y,

    for any y, so it holds whatever tolerance the simplex method stopped at (Neumaier and Shcherbina 2004).
    Where y or r has the wrong sign for a side that is absent, by less than the solver's tolerance, the row or
    column is taken to stay within ten times its present size; 1e-12 of the terms are deducted for the
    rounding of the sums. Up to these two the bound is true.
    """
    by_row = _least(y, rows, np.zeros(y.size))
    by_column = _least(reduced, columns, x)
    rounding = ROUNDING * float(np.abs(by_row).sum() + np.abs(by_column).sum())
    return float(by_row.sum() + by_column.sum()) - rounding


def _least(multiplier: Floats, sides: tuple[Floats, Floats], x: Floats) -> Floats:
    side = np.where(multiplier > 0, sides[0], sides[1])
    reach = np.copysign(REACH * np.maximum(1.0, np.abs(x)), -multiplier)
    least: Floats = multiplier * np.where(np.isfinite(side), side, reach)
    return least
