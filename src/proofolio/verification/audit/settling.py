"""What solvers leave open is settled in fractions: a tree proves that M is enough, or finds a point that it cuts off.

A bound that floating multipliers prove may lie above M by less than they are worth, and a point that a solver finds
may satisfy the rest to its tolerance alone. Small models are decided by the simplex method in fractions then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.verdicts import Finding, judge
from proofolio.verification.certified.maximum import Maxima

__all__ = ["settle"]

SECONDS, NODES = 1.0, 500  # for one candidate


def settle(maxima: Maxima, asked: Sequence[Candidate], findings: Sequence[Finding], seconds: float) -> None:
    """Decide whether M is enough for the candidates that are still undecided and have a bound.

    Parameters
    ----------
    maxima : Maxima
        Of the program.
    asked, findings : sequence
        In the same order.
    seconds : float
    """
    ends = time.perf_counter() + seconds
    for candidate, finding in zip(asked, findings, strict=True):
        left = ends - time.perf_counter()
        if left <= 0:
            return
        if candidate.kind != "row" or finding.unbounded or judge(candidate, finding) != "undecided":
            continue
        held, target = candidate.held(candidate.off), candidate.limit
        found = maxima.maximum(
            candidate.body, candidate.freed, held, target, seconds=min(SECONDS, left), nodes=NODES
        )
        if found.point is not None and (
            finding.point is None or candidate.value(dict(found.point)) > finding.reached
        ):
            finding.point = dict(found.point)
            finding.reached = candidate.value(finding.point)
        bound = -math.inf if found.status == "empty" else found.bound
        if found.status in ("empty", "proved") and bound is not None and bound < finding.top:
            finding.top, finding.tree, finding.tier, finding.certified = bound, found.nodes, "mip", True
