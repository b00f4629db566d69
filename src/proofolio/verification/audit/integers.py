"""Bounds over the integers: the solver's, and those of a small branch and bound whose leaves are exact."""

from __future__ import annotations

import heapq
import math
import time
from fractions import Fraction
from itertools import count

import numpy as np

from proofolio.verification.audit.bounding import INTEGRAL, Answer, Bounding
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import INEXACT, Search
from proofolio.verification.audit.verdicts import Finding, Number, judge

__all__ = ["INFLATION", "branched_bound", "by_mip", "reach_by_mip"]


INFLATION = 1e-6  # of its size, on the solver's dual bound: a thousand times the tolerances it is asked with
NODES = 2_000  # of the exact branch and bound, after which the row stays undecided
CLOSE = Fraction(1, 10_000)  # part of M within which a bound beyond it is worth branching exactly


def by_mip(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Sharpen a finding over the integers.

    The solver's dual bound counts inflated by 1e-6 of its size: it is trusted and has no certificate. Where
    that inflation alone stands between M and a verdict, a branch and bound of our own, whose leaves are
    linear programs with exact bounds, decides.
    """
    ends = time.perf_counter() + seconds
    answer, bound = _asked(search, candidate, seconds)
    if answer.status in ("optimal", "infeasible", "limit") and bound < math.inf:
        inflated = bound + INFLATION * max(1.0, abs(bound))
        _lower(finding, -math.inf if bound == -math.inf else Fraction(inflated))
    if answer.x is not None:
        search.complete_and_record(candidate, finding, answer.x, seconds)
    close = finding.top < math.inf and finding.top <= candidate.loose + CLOSE * _size(finding.top)
    rest = ends - time.perf_counter()
    if judge(candidate, finding) == "undecided" and close and rest > 0:
        _lower(finding, branched_bound(search, candidate, candidate.limit, rest))
    if judge(candidate, finding) == "undecided" and finding.reason != INEXACT:
        limit = (
            "the time limit for its integers was reached"
            if answer.status == "limit"
            else "the integers do not decide"
        )
        finding.reason = f"{limit}: M is between the two bounds"


def reach_by_mip(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Raise the lower end of what is needed by a best point over the integers; the bound stays as proved."""
    if search.again(candidate, finding, seconds):
        return
    answer, _ = _asked(search, candidate, seconds)
    if answer.x is not None:
        search.complete_and_record(candidate, finding, answer.x, seconds)


def _asked(search: Search, candidate: Candidate, seconds: float) -> tuple[Answer, float]:
    box = {j: (float(v), float(v)) for j, v in candidate.held(candidate.off).items()}
    return search.relaxation.maximise_integer(
        candidate.columns, candidate.values, candidate.freed, box, seconds
    )


def _size(value: Number) -> Fraction:
    return max(Fraction(1), abs(value)) if isinstance(value, Fraction) else Fraction(1)


def _lower(finding: Finding, top: Number) -> None:
    if top < finding.top:
        finding.top, finding.tier, finding.certified, finding.multipliers = top, "mip", False, None


def branched_bound(
    search: Bounding, candidate: Candidate, goal: Fraction, seconds: float, nodes: int = NODES
) -> Number:
    """Return an upper bound of the body over the integers, by branching until it is at or below the goal.

    Every leaf is an exact bound of a linear program or an exact proof that it is empty, so the result holds
    without trust in tolerances. It is infinite when the nodes or the time did not suffice.
    """
    ends = time.perf_counter() + seconds
    serial = count()
    heap: list[tuple[float, int, dict[int, tuple[float, float]], Number]] = [
        (-math.inf, next(serial), {}, math.inf)
    ]
    best: Number = -math.inf
    lower, upper = search.program.lower, search.program.upper
    for _ in range(nodes):
        if not heap:
            return best
        left = ends - time.perf_counter()
        if left <= 0:
            break
        _, _, boxes, parent = heapq.heappop(heap)
        answer = search.solve(candidate, candidate.off, boxes, seconds=left)
        proof = search.prove(candidate, candidate.off, answer, boxes)
        if answer.status == "infeasible" and proof is not None:
            continue
        bound = parent if proof is None else min(proof.bound, parent)
        if bound <= goal:
            best = max(best, bound)
            continue
        if answer.status != "optimal" or answer.x is None:
            return math.inf
        v = answer.x[search.integers]
        off = np.abs(v - np.round(v))
        if not off.size or off.max() <= INTEGRAL:
            return math.inf  # a point of the rest beyond the goal: no bound can be below it
        j = int(search.integers[int(np.argmax(off))])
        low, high = boxes.get(j, (float(lower[j]), float(upper[j])))
        at = float(answer.x[j])
        for child in ((low, float(math.floor(at))), (float(math.floor(at)) + 1.0, high)):
            if child[0] <= child[1]:
                heapq.heappush(heap, (-answer.value, next(serial), {**boxes, j: child}, bound))
    return best if not heap else math.inf
