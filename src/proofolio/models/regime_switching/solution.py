"""The solved regime-switching program, held against its raw data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import UnsupportedProgram
from proofolio.formulations.costs import settled
from proofolio.models.regime_switching.cut_off import CutOff, find_cut_off, unproved_big_m
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.polishing import polish
from proofolio.solvers.solution import Settings
from proofolio.verification.checks.checking import Check, check_until, status_after
from proofolio.verification.solving import GRACE, Verified, read_settings, solve_until

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["RegimeSolution", "objective_size", "raw_data_checks", "verified_solution"]


FEASIBILITY = 1e-6
RELATIVE = 1e-6
# Costs that cancel are known to a part of their terms, as in `proofolio.verification.checks.optimality`.
CANCELLED = 1e-3
# Failures that leave the point feasible: what they refute is the claim that nothing is better.
SLACK = {"cost is the active regime's", "objective from raw data"}
NOT_OPTIMAL = {"M", "optimum not cut off", *SLACK}


@dataclass(frozen=True, eq=False)
class RegimeSolution:
    """Weights, regimes and costs, with every check that was run on them.

    Attributes
    ----------
    answer : Verified
        The matrix-form answer; with ``impact_pieces`` its objective and bound are those of the built program.
    checks : tuple of Check
        The generic checks and those against the raw data.
    status : str
        As for `proofolio.solve`, never better than the checks allow.
    cut_off : CutOff or None
        When M cuts off a feasible point: the point, and the M it needs.
    covered : bool
        Whether Z marks regimes covered, any number a period, and not a path.
    impact_error : float
        With ``impact_pieces``: by how much the built program can lie above the declared one. It is off the
        `bound` already, so that `gap` is that of the declared program; where it is too much for the gap asked
        for, the status is no more than ``verified-feasible``.
    recomputed : float or None
        With ``impact_pieces``: the declared objective at the weights and regimes, the power 3/2 taken as it is.
    bounded : bool
        Whether the built form is known to cut off nothing. With an M that nothing proves to be enough it is not,
        and what a solver says of the built form is then no `bound` here.
    """

    answer: Verified
    checks: tuple[Check, ...]
    status: str
    cut_off: CutOff | None = None
    covered: bool = False
    impact_error: float = 0.0
    recomputed: float | None = None
    bounded: bool = True

    @property
    def ok(self) -> bool:
        """Whether there is an answer and every check holds."""
        return self.status in ("verified-optimal", "verified-feasible")

    @property
    def W(self) -> Floats:
        """Weights, shape (n, T)."""
        return self.answer["W"]

    @property
    def Z(self) -> Floats:
        """Regime indicators, shape (R, T), rounded."""
        return np.round(self.answer["Z"])

    @property
    def path(self) -> Integers:
        """The regime chosen in each period, shape (T,).

        Raises
        ------
        UnsupportedProgram
            For covered regimes, which are no path.
        """
        if self.covered:
            raise UnsupportedProgram("covered regimes are no path: read Z, which marks those of each period")
        chosen: Integers = self.answer["Z"].argmax(axis=0)
        return chosen

    @property
    def cost(self) -> Floats:
        """The cost of each period, shape (T,)."""
        return self.answer["cost"]

    @property
    def objective(self) -> float | None:
        """The declared objective, recomputed."""
        return self.answer.objective if self.recomputed is None else self.recomputed

    @property
    def bound(self) -> float | None:
        """The proven lower bound on the declared program; None where there is none."""
        bound = self.answer.bound if self.bounded else None
        if bound is None or not self.impact_error:
            return bound
        bound = float(np.nextafter(bound - self.impact_error, -np.inf))
        return bound if self.objective is None else min(bound, self.objective)

    @property
    def gap(self) -> float:
        """Relative gap ``|objective - bound| / max(1e-10, |objective|)``; infinite without both."""
        objective, bound = self.objective, self.bound
        if objective is None or bound is None:
            return float("inf")
        return abs(objective - bound) / max(1e-10, abs(objective))

    @property
    def seconds(self) -> float:
        """Wall time of the solve."""
        return self.answer.solution.seconds

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(c for c in self.checks if not c.ok)


def verified_solution(
    program: RegimeSwitching,
    built: Program,
    solver: str,
    settings: Mapping[str, Any],
    deadline: Deadline,
    pairs_given: bool = False,
) -> RegimeSolution:
    """Solve the built form and hold the answer against the raw data of the declared program.

    The deadline is that of the whole call, which building the form was part of. `pairs_given` says that M of
    multiple Big-M are numbers of the user's, which nothing proves here.
    """
    answer = solve_until(deadline, built, solver, settings)
    covered, error = program.rules.covered is not None, program.impact_error
    if answer.solution.x is None:
        return _without_point(program, built, answer, pairs_given, deadline)
    raw = _raw_data_checks(program, answer)
    if answer.ok and any(c.name in SLACK and not c.ok for c in raw):
        answer = _without_slack(built, answer, read_settings(settings), deadline)
        # what a solver left open may be slack in its costs: it never claimed that nothing is better
        spare = np.inf if answer.bound is None else (answer.objective or 0.0) - answer.bound
        raw = _raw_data_checks(program, answer, max(spare, 0.0))
    raw = (*raw, *max_term_checks(program, built, answer))
    cut_off = find_cut_off(program, built, answer, deadline.later(GRACE))
    proof = () if cut_off is None else cut_off.checks
    if all(c.ok for c in proof):  # that no point was found is no proof
        proof = unproved_big_m(program, built, pairs_given, deadline.later(GRACE))
    checks = (*answer.checks, *raw, *proof)
    status = answer.status
    # the generic checks have had their say in the answer's own status
    failed = {c.name for c in checks[len(answer.checks) :] if not c.ok and not np.isnan(c.value)}
    if status == "verified-optimal" and any(np.isnan(c.value) for c in checks):
        status = "verified-feasible"
    if failed and (answer.ok or answer.status == "limit"):
        status = "claim-wrong" if failed <= NOT_OPTIMAL else "infeasible-solution"
    bounded = all(c.ok for c in proof)
    if not error:
        return RegimeSolution(answer, checks, status, cut_off, covered, bounded=bounded)
    recomputed = program.objective(answer["W"], answer["Z"]) if _chosen(answer) else None
    found = RegimeSolution(answer, checks, status, cut_off, covered, error, recomputed, bounded)
    if status == "verified-optimal" and found.gap > read_settings(settings).gap * (1 + 1e-6) + 1e-12:
        return replace(found, status="verified-feasible")
    return found


def _without_point(
    program: RegimeSwitching, built: Program, answer: Verified, pairs_given: bool, deadline: Deadline
) -> RegimeSolution:
    """Return an answer without a point; what an M nobody proved leaves out may be all there is."""
    proof = unproved_big_m(program, built, pairs_given, deadline.later(GRACE))
    bounded = all(c.ok for c in proof)
    status = "limit" if answer.status == "infeasible" and not bounded else answer.status
    return RegimeSolution(
        answer, (*answer.checks, *proof), status, covered=program.rules.covered is not None,
        impact_error=program.impact_error, bounded=bounded,
    )  # fmt: skip


def _chosen(answer: Verified) -> bool:
    Z = np.round(answer["Z"])
    return bool(np.all(np.isin(Z, (0.0, 1.0))) and np.all(Z.any(axis=0)))


def _raw_data_checks(program: RegimeSwitching, answer: Verified, spare: float = 0.0) -> tuple[Check, ...]:
    objective = answer.objective or 0.0
    return raw_data_checks(program, answer["W"], answer["Z"], answer["cost"], objective, spare)


def _without_slack(built: Program, answer: Verified, settings: Settings, deadline: Deadline) -> Verified:
    """Solve for the rest again where a solver stopped with costs above what they have to be."""
    try:
        claim = polish(built, answer.solution, settings, deadline)
    except UnsupportedProgram:  # what is left with the integers fixed is not convex
        return answer
    if claim is answer.solution:
        return answer
    if claim.bound is not None and claim.objective is not None:
        claim = replace(claim, bound=min(claim.bound, claim.objective))
    checks = check_until(built, claim, deadline.later(GRACE))
    return Verified(claim, checks, status_after(claim, checks, settings.gap))


def raw_data_checks(
    program: RegimeSwitching, W: Floats, Z: Floats, cost: Floats, objective: float, spare: float = 0.0
) -> tuple[Check, ...]:
    """Check weights (n, T), regimes (R, T), costs (T,) and the objective against the declared data.

    Every rule of the holdings and of trading to 1e-6, of the regimes exactly after rounding, each period's cost
    equal to f of the active regime (of the costliest one covered) to 1e-6 of the largest cost in sight, the
    objective likewise; with pieces of the power 3/2 it may lie above by their proved error. Costs and objective
    may lie above by `spare` as well.
    """
    chosen = np.round(Z)
    rules = program.rules.violations(chosen)
    amounts = program.holdings.violations(W, program.initial)
    # with no regime at all the first one stands in: the rule on the regimes has failed by then
    active = np.where(chosen.any(axis=0), chosen, np.arange(program.R)[:, None] == 0)
    f = program.period_costs(W, active)
    scale = max(float(np.abs(f).max()), CANCELLED * _largest_cost(program), 1e-12)
    short = max(float((f - cost).max()) / scale, 0.0)
    error = max(short, float((cost - f).max() - spare) / scale)
    again = float(f.sum()) + program.trading.cost(W) + program.rules.cost(active)
    reach = max(objective_size(program, again), scale)
    above = objective - again
    mistaken = max(-above, above - program.impact_error - spare) / reach
    return (
        *(Check(name, amount == 0.0, amount, 0.0) for name, amount in rules.items()),
        *(Check(name, amount <= FEASIBILITY, amount, FEASIBILITY) for name, amount in amounts.items()),
        Check("cost covers the active regime's", short <= RELATIVE, short, RELATIVE, _where(cost, f, short)),
        Check("cost is the active regime's", error <= RELATIVE, error, RELATIVE, _where(cost, f, error)),
        Check("objective from raw data", mistaken <= RELATIVE, max(mistaken, 0.0), RELATIVE),
    )


def max_term_checks(program: RegimeSwitching, built: Program, answer: Verified) -> tuple[Check, ...]:
    """Check the variables of max terms, where the built form has them, against the maxima at the weights.

    With ``exact`` each equals its maximum in every period; otherwise it is on its own side of it (at least the
    maximum where the term adds to the cost, at most where it takes from it).
    """
    w = answer["W"].T
    names = {block.name for block in built.variables}
    kept = settled(program.costs, program.lower, program.upper).maxima
    worst, where = 0.0, ""
    found = False
    for j, term in enumerate(kept):
        if f"cost_max_{j}" not in names:
            continue
        found = True
        off = np.broadcast_to(answer[f"cost_max_{j}"], (program.T,)) - term.value(w)
        error = np.abs(off) if program.exact else -term.sign * off
        size = max(abs(term.floor), abs(term.beta) + float(np.abs(term.alpha).max()), 1e-12)
        t = int(error.argmax())
        if error[t] / size > worst:
            worst, where = float(error[t]) / size, f"cost_max_{j} in period {t}"
    return (
        Check("max terms", worst <= RELATIVE, worst, RELATIVE, where if worst > RELATIVE else ""),
    ) * found


def objective_size(program: RegimeSwitching, value: float) -> float:
    """Return what an error of an objective is relative to: its value, or a part of its terms where they cancel."""
    terms = program.T * (_largest_cost(program) + program.trading.largest_cost + program.switch_cost)
    return max(abs(value), CANCELLED * terms, 1e-12)


def _largest_cost(program: RegimeSwitching) -> float:
    """Return a size of the terms of a period's cost."""
    Q, c, k, maxima = program.costs
    sizes = [float(np.abs(part).max()) for part in (Q, c, k)]
    sizes += [max(abs(m.floor), abs(m.beta) + float(np.abs(m.alpha).max())) for m in maxima]
    return max(sizes)


def _where(cost: Floats, f: Floats, error: float) -> str:
    if error <= RELATIVE:
        return ""
    t = int(np.abs(cost - f).argmax())
    return f"period {t}: cost {cost[t]:.9g}, active regime's {f[t]:.9g}"
