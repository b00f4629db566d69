"""What a run may say against the runs of others: a value reached beyond doubt, and a second opinion."""

from __future__ import annotations

import hashlib
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.errors import ProofolioError
from proofolio.program.program import Program
from proofolio.solvers.capabilities import SOLVERS, SolverEntry
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings, Solution
from proofolio.verification.checks.leak import leak_check
from proofolio.verification.checks.rows import FIRM, Tolerances, feasibility_checks, rounded
from proofolio.verification.solving import verify_claim

__all__ = ["boxed_in", "program_hash", "reached", "second_opinion"]


OPINION = 5.0  # seconds
LEAST = 0.25
ANY_GAP, SMALL_GAP = 1e9, 1e-6


def program_hash(program: Program) -> str:
    """Return a hash of a program's data: names and the purpose of rows aside, equal for equal programs."""
    digest = hashlib.sha256()
    data = [program.P, program.q, program.c, program.A, program.row_lower, program.row_upper, program.lower]
    data += [program.upper, program.integer, program.quadratic, program.cones, program.indicators]
    for part in (*data, program.sos, program.maximise):
        _add(digest, part)
    return digest.hexdigest()[:20]


def _add(digest: Any, part: Any) -> None:
    whole: Any = part
    if sparse.issparse(part):
        # by way of coordinates it is a copy: the program keeps its own order
        matrix = sparse.csr_array(sparse.coo_array(whole))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        for item in (np.asarray(matrix.shape), matrix.indptr, matrix.indices, matrix.data):
            _add(digest, item)
    elif is_dataclass(part):
        for one in fields(part):
            if one.name not in ("blocks", "name"):
                _add(digest, getattr(part, one.name))
    elif isinstance(part, (list, tuple)):
        digest.update(f"({len(part)}".encode())
        for item in part:
            _add(digest, item)
    elif isinstance(part, (str, type(None))):
        digest.update(repr(part).encode())
    else:
        # the width of an index, and the sign of a zero, are no part of what is asked
        values = np.asarray(part, dtype=float) + 0.0
        digest.update(f"[{values.shape}".encode() + values.tobytes())


def reached(program: Program, x: Any, deadline: Deadline) -> float | None:
    """Return an objective value that a point next to x reaches with every row firm and its integers exact.

    A point that holds within the tolerances of solvers may be worth more than any that holds: it says nothing
    against the bound of another. Without a firm point there is no value.
    """
    if not np.all(np.isfinite(x)):
        return None
    point = rounded(program, x)
    if all(check.ok for check in feasibility_checks(program, point, FIRM)):
        value = float(program.objective(point))
        return value if math.isfinite(value) else None
    if not program.integer.any() or deadline.passed:
        return None
    return leak_check(program, x, Tolerances(), deadline).reached


def boxed_in(program: Program) -> bool:
    """Whether the bounds of the columns alone keep the objective from improving for ever."""
    curved = np.zeros(program.n, dtype=bool)
    entries = sparse.coo_array(program.P)
    curved[entries.row[entries.data != 0.0]] = True
    curved[entries.col[entries.data != 0.0]] = True
    # P and q are those of a minimum, whatever the user asked for
    stops = np.where(program.q > 0.0, program.lower, np.where(program.q < 0.0, program.upper, 0.0))
    box = np.isfinite(program.lower) & np.isfinite(program.upper)
    return bool(np.all(np.where(curved, box, np.isfinite(stops))))


def second_opinion(
    program: Program, entry: SolverEntry, said: str, deadline: Deadline
) -> tuple[str, str, bool]:
    """Ask the other solvers that ship about a program called infeasible or unbounded.

    Returns
    -------
    (status, message, confirmed)
        ``claim-wrong`` with the reason, or what was said and whether another solver says the same.
    """
    if said == "unbounded" and boxed_in(program):
        return (
            "claim-wrong",
            "it says unbounded, and the columns' own bounds keep the objective finite",
            False,
        )
    gap = ANY_GAP if said == "infeasible" else SMALL_GAP
    for other in SOLVERS.values():
        if other.solve is entry.solve or other.lacks(program):
            continue
        brief = Settings(gap=gap, time_limit=min(OPINION, max(deadline.left, LEAST)))
        try:
            found = other.solve(program, brief)
            if found.status == said:
                return said, "", True
            against = _against(program, found, said, deadline)
        except ProofolioError:
            continue  # it cannot be given the program, which says nothing about the first solver's answer
        if against:
            return "claim-wrong", f"it says {said}, and {other.name} {against}", False
    return said, "", False


def _against(program: Program, found: Solution, said: str, deadline: Deadline) -> str:
    if found.x is None:
        return ""
    if said == "infeasible":
        value = reached(program, found.x, deadline)
        return "" if value is None else f"found a point that satisfies the model, with objective {value:.9g}"
    if verify_claim(deadline, program, found, SMALL_GAP).status != "verified-optimal":
        return ""
    return f"found an optimum that every check holds for, with objective {found.objective:.9g}"
