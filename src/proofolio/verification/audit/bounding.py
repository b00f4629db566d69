"""Bounds on what a candidate needs, by intervals and by linear programs, each made exact."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.interval import quadratic_bounds
from proofolio.program.program import Program
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.relaxation import Answer, Relaxation
from proofolio.verification.audit.verdicts import Finding, Number
from proofolio.verification.exact.lp_bounds import Certified, ExactRows, Question, as_decimal

__all__ = ["Bounding"]


Boxes = Mapping[int, tuple[float, float]]
INTEGRAL = 1e-6  # distance from an integer at which a column of a relaxation counts as one
NEARLY = 1e-7  # violation of a row in a guess that no verdict rests on
UNBOUNDED = (
    "nothing else in the model bounds the row's body: give finite bounds to its variables to have M judged"
)


class Bounding:
    """One program, its relaxation and its exact data, shared by all questions about its rows."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.exact = ExactRows(program)
        self.integers = np.flatnonzero(program.integer)

    @cached_property
    def relaxation(self) -> Relaxation:
        """The relaxation in the solver's memory."""
        return Relaxation(self.program)

    # --------------------------------------------------------------- intervals
    @cached_property
    def _posted(self) -> tuple[dict[int, int], dict[int, int]]:
        """Rows with one column that bound it better than its own bounds do: by column, above and below."""
        p, above, below = self.program, dict[int, int](), dict[int, int]()
        upper, lower = p.upper.copy(), p.lower.copy()
        for i in np.flatnonzero(np.diff(p.A.indptr) == 1).tolist():
            j, a = int(p.A.indices[p.A.indptr[i]]), float(p.A.data[p.A.indptr[i]])
            if not a:
                continue
            ends = sorted((p.row_lower[i] / a, p.row_upper[i] / a))
            if ends[1] < upper[j]:
                upper[j], above[j] = ends[1], i
            if ends[0] > lower[j]:
                lower[j], below[j] = ends[0], i
        return above, below

    def interval(self, candidate: Candidate) -> Certified | None:
        """Bound the body over the bounds of its columns, posted as rows or not; None when infinite."""
        above, below = self._posted
        body, y = candidate.body, dict[int, Fraction]()
        for j, a in body.items():
            i = (above if a > 0 else below).get(j)
            if i is not None:
                y[i] = y.get(i, Fraction(0)) + a / self.exact.coefficients(i)[j]
        bound, _ = self.exact.evaluate(body, y, Question())
        if bound is None or not candidate.forms:
            return None if bound is None else Certified(bound, y)
        curved = quadratic_bounds(candidate.forms, self.program.lower, self.program.upper)[1]
        return Certified(bound + Fraction(curved), y) if math.isfinite(curved) else None

    def by_interval(self, candidate: Candidate) -> Finding:
        """Start a finding with what intervals say: the binary does not matter to them."""
        if candidate.why_not:
            return Finding(reason=candidate.why_not)
        found = self.interval(candidate)
        if found is None:
            return Finding(reason="intervals give no bound")
        finding = Finding(top=found.bound, top_on=found.bound, certified=not candidate.forms)
        finding.multipliers = finding.multipliers_on = found.multipliers
        if candidate.forms:
            finding.reason = (
                "the row is quadratic, and intervals, the only bound known for those, do not decide"
            )
        return finding

    # --------------------------------------------------------- linear programs
    def solve(
        self,
        candidate: Candidate,
        value: int,
        boxes: Boxes | None = None,
        cap: float = math.inf,
        seconds: float = math.inf,
        margin: float = 0.0,
        point_only: bool = False,
    ) -> Answer:
        """Maximise the body over the rest of the relaxation with the binary at a value."""
        held = _boxes(candidate, value, boxes)
        return self.relaxation.maximise(
            candidate.columns, candidate.values, candidate.freed, held, cap, seconds, margin, point_only
        )

    def prove(
        self, candidate: Candidate, value: int, answer: Answer, boxes: Boxes | None = None
    ) -> Certified | None:
        """Make the bound of an answer exact; a bound below zero on the empty body proves infeasibility."""
        question = self.question(candidate, value, boxes)
        if answer.status == "optimal" and answer.duals is not None:
            return self.exact.certify(candidate.body, answer.duals, question, answer.value)
        if answer.status != "infeasible":
            return None
        goal = Fraction(-1, 10**12)
        for ray in self._rays(candidate, value, answer, boxes):
            size = float(np.max(np.abs(ray), initial=0.0))
            if not size > 0:
                continue
            proof = self.exact.certify({}, ray / size, question, goal=goal)
            if proof is not None and proof.bound < 0:
                return proof
        return None

    def _rays(
        self, candidate: Candidate, value: int, answer: Answer, boxes: Boxes | None
    ) -> Iterator[Floats]:
        if answer.duals is not None:
            yield answer.duals
            yield -answer.duals
        held = _boxes(candidate, value, boxes)
        elastic = self.relaxation.elastic(candidate.freed, held)
        if elastic is not None:
            yield elastic

    def question(self, candidate: Candidate, value: int, boxes: Boxes | None = None) -> Question:
        """Return the question that an answer belongs to, for the exact side."""
        held = {j: (_exact(a), _exact(b)) for j, (a, b) in (boxes or {}).items()}
        held.update({j: (Fraction(v), Fraction(v)) for j, v in candidate.held(value).items()})
        freed = () if candidate.freed is None else (candidate.freed,)
        return Question(frozenset(freed), held)

    def by_lp(self, candidate: Candidate, finding: Finding, seconds: float) -> Answer:
        """Sharpen a finding by the linear program with the binary off."""
        answer = self.solve(candidate, candidate.off, seconds=seconds)
        if answer.status in ("limit", "failed"):
            said = (
                "the time limit was reached"
                if answer.status == "limit"
                else f"HiGHS stopped: {answer.message}"
            )
            finding.reason = finding.reason if answer.status == "limit" and finding.top < math.inf else said
            return answer
        if answer.status == "unbounded":
            finding.reason = UNBOUNDED
            return answer
        proof = self.prove(candidate, candidate.off, answer)
        if proof is None:
            what = "that nothing satisfies the rest" if answer.status == "infeasible" else "of its bound"
            finding.reason = f"no proof {what} was found in exact arithmetic"
            return answer
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top:
            finding.top, finding.tier, finding.certified = top, "lp", True
            finding.multipliers = proof.multipliers
        if proof.bound > candidate.limit:
            allowed = float(proof.bound - candidate.tight)
            finding.reason = f"the relaxation allows up to {allowed:.9g}, the integers may not"
        return answer

    @cached_property
    def _columns(self) -> sparse.csc_array:
        return sparse.csc_array(self.program.A)

    def binds_on(self, candidate: Candidate, x: Floats) -> bool:
        """Whether a point of the relaxation with the binary off is one with it on that needs the side.

        Then no bound can call the side redundant, and the linear program with the binary on is not worth
        its time. Nothing rests on it but that.
        """
        y, A, p = candidate.place.binary, self._columns, self.program
        if float(candidate.values @ x[candidate.columns]) <= candidate.tight_float:
            return False
        rows, entries = A.indices[A.indptr[y] : A.indptr[y + 1]], A.data[A.indptr[y] : A.indptr[y + 1]]
        others = rows != candidate.place.row
        if not others.any():
            return True
        for i, a in zip(rows[others].tolist(), entries[others].tolist(), strict=True):
            at = slice(p.A.indptr[i], p.A.indptr[i + 1])
            body = float(p.A.data[at] @ x[p.A.indices[at]]) + a * (candidate.on - candidate.off)
            if not p.row_lower[i] - NEARLY <= body <= p.row_upper[i] + NEARLY:
                return False
        return True

    def by_lp_on(self, candidate: Candidate, finding: Finding, seconds: float) -> None:
        """Ask whether the side can bind at all with the binary on."""
        answer = self.solve(candidate, candidate.on, seconds=seconds)
        proof = self.prove(candidate, candidate.on, answer)
        if proof is None:
            return
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top_on:
            finding.top_on, finding.multipliers_on = top, proof.multipliers
            if top <= candidate.tight and finding.tier == "interval":
                finding.tier = "lp"


def _boxes(candidate: Candidate, value: int, boxes: Boxes | None) -> dict[int, tuple[float, float]]:
    return {**(boxes or {}), **{j: (float(v), float(v)) for j, v in candidate.held(value).items()}}


def _exact(value: float) -> Fraction | None:
    return as_decimal(float(value)) if math.isfinite(value) else None
