"""Solve anything, and check the answer before it is believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, ProofolioError
from proofolio.interfaces.opening import open_model
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.capabilities import SOLVERS, require
from proofolio.solvers.limits import Deadline, finishing_seconds, one_blas_thread
from proofolio.solvers.solution import VERIFIED, Check, Settings, Solution, read_settings
from proofolio.verification.certified.confirming import CONFIRM, Confirmation
from proofolio.verification.certified.confirming import confirm as confirm_claim
from proofolio.verification.certified.optimum import Certificate
from proofolio.verification.checks.checking import BREAKS, LIMIT, check_until, status, status_after
from proofolio.verification.isolation import solve_isolated

__all__ = ["GRACE", "solve", "solve_known", "solve_program", "solve_until", "verify_claim"]


REFUTES = BREAKS | {"leak", LIMIT}  # the checks of a point, whatever is claimed of its objective
SECOND_OPINION = 5.0  # seconds
# A time limit is kept within a second: of that one the checks may use half.
GRACE = 0.5
LEAST_OPINION = 0.25
# Of a time limit, the most that is kept for finishing and checking the incumbent.
KEPT = 0.3
ANY_GAP = 1e9
# Confirmation: a certificate may take so many times the solve, or so many seconds; a second run so many seconds more
# than the first. A better point found is confirmed in its turn, so often.
TIMES, CERTIFY_SECONDS, SECOND_SECONDS, ROUNDS = 10.0, 30.0, 2.0, 4


def solve(
    model: Any, solver: str | None = None, *, confirm: str = "none", isolate: bool = False, **settings: Any
) -> Solution:
    """Solve a program, a Pyomo model, a CVXPY problem or a file, and check the answer.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
        The values found are loaded into a Pyomo model or CVXPY problem, whatever their status is.
    solver : {"highs", "scip"}, optional
        The one that is named is used; otherwise the first that can take the program. The answer says which it was.
    confirm : {"none", "auto", "second", "certificate"}
        What an optimum, or that there is none, has to rest on beside one solver's word: ``"certificate"``, a tree
        proved in exact arithmetic (``certified-optimal``, kept as `Solution.certificate`); ``"second"``, an
        independent run that looks for something better and finds there is nothing (``verified-optimal``); ``"auto"``
        tries the first and then the second. What neither settles is ``solver-optimal`` or ``solver-infeasible``. A
        better point that is found is the answer, and `Solution.refuted` names the claim it refutes.
    isolate : bool
        Solve in a process of its own, which is killed when it is late: the answer is back within `time_limit` and a
        second, whatever a solver does, and one that crashes raises `SolverFailure`. Starting the process takes about a
        second, which is not part of the limit. Of a process that was killed what it had found and checked is the
        answer, or one with the status ``limit``.
    **settings
        time_limit, gap, seed, threads, options, start, progress: see `Settings`. `start` may be a
        dictionary of column names (those left out are free), or an earlier answer. The time limit is that
        of the whole call: opening, searching and checking; part of it is kept for the checks.

    Returns
    -------
    Solution

    Raises
    ------
    UnsupportedProgram
        Before anything is solved, when the solver that is named cannot take the program, or none can; the text
        says who can.
    BadData
        For an unknown solver or setting, an unreadable file, or something that is no model.

    Examples
    --------
    >>> from proofolio import Model, solve
    >>> model = Model()
    >>> x = model.variable("x", 2, binary=True)
    >>> model.add("one", x.sum() >= 1)
    >>> model.minimise(3 * x[0] + 2 * x[1])
    >>> solve(model).objective
    2.0
    """
    wanted = read_settings(settings)
    deadline = Deadline.after(wanted.time_limit)
    opened = open_model(model)
    if confirm not in CONFIRM:
        raise BadData(f"confirm is {confirm!r}; it must be one of {', '.join(CONFIRM)}")
    if isolate:
        if wanted.start is not None:
            wanted = replace(wanted, start=_start(opened.program, wanted.start))
        answer = solve_isolated(opened.program, solver, confirm, wanted)
    else:
        answer = solve_known(deadline, opened.program, solver, confirm, wanted)
    if opened.load is not None and answer.x is not None:
        opened.load(answer.point)
    return answer


def solve_known(
    deadline: Deadline,
    program: Program,
    solver: str | None,
    confirm: str,
    settings: Settings,
    known: Callable[[Solution], None] | None = None,
) -> Solution:
    """Solve, check and confirm a program; `known` is given what is found and checked before that is confirmed."""
    answer = solve_until(deadline, program, solver, settings)
    if confirm == "none":
        return answer
    if known is not None:
        known(answer)
    return confirmed(program, answer, confirm, settings.gap, deadline)


def solve_program(program: Program, solver: str | None = None, **settings: Any) -> Solution:
    """Solve a program in matrix form and check the answer; arguments as for `solve`."""
    wanted = read_settings(settings)
    return solve_until(Deadline.after(wanted.time_limit), program, solver, wanted)


@one_blas_thread()
def solve_until(deadline: Deadline, program: Program, solver: str | None, settings: Settings) -> Solution:
    """Solve a program as `solve_program` does, when its time limit has been running since an earlier moment."""
    wanted = settings
    if settings.start is not None:
        wanted = replace(settings, start=_start(program, settings.start))
    program = recognise_cones(program)
    entry = require(program, solver, SOLVERS)
    kept = min(finishing_seconds(program), KEPT * wanted.time_limit)
    claim = entry.solve(program, wanted.until(deadline.earlier(kept)))
    return verify_claim(deadline, program, claim, wanted.gap)


def confirmed(program: Program, answer: Solution, how: str, gap: float, deadline: Deadline) -> Solution:
    """Return an answer with the status its confirmation allows; what refutes it takes its place.

    Parameters
    ----------
    program : Program
        As it was given; its cones need not be recognised.
    answer : Solution
        Checked. Only claims of an optimum, and that there is no point, are confirmed.
    how : {"auto", "second", "certificate"}
    gap : float
    deadline : Deadline
        Of the whole call; a confirmation has a budget of its own as well.
    """
    for _ in range(ROUNDS):
        if answer.status not in ("verified-optimal", "claim-wrong", "infeasible"):
            return answer
        certify = how == "certificate"
        budget = max(TIMES * answer.seconds, CERTIFY_SECONDS) if certify else answer.seconds + SECOND_SECONDS
        found = confirm_claim(program, answer, how, gap, max(min(budget, deadline.left), LEAST_OPINION))
        if found.better is None:
            return _with_word(program, answer, found, deadline)
        answer = _refuted(program, answer, found, deadline, gap)
    return answer


def _with_word(program: Program, answer: Solution, found: Confirmation, deadline: Deadline) -> Solution:
    """Return an answer that nothing refuted, with the status its confirmation allows."""
    certificate = found.certificate
    if found.word == "certified" and certificate is not None:
        if certificate.point is None and answer.x is None:
            return replace(answer, status="infeasible", certificate=certificate)
        if certificate.point is None:
            why = "the point satisfies the model within tolerances only: no point satisfies it exactly"
            return replace(answer, status="solver-optimal", message=why)
        return _certified(program, answer, certificate, deadline)
    if found.word == "verified":
        return answer
    kind = {"verified-optimal": "solver-optimal", "infeasible": "solver-infeasible"}
    return replace(answer, status=kind.get(answer.status, answer.status), message=found.reason)


def _certified(program: Program, answer: Solution, certificate: Certificate, deadline: Deadline) -> Solution:
    """Return the exact point of a certificate as the answer, its numbers rounded to doubles."""
    sign = -1.0 if program.maximise else 1.0
    x = np.zeros(program.n)
    for j, v in (certificate.point or {}).items():
        x[j] = float(v)
    bound = None if certificate.bound is None else sign * float(certificate.bound)
    objective = program.objective(x)
    if bound is not None:
        bound = min(bound, objective) if sign > 0 else max(bound, objective)
    point = replace(answer.unchecked(), x=x, objective=objective, bound=bound, duals=None)
    point = replace(point, status="optimal")
    checks = check_until(recognise_cones(program), point, deadline.later(GRACE))
    if not all(c.ok for c in checks):
        return answer if answer.status != "claim-wrong" else point.checked(checks, status(checks))
    return replace(
        point.checked(checks, "certified-optimal"), certificate=certificate, refuted=answer.refuted
    )


def _refuted(
    program: Program, answer: Solution, found: Confirmation, deadline: Deadline, gap: float
) -> Solution:
    """Return the better point as the answer, and the claim it refutes beside it."""
    x = np.asarray(found.better, dtype=float)
    objective = program.objective(x)
    said = (
        "that no point satisfies the model" if answer.x is None else f"that {answer.objective:.9g} is optimal"
    )
    sentence = f"{answer.solver} claims {said}, and {found.by} found {objective:.9g}"
    point = replace(
        answer.unchecked(), status="optimal", x=x, objective=objective, bound=objective, duals=None,
        refuted=(*answer.refuted, sentence),
    )  # fmt: skip
    if found.certificate is not None:
        return _certified(program, point, found.certificate, deadline)
    checks = check_until(recognise_cones(program), point, deadline.later(GRACE))
    return point.checked(checks, status_after(point, checks, gap))


def verify_claim(deadline: Deadline, program: Program, claim: Solution, gap: float) -> Solution:
    """Check what a solver says of a program, its cones recognised, against the data, until shortly after a deadline."""
    if claim.status == "infeasible" and program.integer.any():
        second = _second_opinion(program, claim.solver, deadline)
        return claim.checked(second, _status_of_infeasible(second))
    checks = check_until(program, claim, deadline.later(GRACE)) if claim.x is not None else ()
    return claim.checked(checks, status_after(claim, checks, gap))


def _second_opinion(program: Program, solver: str, deadline: Deadline) -> tuple[Check, ...]:
    """Ask another solver for a point of a program called infeasible, which next to a huge M may be a mistake."""
    brief = Settings(gap=ANY_GAP, time_limit=min(SECOND_OPINION, max(deadline.left, LEAST_OPINION)))
    for other in SOLVERS.values():
        if other.name == solver or other.lacks(program):
            continue
        try:
            found = other.solve(program, brief)
        except ProofolioError:
            continue  # it cannot be given the program, which says nothing about the first solver's answer
        if found.x is None:
            continue
        checks = check_until(program, found, deadline.later(GRACE))
        stands = status([c for c in checks if c.name in REFUTES])
        said = f"{other.name} found a point that satisfies the model, with objective {found.objective:.9g}"
        if stands in VERIFIED:
            return (Check("infeasible", False, float("inf"), 0.0, said),)
        if stands == "limit":
            said = f"{other.name} found a point, and no time was left to check it"
            return (Check("infeasible", False, float("nan"), 0.0, said),)
    return (Check("infeasible", True, 0.0, 0.0),)


def _status_of_infeasible(second: tuple[Check, ...]) -> str:
    if all(c.ok for c in second):
        return "infeasible"
    return "limit" if any(math.isnan(c.value) for c in second) else "claim-wrong"


def _start(program: Program, start: Any) -> Floats:
    if isinstance(start, Solution):
        start = start.point
    if isinstance(start, Mapping):
        return _start_by_name(program, start)
    try:
        point = np.asarray(start, dtype=float)
    except (TypeError, ValueError):
        raise BadData(
            "start holds something that is no number: give values by name, or one a column"
        ) from None
    if point.shape != (program.n,):
        raise BadData(f"start has shape {point.shape}; it must be ({program.n},), one number a column")
    if np.any(np.isinf(point)):
        raise BadData(
            f"start gives {program.column_names[int(np.argmax(np.isinf(point)))]!r} an infinite value"
        )
    return point


def _start_by_name(program: Program, start: Mapping[str, Any]) -> Floats:
    names = {name: j for j, name in enumerate(program.column_names)}
    unknown = [name for name in start if name not in names]
    if unknown:
        raise BadData(f"start has {len(unknown)} unknown names, such as {unknown[0]!r}")
    point = np.full(program.n, np.nan)
    for name, value in start.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
            raise BadData(f"start gives {name!r} the value {value!r}; it must be a finite number")
        point[names[name]] = float(value)
    return point
