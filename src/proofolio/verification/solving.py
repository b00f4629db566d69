"""Solve anything, and check the answer before it is believed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import BadData, ProofolioError, SolverFailure
from proofolio.interfaces.opening import open_model
from proofolio.processes import one_blas_thread
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.capabilities import SOLVERS, require
from proofolio.solvers.limits import Deadline, finishing_seconds
from proofolio.solvers.solution import (
    BROKEN,
    INFEASIBLE,
    OPTIMAL,
    UNBOUNDED,
    VERIFIED,
    Check,
    RefutedClaim,
    Settings,
    Solution,
    gap_size,
    read_settings,
)
from proofolio.verification.certified.confirming import CONFIRM, Confirmation, second_runs
from proofolio.verification.certified.confirming import confirm as confirm_claim
from proofolio.verification.certified.optimum import Certificate
from proofolio.verification.checks.checking import (
    BREAKS,
    LIMIT,
    certified_checks,
    check_until,
    is_suspect,
    status,
    status_after,
)
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
# Confirmation: a certificate that is asked for may take so many times the solve, or so many seconds; otherwise so many
# seconds more than the search. A better point found is confirmed in its turn, so often.
TIMES, CERTIFY_SECONDS, SECOND_SECONDS, ROUNDS = 10.0, 30.0, 2.0, 4
# What is solved within .1 s is confirmed within .5 s.
AT_ONCE, FEW = 0.45, 5.0
LEAST_CONFIRMATION = 0.01
# By so much of its size an exact optimum may miss what was claimed.
TOLERATED = 1e-6
# What can be confirmed; for a claim that the checks refuted something better may be had.
CLAIMS = (*OPTIMAL, *INFEASIBLE, *UNBOUNDED, *BROKEN, "claim-wrong")


def solve(
    model: Any, solver: str | None = None, *, confirm: str = "auto", isolate: bool = False, **settings: Any
) -> Solution:
    """Solve a program, a Pyomo model, a CVXPY problem or a file, and check the answer.

    Parameters
    ----------
    model : Program, Model, pyomo model, cvxpy.Problem, str or Path
        The values found are loaded into a Pyomo model or CVXPY problem, whatever their status is.
    solver : {"highs", "scip"}, optional
        The one that is named is used; otherwise the first that can take the program, and where it gives up without an
        answer the next. The answer says which it was.
    confirm : {"auto", "none", "second", "certificate"}
        What an optimum, or that there is none, has to rest on beside one solver's word: ``"certificate"``, a tree
        proved in exact arithmetic (``certified-optimal``, kept as `Solution.certificate`); ``"second"``, an
        independent run that looks for something better and finds there is nothing (``verified-optimal``); ``"auto"``
        tries the first and then the second, within half a second where the search took a tenth. What neither
        settles, and everything with ``"none"``, is ``solver-optimal``, ``solver-infeasible`` or
        ``solver-unbounded``; but multipliers that prove the bound of a continuous program are enough for
        ``verified-optimal``. A better point that is found is the answer, and `Solution.claims` names the claim it
        refutes.
    isolate : bool
        Solve in a process of its own, which is killed when it is late: the answer is back within `time_limit` and a
        second, whatever a solver does, and one that crashes raises `SolverFailure`. Starting the process takes about a
        second, which is not part of the limit. Of a process that was killed what it had found and checked is the
        answer, or one with the status ``limit``.
    **settings
        time_limit, gap, seed, threads, options, start, progress: see `Settings`. `start` may be a
        dictionary of column names (those left out are free), or an earlier answer. The time limit is that
        of the whole call: opening, searching, confirming and checking; part of it is kept for the checks.

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
    answer = solve_until(deadline, program, solver, settings, alone=confirm != "none")
    if confirm == "none":
        return answer
    if known is not None:
        known(answer)
    return confirmed(program, answer, confirm, settings.gap, deadline)


def solve_program(program: Program, solver: str | None = None, **settings: Any) -> Solution:
    """Solve a program in matrix form and check the answer, without confirming it; arguments as for `solve`."""
    wanted = read_settings(settings)
    return solve_until(Deadline.after(wanted.time_limit), program, solver, wanted)


@one_blas_thread()
def solve_until(
    deadline: Deadline, program: Program, solver: str | None, settings: Settings, *, alone: bool = False
) -> Solution:
    """Solve a program as `solve_program` does, when its time limit has been running since an earlier moment.

    With `alone` the claim is only checked as it stands, because it is confirmed afterwards: no other solver is asked
    about a program that is called infeasible, and no points next to a delicate optimum are tried.
    """
    wanted = settings
    if settings.start is not None:
        wanted = replace(settings, start=_start(program, settings.start))
    program = recognise_cones(program)
    entry = require(program, solver, SOLVERS)
    kept = min(finishing_seconds(program), KEPT * wanted.time_limit)
    try:
        claim = entry.solve(program, wanted.until(deadline.earlier(kept)))
    except SolverFailure:
        others = [e for e in SOLVERS.values() if e is not entry and not e.lacks(program)]
        if solver is not None or not others or deadline.left < LEAST_OPINION:
            raise
        claim = others[0].solve(program, wanted.until(deadline.earlier(kept)))
    return verify_claim(deadline, program, claim, wanted.gap, alone=alone)


def confirmed(program: Program, answer: Solution, how: str, gap: float, deadline: Deadline) -> Solution:
    """Return an answer with the status its confirmation allows; what refutes it takes its place.

    Parameters
    ----------
    program : Program
        As it was given; its cones need not be recognised.
    answer : Solution
        Checked. Only claims of an optimum, that there is no point and that there is no limit are confirmed.
    how : {"auto", "second", "certificate"}
    gap : float
    deadline : Deadline
        Of the whole call; a confirmation has a budget of its own as well.
    """
    if not _is_claim(answer):
        return answer
    began = time.perf_counter()
    for _ in range(ROUNDS):
        if not _is_claim(answer):
            break
        within = deadline.working(confirm_budget(how, answer.seconds))
        if within.left < LEAST_CONFIRMATION:
            answer = replace(answer, message="no time was left to confirm it")
            break
        found = confirm_claim(program, answer, how, gap, within)
        if found.word != "refuted":
            answer = _with_word(program, answer, found, deadline, gap)
            break
        refuted, answer = answer, _refuted(program, answer, found, deadline, gap)
        if answer.certified or (answer.x is not None and answer.x is refuted.x):
            break
    if answer.status == "solver-optimal" and is_suspect(program, answer.unchecked()):
        # its budget is used up: only the grace of the checks is left
        again = verify_claim(deadline.within(0.0), recognise_cones(program), answer.unchecked(), gap)
        answer = again if again.status == "claim-wrong" else answer
    return replace(answer, confirm_seconds=time.perf_counter() - began)


def confirm_budget(how: str, seconds: float) -> float:
    """Return how many seconds of work a confirmation may take, by the seconds of the search.

    A certificate that is asked for may take long; otherwise what was solved at once is confirmed at once.
    """
    if how == "certificate":
        return max(TIMES * seconds, CERTIFY_SECONDS)
    return min(seconds + SECOND_SECONDS, max(AT_ONCE, FEW * seconds))


def _is_claim(answer: Solution) -> bool:
    """Whether there is something to confirm; what a solver calls optimal may have a gap next to an objective of 0."""
    return answer.status in CLAIMS or (answer.status == "verified-feasible" and answer.claim == "optimal")


def _with_word(
    program: Program, answer: Solution, found: Confirmation, deadline: Deadline, gap: float
) -> Solution:
    """Return an answer that nothing refuted, with the status its confirmation allows."""
    certificate = found.certificate
    kind = "unbounded" if answer.status in UNBOUNDED else "infeasible"
    if found.word == "certified" and certificate is not None:
        if answer.x is None:
            return replace(answer, program=program, status=kind, certificate=certificate)
        return _certified(program, _as_tolerated(program, answer, certificate, gap), certificate)
    if answer.x is None:
        return (
            replace(answer, status=kind)
            if found.word == "verified"
            else replace(answer, message=found.reason)
        )
    if found.exact is not None and answer.ok:
        answer = _moved(program, answer, found.exact, deadline)
    if certificate is not None:
        answer = replace(answer, program=program, certificate=certificate)
    if found.word == "verified":
        answer = replace(answer, status="verified-optimal") if answer.status in OPTIMAL else answer
    return replace(answer, message=found.reason) if found.reason else answer


def _as_tolerated(program: Program, answer: Solution, certificate: Certificate, gap: float) -> Solution:
    """Return an answer, with its claim refuted where it is better than any exact point: tolerances made it so."""
    if answer.objective is None or certificate.value is None or not answer.ok:
        return answer
    sign = -1.0 if program.maximise else 1.0
    gain = float(certificate.value) - sign * answer.objective
    if gain <= max(gap, TOLERATED) * gap_size(program, answer.x, answer.objective):
        return answer
    claim = RefutedClaim(answer.solver, "optimal", answer.objective, "an exact search")
    said = f"{answer.objective:.9g} is reached only by points that satisfy the model within tolerances, not exactly"
    return replace(answer, claims=(*answer.claims, claim), message=said)


def _moved(program: Program, answer: Solution, x: Floats, deadline: Deadline) -> Solution:
    """Return an answer at the exact point next to it, where every check holds there too."""
    objective = program.objective(x)
    bound = answer.bound
    if bound is not None:
        bound = max(bound, objective) if program.maximise else min(bound, objective)
    point = replace(answer.unchecked(), x=x, objective=objective, bound=bound, duals=None)
    checks = check_until(recognise_cones(program), point, deadline.later(GRACE))
    return point.checked(checks, answer.status) if all(c.ok for c in checks) else answer


def _certified(program: Program, answer: Solution, certificate: Certificate) -> Solution:
    """Return the exact point of a certificate as the answer, its numbers rounded to doubles."""
    sign = -1.0 if program.maximise else 1.0
    x = np.zeros(program.n)
    for j, v in (certificate.point or {}).items():
        x[j] = float(v)
    bound = None if certificate.bound is None else sign * float(certificate.bound)
    objective = program.objective(x)
    if bound is not None:
        bound = min(bound, objective) if sign > 0 else max(bound, objective)
    point = replace(answer.unchecked(), x=x, objective=objective, bound=bound, duals=None, status="optimal")
    checks = certified_checks(recognise_cones(program), point)
    if not all(c.ok for c in checks):
        return answer if answer.status != "claim-wrong" else point.checked(checks, status(checks))
    return replace(point.checked(checks, "certified-optimal"), program=program, certificate=certificate)


def _refuted(
    program: Program, answer: Solution, found: Confirmation, deadline: Deadline, gap: float
) -> Solution:
    """Return what took the place of a claim, checked, and the claim it refutes beside it."""
    was = "optimal" if answer.x is not None else answer.status.removeprefix("solver-")
    claims = (*answer.claims, RefutedClaim(answer.solver, was, answer.objective, found.by))
    kept = replace(answer, claims=claims)
    better, proof = None, found.certificate
    if proof is not None and proof.says != "optimal":
        nothing = replace(kept, x=None, objective=None, bound=None, duals=None, checks=(), message="")
        return replace(nothing, status=proof.says, program=program, certificate=proof)
    if found.better is not None:
        x = np.asarray(found.better, dtype=float)
        better = replace(
            kept.unchecked(), status="feasible", x=x, objective=program.objective(x), bound=None, duals=None,
            message=f"{found.by} found it",
        )  # fmt: skip
        if proof is not None:
            return _certified(program, better, proof)
    sign = -1.0 if program.maximise else 1.0
    for claim in (
        [found.instead]
        if found.instead is not None
        else _other_claims(program, answer, better, deadline, gap)
    ):
        if claim.x is None and better is not None:
            continue
        if better is None or sign * (program.objective(claim.point) - (better.objective or 0.0)) <= 0.0:
            again = verify_claim(deadline, recognise_cones(program), claim, gap, alone=True)
            if again.ok or again.status in (*INFEASIBLE, *UNBOUNDED):
                return replace(again, claims=claims, seconds=answer.seconds + claim.seconds)
    if better is None:
        return answer if answer.status in BROKEN else replace(kept, message=found.reason)
    checks = check_until(recognise_cones(program), better, deadline.later(GRACE))
    return better.checked(checks, status_after(better, checks, gap))


def _other_claims(
    program: Program, answer: Solution, better: Solution | None, deadline: Deadline, gap: float
) -> Iterator[Solution]:
    """Yield what other runs claim of a program, from the better point on."""
    within = deadline.within(answer.seconds + SECOND_SECONDS)
    start = None if better is None else better.x
    for _, claim in second_runs(recognise_cones(program), answer.solver, gap, within, start):
        yield claim


def verify_claim(
    deadline: Deadline, program: Program, claim: Solution, gap: float, *, alone: bool = False
) -> Solution:
    """Check what a solver says of a program, its cones recognised, against the data, until shortly after a deadline."""
    if claim.status == "infeasible" and program.integer.any() and not alone:
        second = _second_opinion(program, claim.solver, deadline)
        return claim.checked(second, _status_of_infeasible(second))
    checks: tuple[Check, ...] = ()
    if claim.x is not None:
        checks = check_until(program, claim, deadline.later(GRACE), neighbours=not alone)
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
        return "solver-infeasible"
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
