"""Which values of a switch leave anything: switches that are forcing, and switches that are dead.

Forcing: nothing satisfies the rest of the model with the binary off. Dead: nothing satisfies the row with the binary
on, though the rest of the model has points, as when an if-then is written the wrong way round. Exact points rule both
out, and a few rule it out for most switches; where none is known a tree proves that there is none, or comes upon one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction

from proofolio.arrays import Floats
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.verdicts import Dead, Finding, judge
from proofolio.verification.certified.maximum import Maxima, Maximum
from proofolio.verification.exact.lp_bounds import Freed
from proofolio.verification.exact.points import exact_point

__all__ = ["find_empty"]

SECONDS, NODES = 1.0, 500  # for one proof that nothing is left, or a point
ANY_POINT = -1  # the empty sum is 0 at every point, which is beyond this
TRIED = 8  # known points that are made exact


def find_empty(
    search: Search,
    maxima: Maxima,
    asked: Sequence[Candidate],
    findings: Sequence[Finding],
    points: Sequence[Floats],
    seconds: float,
) -> None:
    """Mark the findings whose switch is forcing or dead.

    Parameters
    ----------
    search : Search
    maxima : Maxima
        Of the same program.
    asked, findings : sequence
        In the same order.
    points : sequence of ndarray
        Points of the model, or nearly so, the best to show many switches in both positions last.
    seconds : float
    """
    ends = time.perf_counter() + seconds
    known = _exact_points(search, asked, findings, points)
    seen = {
        (c.place.binary, v)
        for c in asked
        for v in (0, 1)
        if any(p.get(c.place.binary, 0) == v for p in known)
    }

    def anything(candidate: Candidate, freed: Freed | None, value: int) -> Maximum:
        limit = min(SECONDS, max(ends - time.perf_counter(), 0.0))
        held = candidate.held(value)
        return maxima.maximum({}, freed, held, Fraction(ANY_POINT), seconds=limit, nodes=NODES)

    for candidate, finding in zip(asked, findings, strict=True):
        if time.perf_counter() > ends:
            return
        if candidate.kind != "row":
            continue
        y, off, on = candidate.place.binary, candidate.off, candidate.on
        if finding.point is None and (y, off) not in seen and finding.top > -math.inf:
            rest = anything(candidate, candidate.freed, off)
            if rest.status == "empty":
                finding.top, finding.tree, finding.tier, finding.certified = (
                    -math.inf,
                    rest.nodes,
                    "mip",
                    True,
                )
            elif rest.point is not None:
                finding.point = dict(rest.point)
                finding.reached = candidate.value(finding.point)
        if (y, on) in seen or finding.top_on == -math.inf or judge(candidate, finding) == "forcing":
            continue
        whole = anything(candidate, None, on)
        if whole.status == "exceeded":
            seen.add((y, on))
        elif whole.status == "empty":
            rest = anything(candidate, candidate.freed, on)
            if rest.point is not None:
                finding.dead = Dead(rest.point, whole.nodes)
            elif rest.status == "empty":
                finding.top_on, finding.tree_on = -math.inf, rest.nodes


def _exact_points(
    search: Search, asked: Sequence[Candidate], findings: Sequence[Finding], points: Sequence[Floats]
) -> list[Mapping[int, Fraction]]:
    """Return exact points of the model: those of findings that their own side allows, and some of those given."""
    shared = {
        id(f.point): f.point
        for c, f in zip(asked, findings, strict=True)
        if f.point is not None and c.kind == "row" and f.reached <= c.loose
    }
    # making points exact takes long in large models: where exact ones are known, the best alone
    some = points[-1 if shared else -TRIED :]
    made = (exact_point(search.program, search.exact, x, None, {}) for x in some)
    return [point for point in made if point is not None] + [*shared.values()]
