"""Switches that are dead: with the binary on nothing satisfies the row, though the rest of the model has points.

That is what an if-then written the wrong way round looks like. Points of the model with the binary on, which are
mostly known by then, rule it out; where none is known a tree proves that there is none, or comes upon one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from proofolio.arrays import Floats
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.verdicts import Dead, Finding, judge
from proofolio.verification.certified.maximum import Maxima
from proofolio.verification.exact.points import Nearness

__all__ = ["find_dead"]

SECONDS, NODES = 1.0, 500  # for one proof that nothing is left, or a point
ANY_POINT = Fraction(-1)  # the empty sum is 0 at every point, which is beyond this


def find_dead(
    search: Search,
    maxima: Maxima,
    asked: Sequence[Candidate],
    findings: Sequence[Finding],
    points: Iterable[Floats],
    seconds: float,
) -> None:
    """Mark the findings whose switch is dead.

    Parameters
    ----------
    search : Search
    maxima : Maxima
        Of the same program.
    asked, findings : sequence
        In the same order.
    points : iterable of ndarray
        Points of the model, or nearly so; those that are none are left out.
    seconds : float
    """
    ends = time.perf_counter() + seconds
    near = Nearness(search.program)
    has_point = {switched: False for c in asked for switched in c.held(c.on).items()}
    for x in points:
        if near(x, None, {}):
            for j, v in has_point:
                has_point[j, v] = has_point[j, v] or x[j] == v

    def anything(candidate: Candidate, freed: bool) -> tuple[str, object]:
        found = maxima.maximum(
            {},
            candidate.freed if freed else None,
            candidate.held(candidate.on),
            ANY_POINT,
            seconds=min(SECONDS, ends - time.perf_counter()),
            nodes=NODES,
        )
        return found.status, found.point if freed else found.nodes

    for candidate, finding in zip(asked, findings, strict=True):
        if time.perf_counter() > ends:
            return
        switched = (candidate.place.binary, candidate.on)
        if candidate.kind != "row" or has_point[switched] or finding.top_on == -np.inf:
            continue
        if judge(candidate, finding) == "forcing":
            continue
        status, tree = anything(candidate, freed=False)
        if status == "exceeded":
            has_point[switched] = True
        elif status == "empty":
            _, point = anything(candidate, freed=True)
            if point is not None:
                finding.dead = Dead(point, tree)
