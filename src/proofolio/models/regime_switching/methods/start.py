"""An answer before anything long begins: weights held throughout along the cheapest path, and a simple bound."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import ProofolioError, SolverFailure
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.trading import Trading
from proofolio.models.regime_switching.methods.separation import least_costs
from proofolio.models.regime_switching.problem import RegimeProblem
from proofolio.models.regime_switching.rules import cheapest_allowed
from proofolio.models.regime_switching.solution import RegimeSolution, declared_answer
from proofolio.program.builder import Builder
from proofolio.program.program import Program
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import Settings

__all__ = ["FirstAnswer", "first_answer", "reading_seconds"]


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
        problem: RegimeProblem,
        answer: RegimeSolution,
        settings: Settings,
        deadline: Deadline,
    ) -> RegimeSolution:
        """Return the answer of the built form, or this one where it is better, with the better bound."""
        if answer.status not in ("limit", "verified-feasible"):
            return answer
        bound = self.bound if answer.bound is None else max(self.bound, answer.bound)
        value = np.inf if answer.objective is None else answer.objective
        if self.value < value:
            return self.declared(problem, bound, settings, deadline)
        if answer.status == "limit" and answer.x is not None:
            # its integers are exact in the declared program, so that nothing is left that could leak
            found = declared_answer(
                problem, answer.W, _marks(problem, answer.Z), bound, settings, deadline, answer.method
            )
            return found if found.ok else answer
        if np.isinf(self.bound) or bound > self.bound:
            return answer
        return replace(answer, bound=min(self.bound, value))

    def declared(
        self, problem: RegimeProblem, bound: float, settings: Settings, deadline: Deadline
    ) -> RegimeSolution:
        """Return the point, which there must be, as a checked answer with a bound."""
        assert self.weights is not None
        assert self.Z is not None
        marks = _marks(problem, self.Z)
        return declared_answer(problem, self.weights, marks, bound, settings, deadline, "constant weights")


def _marks(problem: RegimeProblem, Z: Floats) -> Floats | Integers:
    """Return indicators where regimes are covered, and a path elsewhere."""
    path: Integers = Z.argmax(axis=0)
    return Z if problem.rules.covered is not None else path


def reading_seconds(problem: RegimeProblem) -> float:
    """Return about how many seconds it takes to build a form and to have a solver begin on it."""
    return PER_PRODUCT * problem.R * problem.T * float(problem.n) ** 2


def first_answer(problem: RegimeProblem, deadline: Deadline) -> FirstAnswer:
    r"""Return what can be known within a deadline.

    The point holds the same weights throughout (where trading costs and limits nothing: the best of a few in
    each period) along the cheapest path that is allowed: for each regime, those that cost it the least on
    average, and the first holdings, then those that cost the least along the path of the best of them. The
    bound lets every regime and period have its own best weights, takes trading for free, and takes the cheapest
    path that is allowed:

    .. math:: \min_Z \sum_t \sum_r Z_{r,t} \min_w f_{r,t}(w) + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}.
    """
    R, T = problem.R, problem.T
    convex = problem.convex
    shares = [np.where(np.arange(R)[:, None] == r, np.full((R, T), 1.0 / T), 0.0) for r in range(R)]
    averages = [_average(problem, share) for share in shares]
    candidates: list[Floats] = [] if problem.initial is None else [problem.initial]
    for Q, c in averages:
        candidates += _spread(problem, Q, c)
    best = _better(problem, candidates, FirstAnswer(np.inf, -np.inf))
    best = replace(
        best, bound=_bound(problem, deadline.within(BOUNDING * deadline.left)) if convex else -np.inf
    )
    for r, average in enumerate(averages):
        candidates += _constant(problem, average, convex, deadline.within(deadline.left / (R + 1 - r)))
    best = _better(problem, candidates, best)
    if best.Z is not None and deadline.left:
        candidates += _constant(problem, _average(problem, best.Z / best.Z.sum()), convex, deadline)
        best = _better(problem, candidates[-1:] if problem.trades_couple else candidates, best)
    return best


def _bound(problem: RegimeProblem, deadline: Deadline) -> float:
    """Return the cost of the cheapest path that is allowed, at lower bounds of the regimes' costs."""
    least = None
    with contextlib.suppress(SolverFailure):  # in one of many small programs
        least = least_costs(problem, deadline)
    cheapest = None if least is None else cheapest_allowed(problem.rules, least)
    if least is None or cheapest is None:
        return -np.inf
    size = float(np.abs(least).max(axis=0).sum()) + abs(cheapest[1])
    return cheapest[1] - ROUNDING * problem.T * size


def _average(problem: RegimeProblem, share: Floats) -> tuple[Floats, Floats]:
    """Return Q (n, n) and c (n,) of the costs averaged with shares (R, T)."""
    costs = problem.costs
    shares = [share if part.shape[1] > 1 else share.sum(axis=1, keepdims=True) for part in (costs.Q, costs.c)]
    return np.einsum("rt,rtij->ij", shares[0], costs.Q), np.einsum("rt,rti->i", shares[1], costs.c)


def _spread(problem: RegimeProblem, Q: Floats, c: Floats) -> list[Floats]:
    """Return the best weights spread evenly over some of the assets whose costs rise the least; maybe none."""
    n, most = problem.n, problem.holdings.cardinality or problem.n
    low, high = problem.holdings.net
    total = float(np.clip(1.0, low, high))
    order = np.argsort(2.0 * Q.sum(axis=1) * total / n + c, kind="stable")
    found: list[tuple[float, Floats]] = []
    for count in sorted({1, 2, 3, 5, (most + 1) // 2, most, n}):
        w = np.zeros(n)
        w[order[:count]] = total / min(count, n)
        if _worst(problem, np.broadcast_to(w, (problem.T, n))) <= FEASIBLE:
            found.append((float(w @ Q @ w + c @ w), w))
    return [min(found, key=lambda pair: pair[0])[1]] if found else []


def _constant(
    problem: RegimeProblem, average: tuple[Floats, Floats], convex: bool, deadline: Deadline
) -> list[Floats]:
    """Return weights that all periods allow and that cost little on average; none where no solver finds any."""
    if not deadline.left:
        return []
    with contextlib.suppress(ProofolioError):
        built = _held_throughout(problem, average, convex)
        settings = Settings(gap=NEAR).until(deadline)
        solve = SOLVERS["highs"].solve if built.integer.any() else solve_continuous
        found = solve(built, settings)
        if found.x is not None:
            w = found.x[built.columns("W")][:, 0]
            return [np.where(np.abs(w) <= NOTHING, 0.0, w)]
    return []


def _held_throughout(problem: RegimeProblem, average: tuple[Floats, Floats], convex: bool) -> Program:
    held, trading, n = problem.holdings, problem.trading, problem.n
    one = PlanSet(
        n, 1, held.lower.max(axis=0), held.upper.min(axis=0), groups=held.groups, cardinality=held.cardinality,
        minimum_position=held.minimum_position, round_lots=held.round_lots, net=held.net, gross=held.gross,
        turnover_limit=held.turnover_limit[:1],
    )  # fmt: skip
    model = Builder("held_throughout")
    W = model.variable("W", (n, 1), one.lower.T, one.upper.T)
    one.add(model, W)
    # later there are no trades
    bought = Trading(n, 1, turnover_cost=trading.turnover_cost / problem.T, initial=trading.initial)
    Q, c = average
    objective = c @ W[:, 0]
    objective = objective + bought.add(model, W, one.turnover_limit, one.budget is not None)
    if convex:
        objective = objective + model.quadratic(Q, W[:, 0])
    model.minimise(objective)
    return model.freeze()


def _better(problem: RegimeProblem, candidates: list[Floats], best: FirstAnswer) -> FirstAnswer:
    """Return the best of what is known and of these weights, along the cheapest path each of them has."""
    n, T = problem.n, problem.T
    held = [np.broadcast_to(w, (T, n)) for w in candidates]
    held = [w for w in held if _worst(problem, w) <= FEASIBLE]
    if not problem.trades_couple and len(held) > 1:
        held.append(_each_period(problem, np.array(held)))
    for w in held:
        chosen = cheapest_allowed(problem.rules, problem.costs.value(w))
        if chosen is None:
            continue
        value = problem.objective(w.T, chosen[0])
        if value < best.value and not any(problem.rules.violations(chosen[0]).values()):
            best = replace(best, value=value, weights=np.array(w.T), Z=chosen[0])
    return best


def _each_period(problem: RegimeProblem, held: Floats) -> Floats:
    """Return, for each period, the weights that are the best along the cheapest path of the best of them."""
    phi = np.array([problem.costs.value(w) for w in held])
    chosen = cheapest_allowed(problem.rules, phi.min(axis=0))
    Z = np.ones(phi.shape[1:]) if chosen is None else chosen[0]
    dearest = np.where(Z > 0.5, phi, -np.inf).max(axis=1)
    picked: Floats = held[dearest.argmin(axis=0), np.arange(problem.T)]
    return picked


def _worst(problem: RegimeProblem, w: Floats) -> float:
    return max(problem.holdings.violations(w.T, problem.initial).values())
