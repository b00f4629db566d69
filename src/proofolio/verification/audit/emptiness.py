"""Which values of a switch leave anything: switches that are forcing, and switches that are dead.

Forcing: nothing satisfies the rest of the model with the binary off. Dead: nothing satisfies the row with the binary
on, though the rest of the model has points, as when an if-then is written the wrong way round. Exact points rule both
out: a few do for most switches, or known ones with this switch alone turned, or a point of the relaxation rounded;
where none is known a tree proves that there is none, or comes upon one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction

from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.verdicts import Dead, Finding, judge
from proofolio.verification.certified.maximum import Maximum
from proofolio.verification.exact.lp_bounds import Freed, Question

__all__ = ["find_empty"]

SECONDS, NODES = 1.0, 500  # for one proof that nothing is left, or a point
ANY_POINT = -1  # the empty sum is 0 at every point, which is beyond this


def find_empty(
    search: Search, asked: Sequence[Candidate], findings: Sequence[Finding], seconds: float
) -> None:
    """Mark the findings whose switch is forcing or dead.

    Parameters
    ----------
    search : Search
        It knows which binaries have which values in exact points of the whole model.
    asked, findings : sequence
        In the same order.
    seconds : float
    """
    ends = time.perf_counter() + seconds

    def shown(column: int, value: int) -> bool:
        left = max(ends - time.perf_counter(), 0.0)
        return search.shown(column, value) or search.show(column, value, left)

    def anything(candidate: Candidate, freed: Freed | None, value: int) -> Maximum:
        limit = min(SECONDS, max(ends - time.perf_counter(), 0.0))
        held = candidate.held(value)
        return search.maxima.maximum({}, freed, held, Fraction(ANY_POINT), seconds=limit, nodes=NODES)

    for candidate, finding in zip(asked, findings, strict=True):
        if candidate.kind != "row":
            continue
        y, off, on = candidate.place.binary, candidate.off, candidate.on
        if time.perf_counter() > ends:
            return
        off_open = finding.point is None and finding.top > -math.inf
        if off_open and not shown(y, off):
            rest = anything(candidate, candidate.freed, off)
            if rest.status == "empty":
                finding.top, finding.tree = -math.inf, rest.nodes
                finding.tier, finding.certified = "mip", True
            elif rest.point is not None:
                search.take_exact(candidate, finding, rest.point)
        if finding.top_on == -math.inf or judge(candidate, finding) == "forcing" or shown(y, on):
            continue
        whole = anything(candidate, None, on)
        if whole.point is not None:
            search.keep_exact(whole.point)
        elif whole.status == "empty":
            rest = anything(candidate, candidate.freed, on)
            if rest.point is not None:
                least, _ = search.exact.evaluate({j: -a for j, a in candidate.body.items()}, {}, Question())
                alone = least is not None and -least > candidate.tight
                finding.dead = Dead(rest.point, whole.nodes, alone)
            elif rest.status == "empty":
                finding.top_on, finding.tree_on = -math.inf, rest.nodes
