r"""What a claimed optimum is worth: a certificate, a second run that finds nothing better, or one solver's word.

``certificate`` grows a tree whose leaves are exact (`optimum`). ``second`` looks for something better than the claim v:
the same program with the row :math:`f(x) \le v - \delta` added, given to another solver, or to the same one without
presolve and with another seed; that it finds the rest infeasible corroborates the claim, where no coefficient is so
large that the tolerances of both solvers move a row by more than a millionth of its size. ``auto`` tries the first
and then the second. Whatever is found that is better takes the claim's place, and the claim is recorded as refuted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import ProofolioError
from proofolio.program.program import Program, QuadraticRows, RowBlock
from proofolio.program.quadratic import Form
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings, Solution
from proofolio.verification.certified.optimum import Certificate, Outcome, certify, lacking
from proofolio.verification.exact.lp_bounds import ExactRows
from proofolio.verification.exact.points import exact_point

__all__ = ["CONFIRM", "Confirmation", "confirm", "second_settings"]

CONFIRM = ("auto", "none", "second", "certificate")
BETTER = 1e-6  # of the objective's size: what a second run has to gain
EPS = 1e-9  # the tolerance, of integers and of rows, that both runs are given
ROW = 1e-6  # of a row's natural size: more than this a tolerance must not move it
NODES = 20_000


@dataclass(frozen=True)
class Confirmation:
    """What became of a claim.

    Attributes
    ----------
    word : str
        ``"certified"``, ``"verified"``, ``"solver"`` (nothing speaks for it but its solver) or ``"refuted"``.
    certificate : Certificate or None
    better : ndarray or None
        A point that is better than the claim (for ``"infeasible"``: a point at all).
    by : str
        Who found or confirmed it.
    reason : str
        Why it is no better word.
    """

    word: str
    certificate: Certificate | None = None
    better: Floats | None = None
    by: str = ""
    reason: str = ""


def confirm(program: Program, claim: Solution, how: str, gap: float, budget: float) -> Confirmation:
    """Confirm or refute that a claim is optimal within a gap, or that nothing satisfies the program.

    Parameters
    ----------
    program : Program
        With its cones recognised or not.
    claim : Solution
        Optimal with a point, or infeasible.
    how : {"auto", "none", "second", "certificate"}
    gap : float
    budget : float
        Seconds for all of it.
    """
    deadline = Deadline.after(budget)
    if how == "none":
        return Confirmation("solver", reason="no confirmation was asked for")
    why = ""
    if how in ("auto", "certificate"):
        found, why = _certified(program, claim, gap, budget if how == "certificate" else 0.6 * budget)
        if found is not None:
            return found
    if how in ("auto", "second") and deadline.left > 0:
        return _second(program, claim, deadline, why)
    return Confirmation("solver", reason=why)


def _certified(
    program: Program, claim: Solution, gap: float, seconds: float
) -> tuple[Confirmation | None, str]:
    missing = lacking(program)
    if missing is not None:
        return None, f"certificates cannot speak of {missing}"
    outcome = certify(program, claim.x, gap, seconds, NODES)
    better = _improvement(program, claim, outcome)
    if outcome.status == "open":
        if better is not None:
            return Confirmation("refuted", None, better, "an exact search"), outcome.reason
        return None, outcome.reason
    if outcome.status == "infeasible":
        # with a point within the tolerances that nothing exact corresponds to, the claim is no point's
        return Confirmation("certified", outcome.certificate, None, "an exact tree"), ""
    if better is not None:
        return Confirmation("refuted", outcome.certificate, better, "an exact search"), ""
    return Confirmation("certified", outcome.certificate, None, "an exact tree"), ""


def _improvement(program: Program, claim: Solution, outcome: Outcome) -> Floats | None:
    """Return the exact point of an outcome where it is better than the claim."""
    if outcome.point is None or outcome.value is None:
        return None
    x = _floats(program, outcome.point)
    if claim.x is None:
        return x
    sign = -1.0 if program.maximise else 1.0
    value = sign * (claim.objective if claim.objective is not None else np.inf)
    return x if float(outcome.value) < value - BETTER * max(abs(value), 1e-9) else None


def _floats(program: Program, point: Mapping[int, Fraction]) -> Floats:
    x = np.zeros(program.n)
    for j, v in point.items():
        x[j] = float(v)
    return x


def second_settings(solver: str, seconds: float, gap: float) -> Settings:
    """Return the settings of a second run: other presolve, other seed, tight tolerances."""
    options: dict[str, Any] = {}
    if solver == "highs":
        options = {"presolve": "off", "mip_feasibility_tolerance": EPS, "primal_feasibility_tolerance": EPS}
    if solver == "scip":
        options = {"presolving/maxrounds": 0, "numerics/feastol": EPS}
    return Settings(time_limit=max(seconds, 1e-2), gap=gap, seed=1, options=options)


def _second(program: Program, claim: Solution, deadline: Deadline, why: str) -> Confirmation:
    target = program if claim.x is None else _cut_off(program, claim)
    if target is None:
        return Confirmation("solver", reason=why or "the objective cannot be cut off")
    order = [s for s in SOLVERS.values() if s.name != claim.solver] + [
        s for s in SOLVERS.values() if s.name == claim.solver
    ]
    for entry in order:
        if entry.lacks(target) or deadline.left <= 0:
            continue
        try:
            found = entry.solve(target, second_settings(entry.name, deadline.left, 1e9))
        except ProofolioError as error:
            why = why or str(error)
            continue
        who = f"{entry.name} {entry.version}, without presolve"
        if found.x is not None:
            x = _exactly_better(program, claim, found.x)
            if x is not None:
                return Confirmation("refuted", None, x, who)
            why = f"{who} found a point that is better only by its tolerances"
            continue
        if found.status == "infeasible":
            x = claim.x
            if x is not None and not ordinary(program, x):
                return Confirmation(
                    "solver",
                    reason="coefficients so large that the solvers' tolerances may hide better points",
                )
            return Confirmation("verified", None, None, who)
        why = why or f"{who} did not finish ({found.status})"
    return Confirmation("solver", reason=why)


def _exactly_better(program: Program, claim: Solution, x: Floats) -> Floats | None:
    """Return a point that satisfies everything exactly and beats a claim, made from one that nearly does."""
    made = exact_point(program, ExactRows(program), x, None, {})
    if made is None:
        return None
    point = _floats(program, made)
    if claim.objective is None:
        return point
    sign = -1.0 if program.maximise else 1.0
    value = sign * claim.objective
    gain = value - sign * program.objective(point)
    return point if gain > 0.5 * BETTER * max(abs(value), 1e-9) else None


def ordinary(program: Program, x: Floats) -> bool:
    """Whether no coefficient is so large that a tolerance moves its row by a millionth of the row's size at a point.

    The size of a row is that of its continuous terms, which a switch lets through or not; where they are zero at the
    point, it is what their bounds allow. Rows of integers alone are as large as their terms.
    """
    A = program.A
    row = np.repeat(np.arange(program.m), np.diff(A.indptr))
    continuous = ~program.integer[A.indices]
    mixed = np.bincount(row, continuous, program.m) > 0
    counted = continuous | ~mixed[row]

    def largest(values: Floats) -> Floats:
        found = np.zeros(program.m)
        np.maximum.at(found, row, np.where(counted, np.abs(A.data) * values[A.indices], 0.0))
        return found

    reach = np.maximum(np.abs(program.lower), np.abs(program.upper))
    size = largest(np.abs(x))
    size = np.where(size > 0, size, largest(np.where(np.isfinite(reach), reach, 1.0)))
    coefficient = np.zeros(program.m)
    np.maximum.at(coefficient, row, np.abs(A.data))
    return bool(np.all(coefficient * EPS <= ROW * size))


def _cut_off(program: Program, claim: Solution) -> Program | None:
    """Return the program with a row that asks for something better than a claim."""
    if claim.objective is None:
        return None
    sign = -1.0 if program.maximise else 1.0
    value = sign * claim.objective
    x = claim.point
    terms = float(np.abs(program.q) @ np.abs(x)) + abs(float(0.5 * x @ (program.P @ x)))
    room = BETTER * max(abs(value), 1e-3 * terms, 1e-9)
    limit = value - program.c - room
    block = RowBlock("better", (), program.m, np.zeros(1, dtype=np.intp))
    if program.P.nnz:
        quadratic = program.quadratic
        P = program.P.tocsr()
        used = np.flatnonzero(np.diff(P.indptr))
        form = Form(used, 0.5 * P[used][:, used].toarray())
        matrix = sparse.vstack([quadratic.matrix, sparse.csr_array(program.q[None, :])]).tocsr()
        last = RowBlock("better", (), len(quadratic), np.zeros(1, dtype=np.intp))
        rows = QuadraticRows(
            matrix, (*quadratic.forms, (form,)), np.append(quadratic.lower, -np.inf),
            np.append(quadratic.upper, limit), (*quadratic.blocks, last),
        )  # fmt: skip
        return replace(program, quadratic=rows)
    A = sparse.vstack([program.A, sparse.csr_array(program.q[None, :])]).tocsr()
    return replace(
        program, A=A, row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, limit), rows=(*program.rows, block),
    )  # fmt: skip
