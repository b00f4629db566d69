r"""What a claimed optimum is worth: a certificate, a second run that finds nothing better, or one solver's word.

``certificate`` grows a tree whose leaves are exact (`optimum`). ``second`` looks for something better than the claim v:
the same program with the row :math:`f(x) \le v - \delta` added, given to another solver, or to the same one without
presolve and with another seed; that it finds the rest infeasible corroborates the claim, where no coefficient is so
large that the tolerances of both solvers move a row by more than a millionth of its size. ``auto`` tries the first
and then the second. Whatever is found that is better takes the claim's place, and the claim is recorded as refuted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from time import perf_counter
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import ProofolioError
from proofolio.program.program import Cones, Program, QuadraticRows, RowBlock
from proofolio.program.quadratic import Form
from proofolio.program.structure import recognise_cones
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.fixing import fix
from proofolio.solvers.limits import Deadline
from proofolio.solvers.natural_units import power_of_two
from proofolio.solvers.solution import BROKEN, INFEASIBLE, NOTHING, UNBOUNDED, Settings, Solution, gap_size
from proofolio.verification.certified.optimum import Certificate, Outcome, certify, lacking
from proofolio.verification.certified.patterns import best_with_pattern, exact_near
from proofolio.verification.certified.unbounded import certify_unbounded
from proofolio.verification.checks.curvature import barely_convex
from proofolio.verification.checks.rows import Tolerances, feasibility_checks, rounded
from proofolio.verification.exact.certificate import Undecidable
from proofolio.verification.exact.in_time import TimeIsUp, stopped_when
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.points import exact_point

__all__ = ["CONFIRM", "Confirmation", "confirm", "second_runs", "second_settings"]

CONFIRM = ("auto", "none", "second", "certificate")
CANCELLING = 10.0  # of its size: an objective whose `gap_size` is larger cancels
BETTER = 1e-6  # of the objective's size: what a second run has to gain
EPS = 1e-9  # the tolerance, of integers and of rows, that both runs are given
ROW = 1e-6  # of a row's natural size: more than this a tolerance must not move it
NODES = 20_000
ANY_GAP = 1e9  # the first point that is better will do
TREE, CHECKS = "an exact search", "the check of its point"
NOWHERE = "the points that satisfy the model do so within tolerances only: none satisfies it exactly"
TREE_PART = 0.8  # of that, for the tree
PART = 0.6  # of a budget, for a certificate where a second run may follow
# What a second run can vouch for: coefficients that no solver drops, and numbers that cancel without harm.
SMALLEST, LARGEST, FARTHEST = 1e-6, 1e6, 1e9
DROPPED = 1e-8  # ten times the coefficients that HiGHS and SCIP take for zero
FINER = 1024.0
# By so much of its terms a quadratic row is tightened, and of 1e-3 where they are smaller.
ROOM, LEAST_ROOM = 1e-8, 1e-3
NO_TIME = "no time was left to confirm it"
CANCELS = "the terms of its objective cancel to so little that a second run cannot tell a better point"
BARELY = "its quadratic forms are convex only up to rounding, which may hide better points"
WITHIN = "the point satisfies the model within tolerances; none near it was found to do so exactly"


@dataclass(frozen=True)
class Confirmation:
    """What became of a claim.

    Attributes
    ----------
    word : str
        ``"certified"``, ``"verified"``, ``"solver"`` (nothing speaks for it but its solver) or ``"refuted"``.
    certificate : Certificate or None
        Also where it proves that no point satisfies the program exactly, though the claim has one within tolerances.
    better : ndarray or None
        A point that refutes the claim: better than the optimum claimed, or a point at all.
    instead : Solution or None
        What another run claims of the same program, unchecked.
    exact : ndarray or None
        A point that satisfies the program exactly and is as good as the one claimed.
    by : str
        Who found or confirmed it.
    reason : str
        Why it is no better word.
    """

    word: str
    certificate: Certificate | None = None
    better: Floats | None = None
    instead: Solution | None = None
    exact: Floats | None = None
    by: str = ""
    reason: str = ""


def confirm(program: Program, claim: Solution, how: str, gap: float, deadline: Deadline) -> Confirmation:
    """Confirm or refute that a claim is optimal within a gap, that nothing satisfies the program, or bounds it.

    Parameters
    ----------
    program : Program
        With its cones recognised or not.
    claim : Solution
        With a point, or with a status of `INFEASIBLE` or `UNBOUNDED`.
    how : {"auto", "none", "second", "certificate"}
    gap : float
    deadline : Deadline
        Of all of it.
    """
    if how == "none":
        return Confirmation("solver", reason="no confirmation was asked for")
    found = Confirmation("solver")
    if how in ("auto", "certificate"):
        within = deadline if how == "certificate" else deadline.working(PART * deadline.left)
        try:
            with stopped_when(lambda: within.passed):
                found = _certified(program, claim, gap, within)
        except TimeIsUp as late:
            found = Confirmation("solver", reason=str(late))
    if found.word == "solver" and how in ("auto", "second"):
        if deadline.passed:
            return replace(found, reason=found.reason or NO_TIME)
        with suppress(TimeIsUp), stopped_when(lambda: deadline.passed):
            return _second(program, claim, gap, deadline, found)
        return replace(found, reason=found.reason or NO_TIME)
    return found


def _certified(program: Program, claim: Solution, gap: float, deadline: Deadline) -> Confirmation:
    missing = lacking(program)
    if missing is not None:
        return Confirmation("solver", reason=f"certificates cannot speak of {missing}")
    if claim.status in UNBOUNDED:
        return _certified_unbounded(program, gap, deadline)
    # a tree may branch for ever on a column without bound: a direction without limit is looked for as well
    endless = bool(np.isinf(program.lower).any() or np.isinf(program.upper).any())
    within = deadline.working(TREE_PART * deadline.left) if endless else deadline
    outcome = certify(program, claim.x, gap, within, NODES)
    if outcome.status == "open" and outcome.point is not None:
        proof = certify_unbounded(program, deadline, outcome.point)
        if proof is not None:
            return Confirmation("refuted", proof, by=TREE)
    better = _improvement(program, claim, outcome, gap)
    if better is not None:
        return Confirmation("refuted", outcome.certificate, better, by=TREE, reason=outcome.reason)
    if claim.status in BROKEN:
        return _instead_of_broken(program, claim, outcome, gap)
    if outcome.status == "open":
        return Confirmation("solver", exact=_exact(program, claim, outcome, gap), reason=outcome.reason)
    if outcome.status == "infeasible" and claim.x is not None:
        why = "the point satisfies the model within tolerances only: no point satisfies it exactly"
        return Confirmation("solver", outcome.certificate, by=TREE, reason=why)
    return Confirmation("certified", outcome.certificate, by=TREE)


def _certified_unbounded(program: Program, gap: float, deadline: Deadline) -> Confirmation:
    proof, why = certify_unbounded(program, deadline), "no exact direction without limit was found"
    if proof is None and not deadline.passed:
        # perhaps the model has no exact point that a direction could begin at
        any_point = certify(without_objective(program), None, gap, deadline, NODES)
        if any_point.status == "infeasible":
            why = NOWHERE
        elif any_point.point is not None:
            proof = certify_unbounded(program, deadline, any_point.point)
    return Confirmation("solver", reason=why) if proof is None else Confirmation("certified", proof, by=TREE)


def _instead_of_broken(program: Program, claim: Solution, outcome: Outcome, gap: float) -> Confirmation:
    """Return what an exact search says where the point of a claim does not stand its checks."""
    if outcome.point is None:
        word = "refuted" if outcome.status == "infeasible" else "solver"
        return Confirmation(word, outcome.certificate, by=CHECKS, reason=outcome.reason)
    point = _floats(program, outcome.point)
    if outcome.status == "optimal" and _as_good(program, claim, point, gap) is not None:
        return Confirmation("certified", outcome.certificate, by=TREE)
    return Confirmation("refuted", outcome.certificate, point, by=CHECKS, reason=outcome.reason)


def _improvement(program: Program, claim: Solution, outcome: Outcome, gap: float) -> Floats | None:
    """Return the exact point of an outcome where it is better than the claim by more than the gap asked for."""
    if outcome.point is None or outcome.value is None:
        return None
    x = _floats(program, outcome.point)
    if claim.x is None or claim.objective is None:
        return x
    sign = -1.0 if program.maximise else 1.0
    value = sign * claim.objective
    return x if float(outcome.value) < value - _worth(program, claim, gap) else None


def _worth(program: Program, claim: Solution, gap: float) -> float:
    """Return by how much a point has to be better than a claim to refute it: by more than the gap asked for."""
    return max(gap, BETTER) * gap_size(program, claim.x, claim.objective or 0.0)


def _exact(program: Program, claim: Solution, outcome: Outcome, gap: float) -> Floats | None:
    """Return the exact point of an outcome where it is as good as a claim's."""
    if outcome.point is None or outcome.value is None or claim.objective is None:
        return None
    return _as_good(program, claim, _floats(program, outcome.point), gap)


def _as_good(program: Program, claim: Solution, point: Floats, gap: float) -> Floats | None:
    sign = -1.0 if program.maximise else 1.0
    worse = sign * (program.objective(point) - (claim.objective or 0.0))
    return point if worse <= _worth(program, claim, gap) else None


def _floats(program: Program, point: Mapping[int, Fraction]) -> Floats:
    x = np.zeros(program.n)
    for j, v in point.items():
        x[j] = float(v)
    return x


def second_settings(solver: str, seconds: float, gap: float, start: Floats | None = None) -> Settings:
    """Return the settings of a second run: other presolve, other seed, tight tolerances."""
    options: dict[str, Any] = {}
    if solver == "highs":
        options = {"presolve": "off", "mip_feasibility_tolerance": EPS, "primal_feasibility_tolerance": EPS}
    if solver == "scip":
        options = {"presolving/maxrounds": 0, "numerics/feastol": EPS}
    return Settings(time_limit=max(seconds, 1e-2), gap=gap, seed=1, options=options, start=start)


def second_runs(
    program: Program, first: str, gap: float, deadline: Deadline, start: Floats | None = None
) -> Iterator[tuple[str, Solution]]:
    """Yield what other runs claim of a program, and who: other solvers first, then the first one without presolve."""
    order = [s for s in SOLVERS.values() if s.name != first] + [
        s for s in SOLVERS.values() if s.name == first
    ]
    for entry in order:
        if entry.lacks(program) or deadline.passed:
            continue
        with suppress(ProofolioError):  # it cannot be given the program, which says nothing about the claim
            found = entry.solve(program, second_settings(entry.name, deadline.left, gap, start))
            yield f"{entry.name} {entry.version}, without presolve", found


def _second(
    program: Program, claim: Solution, gap: float, deadline: Deadline, known: Confirmation
) -> Confirmation:
    if claim.x is None:
        return _second_without_point(program, claim, gap, deadline, known)
    if claim.status in BROKEN:
        return Confirmation("refuted", by=CHECKS, reason=known.reason)
    target = _cut_off(program, claim, gap)
    if target is None:
        return replace(known, reason=known.reason or "the objective cannot be cut off")
    why = known.reason
    for who, found in second_runs(target, claim.solver, ANY_GAP, deadline):
        if found.x is not None:
            x = _exactly_better(program, claim, found.x, gap)
            if x is not None:
                return Confirmation("refuted", better=x, by=who)
            why = f"{who} found a point that is better only by its tolerances"
            continue
        if found.status == "infeasible":
            return _corroborated(program, claim, gap, deadline, replace(known, by=who))
        why = why or f"{who} did not finish ({found.status})"
    return replace(known, reason=why or NO_TIME)


def _corroborated(
    program: Program, claim: Solution, gap: float, deadline: Deadline, known: Confirmation
) -> Confirmation:
    """Return what it is worth that another run found nothing better; a point that is exact has to be near."""
    if not (modest(program) and ordinary(program, claim.point) and heard(program, claim, gap)):
        why = (
            "its coefficients are so large, or so small, that the solvers' tolerances may hide better points"
        )
        return replace(known, reason=why)
    if known.certificate is None and barely_convex(program, claim.point):
        return replace(known, reason=BARELY)
    if known.certificate is None and cancels(program, claim):
        return replace(known, reason=CANCELS)
    if known.certificate is not None or known.exact is not None:
        return replace(known, word="verified", reason="" if known.certificate is None else known.reason)
    rows, exact = ExactRows(program), None
    try:
        for near in (exact_near, best_with_pattern):
            made = near(program, rows, claim.point, perf_counter() + deadline.left)
            exact = None if made is None else _as_good(program, claim, _floats(program, made), gap)
            if exact is not None:
                return replace(known, word="verified", exact=exact, reason="")
    except Undecidable:
        if _stays_good(program, claim, gap, deadline):
            return replace(known, word="verified", reason=WITHIN)
        return replace(
            known, reason="a little less room in its quadratic rows leaves no point that is as good"
        )
    return replace(known, reason="no point with its integers satisfies the model exactly and is as good")


def _stays_good(program: Program, claim: Solution, gap: float, deadline: Deadline) -> bool:
    """Whether a point as good is left where quadratic rows and cones have a little less room than they say.

    A row like (x - y)^2 <= 0 turns a tolerance of 1e-9 into a distance of 3e-5: such a claim lives on tolerances.
    """
    program = recognise_cones(program)
    curved, x = program.quadratic, claim.point
    if not len(curved) and not len(program.cones):
        return True
    sizes = [
        sum(np.abs(x[f.columns]) @ np.abs(f.matrix) @ np.abs(x[f.columns]) for f in fs) for fs in curved.forms
    ]
    terms = np.array(sizes, dtype=float) + abs(curved.matrix) @ np.abs(x)
    room = ROOM * np.maximum(terms, LEAST_ROOM)
    tighter = replace(curved, lower=curved.lower + room, upper=curved.upper - room)
    tight = replace(program, quadratic=tighter, cones=_tighter(program.cones, x))
    columns = np.flatnonzero(program.integer)
    left = fix(tight, columns, np.round(x[columns]))
    if left.small is None:
        return False
    with suppress(ProofolioError):
        again = solve_continuous(left.small, Settings(time_limit=max(deadline.left, 1e-2)))
        return again.x is not None and _as_good(program, claim, left.expand(again.x), gap) is not None
    return False


def _tighter(cones: Cones, x: Floats) -> Cones:
    """Return cones ``sum Y^2 <= t z`` whose t and z are a little smaller."""
    size = abs(cones.matrix) @ np.abs(x) + np.abs(cones.constant)
    ends = np.concatenate([cones.pointer[:-1], cones.pointer[:-1] + 1]).astype(np.intp)
    constant = cones.constant.copy()
    constant[ends] -= ROOM * np.maximum(size[ends], LEAST_ROOM)
    return replace(cones, constant=constant)


def _second_without_point(
    program: Program, claim: Solution, gap: float, deadline: Deadline, known: Confirmation
) -> Confirmation:
    """Ask other runs about a program that is claimed to have no point, or no limit."""
    kind = "infeasible" if claim.status in INFEASIBLE else "unbounded"
    why = known.reason
    if why == NOWHERE:
        return known
    for who, found in second_runs(program, claim.solver, gap, deadline):
        if found.status == kind:
            if kind == "unbounded" and not _somewhere(program, claim.solver, deadline):
                why = why or "no point was found that satisfies the model exactly"
                break
            if barely_convex(program):
                why = BARELY
                break
            if modest(program):
                return Confirmation("verified", by=who)
            why = f"{who} says so too, but its numbers are so large, or so small, that both may be wrong"
            continue
        if found.status in ("infeasible", "unbounded"):
            return Confirmation("refuted", instead=found, by=who)
        if found.x is not None:
            x = found.x
            checks = feasibility_checks(recognise_cones(program), rounded(program, x), Tolerances())
            if all(c.ok for c in checks):
                better = None if kind == "unbounded" else x
                if kind == "infeasible" or (found.status == "optimal" and _has_limit(program)):
                    return Confirmation("refuted", better=better, instead=found, by=who)
            why = f"{who} found a point by its tolerances"
            continue
        why = why or f"{who} did not finish ({found.status})"
    return replace(known, reason=why or NO_TIME)


def _has_limit(program: Program) -> bool:
    """Whether the bounds of the columns alone limit a convex objective."""
    return bool(
        np.all(np.isfinite(np.where(program.q > 0.0, program.lower, program.upper)[program.q != 0.0]))
    )


def _somewhere(program: Program, first: str, deadline: Deadline) -> bool:
    """Whether runs without an objective come near a point that satisfies the program exactly."""
    rows = ExactRows(program)
    for _, found in second_runs(without_objective(program), first, ANY_GAP, deadline):
        with suppress(Undecidable):
            if (
                found.x is not None
                and exact_near(program, rows, found.x, perf_counter() + deadline.left) is not None
            ):
                return True
    return False


def without_objective(program: Program) -> Program:
    """Return a program of which any point will do."""
    return replace(program, P=sparse.csc_array((program.n, program.n)), q=np.zeros(program.n), c=0.0)


def _exactly_better(program: Program, claim: Solution, x: Floats, gap: float) -> Floats | None:
    """Return a point that satisfies everything exactly and beats a claim, made from one that nearly does.

    Making it exact may cost it half of a gain that is as small as `BETTER`; none of the gap that is asked for.
    """
    made = exact_point(program, ExactRows(program), x, None, {})
    if made is None or claim.objective is None:
        return None
    point = _floats(program, made)
    sign = -1.0 if program.maximise else 1.0
    value = sign * claim.objective
    gain = value - sign * program.objective(point)
    return point if gain > max(gap, 0.5 * BETTER) * gap_size(program, claim.x, value) else None


def modest(program: Program) -> bool:
    """Whether no number of a program is so small that solvers drop it, or so large that rounding counts."""
    curved, implied, cones = program.quadratic, program.indicators, program.cones
    forms = [form.matrix.ravel() for row in curved.forms for form in row]
    matrices = [part.data for part in (program.A, curved.matrix, program.P, implied.matrix, cones.matrix)]
    coefficients = np.abs(np.concatenate([*matrices, *forms]))
    boxes = ((part.lower, part.upper) for part in (program, curved, implied))
    ends = (end for box in boxes for end in box)
    sides = np.abs(np.concatenate([program.row_lower, program.row_upper, *ends, cones.constant]))
    coefficients, sides = coefficients[coefficients > 0.0], sides[np.isfinite(sides) & (sides > 0.0)]
    return bool(
        np.all((coefficients >= SMALLEST) & (coefficients <= LARGEST))
        and np.all((sides >= SMALLEST) & (sides <= FARTHEST))
    )


def ordinary(program: Program, x: Floats) -> bool:
    """Whether no coefficient is so large that a tolerance moves its row by a millionth of the row's size at a point.

    The size of a row is that of its continuous terms, which a switch lets through or not; where they are zero at the
    point, it is what their bounds allow. Rows of integers alone are as large as their terms. The rows of indicators
    count as others do; of a curved row the linear part.
    """
    A = sparse.csr_array(sparse.vstack([program.A, program.indicators.matrix, program.quadratic.matrix]))
    m = A.shape[0]
    row = np.repeat(np.arange(m), np.diff(A.indptr))
    continuous = ~program.integer[A.indices]
    mixed = np.bincount(row, continuous, m) > 0
    counted = continuous | ~mixed[row]

    def largest(values: Floats) -> Floats:
        found = np.zeros(m)
        np.maximum.at(found, row, np.where(counted, np.abs(A.data) * values[A.indices], 0.0))
        return found

    reach = np.maximum(np.abs(program.lower), np.abs(program.upper))
    size = largest(np.abs(x))
    size = np.where(size > 0, size, largest(np.where(np.isfinite(reach), reach, 1.0)))
    coefficient = np.zeros(m)
    np.maximum.at(coefficient, row, np.abs(A.data))
    return bool(np.all(coefficient * EPS <= ROW * size))


def cancels(program: Program, claim: Solution) -> bool:
    """Whether so much of the objective cancels at a point that what a second run has to gain is worth something.

    It has to gain a part of `gap_size`, a thousandth of the terms: that says nothing of a far smaller objective.
    """
    costs = np.abs(program.q[program.q != 0.0])
    own = max(
        CANCELLING * abs(claim.objective or 0.0), float(np.min(costs, initial=np.inf)) if costs.size else 0.0
    )
    return gap_size(program, claim.x, claim.objective or 0.0) > max(own, NOTHING)


def heard(program: Program, claim: Solution, gap: float) -> bool:
    """Whether the costs that solvers drop from the row of `_cut_off` are worth nothing within the bounds."""
    size = gap_size(program, claim.x, claim.objective or 0.0)
    dropped = (program.q != 0.0) & (np.abs(program.q) <= DROPPED * _unit(size))
    lost = np.abs(program.q[dropped]) @ (program.upper[dropped] - program.lower[dropped])
    return bool(lost <= 0.5 * max(gap, BETTER) * size)


def _unit(size: float) -> float:
    return float(power_of_two(size)) / FINER


def _cut_off(program: Program, claim: Solution, gap: float) -> Program | None:
    """Return the program with a row that asks for something better than a claim, by more than the gap.

    The row is in units of a thousandth of the objective, so that the solvers' tolerances are small beside what it asks
    for, absolute ones and those relative to its side, and they drop no cost that matters (`heard`).
    """
    if claim.objective is None:
        return None
    sign = -1.0 if program.maximise else 1.0
    value = sign * claim.objective
    size = gap_size(program, claim.point, value)
    unit = _unit(size)
    cost, limit = program.q / unit, (value - program.c - max(gap, BETTER) * size) / unit
    block = RowBlock("better", (), program.m, np.zeros(1, dtype=np.intp))
    if program.P.nnz:
        quadratic = program.quadratic
        P = program.P.tocsr()
        used = np.flatnonzero(np.diff(P.indptr))
        form = Form(used, 0.5 * P[used][:, used].toarray() / unit)
        matrix = sparse.vstack([quadratic.matrix, sparse.csr_array(cost[None, :])]).tocsr()
        last = RowBlock("better", (), len(quadratic), np.zeros(1, dtype=np.intp))
        rows = QuadraticRows(
            matrix, (*quadratic.forms, (form,)), np.append(quadratic.lower, -np.inf),
            np.append(quadratic.upper, limit), (*quadratic.blocks, last),
        )  # fmt: skip
        return replace(program, quadratic=rows)
    A = sparse.vstack([program.A, sparse.csr_array(cost[None, :])]).tocsr()
    return replace(
        program, A=A, row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, limit), rows=(*program.rows, block),
    )  # fmt: skip
