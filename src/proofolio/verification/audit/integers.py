"""Bounds over the integers, each by a tree whose leaves are exact; a solver only proposes points."""

from __future__ import annotations

import time
from fractions import Fraction

from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import INEXACT, Search
from proofolio.verification.audit.verdicts import CLOSE, Finding, judge, rounding
from proofolio.verification.certified.optimum import lacking

__all__ = ["by_mip", "maximum_by_tree", "reach_by_mip"]


PROPOSING = 0.3  # part of the time in which a solver proposes a point


def by_mip(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Decide over the integers whether M is enough: by a point that needs more, or a tree that proves there is none."""
    ends = time.perf_counter() + seconds
    propose(search, candidate, finding, PROPOSING * seconds)
    if judge(candidate, finding) == "undecided":
        _against(search, candidate, finding, candidate.limit, ends - time.perf_counter())
    if judge(candidate, finding) == "undecided" and finding.point is not None:
        # a point beyond M by no more than the rounding of its own terms
        room = candidate.tight + candidate.big_m + rounding(candidate, finding.point)
        _against(search, candidate, finding, room, ends - time.perf_counter())
    if judge(candidate, finding) == "undecided" and finding.reason != INEXACT:
        finding.reason = (
            "the time or nodes for its integers were used up: M is between the two bounds"
            if lacking(search.program) is None
            else f"the bounds leave {lacking(search.program)} out of account: M is between the two bounds"
        )


def reach_by_mip(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Decide over the integers whether an M that is enough is tight or loose."""
    ends = time.perf_counter() + seconds
    propose(search, candidate, finding, PROPOSING * seconds)
    if judge(candidate, finding) == "valid":
        needed = candidate.tight + candidate.big_m / CLOSE
        _against(search, candidate, finding, needed, ends - time.perf_counter(), above=False)


def maximum_by_tree(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Find the maximum of a body over the integers, to a relative 1e-6, with a tree that proves it."""
    ends = time.perf_counter() + seconds
    propose(search, candidate, finding, PROPOSING * seconds)
    _against(search, candidate, finding, None, ends - time.perf_counter())


def propose(search: Search, candidate: Candidate, finding: Finding, seconds: float) -> None:
    """Ask a solver for a point that needs much, and note it when it can be made exact."""
    if seconds <= 0:
        return
    box = {j: (float(v), float(v)) for j, v in candidate.held(candidate.off).items()}
    answer, _ = search.relaxation.maximise_integer(
        candidate.columns, candidate.values, candidate.freed, box, seconds
    )
    if answer.x is not None:
        search.complete_and_record(candidate, finding, answer.x, seconds)


def _against(
    search: Search,
    candidate: Candidate,
    finding: Finding,
    target: Fraction | None,
    seconds: float,
    above: bool = True,
) -> None:
    """Grow a tree until it is decided whether a body goes beyond a target."""
    if seconds <= 0 or (above and finding.top == -float("inf")):
        return
    best = search.maxima.maximum(
        candidate.body, candidate.freed, candidate.held(candidate.off), target, seconds=seconds
    )
    if best.point is not None:
        search.take_exact(candidate, finding, best.point)
    if best.status == "empty":
        finding.top, finding.tree = -float("inf"), best.nodes
    elif best.status == "proved" and best.bound is not None and best.bound < finding.top:
        finding.top, finding.tree = best.bound, best.nodes
    else:
        return
    finding.tier, finding.certified, finding.multipliers = "mip", True, None
