r"""SCIP: every class of program, convex or not, to global optimality.

SCIP stops at a relative gap :math:`|p - d| / \min(|p|, |d|)`, infinite when the signs differ. That is never
below this package's :math:`|p - d| / |p|`, so SCIP's stop is ours; but p is recomputed here from the
program's own data at the point SCIP returns, and a claim is called optimal only when the gap to that p is
within the one asked for.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from typing import Any

import numpy as np
import pyscipopt.scip
from pyscipopt import Model
from pyscipopt.scip import PY_SCIP_EVENTTYPE

from proofolio.errors import BadData, ProofolioError, SolverFailure, UnsupportedProgram
from proofolio.program.program import Program
from proofolio.program.structure import FEATURES, features
from proofolio.solvers.answers import INFINITE, closes, has_far_sides, without_false_ray
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.limits import Deadline, finishing_seconds
from proofolio.solvers.outer_approximation.incumbents import early_point
from proofolio.solvers.polishing import polish
from proofolio.solvers.scip.loading import OutOfTime, ScipModel
from proofolio.solvers.solution import Settings, Solution

__all__ = ["CAN", "VERSION", "solve"]


VERSION = f"{Model().getMajorVersion()}.{Model().getMinorVersion()}.{Model().getTechVersion()}"
CAN = frozenset(FEATURES)
REPORT_EVERY = 0.1
# Where costs are small, SCIP's default of 1e-6 on a nonlinear row can be worth 1e-4 of the objective.
# Branching in space cannot go so far: there SCIP asks its LP solver for tolerances it refuses, with a line on stderr.
CONVEX_TOLERANCE = 1e-9
# SCIP takes numbers closer than epsilon (1e-9 by default) for equal. With a tolerance at or below that, its presolving
# was seen to cut off optimal points of portfolios with minimum positions, and to call a feasible hull infeasible.
EPSILON = CONVEX_TOLERANCE / 10.0
OF_GAP = 0.9
CURVED = frozenset({"quadratic-objective", "quadratic-rows", "cones"})
ROUNDED = CURVED | {"integer"}
# SCIP simplifies quadratic rows in steps that do not look at its clock, and frees a model afterwards. Both take so
# many times as long as writing it (measured on 5e5 products); when there is no time for the steps none is begun.
READING, FREEING = 7.0, 0.5
POLISHING = 0.2  # of a time limit, at most
# With symmetry handled SCIP 10 was seen to call -4.92 optimal where -5.45 is: a regime-switching program of equal
# periods with indicators. Its maintainers have other programs where the same part cuts off optimal points
# (scipopt/scip, issues 162 and 207). Slower where there is symmetry; an option of the user's turns it on again.
CAUTIOUS = {"misc/usesymmetry": 0}
NONCONVEX = frozenset({"nonconvex-objective", "nonconvex-rows"})


def solve(program: Program, settings: Settings) -> Solution:
    """Solve any program with SCIP.

    Parameters
    ----------
    program : Program
    settings : Settings
        `options` are SCIP's own parameters, such as ``{"limits/nodes": 100}``; ``misc/usesymmetry`` is 0 unless
        they say otherwise, because with it SCIP 10 gives wrong optima. A start may be NaN where
        unknown: with every integer known the rest is solved for, otherwise SCIP's own heuristic completes it.

    Returns
    -------
    Solution
        The bound is SCIP's dual bound. A limit counts from this call, so building and polishing are part of it;
        with one, a convex program gets a start (see `outer_approximation.incumbents`), so that there is an
        incumbent even where SCIP has only just been given its rows.

    Raises
    ------
    BadData
        For an option SCIP does not have or does not take, and a start of the wrong length.
    SolverFailure
        When SCIP itself fails, and for numbers of 1e20 and more where SCIP needs finite ones.
    """
    deadline = Deadline.after(settings.time_limit)
    used = features(program)
    convex = bool(used & CURVED) and not used & NONCONVEX
    search = deadline.earlier(min(finishing_seconds(program), POLISHING * settings.time_limit))
    early = None
    if convex and used <= ROUNDED and settings.start is None and np.isfinite(settings.time_limit):
        early = early_point(program, search)
        settings = replace(settings, start=early)
    try:
        claim = _claim(program, settings, search, convex)
    except SolverFailure:
        if not convex:
            raise
        claim = _claim(program, settings, search, tight=False)  # its LP solver could not go that far
    if claim.x is None and claim.status == "limit" and early is not None:
        said = f"{claim.message}; the point was found before, by fixing the integers"
        claim = replace(claim, status="feasible", x=early, objective=program.objective(early), message=said)
    try:
        polished = polish(program, claim, settings, deadline)
    except UnsupportedProgram:
        polished = claim  # what is left with the integers fixed is not convex
    bound = polished.bound
    if bound is not None and polished.objective is not None:
        bound = (max if program.maximise else min)(bound, polished.objective)
    return replace(polished, bound=bound, seconds=deadline.elapsed)


def _claim(program: Program, settings: Settings, deadline: Deadline, tight: bool) -> Solution:
    before = deadline.elapsed
    try:
        built = ScipModel(program, deadline=deadline)
    except OutOfTime:
        return _unasked(program, deadline)
    except ProofolioError:
        raise
    except Exception as error:  # pyscipopt raises bare ones
        raise SolverFailure(
            f"SCIP does not take the program: {str(error) or type(error).__name__}"
        ) from error
    writing = deadline.elapsed - before
    deadline = deadline.earlier(FREEING * writing * (1.0 + built.curved_share))
    if deadline.left < READING * writing * built.curved_share:
        return _unasked(program, deadline)
    if tight:
        built.model.setParam("numerics/epsilon", EPSILON)
        built.model.setParam("numerics/feastol", CONVEX_TOLERANCE)
        built.model.setParam("numerics/dualfeastol", CONVEX_TOLERANCE)
    _configure(built.model, settings)
    if settings.start is not None:
        start = _completed(program, _checked_start(program, settings.start), deadline)
        try:
            built.start(start)
        except Exception as error:
            raise SolverFailure(
                f"SCIP does not take the start: {str(error) or type(error).__name__}"
            ) from error
    watch = _Watch(built, settings, deadline)
    _optimise(built, settings, deadline, watch)
    answer = _answer(built, settings, deadline)
    built.release()
    return answer


def _unasked(program: Program, deadline: Deadline) -> Solution:
    """Answer for a program that SCIP could not be given in the time there was."""
    return Solution(
        program=program,
        status="limit",
        objective=None,
        bound=None,
        x=None,
        seconds=deadline.elapsed,
        solver="scip",
        version=VERSION,
        method="branch and cut",
        message="no time was left for SCIP to read the program",
    )


def _configure(model: Any, settings: Settings) -> None:
    # the objective is recomputed with the integers exact, which may cost a little of the gap
    model.setParam("limits/gap", min(OF_GAP * settings.gap, 1e20))
    model.setParam("randomization/randomseedshift", settings.seed % 2**31)
    model.setParam("lp/threads", min(settings.threads, 64))
    for name, value in (CAUTIOUS | dict(settings.options)).items():
        try:
            model.setParam(name, value)
        except KeyError:
            raise BadData(f"SCIP has no option named {name!r}: see SCIP's list of parameters") from None
        except (ValueError, TypeError, AttributeError, OverflowError, LookupError, OSError):
            raise BadData(
                f"SCIP's option {name!r} does not take {value!r}: mind its type and range"
            ) from None


def _checked_start(program: Program, start: Any) -> Any:
    x = np.asarray(start, dtype=float)
    if x.shape != (program.n,):
        raise BadData(f"start has shape {x.shape}; it needs ({program.n},), NaN where unknown")
    return x


def _completed(program: Program, start: Any, deadline: Deadline) -> Any:
    """Solve for the unknown columns of a start that has every integer, where what is left is convex."""
    known = np.isfinite(start)
    if known.all() or not known[program.integer].all():
        return start
    try:
        left = fix(program, np.flatnonzero(known), np.where(program.integer, np.round(start), start)[known])
        if left.infeasible is not None:
            return start
        rest = solve_continuous(left.program, Settings().until(deadline))
    except (UnsupportedProgram, SolverFailure):
        return start
    return start if rest.x is None else left.expand(rest.x)


def _optimise(built: ScipModel, settings: Settings, deadline: Deadline, watch: _Watch | None = None) -> None:
    if "limits/time" not in settings.options:
        built.model.setParam("limits/time", min(deadline.left, 1e20))
    # PySCIPOpt passes SCIP's errors to Python without asking for its lock once any model of the process was told to
    # redirect its output, as CVXPY tells its own: a run without the lock would end the process.
    run = built.model.optimizeNogil if _print_errors_in_c() else built.model.optimize
    try:
        run()
    except Exception as error:
        raise SolverFailure(f"SCIP failed: {error}") from error
    if watch is not None and watch.error is not None:
        raise watch.error


def _print_errors_in_c() -> bool:
    """Have SCIP's library print its errors itself, as it does at first; return whether it could be told."""
    try:
        tell = ctypes.CDLL(pyscipopt.scip.__file__).SCIPmessageSetErrorPrintingDefault
    except (AttributeError, OSError):  # the loader of this platform does not look into what the module links
        return False
    tell.restype = None
    tell()
    return True


def _answer(built: ScipModel, settings: Settings, deadline: Deadline) -> Solution:
    program, model = built.program, built.model
    said = model.getStatus()
    nodes = int(model.getNTotalNodes())
    x = built.point()
    bound = _finite(model.getDualbound(), built)
    status, message = _status(said, x), f"SCIP: {said}"
    if said == "inforunbd":
        status, more = _infeasible_or_unbounded(built, settings, deadline)
        message += more
    if status in ("infeasible", "unbounded"):
        x, bound = None, None
    objective = None
    if x is not None:
        objective = program.objective(x)
        if bound is not None:
            bound = max(bound, objective) if program.maximise else min(bound, objective)
            if closes(objective, bound, settings.gap, built.objective_unit):
                status = "optimal"
            elif said in ("optimal", "gaplimit"):
                message += f"; its tolerances leave a gap of {abs(objective - bound):.1e}"
    claim = Solution(
        program=program,
        status=status,
        objective=objective,
        bound=bound,
        x=x,
        seconds=deadline.elapsed,
        solver="scip",
        version=VERSION,
        method="branch and cut",
        nodes=nodes,
        message=message,
    )
    return without_false_ray(claim, status == "unbounded" and (built.relaxed or has_far_sides(program)))


def _status(said: str, x: Any) -> str:
    if said in ("infeasible", "unbounded"):
        return said
    return "limit" if x is None else "feasible"


def _finite(bound: float, built: ScipModel) -> float | None:
    """Return SCIP's number in the program's own unit and sense, None when it is infinite."""
    if abs(bound) >= INFINITE:
        return None
    value = bound * built.objective_unit
    return -value if built.program.maximise else value


def _infeasible_or_unbounded(built: ScipModel, settings: Settings, deadline: Deadline) -> tuple[str, str]:
    """Tell the two apart: with a zero objective only infeasibility is left."""
    model = built.model
    model.freeTransform()
    model.setObjective(0.0)
    model.setParam("limits/solutions", 1)
    _optimise(built, settings, deadline)
    said = model.getStatus()
    if said == "infeasible":
        return "infeasible", ""
    if model.getNSols() > 0:
        return "unbounded", ", and a feasible point exists"
    return "limit", ", and no time was left to tell which"


class _Watch:
    """Tell the caller how far SCIP is, at most ten times a second, without letting an error vanish in C."""

    def __init__(self, built: ScipModel, settings: Settings, deadline: Deadline) -> None:
        self.error: BaseException | None = None
        self._built, self._settings, self._deadline = built, settings, deadline
        self._last = 0.0
        if settings.progress is not None:
            events = [
                PY_SCIP_EVENTTYPE.BESTSOLFOUND,
                PY_SCIP_EVENTTYPE.NODESOLVED,
                PY_SCIP_EVENTTYPE.LPSOLVED,
            ]
            built.model.attachEventHandlerCallback(self._heard, events, name="progress")

    def _heard(self, model: Any, _: Any) -> None:
        now = self._deadline.elapsed
        if self.error is not None or now - self._last < REPORT_EVERY:
            return
        self._last = now
        primal, dual = (_finite(v, self._built) for v in (model.getPrimalbound(), model.getDualbound()))
        try:
            assert self._settings.progress is not None
            self._settings.progress(now, primal, dual)
        except BaseException as error:  # noqa: BLE001  # raised again, whatever it is, once SCIP has stopped
            self.error = error
            model.interruptSolve()
