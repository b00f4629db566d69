"""One run, from building to checking, in whatever process it is asked for."""

from __future__ import annotations

import copy
import inspect
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from proofolio.benchmarking.judgement import program_hash, reached, second_opinion
from proofolio.benchmarking.measures import gap, primal_dual_integral
from proofolio.benchmarking.permutation import Shuffled, shuffled
from proofolio.benchmarking.problems import Answer, Problem
from proofolio.benchmarking.runs import Run
from proofolio.benchmarking.suite import Suite, open_suite
from proofolio.errors import BadData, ContradictoryRows, ProofolioError, SolverFailure, UnsupportedProgram
from proofolio.interfaces.opening import open_model
from proofolio.processes import forget_peak, one_blas_thread, peak_megabytes, resident_megabytes
from proofolio.program.builder import Builder
from proofolio.program.program import Program
from proofolio.program.structure import features, recognise_cones
from proofolio.solvers.capabilities import SolverEntry, require
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import (
    INFEASIBLE,
    OPTIMAL,
    UNBOUNDED,
    VERIFIED,
    Settings,
    Solution,
    gap_size,
)
from proofolio.verification.checks.rows import Tolerances, allowance
from proofolio.verification.solving import confirm_budget, confirmed, verify_claim

__all__ = ["STATUSES", "Executor", "rebuilt_hash"]


STATUSES = (
    *VERIFIED,
    *INFEASIBLE,
    *UNBOUNDED,
    "claim-wrong",
    "leaks",
    "limit",
    "memory",
    "crash",
    "error",
    "unsupported",
)
"""How a run can end, the best first."""
JUDGED = VERIFIED
POINTLESS = ("infeasible", "unbounded")
# What a solver may claim, and what the words of an answer that was checked are as a claim.
CLAIMS = ("optimal", "feasible", "limit", *POINTLESS)
CHECKED = {
    **dict.fromkeys(OPTIMAL, "optimal"),
    "verified-feasible": "feasible",
    **{f"solver-{said}": said for said in POINTLESS},
    "leaks": "feasible",
    "infeasible-solution": "feasible",
}
# Entries of a record's history: a search may report thousands of times.
NEWS_KEPT = 200
# Seconds a check is given at least; otherwise it may take as long as the solve.
LEAST_CHECK = 5.0
# Seconds that others are asked about a claim without a point, where no confirmation was asked for.
OPINION, LEAST_OPINION = 5.0, 0.25
# Seconds that a warm-up of a program's solver, and of a problem's own, is given as its time limit.
WARM_SOLVER, WARM_OWN = 1.0, 2.0
# The gap asked for in a warm-up.
WARM_GAP = 1e-6
# what the progress of a solve can be asked for, in the program's own sense
News = tuple[float, float | None, float | None]
Judge = Callable[[Solution], tuple[str, str]]


@dataclass
class Executor:
    """Does runs one after the other, and warms each solver up before its first.

    Attributes
    ----------
    warming : function of a truth value
        Called when a warm-up begins (true) and when it has ended (false): its time counts for no run.
    searching : function of a truth value
        Called when a solver is asked (true) and when it is back (false): its limit is that of the search.
    warmed : set of (suite, solver) or (suite, problem, solver)
    done : int
        Runs so far.
    """

    warming: Callable[[bool], None] = lambda begins: None
    searching: Callable[[bool], None] = lambda begins: None
    warmed: set[tuple[str, ...]] = field(default_factory=set)
    done: int = 0
    _suites: dict[str, Suite] = field(default_factory=dict)

    def __call__(self, run: Run, warm: bool = True) -> dict[str, Any]:
        """Do a run, after a warm-up if `warm`, and return what was measured.

        Whatever goes wrong in Python is a status.
        """
        forget_peak()
        record: dict[str, Any] = {
            "status": "error",
            "message": "",
            "load": _load(),
            "memory_before": resident_megabytes(),
        }
        try:
            with one_blas_thread():
                self._do(run, record, warm)
        except MemoryError:
            record |= {"status": "memory", "message": "an allocation was refused at the memory limit"}
        except UnsupportedProgram as error:
            record |= {"status": "unsupported", "message": str(error)}
        except ContradictoryRows as error:
            # found while building: of a model as it was written, before any solver saw it, that is certain
            own = bool(self._suite(run).problems[run.problem].solvers)
            status = "solver-infeasible" if own else "infeasible"
            record |= {"status": status, "message": str(error), "confirmed": not own}
        except ProofolioError as error:
            record |= {"status": "error", "message": str(error)}
        except BaseException as error:  # noqa: BLE001  # a solver may raise anything, and the record says what
            record |= {"status": "error", "message": f"{type(error).__name__}: {error}"}
        self.done += 1
        return record | {"memory_peak": peak_megabytes(), "runs_before": self.done - 1}

    def _do(self, run: Run, record: dict[str, Any], warm: bool) -> None:
        suite = self._suite(run)
        problem = suite.problems[run.problem]
        if problem.solvers and warm:
            self._warm((suite.name, run.problem, run.solver), lambda: _warm_own(suite, problem, run))
        started = time.perf_counter()
        extra = {"solver": run.solver} if problem.solvers else {}
        built = suite.build(run.problem, {**run.params, **extra})
        if problem.solvers:
            if not callable(built):
                raise BadData(
                    f"{run.problem} has solvers of its own, so it must return a function of Settings"
                )
            record["build_seconds"] = time.perf_counter() - started
            _work(run, built, record, self.searching)
            return
        judge = getattr(built, "judge", None)
        program = _program(built)
        record["build_seconds"] = time.perf_counter() - started
        entry = require(recognise_cones(program), run.solver, dict(suite.solvers))
        if warm:
            self._warm((suite.name, entry.name), lambda: _warm_solver(entry))
        _solve(run, entry, shuffled(program, run.permutation), judge, record, self.searching)

    def _suite(self, run: Run) -> Suite:
        if run.source not in self._suites:
            self._suites[run.source] = open_suite(run.source)
        return self._suites[run.source]

    def _warm(self, mark: tuple[str, ...], work: Callable[[], object]) -> None:
        """Load a solver or a peer by a first small solve; how that ends is not recorded."""
        if mark in self.warmed:
            return
        self.warmed.add(mark)
        self.warming(True)
        with suppress(BaseException):
            work()
        self.warming(False)


def _program(built: Any) -> Program:
    return open_model(built.to_program() if hasattr(built, "to_program") else built).program


def rebuilt_hash(run: Run) -> str:
    """Return the hash of the program that a run would be given now; empty where it cannot be built."""
    suite = open_suite(run.source)
    with suppress(Exception), one_blas_thread():  # the run says what is wrong
        return program_hash(_program(suite.build(run.problem, run.params)))
    return ""


def _warm_solver(entry: SolverEntry) -> None:
    tiny = _tiny("integer" in entry.can)
    claim = entry.solve(tiny, Settings(time_limit=WARM_SOLVER, progress=_unheard))
    verify_claim(Deadline.after(WARM_SOLVER), tiny, claim, WARM_GAP)


def _warm_own(suite: Suite, problem: Problem, run: Run) -> None:
    case = problem.warm if problem.warm is not None else next(problem.cases(quick=True), None)
    if case is None:
        return
    work = suite.build(run.problem, {**case, "solver": run.solver})
    limit = min(run.time_limit, WARM_OWN)
    settings = Settings(time_limit=limit, gap=run.gap, seed=run.seed, options=run.options, progress=_unheard)
    answer = work(settings) if _takes_settings(work) else work()
    if answer.verify is not None:
        answer.verify()


def _unheard(*news: float | None) -> None:
    pass


def _tiny(discrete: bool) -> Program:
    model = Builder("warm-up")
    x = model.variable("x", 3, 0.0, 1.0, integer=discrete)
    model.add("some", x.sum() >= 1.5)
    model.minimise(x[0] + 2 * x[1] + 3 * x[2])
    return model.freeze()


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _solve(
    run: Run,
    entry: SolverEntry,
    shuffle: Shuffled,
    judge: Judge | None,
    record: dict[str, Any],
    searching: Callable[[bool], None],
) -> None:
    record |= _size(shuffle.original) | {"program": program_hash(shuffle.original)}
    # what a solver does to its program must not reach the one its answer is checked against
    given = copy.deepcopy(shuffle.program)
    history: list[News] = []
    settings = Settings(
        time_limit=run.time_limit,
        gap=run.gap,
        seed=run.seed,
        options=run.options,
        progress=lambda *news: history.append(news),
    )
    claim, spent = _timed(lambda: _asked(entry, given, settings), searching)
    record |= spent
    if not isinstance(claim, Solution):
        raise SolverFailure(f"{entry.name} returned a {type(claim).__name__} in place of a Solution")
    claim = _bare(shuffle.back(claim))
    checking = time.perf_counter()
    room = Deadline.after(max(run.time_limit, LEAST_CHECK))
    program = recognise_cones(shuffle.original)
    if claim.status in POINTLESS:
        claim = replace(claim, x=None, objective=None, bound=None)
        record |= _answered(program, claim.checked((), claim.status))
        record["check_seconds"] = time.perf_counter() - checking
        record |= _without_point(run, shuffle.original, claim, record["seconds"])
    else:
        answer = verify_claim(room, program, claim, run.gap)
        record |= _answered(program, answer)
        if claim.x is not None and record["status"] in JUDGED:
            record["reached"] = reached(program, claim.x, room)
        if judge is not None and claim.x is not None and record["status"] in JUDGED:
            record["status"], record["message"] = _known(*judge(answer))
        record["check_seconds"] = time.perf_counter() - checking
        if run.confirm != "none" and record["status"] in OPTIMAL:
            record |= _confirmed(run, shuffle.original, answer, record["seconds"])
    _history(record, history)


def _bare(claim: Solution) -> Solution:
    """Return what a solver claims by itself, where it gives an answer that was checked already too.

    Raises
    ------
    BadData
        For a status that is no word of a solver's.
    """
    if claim.claim:
        claim = claim.unchecked()
    said = CHECKED.get(claim.status, claim.status)
    if said not in CLAIMS:
        raise BadData(f"status is {claim.status!r}; give one of {', '.join(CLAIMS)}")
    return replace(claim, status=said)


def _without_point(run: Run, program: Program, claim: Solution, seconds: float) -> dict[str, Any]:
    """Return what is left of a claim that there is no point, or no limit: others are asked in every case."""
    room = max(min(run.time_limit, OPINION), LEAST_OPINION)
    if run.confirm != "none":
        room = max(room, confirm_budget(run.confirm, seconds))
    began = time.perf_counter()
    found = second_opinion(program, claim, run.confirm, room)
    return found | {"confirm_seconds": time.perf_counter() - began}


def _confirmed(run: Run, program: Program, answer: Solution, seconds: float) -> dict[str, Any]:
    """Return what confirming a checked optimum adds to its record: a better word for it, or that it is wrong."""
    answer = replace(answer, seconds=seconds)
    room = Deadline.after(2.0 * confirm_budget(run.confirm, seconds))
    found = confirmed(program, answer, run.confirm, run.gap, room)
    record: dict[str, Any] = {"confirm_seconds": found.confirm_seconds, "certified": found.certified}
    if not found.claims:
        # what a solver says beside its optimum is no reason for anything
        why = found.message if found.status == "solver-optimal" and found.message != answer.message else ""
        return record | {"status": found.status, "message": why}
    sign = -1.0 if program.maximise else 1.0
    value, better = answer.objective or 0.0, found.objective
    size = gap_size(program, answer.x, value)
    if better is None or sign * (value - better) <= run.gap * size:
        return record | {
            "status": answer.status,
            "certified": False,
            "message": f"{found.claims[0]}, within the gap",
        }
    said = f"it claims that {value:.9g} is optimal, and {found.claims[0].by} found {better:.9g}"
    return record | {"status": "claim-wrong", "certified": False, "message": said, "better": better}


def _asked(entry: SolverEntry, program: Program, settings: Settings) -> Any:
    """Return a solver's claim; once asked, it can no longer leave the program to others."""
    try:
        return entry.solve(recognise_cones(program), settings)
    except UnsupportedProgram as error:
        raise SolverFailure(
            f"{entry.name} refused the program only when asked to solve it: {error}"
        ) from None
    except ContradictoryRows as error:
        return Solution(program, "infeasible", None, None, None, 0.0, entry.name, "", message=str(error))


def _answered(program: Program, answer: Solution) -> dict[str, Any]:
    status, message = _status(answer)
    # the objective of a point is computed from the program, not taken from the solver
    objective = None if answer.x is None else _finite(program.objective(answer.x))
    bound = _finite(answer.bound)
    allowed = 0.0 if answer.x is None else allowance(program, answer.x, Tolerances().objective)
    return {
        "status": status,
        "message": message,
        "objective": objective,
        "bound": bound,
        "maximise": program.maximise,
        "allowance": _finite(allowed) or 0.0,
        "reached": None,
        "nodes": _count(answer.nodes),
        "method": str(answer.method),
    }


def _status(answer: Solution) -> tuple[str, str]:
    failures = "; ".join(
        f"{c.name}: {c.detail or f'{c.value:.2g} of {c.tolerance:.2g} allowed'}" for c in answer.failed
    )
    if answer.status == "infeasible-solution":
        return "claim-wrong", f"the point breaks the model ({failures})"
    if answer.x is None and answer.claim in ("optimal", "feasible"):
        return "claim-wrong", f"it claims to be {answer.claim} and gives no point"
    good = answer.status in (*OPTIMAL, *POINTLESS)
    return answer.status, failures or ("" if good else answer.message)


def _work(
    run: Run, work: Callable[..., Any], record: dict[str, Any], searching: Callable[[bool], None]
) -> None:
    """Do the work of one of a problem's own solvers."""
    history: list[News] = []
    settings = Settings(
        time_limit=run.time_limit,
        gap=run.gap,
        seed=run.seed,
        options=run.options,
        progress=lambda *news: history.append(news),
    )
    try:
        answer, spent = _timed(lambda: work(settings) if _takes_settings(work) else work(), searching)
    except UnsupportedProgram as error:
        raise SolverFailure(
            f"{run.solver} refused the problem only when asked to solve it: {error}"
        ) from None
    except ContradictoryRows as error:
        record |= {"status": "solver-infeasible", "message": str(error)}
        return
    record |= spent
    if not isinstance(answer, Answer):
        raise BadData(
            f"{run.problem} returned a {type(answer).__name__} for {run.solver} in place of an Answer"
        )
    status, message = answer.status, answer.message
    if answer.verify is not None:
        checking = time.perf_counter()
        status, message = answer.verify()
        record["check_seconds"] = time.perf_counter() - checking
    elif status in JUDGED:
        raise BadData(
            f"{run.solver} says {status} of {run.problem} and gives no verify: the answer is unchecked"
        )
    if status == "unsupported":
        raise SolverFailure(f"{run.solver} called the problem unsupported only once it was at work")
    firm = answer.reached() if callable(answer.reached) else answer.reached
    status, message = _fitting(run, answer, *_known(status, message))
    record |= {
        "status": status,
        "message": message,
        "objective": _finite(answer.objective),
        "bound": _finite(answer.bound),
        "maximise": answer.maximise,
        "allowance": _finite(answer.allowance) or 0.0,
        "reached": _finite(firm) if status in JUDGED else None,
        "nodes": _count(answer.nodes),
        "method": answer.method,
    }
    _history(record, history)


def _fitting(run: Run, answer: Answer, status: str, message: str) -> tuple[str, str]:
    """Return the best status that the numbers of the answer support."""
    if status not in JUDGED:
        return status, message
    objective, bound = _finite(answer.objective), _finite(answer.bound)
    if objective is None:
        return "claim-wrong", f"it says {status} and gives no finite objective"
    room = (_finite(answer.allowance) or 0.0) + run.gap * abs(objective) * (1.0 + 1e-6)
    closed = answer.bound is None or (bound is not None and abs(objective - bound) <= room)
    if status in OPTIMAL and not closed:
        return "verified-feasible", message or f"its bound, {answer.bound:.9g}, leaves a gap"
    return status, message


def _known(status: str, message: str) -> tuple[str, str]:
    if status == "infeasible-solution":
        return "claim-wrong", f"the point breaks the model ({message})"
    if status not in STATUSES:
        raise BadData(f"a suite gave an answer the status {status!r}; there are {', '.join(STATUSES)}")
    return status, message


def _takes_settings(work: Callable[..., Any]) -> bool:
    return bool(inspect.signature(work).parameters)


def _timed(work: Callable[[], Any], searching: Callable[[bool], None]) -> tuple[Any, dict[str, float]]:
    searching(True)
    cpu, started = time.process_time(), time.perf_counter()
    try:
        found = work()
    finally:
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        searching(False)
    return found, {"seconds": seconds, "cpu_seconds": cpu}


def _history(record: dict[str, Any], history: list[News]) -> None:
    """Add the gap and the primal-dual integral, whose last news is the answer itself."""
    seconds = record["seconds"]
    record["gap"] = _finite(gap(record["objective"], record["bound"]))
    found = [
        (round(at, 6), _finite(objective), _finite(bound))
        for at, objective, bound in history
        if at <= seconds
    ]
    found.append((seconds, record["objective"], record["bound"]))
    record["integral"] = primal_dual_integral(found, seconds)
    step = math.ceil(len(found) / NEWS_KEPT)
    record["history"] = [*found[:-1:step], found[-1]]


def _size(program: Program) -> dict[str, Any]:
    return {
        "columns": program.n,
        "rows": program.m + len(program.quadratic) + len(program.cones) + len(program.indicators),
        "integers": int(program.integer.sum()),
        "features": sorted(features(program)),
    }


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, (int, np.integer)) else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
