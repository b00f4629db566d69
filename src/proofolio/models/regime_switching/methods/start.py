"""An answer before anything long begins: weights held throughout along the cheapest path, and a simple bound.

The cheapest regime path that obeys the rules, by dynamic programming, where costs of periods are numbers.

With covered regimes, which are no path, the cheapest sets are found period by period instead.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import ProofolioError, SolverFailure
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.trading import Trading
from proofolio.models.regime_switching.declared_answer import declared_answer
from proofolio.models.regime_switching.methods.separation import least_costs
from proofolio.models.regime_switching.rules import SURE, RegimePath
from proofolio.models.regime_switching.solution import RegimeSolution
from proofolio.program.model import Model
from proofolio.program.program import Program
from proofolio.solvers import SOLVERS
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings

if TYPE_CHECKING:
    from proofolio.models.regime_switching.problem import RegimeSwitching

__all__ = ["FirstAnswer", "cheapest_allowed", "first_answer", "reading_seconds"]


def cheapest_allowed(rules: RegimePath, phi: Floats) -> tuple[Floats, float] | None:
    r"""Return the indicators (R, T) that are the cheapest among those allowed, and what they cost.

    .. math:: \min_Z \sum_t \max_{r:\ Z_{r,t} = 1} \phi_{r,t} + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}

    Parameters
    ----------
    rules : RegimePath
    phi : ndarray, shape (R, T)
        The cost of each regime in each period.

    Returns
    -------
    (Z, cost) or None
        None where the rules leave no path.
    """
    if rules.covered is not None:
        return _cover(np.asarray(rules.covered.probability), rules.covered.epsilon, phi)
    if rules.path is not None:
        phi = np.where(np.arange(rules.R)[:, None] == rules.path, phi, np.inf)
    states = _path(rules, phi)
    if states is None:
        return None
    total = float(phi[states, np.arange(rules.periods)].sum())
    changes = int(np.count_nonzero(np.diff(states)))
    return (np.arange(rules.R)[:, None] == states).astype(float), total + rules.switch_cost * changes


def _cover(p: Floats, epsilon: float, phi: Floats) -> tuple[Floats, float]:
    """Cover the cheapest regimes of each period until they are likely enough."""
    order = np.argsort(phi, axis=0, kind="stable")
    reached = np.cumsum(np.take_along_axis(p, order, axis=0), axis=0) >= 1.0 - epsilon - SURE / 2.0
    last = np.where(reached.any(axis=0), reached.argmax(axis=0), phi.shape[0] - 1)
    Z = np.zeros(phi.shape)
    np.put_along_axis(Z, order, (np.arange(phi.shape[0])[:, None] <= last).astype(float), axis=0)
    return Z, float(np.take_along_axis(phi, order, axis=0)[last, np.arange(phi.shape[1])].sum())


def _path(rules: RegimePath, phi: Floats) -> Integers | None:
    """Return the cheapest path over (changes so far, periods since the last one, regime)."""
    R, T, dwell = rules.R, rules.periods, rules.dwell
    moves = np.ones((R, R), dtype=bool) if rules.transitions is None else rules.transitions
    counted = rules.max_switches is not None
    K = min(rules.max_switches, T - 1) + 1 if rules.max_switches is not None else 1
    stay = np.where(np.diag(moves), 0.0, np.inf)
    change = np.where(moves & ~np.eye(R, dtype=bool), rules.switch_cost, np.inf)
    flat = np.arange(K * dwell * R).reshape(K, dwell, R)
    reach = np.full((K, dwell, R), np.inf)
    reach[0, -1] = phi[:, 0]  # the first regime may be left at once
    before = np.zeros((T, K, dwell, R), dtype=np.intp)
    for t in range(1, T):
        after = np.full((K, dwell, R), np.inf)
        kept = reach + stay
        after[:, 1:], before[t, :, 1:] = kept[:, :-1], flat[:, :-1]
        longer = kept[:, -1] < after[:, -1]
        after[:, -1] = np.where(longer, kept[:, -1], after[:, -1])
        before[t, :, -1] = np.where(longer, flat[:, -1], before[t, :, -1])
        ways = reach[:, -1, :, None] + change
        cost, start = ways.min(axis=1), np.take_along_axis(flat[:, -1], ways.argmin(axis=1), axis=1)
        into = slice(1, None) if counted else slice(None)
        out = slice(None, -1) if counted else slice(None)
        cheaper = cost[out] < after[into, 0]
        after[into, 0] = np.where(cheaper, cost[out], after[into, 0])
        before[t, into, 0] = np.where(cheaper, start[out], before[t, into, 0])
        reach = after + phi[:, t]
    at = int(reach.argmin())
    if not np.isfinite(reach.ravel()[at]):
        return None
    states = np.empty(T, dtype=np.intp)
    for t in range(T - 1, -1, -1):
        states[t] = at % R
        at = int(before[t].ravel()[at])
    return states


# What the checks allow is ten times as much.
FEASIBLE = 1e-7
NOTHING = 1e-9
NEAR = 1e-2
# Of the time there is, what the bound may take; the regimes share the rest for their weights.
BOUNDING = 0.4
# Measured for n = 100, T = 250, four regimes: one to two seconds of building, lifting and loading.
PER_PRODUCT = 2e-7
# A bound is a sum of T numbers, each true but for rounding.
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class FirstAnswer:
    """What is known of a program by simple means.

    Attributes
    ----------
    value : float
        Objective of `weights` and `Z`; infinite where there are none.
    bound : float
        No feasible point has a lower objective.
    weights : ndarray, shape (n, T), or None
        They break no rule by more than 1e-7.
    Z : ndarray, shape (R, T), or None
    """

    value: float
    bound: float
    weights: Floats | None = None
    Z: Floats | None = None

    def improve(
        self,
        program: RegimeSwitching,
        answer: RegimeSolution,
        settings: Settings,
        deadline: Deadline,
    ) -> RegimeSolution:
        """Return the answer of the built form, or this one where it is better, with the better bound."""
        claim = answer.answer.solution
        if answer.status not in ("limit", "verified-feasible"):
            return answer
        bound = self.bound if answer.bound is None else max(self.bound, answer.bound)
        value = np.inf if claim.objective is None else claim.objective
        if self.value < value:
            return self.declared(program, bound, settings, deadline)
        if answer.status == "limit" and claim.x is not None:
            # its integers are exact in the declared program, so that nothing is left that could leak
            found = declared_answer(
                program, answer.W, _marks(program, answer.Z), bound, settings, deadline, claim.method
            )
            return found if found.ok else answer
        if np.isinf(self.bound) or bound > self.bound:
            return answer
        known = replace(claim, bound=min(self.bound, value))
        return replace(answer, answer=replace(answer.answer, solution=known), bounded=True)

    def declared(
        self, program: RegimeSwitching, bound: float, settings: Settings, deadline: Deadline
    ) -> RegimeSolution:
        """Return the point, which there must be, as a checked answer with a bound."""
        assert self.weights is not None
        assert self.Z is not None
        marks = _marks(program, self.Z)
        return declared_answer(program, self.weights, marks, bound, settings, deadline, "constant weights")


def _marks(program: RegimeSwitching, Z: Floats) -> Floats | Integers:
    """Return indicators where regimes are covered, and a path elsewhere."""
    path: Integers = Z.argmax(axis=0)
    return Z if program.rules.covered is not None else path


def reading_seconds(program: RegimeSwitching) -> float:
    """Return about how many seconds it takes to build a form and to have a solver begin on it."""
    return PER_PRODUCT * program.R * program.T * float(program.n) ** 2


def first_answer(program: RegimeSwitching, deadline: Deadline) -> FirstAnswer:
    r"""Return what can be known within a deadline.

    The point holds the same weights throughout (where trading costs and limits nothing: the best of a few in
    each period) along the cheapest path that is allowed: for each regime, those that cost it the least on
    average, and the first holdings, then those that cost the least along the path of the best of them. The
    bound lets every regime and period have its own best weights, takes trading for free, and takes the cheapest
    path that is allowed:

    .. math:: \min_Z \sum_t \sum_r Z_{r,t} \min_w f_{r,t}(w) + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}.
    """
    R, T = program.R, program.T
    convex = program.convex
    shares = [np.where(np.arange(R)[:, None] == r, np.full((R, T), 1.0 / T), 0.0) for r in range(R)]
    averages = [_average(program, share) for share in shares]
    candidates: list[Floats] = [] if program.initial is None else [program.initial]
    for Q, c in averages:
        candidates += _spread(program, Q, c)
    best = _better(program, candidates, FirstAnswer(np.inf, -np.inf))
    best = replace(
        best, bound=_bound(program, deadline.within(BOUNDING * deadline.left)) if convex else -np.inf
    )
    for r, average in enumerate(averages):
        candidates += _constant(program, average, convex, deadline.within(deadline.left / (R + 1 - r)))
    best = _better(program, candidates, best)
    if best.Z is not None and deadline.left:
        candidates += _constant(program, _average(program, best.Z / best.Z.sum()), convex, deadline)
        best = _better(program, candidates[-1:] if _coupled(program) else candidates, best)
    return best


def _bound(program: RegimeSwitching, deadline: Deadline) -> float:
    """Return the cost of the cheapest path that is allowed, at lower bounds of the regimes' costs."""
    least = None
    with contextlib.suppress(SolverFailure):  # in one of many small programs
        least = least_costs(program, deadline)
    cheapest = None if least is None else cheapest_allowed(program.rules, least)
    if least is None or cheapest is None:
        return -np.inf
    size = float(np.abs(least).max(axis=0).sum()) + abs(cheapest[1])
    return cheapest[1] - ROUNDING * program.T * size


def _average(program: RegimeSwitching, share: Floats) -> tuple[Floats, Floats]:
    """Return Q (n, n) and c (n,) of the costs averaged with shares (R, T)."""
    costs = program.costs
    shares = [share if part.shape[1] > 1 else share.sum(axis=1, keepdims=True) for part in (costs.Q, costs.c)]
    return np.einsum("rt,rtij->ij", shares[0], costs.Q), np.einsum("rt,rti->i", shares[1], costs.c)


def _spread(program: RegimeSwitching, Q: Floats, c: Floats) -> list[Floats]:
    """Return the best weights spread evenly over some of the assets whose costs rise the least; maybe none."""
    n, most = program.n, program.holdings.cardinality or program.n
    low, high = program.holdings.net
    total = float(np.clip(1.0, low, high))
    order = np.argsort(2.0 * Q.sum(axis=1) * total / n + c, kind="stable")
    found: list[tuple[float, Floats]] = []
    for count in sorted({1, 2, 3, 5, (most + 1) // 2, most, n}):
        w = np.zeros(n)
        w[order[:count]] = total / min(count, n)
        if _worst(program, np.broadcast_to(w, (program.T, n))) <= FEASIBLE:
            found.append((float(w @ Q @ w + c @ w), w))
    return [min(found, key=lambda pair: pair[0])[1]] if found else []


def _constant(
    program: RegimeSwitching, average: tuple[Floats, Floats], convex: bool, deadline: Deadline
) -> list[Floats]:
    """Return weights that all periods allow and that cost little on average; none where nobody finds any."""
    if not deadline.left:
        return []
    with contextlib.suppress(ProofolioError):
        built = _held_throughout(program, average, convex)
        settings = Settings(gap=NEAR).until(deadline)
        solve = SOLVERS["highs"].solve if built.integer.any() else solve_continuous
        found = solve(built, settings)
        if found.x is not None:
            w = found.x[built.columns("W")][:, 0]
            return [np.where(np.abs(w) <= NOTHING, 0.0, w)]
    return []


def _held_throughout(program: RegimeSwitching, average: tuple[Floats, Floats], convex: bool) -> Program:
    held, trading, n = program.holdings, program.trading, program.n
    one = PlanSet(
        n, 1, held.lower.max(axis=0), held.upper.min(axis=0), groups=held.groups, cardinality=held.cardinality,
        minimum_position=held.minimum_position, round_lots=held.round_lots, net=held.net, gross=held.gross,
        turnover_limit=held.turnover_limit[:1],
    )  # fmt: skip
    model = Model("held_throughout")
    W = model.variable("W", (n, 1), one.lower.T, one.upper.T)
    one.add(model, W)
    # later there are no trades
    bought = Trading(n, 1, turnover_cost=trading.turnover_cost / program.T, initial=trading.initial)
    Q, c = average
    objective = c @ W[:, 0]
    objective = objective + bought.add(model, W, one.turnover_limit, one.budget is not None)
    if convex:
        objective = objective + model.quadratic(Q, W[:, 0])
    model.minimise(objective)
    return model.freeze()


def _better(program: RegimeSwitching, candidates: list[Floats], best: FirstAnswer) -> FirstAnswer:
    """Return the best of what is known and of these weights, along the cheapest path each of them has."""
    n, T = program.n, program.T
    held = [np.broadcast_to(w, (T, n)) for w in candidates]
    held = [w for w in held if _worst(program, w) <= FEASIBLE]
    if not _coupled(program) and len(held) > 1:
        held.append(_each_period(program, np.array(held)))
    for w in held:
        chosen = cheapest_allowed(program.rules, program.costs.value(w))
        if chosen is None:
            continue
        value = program.objective(w.T, chosen[0])
        if value < best.value and not any(program.rules.violations(chosen[0]).values()):
            best = replace(best, value=value, weights=np.array(w.T), Z=chosen[0])
    return best


def _each_period(program: RegimeSwitching, held: Floats) -> Floats:
    """Return, for each period, the weights that are the best along the cheapest path of the best of them."""
    phi = np.array([program.costs.value(w) for w in held])
    chosen = cheapest_allowed(program.rules, phi.min(axis=0))
    Z = np.ones(phi.shape[1:]) if chosen is None else chosen[0]
    dearest = np.where(Z > 0.5, phi, -np.inf).max(axis=1)
    picked: Floats = held[dearest.argmin(axis=0), np.arange(program.T)]
    return picked


def _worst(program: RegimeSwitching, w: Floats) -> float:
    return max(program.holdings.violations(w.T, program.initial).values())


def _coupled(program: RegimeSwitching) -> bool:
    return program.trading.couples or program.holdings.limited
