r"""Raising the M's of invalid rows to what is proved to be enough.

An invalid row cuts off a point of R, the model as it is without the row's side. With M' the proved bound of its body
over R it cuts off none. But F, the feasible set, has grown then, and with it the R of every other row: what was enough
for them may be too little now. So the model is audited again after each round of changes, until no row is invalid, and
it is that last audit that proves every M: each is enough beside all the others as they stand. M's are only raised, and
each bound is one over a set that the rows still to be raised make smaller, so that no round goes beyond what the model
needs by more than its bounds are loose; what is left over, `tighten` lowers.

Two rows that hide the same point from each other are each enough beside the other, for an audit as for a repair.
"""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

from proofolio.brief import first_few
from proofolio.errors import BadData, SolverFailure
from proofolio.verification.audit.auditing import Audit, audit
from proofolio.verification.audit.rewriting import TightenedRow, changed_row, rebuilt, written_alone
from proofolio.verification.audit.verdicts import judge

__all__ = ["repaired"]

ROUNDS = 20  # more only happens where two M's drive each other up without end
LEAST = 0.1  # seconds of the last audit, which says at least what is still open


def repaired(
    found: Audit, *, time_limit: float = math.inf, big_m: object = None, **options: Any
) -> tuple[Audit, dict[int, TightenedRow]]:
    """Return the audit of the model with its invalid rows put right, and the rows that changed, by their number.

    Parameters
    ----------
    found : Audit
    time_limit : float
        Wall seconds for all audits that follow.
    big_m : optional
        Of no account: the rows declared are those of `found`.
    **options
        Of `proofolio.audit`.

    Raises
    ------
    BadData
        For an invalid row that shares its coefficient with another side, is quadratic, or has no proved bound.
    SolverFailure
        When rows are still invalid after 20 rounds, or time is up before the changed model is audited.
    """
    ends = time.perf_counter() + time_limit
    declared = frozenset(c.place.name for c, _ in found.judged if c.declared)
    changed: dict[int, TightenedRow] = {}
    for _ in range(ROUNDS):
        rows = _raised(found)
        if not rows:
            return found, changed
        changed |= rows
        left = ends - time.perf_counter()
        if left < LEAST:
            raise SolverFailure(
                f"time is up before the model with {len(rows)} raised M's could be audited again; allow more of it."
            )
        program = rebuilt(found.opened.program, rows)
        opened = dataclasses.replace(found.opened, program=program, declares=declared)
        found = audit(opened, time_limit=left, **options)
    names = [row.name for row in _raised(found).values()]
    if not names:
        return found, changed
    raise SolverFailure(
        f"after {ROUNDS} rounds {len(names)} rows ({first_few(map(repr, names))}) need a larger M still; bound the "
        "variables that drive them up."
    )


def _raised(found: Audit) -> dict[int, TightenedRow]:
    """Return the invalid rows with the M's that are proved to be enough, one binary a row."""
    rows: dict[int, TightenedRow] = {}
    for candidate, finding in found.judged:
        if judge(candidate, finding) != "invalid" or candidate.place.row in rows:
            continue
        name = candidate.place.name
        if not written_alone(found.opened.program, candidate):
            raise BadData(
                f"row {name!r} is invalid, and its M cannot be raised by itself: it is quadratic or has two sides, "
                "which share one coefficient; write it as two rows, or put it right by hand."
            )
        row = changed_row(candidate, finding)
        if row is None:
            raise BadData(
                f"row {name!r} is invalid, and no M is proved to be enough for it; bound its variables, or allow the "
                "audit more time."
            )
        rows[candidate.place.row] = row
    return rows
