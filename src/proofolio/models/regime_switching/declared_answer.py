"""The answer of a road that works on the declared program itself, in the form all answers have, and checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.models.regime_switching.solution import (
    NOT_OPTIMAL,
    RegimeSolution,
    objective_size,
    raw_data_checks,
)
from proofolio.program.expression import between
from proofolio.program.model import Model
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings, Solution
from proofolio.verification.checks.checking import Check
from proofolio.verification.solving import Verified

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["declared_answer", "declared_form"]


OBJECTIVE = 1e-6


def declared_form(program: RegimeSwitching) -> Program:
    """Return the program in its own variables: weights, indicators, costs, trades, switches, and what ties them.

    What a period costs in a regime is not among the rows, as no lowering was chosen, nor are rules beyond the
    budget and one regime a period; what curved trading costs is one column. The checks hold all of it against the
    raw data instead.
    """
    n, T, R = program.n, program.T, program.R
    model = Model("regime_switching")
    W = model.variable("W", (n, T), program.lower.T, program.upper.T)
    Z = model.variable("Z", (R, T), binary=True)
    low, high = program.holdings.net
    model.add("budget", W.sum(0) == low if low == high else between(low, W.sum(0), high))
    model.add("one_regime", Z.sum(0) == 1 if program.rules.covered is None else Z.sum(0) >= 1)
    objective = model.variable("cost", T).sum()
    first = program.trading.first
    if program.trading.options or program.holdings.limited or low != high:
        objective = objective + model.variable("trading_cost", 1, 0.0).sum()
    elif program.turnover_cost and first < T:
        buy = model.variable("buy", (n, T - first), 0.0)
        if program.initial is not None:
            model.add("bought_first", buy[:, 0] >= W[:, 0] - program.initial)
        if T > 1:
            model.add("bought", buy[:, 1 - first :] >= W[:, 1:] - W[:, :-1])
        objective = objective + (2.0 * program.turnover_cost) * buy.sum()
    if program.switch_cost and T > 1:
        enter = model.variable("enter", (R, T - 1), 0.0, 1.0)
        model.add("entered", enter >= Z[:, 1:] - Z[:, :-1])
        objective = objective + program.switch_cost * enter.sum()
    model.minimise(objective)
    return model.freeze()


def declared_answer(
    program: RegimeSwitching,
    W: Floats,
    path: Integers | Floats,
    bound: float,
    settings: Settings,
    deadline: Deadline,
    method: str,
    nodes: int = 0,
) -> RegimeSolution:
    """Return weights (n, T) along a path (T,), or with covered regimes (R, T), as a checked answer with a bound.

    The indicators are exactly 0 and 1 and the costs are evaluated at the weights, so nothing can leak
    through a tolerance; the check named ``leak`` says so by recomputing the objective from the raw data.
    """
    form = declared_form(program)
    chosen = program.indicators(path)
    cost = program.period_costs(W, chosen)
    x = np.zeros(form.n)
    values = {"W": W, "Z": chosen, "cost": cost} | _moves(program, W, chosen)
    names = {block.name for block in form.variables}
    for name, value in values.items():
        if name in names:
            x[form.columns(name)] = value
    objective = form.objective(x)
    bound = min(bound, objective)
    claim = Solution(form, "feasible", objective, bound, x, 0.0, "proofolio", "", method, nodes)
    proven = claim.gap <= settings.gap * (1 + 1e-6) + 1e-12
    checks = (
        _leak(program, W, path, objective),
        *raw_data_checks(program, W, chosen, cost, objective),
    )
    status = "verified-optimal" if proven else "verified-feasible"
    if not all(c.ok for c in checks):
        failed = {c.name for c in checks if not c.ok}
        status = "claim-wrong" if failed <= NOT_OPTIMAL else "infeasible-solution"
    claim = replace(claim, status="optimal" if proven else "feasible", seconds=deadline.elapsed)
    if settings.progress is not None:
        settings.progress(claim.seconds, objective, bound)
    covered = program.rules.covered is not None
    return RegimeSolution(Verified(claim, checks, status), checks, status, covered=covered)


def _moves(program: RegimeSwitching, W: Floats, chosen: Floats) -> dict[str, Floats]:
    before = W[:, :-1] if program.initial is None else np.column_stack([program.initial, W[:, :-1]])
    after = W[:, 1:] if program.initial is None else W
    return {
        "buy": np.maximum(after - before, 0.0),
        "trading_cost": np.array([program.trading.cost(W)]),
        "enter": np.maximum(chosen[:, 1:] - chosen[:, :-1], 0.0),
    }


def _leak(program: RegimeSwitching, W: Floats, path: Integers | Floats, objective: float) -> Check:
    """Hold the claim to what the declared program says of these weights with indicators of exactly 0 and 1."""
    again = program.objective(W, path)
    worse = max(again - objective, 0.0) / objective_size(program, again)
    return Check("leak", worse <= OBJECTIVE, worse, OBJECTIVE)
