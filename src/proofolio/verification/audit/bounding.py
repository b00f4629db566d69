"""Bounds on what a candidate needs, by intervals and by linear programs, each made exact."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.program import Program
from proofolio.program.quadratic import Form
from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.audit.relaxation import Answer, Boxes, Relaxation
from proofolio.verification.audit.verdicts import Finding, Number
from proofolio.verification.exact.lp_bounds import Certified, ExactRows, Question, as_decimal

__all__ = ["Bounding"]


INTEGRAL = 1e-6  # distance from an integer at which a column of a relaxation counts as one
GROWN = 1e-7  # relative growth of a bound in becoming exact, beyond which it is asked for once more
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
        self.ends = math.inf  # time of `time.perf_counter` by which everything has to be back

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what solvers hold in memory, which is made again when it is asked for, and the time limit."""
        kinds = type(self).__mro__
        made = {k for kind in kinds for k, v in vars(kind).items() if isinstance(v, cached_property)}
        return {k: v for k, v in vars(self).items() if k not in made} | {"ends": math.inf}

    @property
    def left(self) -> float:
        """Seconds left."""
        return self.ends - time.perf_counter()

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
        curved = _most(candidate.forms, self.program.lower, self.program.upper)
        return None if curved is None else Certified(bound + curved, y)

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
        inactive: bool = False,
        afresh: bool = False,
    ) -> Answer:
        """Maximise the body over the rest of the relaxation with the binary at a value.

        Where the side is known to be `inactive`, never reached by what is left, it need not be set free.
        """
        held, freed = _boxes(candidate, value, boxes), None if inactive else candidate.freed
        return self.relaxation.maximise(
            candidate.columns, candidate.values, freed, held, cap, seconds, margin, point_only, afresh
        )

    def prove(
        self, candidate: Candidate, value: int, answer: Answer, boxes: Boxes | None = None
    ) -> Certified | None:
        """Make the bound of an answer exact; a bound below zero on the empty body proves infeasibility."""
        question = self.question(candidate, value, boxes)
        if answer.status == "optimal" and answer.duals is not None:
            at = (candidate.loose, candidate.tight)  # what decides with the binary off, and on
            goal = at[0] if value == candidate.off else at[1]
            return self.exact.certify(candidate.body, answer.duals, question, answer.value, goal)
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
        elastic = self.relaxation.elastic(candidate.freed, held, self.left)
        if elastic is not None:
            yield elastic

    def question(self, candidate: Candidate, value: int, boxes: Boxes | None = None) -> Question:
        """Return the question that an answer belongs to, for the exact side."""
        held = {j: (_exact(a), _exact(b)) for j, (a, b) in (boxes or {}).items()}
        held.update({j: (Fraction(v), Fraction(v)) for j, v in candidate.held(value).items()})
        freed = () if candidate.freed is None else (candidate.freed,)
        return Question(frozenset(freed), held)

    def _proved(
        self, candidate: Candidate, value: int, seconds: float, inactive: bool = False
    ) -> tuple[Answer, Certified | None]:
        """Ask the relaxation for a bound and make it exact; asked from scratch where that loses something."""
        ends = time.perf_counter() + seconds
        answer = self.solve(candidate, value, seconds=seconds, inactive=inactive)
        proof = self.prove(candidate, value, answer)
        if answer.status in ("optimal", "infeasible") and (proof is None or _misses(proof, answer)):
            left = max(ends - time.perf_counter(), 1e-3)
            again = self.solve(candidate, value, seconds=left, afresh=True)
            better = self.prove(candidate, value, again)
            if proof is None or (better is not None and better.bound < proof.bound):
                return again, better
        return answer, proof

    def by_lp(self, candidate: Candidate, finding: Finding, seconds: float) -> Answer:
        """Sharpen a finding by the linear program with the binary off."""
        answer, proof = self._proved(candidate, candidate.off, seconds, finding.top < candidate.loose)
        if answer.status in ("limit", "failed"):
            said = (
                "the time limit was reached"
                if answer.status == "limit"
                else f"HiGHS stopped: {answer.message}"
            )
            finding.reason = finding.reason if answer.status == "limit" and finding.top < math.inf else said
            return answer
        if answer.status == "unbounded":
            if finding.top == math.inf:  # otherwise intervals know better than the solver
                finding.reason, finding.unbounded = UNBOUNDED, True
            return answer
        if proof is None:
            what = "that nothing satisfies the rest" if answer.status == "infeasible" else "of its bound"
            finding.reason = f"no proof {what} was found in exact arithmetic"
            return answer
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top:
            finding.top, finding.tier, finding.certified = top, "lp", True
            finding.multipliers, finding.tree = proof.multipliers, ()
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
        answer, proof = self._proved(candidate, candidate.on, seconds)
        if proof is None:
            return
        top: Number = -math.inf if answer.status == "infeasible" else proof.bound
        if top < finding.top_on:
            finding.top_on, finding.multipliers_on = top, proof.multipliers
            if top <= candidate.tight and finding.tier == "interval":
                finding.tier = "lp"


def _most(forms: Sequence[Form], lower: Floats, upper: Floats) -> Fraction | None:
    """Return the most that a sum of quadratic forms is, term by term, in a box; None when it is infinite there."""
    total = Fraction(0)
    for form in forms:
        ends = [(float(lower[j]), float(upper[j])) for j in form.columns.tolist()]
        for (k, t), q in np.ndenumerate(form.matrix):
            if not q:
                continue
            if not all(map(math.isfinite, (*ends[k], *ends[t]))):
                return None
            corners = [as_decimal(u) * as_decimal(v) for u in ends[k] for v in ends[t]]
            if k == t:  # a square: no product of different ends, and zero where the box holds it
                corners = [corners[0], corners[3], *([Fraction(0)] if ends[k][0] <= 0 <= ends[k][1] else [])]
            a = as_decimal(float(q))
            total += max(a * c for c in corners)
    return total


def _misses(proof: Certified, answer: Answer) -> bool:
    """Whether a proved bound is worse than what the solver reached: its multipliers are not quite the best."""
    return answer.status == "optimal" and float(proof.bound) - answer.value > GROWN * max(
        1.0, abs(answer.value)
    )


def _boxes(candidate: Candidate, value: int, boxes: Boxes | None) -> dict[int, tuple[float, float]]:
    return {**(boxes or {}), **{j: (float(v), float(v)) for j, v in candidate.held(value).items()}}


def _exact(value: float) -> Fraction | None:
    return as_decimal(float(value)) if math.isfinite(value) else None
