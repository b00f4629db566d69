"""The solved regime-switching program, held against its raw data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from proofolio.formulations.costs import settled
from proofolio.models.cut_off import CutOff, find_cut_off
from proofolio.program.program import Program
from proofolio.solvers.deadline import Deadline
from proofolio.verification.check import LIMIT, Check
from proofolio.verification.solve import GRACE, Verified, solve_until

if TYPE_CHECKING:
    from proofolio.models.regime_switching import RegimeSwitching

__all__ = ["RegimeSolution", "raw_data_checks", "verified_solution"]

Floats = NDArray[np.float64]
FEASIBILITY = 1e-6
RELATIVE = 1e-6
# Failures that leave the point feasible: what they refute is the claim that nothing is better.
NOT_OPTIMAL = {"M", "optimum not cut off", "cost is the active regime's", "objective from raw data"}


@dataclass(frozen=True, eq=False)
class RegimeSolution:
    """Weights, regimes and costs, with every check that was run on them.

    Attributes
    ----------
    answer : Verified
        The matrix-form answer.
    checks : tuple of Check
        The generic checks and those against the raw data.
    status : str
        As for `proofolio.solve`, never better than the checks allow.
    cut_off : CutOff or None
        When M cuts off a feasible point: the point, and the M it needs.
    """

    answer: Verified
    checks: tuple[Check, ...]
    status: str
    cut_off: CutOff | None = None

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
    def path(self) -> NDArray[np.intp]:
        """The regime chosen in each period, shape (T,)."""
        chosen: NDArray[np.intp] = self.answer["Z"].argmax(axis=0)
        return chosen

    @property
    def cost(self) -> Floats:
        """The cost of each period, shape (T,)."""
        return self.answer["cost"]

    @property
    def objective(self) -> float | None:
        """The objective, recomputed."""
        return self.answer.objective

    @property
    def bound(self) -> float | None:
        """The solver's proven lower bound."""
        return self.answer.bound

    @property
    def gap(self) -> float:
        """Relative gap between objective and bound."""
        return self.answer.gap

    @property
    def seconds(self) -> float:
        """Wall time of the solve."""
        return self.answer.solution.seconds

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(c for c in self.checks if not c.ok)


def verified_solution(
    program: RegimeSwitching, built: Program, solver: str, settings: Mapping[str, Any], deadline: Deadline
) -> RegimeSolution:
    """Solve the built form and hold the answer against the raw data of the declared program.

    The deadline is that of the whole call, which building the form was part of.
    """
    answer = solve_until(deadline, built, solver, settings)
    if answer.solution.x is None:
        return RegimeSolution(answer, answer.checks, answer.status)
    raw = raw_data_checks(program, answer["W"], answer["Z"], answer["cost"], answer.objective or 0.0)
    raw = (*raw, *max_term_checks(program, built, answer))
    cut_off = find_cut_off(program, built, answer, deadline.later(GRACE))
    checks = (*answer.checks, *raw, *(cut_off.checks if cut_off is not None else ()))
    status = answer.status
    # the generic checks have had their say in the answer's own status
    failed = {c.name for c in checks[len(answer.checks) :] if not c.ok}
    if failed == {LIMIT} and answer.ok:
        status = "verified-feasible"
    elif failed - {LIMIT} and (answer.ok or answer.status == "limit"):
        status = "claim-wrong" if failed - {LIMIT} <= NOT_OPTIMAL else "infeasible-solution"
    return RegimeSolution(answer, checks, status, cut_off)


def raw_data_checks(
    program: RegimeSwitching, W: Floats, Z: Floats, cost: Floats, objective: float
) -> tuple[Check, ...]:
    """Check weights (n, T), regimes (R, T), costs (T,) and the objective against the declared data.

    Budgets and bounds to 1e-6, one regime exactly after rounding, each period's cost equal to the active
    regime's f to 1e-6 of the largest cost in sight, the objective likewise.
    """
    w, chosen = W.T, np.round(Z)
    one_hot = float(np.abs(chosen.sum(axis=0) - 1.0).max())
    path = chosen.argmax(axis=0)
    box = max(float((program.lower - w).max()), float((w - program.upper).max()), 0.0)
    budget = float(np.abs(w.sum(axis=1) - 1.0).max())
    f = program.costs.value(w)[path, np.arange(program.T)]
    scale = max(float(np.abs(f).max()), _curvature(program), 1e-12)
    short, error = max(float((f - cost).max()) / scale, 0.0), float(np.abs(cost - f).max()) / scale
    again = program.objective(W, path)
    reach = max(abs(again), scale)
    mistaken = abs(again - objective) / reach
    found = [
        Check("one regime a period", one_hot == 0.0, one_hot, 0.0),
        Check("weights in bounds", box <= FEASIBILITY, box, FEASIBILITY),
        Check("weights add up to 1", budget <= FEASIBILITY, budget, FEASIBILITY),
        Check("cost covers the active regime's", short <= RELATIVE, short, RELATIVE, _where(cost, f, short)),
        Check("cost is the active regime's", error <= RELATIVE, error, RELATIVE, _where(cost, f, error)),
        Check("objective from raw data", mistaken <= RELATIVE, mistaken, RELATIVE),
    ]
    if program.path is not None:
        wrong = float(np.count_nonzero(path != program.path))
        found.append(Check("regime path as fixed", wrong == 0.0, wrong, 0.0))
    return tuple(found)


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


def _curvature(program: RegimeSwitching) -> float:
    """Return a size of the costs' terms, so that costs that cancel to nothing are not divided by nothing."""
    Q, c, k, _ = program.costs
    return 1e-3 * float(max(np.abs(Q).max(), np.abs(c).max(), np.abs(k).max()))


def _where(cost: Floats, f: Floats, error: float) -> str:
    if error <= RELATIVE:
        return ""
    t = int(np.abs(cost - f).argmax())
    return f"period {t}: cost {cost[t]:.9g}, active regime's {f[t]:.9g}"
