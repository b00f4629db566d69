"""The solution of a regime-switching problem: views of a `Solution`, and the checks against the declared data."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import UnsupportedProgram
from proofolio.models.regime_switching.cut_off import CutOff
from proofolio.models.regime_switching.problem import CANCELLED, NOTHING, RegimeProblem, objective_size
from proofolio.program.builder import Builder
from proofolio.program.expression import between
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Check, Settings, Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RELATIVE", "SLACK", "RegimeSolution", "declared_answer", "declared_form", "raw_data_checks"]


# Of weights and trades, absolute, as `Tolerances.feasibility`; and of costs and objectives, relative to their size.
FEASIBILITY = 1e-6
RELATIVE = 1e-6
# Failures that leave the point feasible: what they refute is the claim that nothing is better.
SLACK = {"cost is the active regime's", "objective from raw data"}


@dataclass(frozen=True, eq=False, repr=False)
class RegimeSolution(Solution):
    """A solution of a regime-switching program, with views of its weights, regimes and costs.

    `objective` and `bound` are those of the declared program, and the checks are the generic ones together
    with those against the raw data. ``program``, ``x`` and ``values`` belong to the form that was solved.

    Attributes
    ----------
    cut_off : CutOff or None
        When M cuts off a feasible point: the point, and the M it needs.
    covered : bool
        Whether Z marks regimes covered, any number a period, and not a path.
    impact_error : float
        With ``impact_pieces``: by how much the built program can lie above the declared one. It is off the
        `bound` already, and the objective is recomputed with the power 3/2 as it is, so that `gap` is that of
        the declared program; where that is too much for the gap asked for, the status is no more than
        ``verified-feasible``.
    """

    cut_off: CutOff | None = None
    covered: bool = False
    impact_error: float = 0.0

    @classmethod
    def of(
        cls,
        answer: Solution,
        *,
        covered: bool = False,
        impact_error: float = 0.0,
        recomputed: float | None = None,
        cut_off: CutOff | None = None,
        bounded: bool = True,
    ) -> RegimeSolution:
        """Return the checked answer of a form as one of the declared program.

        Parameters
        ----------
        recomputed : float, optional
            The declared objective, where it is not that of the form.
        bounded : bool
            Whether the form is known to cut off nothing. With an M that nothing proves to be enough it is not,
            and what a solver says of the form is then no bound here.
        """
        objective = answer.objective if recomputed is None else recomputed
        bound = answer.bound if bounded else None
        if bound is not None and impact_error:
            bound = float(np.nextafter(bound - impact_error, -np.inf))
            bound = bound if objective is None else min(bound, objective)
        known = {f.name: getattr(answer, f.name) for f in fields(Solution)}
        known |= {"objective": objective, "bound": bound}
        return cls(**known, cut_off=cut_off, covered=covered, impact_error=impact_error)

    def _repr_html_(self) -> str:
        """Return status and objective with the picture of the path, for a notebook."""
        from proofolio.charts.figures import image  # matplotlib is slow to import

        return f"<p>{escape(repr(self))}</p>" + ("" if self.x is None else image(self.plot()))

    def plot(self) -> Figure:
        """Draw weights and regimes, period by period."""
        from proofolio.models.regime_switching.picture import path_chart

        return path_chart(self.W, self.Z)

    @property
    def W(self) -> Floats:
        """Weights, shape (n, T)."""
        return self["W"]

    @property
    def weights(self) -> Floats:
        """Weights, shape (n, T), under their long name."""
        return self["W"]

    @property
    def Z(self) -> Floats:
        """Regime indicators, shape (R, T), rounded."""
        return np.round(self["Z"])

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
        chosen: Integers = self["Z"].argmax(axis=0)
        return chosen

    @property
    def cost(self) -> Floats:
        """The cost of each period, shape (T,)."""
        return self["cost"]


def raw_data_checks(
    problem: RegimeProblem, W: Floats, Z: Floats, cost: Floats, objective: float, spare: float = 0.0
) -> tuple[Check, ...]:
    """Check weights (n, T), regimes (R, T), costs (T,) and the objective against the declared data.

    Every rule of the holdings and of trading to 1e-6, of the regimes exactly after rounding, each period's cost
    equal to f of the active regime (of the costliest one covered) to 1e-6 of the largest cost in sight, the
    objective likewise; with pieces of the power 3/2 it may lie above by their proved error. Costs and objective
    may lie above by `spare` as well.
    """
    chosen = np.round(Z)
    rules = problem.rules.violations(chosen)
    amounts = problem.holdings.violations(W, problem.initial)
    # with no regime at all the first one stands in: the rule on the regimes has failed by then
    active = np.where(chosen.any(axis=0), chosen, np.arange(problem.R)[:, None] == 0)
    f = problem.period_costs(W, active)
    scale = max(float(np.abs(f).max()), CANCELLED * problem.largest_cost, NOTHING)
    short = max(float((f - cost).max()) / scale, 0.0)
    error = max(short, float((cost - f).max() - spare) / scale)
    again = float(f.sum()) + problem.trading.cost(W) + problem.rules.cost(active)
    reach = max(objective_size(problem, again), scale)
    above = objective - again
    mistaken = max(-above, above - problem.impact_error - spare) / reach
    return (
        *(Check(name, amount == 0.0, amount, 0.0) for name, amount in rules.items()),
        *(Check(name, amount <= FEASIBILITY, amount, FEASIBILITY) for name, amount in amounts.items()),
        Check("cost covers the active regime's", short <= RELATIVE, short, RELATIVE, _where(cost, f, short)),
        Check("cost is the active regime's", error <= RELATIVE, error, RELATIVE, _where(cost, f, error)),
        Check("objective from raw data", mistaken <= RELATIVE, max(mistaken, 0.0), RELATIVE),
    )


def _where(cost: Floats, f: Floats, error: float) -> str:
    if error <= RELATIVE:
        return ""
    t = int(np.abs(cost - f).argmax())
    return f"period {t}: cost {cost[t]:.9g}, active regime's {f[t]:.9g}"


def declared_form(problem: RegimeProblem) -> Program:
    """Return the program in its own variables: weights, indicators, costs, trades, switches, and what ties them.

    What a period costs in a regime is not among the rows, as no lowering was chosen, nor are rules beyond the
    budget and one regime a period; what curved trading costs is one column. The checks hold all of it against the
    raw data instead.
    """
    n, T, R = problem.n, problem.T, problem.R
    model = Builder("regime_switching")
    W = model.variable("W", (n, T), problem.lower.T, problem.upper.T)
    Z = model.variable("Z", (R, T), binary=True)
    low, high = problem.holdings.net
    model.add("budget", W.sum(0) == low if low == high else between(low, W.sum(0), high))
    model.add("one_regime", Z.sum(0) == 1 if problem.rules.covered is None else Z.sum(0) >= 1)
    objective = model.variable("cost", T).sum()
    first = problem.trading.first
    if problem.trading.options or problem.holdings.limited or low != high:
        objective = objective + model.variable("trading_cost", 1, 0.0).sum()
    elif problem.turnover_cost and first < T:
        buy = model.variable("buy", (n, T - first), 0.0)
        if problem.initial is not None:
            model.add("bought_first", buy[:, 0] >= W[:, 0] - problem.initial)
        if T > 1:
            model.add("bought", buy[:, 1 - first :] >= W[:, 1:] - W[:, :-1])
        objective = objective + (2.0 * problem.turnover_cost) * buy.sum()
    if problem.switch_cost and T > 1:
        enter = model.variable("enter", (R, T - 1), 0.0, 1.0)
        model.add("entered", enter >= Z[:, 1:] - Z[:, :-1])
        objective = objective + problem.switch_cost * enter.sum()
    model.minimise(objective)
    return model.freeze()


def declared_answer(
    problem: RegimeProblem,
    W: Floats,
    path: Integers | Floats,
    bound: float,
    settings: Settings,
    deadline: Deadline,
    method: str,
    *,
    nodes: int = 0,
    proved: bool = False,
) -> RegimeSolution:
    """Return weights (n, T) along a path (T,), or with covered regimes (R, T), as a checked answer with a bound.

    The indicators are exactly 0 and 1 and the costs are evaluated at the weights, so nothing can leak
    through a tolerance; the check named ``leak`` says so by recomputing the objective from the raw data.

    With `proved` the bound is that of gradients at the weights, with room for rounding, and an optimum is
    ``verified-optimal``; otherwise it is the word of a search, and the optimum ``solver-optimal``.
    """
    form = declared_form(problem)
    chosen = problem.indicators(path)
    cost = problem.period_costs(W, chosen)
    x = np.zeros(form.n)
    values = {"W": W, "Z": chosen, "cost": cost} | _moves(problem, W, chosen)
    names = {block.name for block in form.variables}
    for name, value in values.items():
        if name in names:
            x[form.columns(name)] = value
    objective = form.objective(x)
    bound = min(bound, objective)
    claim = Solution(form, "feasible", objective, bound, x, 0.0, "proofolio", "", method, nodes)
    proven = claim.gap <= settings.gap * (1 + 1e-6) + 1e-12
    checks = (
        _leak(problem, W, path, objective),
        *raw_data_checks(problem, W, chosen, cost, objective),
    )
    status = ("verified-optimal" if proved else "solver-optimal") if proven else "verified-feasible"
    if not all(c.ok for c in checks):
        failed = {c.name for c in checks if not c.ok}
        status = "claim-wrong" if failed <= SLACK else "infeasible-solution"
    claim = replace(claim, status="optimal" if proven else "feasible", seconds=deadline.elapsed)
    if settings.progress is not None:
        settings.progress(claim.seconds, objective, bound)
    covered = problem.rules.covered is not None
    return RegimeSolution.of(claim.checked(checks, status), covered=covered)


def _moves(problem: RegimeProblem, W: Floats, chosen: Floats) -> dict[str, Floats]:
    before = W[:, :-1] if problem.initial is None else np.column_stack([problem.initial, W[:, :-1]])
    after = W[:, 1:] if problem.initial is None else W
    return {
        "buy": np.maximum(after - before, 0.0),
        "trading_cost": np.array([problem.trading.cost(W)]),
        "enter": np.maximum(chosen[:, 1:] - chosen[:, :-1], 0.0),
    }


def _leak(problem: RegimeProblem, W: Floats, path: Integers | Floats, objective: float) -> Check:
    """Hold the claim to what the declared program says of these weights with indicators of exactly 0 and 1."""
    again = problem.objective(W, path)
    worse = max(again - objective, 0.0) / objective_size(problem, again)
    return Check("leak", worse <= RELATIVE, worse, RELATIVE)
