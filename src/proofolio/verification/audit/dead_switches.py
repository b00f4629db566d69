"""Switches that are dead: with the binary on nothing satisfies the row, though the rest of the model has points.

That is what an if-then written the wrong way round looks like. Points of the model with the binary on, which are
mostly known by then, rule it out; the rest is asked by a linear program each, and by a small tree where integers matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from proofolio.arrays import Floats
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.points import Nearness, Point, Search, exact_point
from proofolio.verification.audit.verdicts import Dead, Finding, judge
from proofolio.verification.certified.search import grow
from proofolio.verification.exact.certificate import Row, System
from proofolio.verification.exact.lp_bounds import Question
from proofolio.verification.exact.trees import ExactProgram, Leaf, Node, proved_bound

__all__ = ["find_dead", "whole_model"]

POINT_SECONDS = 1.0  # for a point of the rest with the binary on
TREE_SECONDS, TREE_NODES = 1.0, 500  # for a proof that takes branching
LEAST = Fraction(-1, 10**12)  # a sum that proves emptiness has to be below zero


class _FoundPoint(Exception):
    """A tree that was to prove emptiness came upon a point."""


def whole_model(search: Search, held: dict[int, Fraction], objective: Row | None = None) -> ExactProgram:
    """Return the linear rows of a program in fractions, some columns held, for a tree."""
    system = search.exact.system
    lower, upper = list(system.lower), list(system.upper)
    for j, v in held.items():
        lower[j] = upper[j] = v
    held_system = replace(system, lower=tuple(lower), upper=tuple(upper))
    return ExactProgram(held_system, frozenset(search.integers.tolist()), objective or {})


def find_dead(
    search: Search,
    asked: Sequence[Candidate],
    findings: Sequence[Finding],
    points: Iterable[Floats],
    seconds: float,
) -> None:
    """Mark the findings whose switch is dead.

    Parameters
    ----------
    search : Search
    asked, findings : sequence
        In the same order.
    points : iterable of ndarray
        Points of the model, or nearly so; those that are none are left out.
    seconds : float
    """
    ends = time.perf_counter() + seconds
    near = Nearness(search.program)
    seen = {(j, v): False for c in asked for j, v in c.held(c.on).items()}
    for x in points:
        if near(x, None, {}):
            for j, v in seen:
                seen[j, v] = seen[j, v] or x[j] == v
    for candidate, finding in zip(asked, findings, strict=True):
        y = candidate.place.binary
        if candidate.kind != "row" or seen[y, candidate.on] or finding.top_on == -np.inf:
            continue
        if time.perf_counter() > ends:
            return
        if judge(candidate, finding) == "forcing":
            continue
        tree = _nothing_left(search, candidate, ends)
        point = _of_the_rest(search, candidate, ends) if tree else None
        if point is not None:
            finding.dead = Dead(point, tree)


def _nothing_left(search: Search, candidate: Candidate, ends: float) -> tuple[Node, ...]:
    """Return a tree that proves that nothing satisfies the model with the binary on; empty when there is none."""
    y, on = candidate.place.binary, candidate.on
    question = Question.of((), {y: on})
    none = np.zeros(0, dtype=np.int32)
    answer = search.relaxation.maximise(
        none, np.zeros(0), None, {y: (float(on), float(on))}, time_limit=max(ends - time.perf_counter(), 1e-3)
    )
    if answer.status == "infeasible":
        elastic = search.relaxation.elastic(None, {y: (float(on), float(on))})
        for ray in (answer.duals, None if answer.duals is None else -answer.duals, elastic):
            size = 0.0 if ray is None else float(np.max(np.abs(ray), initial=0.0))
            if ray is None or not size:
                continue
            proof = search.exact.certify({}, ray / size, question, goal=LEAST)
            if proof is not None and proof.bound < 0:
                return (Leaf(dict(proof.multipliers.items()), True),)
    return _by_branching(search, y, on, ends)


def _by_branching(search: Search, y: int, on: int, ends: float) -> tuple[Node, ...]:
    p, seconds = search.program, min(TREE_SECONDS, ends - time.perf_counter())
    if seconds <= 0:
        return ()
    lower, upper = p.lower.copy(), p.upper.copy()
    lower[y] = upper[y] = on
    held = replace(
        p, lower=lower, upper=upper, q=np.zeros(p.n), P=p.P * 0.0, quadratic=_none(p), c=0.0
    )
    exact = whole_model(search, {y: Fraction(on)})

    def found(_: object) -> bool:
        raise _FoundPoint

    try:
        grown = grow(held, exact, lambda: None, found, seconds, TREE_NODES)
    except _FoundPoint:
        return ()
    if grown.status != "proved" or proved_bound(exact, (), grown.nodes) != "empty":
        return ()
    return grown.nodes


def _of_the_rest(search: Search, candidate: Candidate, ends: float) -> Point | None:
    """Return an exact point of everything else with the binary on, None if none is found."""
    y, on = candidate.place.binary, candidate.on
    seconds = min(POINT_SECONDS, ends - time.perf_counter())
    answer = search.solve(candidate, on, cap=_beyond(search, candidate), seconds=max(seconds, 1e-3))
    points = [answer.x] if answer.x is not None else []
    if search.integers.size and seconds > 0:
        box = {y: (float(on), float(on))}
        whole, _ = search.relaxation.maximise_integer(
            np.zeros(0, dtype=np.int32), np.zeros(0), candidate.freed, box, seconds
        )
        points += [whole.x] if whole.x is not None else []
    for x in points:
        point = exact_point(search.program, search.exact, x, candidate.freed, {y: on})
        if point is not None:
            return point
    return None


def _beyond(search: Search, candidate: Candidate) -> float:
    """Return where to hold the side, so that a point is found though nothing bounds it."""
    at_on = Fraction(0) if candidate.off else candidate.big_m
    return max(search.cap(candidate), float(candidate.tight + at_on + 10 * max(Fraction(1), candidate.big_m)))
