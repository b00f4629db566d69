"""The method `whole`: build the form, give it to a solver, and check the answer against the declared data."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import UnsupportedProgram
from proofolio.formulations.costs import settled
from proofolio.models.regime_switching.cut_off import find_cut_off, unproved_big_m
from proofolio.models.regime_switching.form import built_form, read_lowering
from proofolio.models.regime_switching.methods.start import first_answer, reading_seconds
from proofolio.models.regime_switching.problem import RegimeProblem, objective_size
from proofolio.models.regime_switching.solution import RELATIVE, SLACK, RegimeSolution, raw_data_checks
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.polishing import polish
from proofolio.solvers.solution import INFEASIBLE, OPTIMAL, Check, RefutedClaim, Settings, Solution
from proofolio.verification.big_m.tiers import BOUNDERS, bounders_until
from proofolio.verification.checks.checking import GAP_PART, GAP_REST, check_until, status_after
from proofolio.verification.solving import GRACE, confirm_budget, confirmed, solve_until

__all__ = ["Whole", "corroborated", "max_term_checks"]


# Of a time limit, what bounds for M may use up; from then on they are the interval's.
BUILDING = 0.5
# And what an answer by simple means may use up, before the form is built; or where there is no time to build it.
FIRST, ALONE = 0.15, 0.8
# Seconds: a time limit must not be nothing.
LEAST = 1e-3
# Failures that leave the point feasible: what they refute is the claim that nothing is better.
NOT_OPTIMAL = {"M", "optimum not cut off", *SLACK}


@dataclass(frozen=True, eq=False)
class Whole:
    """The whole form: in which lowering, with which M, and who solves it.

    Attributes
    ----------
    solver : str or None
        None leaves the choice open: the first that can take the form.
    lowering : str or None
        None leaves the choice open: the hull, or Big-M where the hull cannot be.
    big_m : str or array_like
    confirm : {"none", "auto", "second", "certificate"}
        What an optimum has to rest on beside the solver's word (see `proofolio.solve`).
    """

    solver: str | None = None
    lowering: str | None = None
    big_m: str | ArrayLike = "interval"
    confirm: str = "none"
    name: str = "whole"

    @property
    def proved(self) -> bool:
        """Whether every M in the form, if there is any, is one that its own bounds prove to be enough."""
        return isinstance(self.big_m, str) and self.big_m != "published"

    def fits(self, problem: RegimeProblem) -> str | None:
        """Return None: every problem has a whole form, and what a lowering or solver lacks is said on building it."""
        return None

    def solve(self, problem: RegimeProblem, settings: Settings, deadline: Deadline) -> RegimeSolution:
        """Build the form, solve it and check the answer; under a time limit with a simple answer at hand."""
        # what means nothing is refused whether or not there is time to build it
        read_lowering(problem, self.lowering, self.big_m, BOUNDERS)
        if not math.isfinite(settings.time_limit):
            return self._answer(problem, settings, deadline)
        hurried = reading_seconds(problem) > (1.0 - FIRST) * settings.time_limit
        share = ALONE if hurried else FIRST
        first = first_answer(problem, deadline.within(share * settings.time_limit))
        if first.weights is not None and hurried:
            return first.declared(problem, first.bound, settings, deadline)
        return first.improve(problem, self._answer(problem, settings, deadline), settings, deadline)

    def _answer(self, problem: RegimeProblem, settings: Settings, deadline: Deadline) -> RegimeSolution:
        bounders = BOUNDERS
        if isinstance(self.big_m, str) and self.big_m in BOUNDERS:
            bounders = bounders_until(deadline.within(BUILDING * settings.time_limit))
        # certificates speak of the rows of a Big-M and not of the hull's cones
        wanted = "big-m" if self.lowering is None and self.confirm == "certificate" else self.lowering
        built = built_form(problem, wanted, self.big_m, bounders).freeze()
        answer = solve_until(deadline, built, self.solver, settings)
        if answer.x is None and self.confirm != "none":
            answer = confirmed(built, answer, self.confirm, settings.gap, deadline)
        if answer.x is None:
            return self._without_point(problem, answer, deadline)
        raw = _raw_data_checks(problem, answer)
        if answer.ok and any(c.name in SLACK and not c.ok for c in raw):
            answer = _without_slack(answer, settings, deadline)
            # what a solver left open may be slack in its costs: it never claimed that nothing is better
            spare = np.inf if answer.bound is None else (answer.objective or 0.0) - answer.bound
            raw = _raw_data_checks(problem, answer, max(spare, 0.0))
        if self.confirm != "none" and answer.status in OPTIMAL:
            answer = confirmed(built, answer, self.confirm, settings.gap, deadline)
            raw = _raw_data_checks(problem, answer)
        raw = (*raw, *max_term_checks(problem, built, answer))
        cut_off = None if self.proved else find_cut_off(problem, built, answer, deadline.later(GRACE))
        proof = () if cut_off is None else cut_off.checks
        if all(c.ok for c in proof):  # that no point was found is no proof
            proof = self._proof(problem, built, deadline)
        bounded = all(c.ok for c in proof)
        answer = answer.checked((*answer.checks, *raw, *proof), _status(answer, (*raw, *proof)))
        error = problem.impact_error
        recomputed = problem.objective(answer["W"], answer["Z"]) if error and _is_chosen(answer) else None
        found = RegimeSolution.of(
            answer, covered=problem.rules.covered is not None, impact_error=error, recomputed=recomputed,
            cut_off=cut_off, bounded=bounded,
        )  # fmt: skip
        if error and found.status in OPTIMAL and found.gap > settings.gap * (1 + GAP_PART) + GAP_REST:
            return replace(found, status="verified-feasible")
        return found

    def _without_point(self, problem: RegimeProblem, answer: Solution, deadline: Deadline) -> RegimeSolution:
        """Return an answer without a point; what an M that is not proved leaves out may be all there is."""
        proof = self._proof(problem, answer.program, deadline)
        bounded = all(c.ok for c in proof)
        status = "limit" if answer.status in INFEASIBLE and not bounded else answer.status
        return RegimeSolution.of(
            answer.checked((*answer.checks, *proof), status), covered=problem.rules.covered is not None,
            impact_error=problem.impact_error, bounded=bounded,
        )  # fmt: skip

    def _proof(self, problem: RegimeProblem, built: Program, deadline: Deadline) -> tuple[Check, ...]:
        if self.proved:
            return ()
        pairs_given = self.lowering == "multiple-big-m" and not isinstance(self.big_m, str)
        return unproved_big_m(problem, built, pairs_given, deadline.later(GRACE))


def _status(answer: Solution, declared: tuple[Check, ...]) -> str:
    """Return what the checks against the declared data leave of a status; the generic ones had their say in it."""
    failed = {c.name for c in declared if not c.ok and not np.isnan(c.value)}
    if failed and (answer.ok or answer.status == "limit"):
        return "claim-wrong" if failed <= NOT_OPTIMAL else "infeasible-solution"
    undecided = any(np.isnan(c.value) for c in (*answer.checks, *declared))
    return "verified-feasible" if undecided and answer.status in OPTIMAL else answer.status


def _is_chosen(answer: Solution) -> bool:
    Z = np.round(answer["Z"])
    return bool(np.all(np.isin(Z, (0.0, 1.0))) and np.all(Z.any(axis=0)))


def _raw_data_checks(problem: RegimeProblem, answer: Solution, spare: float = 0.0) -> tuple[Check, ...]:
    objective = answer.objective or 0.0
    return raw_data_checks(problem, answer["W"], answer["Z"], answer["cost"], objective, spare)


def _without_slack(answer: Solution, settings: Settings, deadline: Deadline) -> Solution:
    """Solve for the rest again where a solver stopped with costs above what they have to be."""
    built, given = answer.program, answer.unchecked()
    try:
        claim = polish(built, given, settings, deadline)
    except UnsupportedProgram:  # what is left with the integers fixed is not convex
        return answer
    if claim is given:
        return answer
    if claim.bound is not None and claim.objective is not None:
        claim = replace(claim, bound=min(claim.bound, claim.objective))
    checks = check_until(built, claim, deadline.later(GRACE))
    return claim.checked(checks, status_after(claim, checks, settings.gap))


def max_term_checks(problem: RegimeProblem, built: Program, answer: Solution) -> tuple[Check, ...]:
    """Check the variables of max terms, where the built form has them, against the maxima at the weights.

    With ``exact`` each equals its maximum in every period; otherwise it is on its own side of it (at least the
    maximum where the term adds to the cost, at most where it takes from it).
    """
    w = answer["W"].T
    names = {block.name for block in built.variables}
    kept = settled(problem.costs, problem.lower, problem.upper).maxima
    worst, where = 0.0, ""
    found = False
    for j, term in enumerate(kept):
        if f"cost_max_{j}" not in names:
            continue
        found = True
        off = np.broadcast_to(answer[f"cost_max_{j}"], (problem.T,)) - term.value(w)
        error = np.abs(off) if problem.exact else -term.sign * off
        size = max(abs(term.floor), abs(term.beta) + float(np.abs(term.alpha).max()), 1e-12)
        t = int(error.argmax())
        if error[t] / size > worst:
            worst, where = float(error[t]) / size, f"cost_max_{j} in period {t}"
    return (
        Check("max terms", worst <= RELATIVE, worst, RELATIVE, where if worst > RELATIVE else ""),
    ) * found


def corroborated(
    problem: RegimeProblem, found: RegimeSolution, how: str, settings: Settings, deadline: Deadline
) -> RegimeSolution:
    """Return an optimum of another method with the word that solving the whole form leaves it.

    Where a solver proves in the time there is that the whole form has nothing better, it is ``verified-optimal``; what
    the solver finds that is better takes its place, and `Solution.claims` says so.

    Parameters
    ----------
    found : RegimeSolution
        With a status of `OPTIMAL`.
    how : {"auto", "second"}
    """
    if found.status not in OPTIMAL:
        return found
    room = deadline.within(confirm_budget(how, found.seconds))
    asked = Settings(room.left or LEAST, settings.gap, settings.seed, settings.threads)
    began, value = time.perf_counter(), found.objective or 0.0
    other = Whole().solve(problem, asked, room)
    near = max(settings.gap, RELATIVE) * objective_size(problem, value)
    spent = time.perf_counter() - began
    if other.status in OPTIMAL and value - (other.objective or 0.0) > near:
        claim = RefutedClaim(found.solver, "optimal", value, other.made_by)
        return replace(other, claims=(*other.claims, claim), confirm_seconds=spent)
    if other.status in OPTIMAL and other.bound is not None and value - other.bound <= 2.0 * near:
        return replace(found, status="verified-optimal", confirm_seconds=spent)
    why = f"the whole form was not solved in {spent:.2g} s to confirm it ({other.made_by}: {other.status})"
    return replace(found, message=why if found.status == "solver-optimal" else "", confirm_seconds=spent)
