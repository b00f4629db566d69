r"""The regime-switching problem as plain data: costs, holdings, rules of the path, trading; no method, no solver.

.. math::
    \min\ \sum_t \mathrm{cost}_t + \kappa \sum_t \|W_t - W_{t-1}\|_1 + \sigma\,\#\{t : Z_t \ne Z_{t-1}\}
    \quad\text{s.t.}\quad \mathrm{cost}_t \ge f_{r,t}(W_t)\ \text{where}\ Z_{r,t} = 1, \quad
    \sum_r Z_{r,t} = 1, \quad \sum_i W_{i,t} = 1, \quad \ell \le W_t \le u

and what the options add: rules of the path (`RegimePath`), what may be held and traded (`PlanSet`), and costs of
trading (`Trading`); :math:`f_{r,t}(w) = w'Qw + c'w + k + \sum_j \sigma_j \max(\alpha_j'w + \beta_j, \phi_j)`.

The convex pieces of the costs are what is left of f once its concave maxima have been decided.
:math:`-\max(u, \phi) = \min(-u, -\phi)`, so a regime's cost is the least of convex functions, one for each
choice of the argument or the floor in its concave maxima, and no restriction of w goes with a choice:

.. math::
    f_{r,t}(w) = \min_{d \in D_r} \ w'Q_{r,t}w + c_{d,t}'w + k_{d,t}
        + \sum_{j\ \mathrm{convex}} \max(\alpha_j'w + \beta_j, \phi_j)
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import product as cartesian
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.formulations.costs import MaxTerm, RegimeCosts, settled
from proofolio.models.arguments import finite
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.trading import Trading
from proofolio.models.regime_switching.rules import RegimePath, read_path
from proofolio.program.structure import is_positive_semidefinite
from proofolio.solvers.quadratic.batch import convexity_defect

__all__ = ["Pieces", "RegimeProblem", "distinct_periods", "objective_size", "within_budget"]


# Costs that cancel are known to this part of their terms, as in `proofolio.verification.checks.rows`.
CANCELLED = 1e-3
# Smaller than any cost, so that what is divided by a size of nothing stays finite.
NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class RegimeProblem:
    """Weights over periods, and the regime whose cost each period pays: the data, and what they say of a point.

    Parameters
    ----------
    costs : RegimeCosts
    T : int
        The number of periods.
    holdings : PlanSet
    rules : RegimePath
    trading : Trading
    exact : bool
        Whether every max term is to equal its maximum at every feasible point, not only at an optimum.

    Raises
    ------
    BadData
        For first holdings whose sum the holdings do not allow.
    """

    costs: RegimeCosts
    T: int
    holdings: PlanSet
    rules: RegimePath
    trading: Trading
    exact: bool = False

    def __post_init__(self) -> None:
        if self.trading.initial is not None:
            self.holdings.check_holdings("initial", self.trading.initial)

    @property
    def n(self) -> int:
        """The number of assets."""
        return int(self.costs.Q.shape[-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n} assets, {self.R} regimes, {self.T} periods)"

    @property
    def R(self) -> int:
        """The number of regimes."""
        return int(self.costs.Q.shape[0])

    @cached_property
    def pieces(self) -> Pieces:
        """Convex pieces of the costs, after the bounds have settled what they can."""
        return _convex_pieces(self)

    @property
    def lower(self) -> Floats:
        """Lower bounds of the weights, shape (T, n)."""
        return self.holdings.lower

    @property
    def upper(self) -> Floats:
        """Upper bounds of the weights, shape (T, n)."""
        return self.holdings.upper

    @property
    def path(self) -> Integers | None:
        """The fixed regimes, shape (T,), or None."""
        return self.rules.path

    @property
    def switch_cost(self) -> float:
        """The cost of a change of regime."""
        return self.rules.switch_cost

    @property
    def turnover_cost(self) -> float:
        """The cost of turnover."""
        return self.trading.turnover_cost

    @property
    def initial(self) -> Floats | None:
        """Holdings before the first period, shape (n,), or None."""
        return self.trading.initial

    @property
    def trades_couple(self) -> bool:
        """Whether a cost or a limit of trading ties the periods together."""
        return self.trading.couples or self.holdings.limited

    @property
    def separable(self) -> bool:
        """Whether no cost and no rule ties the periods together."""
        return not (self.trades_couple or self.rules.couples)

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options in use that only the built form takes, by `method="whole"`."""
        return (*self.holdings.options, *self.rules.options, *self.trading.options)

    @property
    def impact_error(self) -> float:
        """How far above the declared objective the built one can be: with `impact_pieces`, else 0."""
        return self.trading.impact_error(self.lower, self.upper)

    @property
    def convex(self) -> bool:
        """Whether no Q is indefinite, beyond rounding."""
        if convexity_defect(self.costs.Q) is not None:
            return True
        return all(is_positive_semidefinite(Q) for Q in self.costs.Q.reshape(-1, self.n, self.n))

    @property
    def largest_cost(self) -> float:
        """A size of the terms of a period's cost."""
        Q, c, k, maxima = self.costs
        sizes = [float(np.abs(part).max()) for part in (Q, c, k)]
        sizes += [max(abs(m.floor), abs(m.beta) + float(np.abs(m.alpha).max())) for m in maxima]
        return max(sizes)

    def with_path(self, path: ArrayLike) -> Self:
        """Return the same problem with the regime of every period fixed.

        Raises
        ------
        BadData
            Where regimes are covered, and for a path that breaks the rules.
        """
        return self._changed(rules=self.rules.with_path(path))

    def uncoupled(self) -> Self:
        """Return the same problem without costs and limits of trading and costs and rules of switching."""
        rules = RegimePath(self.R, self.T, path=self.path, covered=self.rules.covered)
        trading = Trading(self.n, self.T, initial=self.initial)
        return self._changed(rules=rules, trading=trading, holdings=self.holdings.unlimited())

    def _changed(self, **parts: Any) -> Self:
        """Return a copy with other parts, also of a subclass whose constructor takes something else."""
        other = copy(self)
        vars(other).pop("pieces", None)  # they may differ
        vars(other).update(parts)
        return other

    def objective(self, W: ArrayLike, path: ArrayLike) -> float:
        """Recompute the objective from raw data, the power 3/2 of trades taken as it is.

        Parameters
        ----------
        W : array_like, shape (n, T)
        path : array_like, shape (T,) or (R, T)
            The regimes, or indicators: a period then costs what the costliest of its regimes does.
        """
        weights = np.asarray(W, dtype=float)
        if weights.shape != (self.n, self.T):
            raise BadData(f"W has shape {weights.shape}; it must be ({self.n}, {self.T})")
        Z = self.indicators(path)
        total = float(self.period_costs(weights, Z).sum())
        return total + self.trading.cost(weights) + self.rules.cost(Z)

    def indicators(self, path: ArrayLike) -> Floats:
        """Return indicators (R, T) of zeros and ones for a path (T,), or those given, rounded."""
        if np.ndim(path) != 2:
            if self.rules.covered is not None:
                raise BadData(f"path has shape {np.shape(path)}; covered regimes need ({self.R}, {self.T})")
            chosen = read_path(path, self.T, self.R)
            one: Floats = (np.arange(self.R)[:, None] == chosen).astype(float)
            return one
        Z: Floats = np.round(finite("path", path))
        if Z.shape != (self.R, self.T) or not np.all(np.isin(Z, (0.0, 1.0))) or not np.all(Z.any(axis=0)):
            raise BadData(
                f"path has shape {Z.shape}; it must be ({self.T},), or zeros and ones of shape "
                f"({self.R}, {self.T}) with a regime in every period"
            )
        return Z

    def period_costs(self, W: Floats, Z: Floats) -> Floats:
        """Return the cost of the costliest regime marked in each period, shape (T,)."""
        dearest: Floats = np.where(Z > 0.5, self.costs.value(W.T), -np.inf).max(axis=0)
        return dearest


def objective_size(problem: RegimeProblem, value: float) -> float:
    """Return what an error of an objective is relative to: its value, or a part of its terms where they cancel."""
    terms = problem.T * (problem.largest_cost + problem.trading.largest_cost + problem.switch_cost)
    return max(abs(value), CANCELLED * terms, NOTHING)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Convex costs, D of them, each a piece of one regime's cost.

    Attributes
    ----------
    regime : ndarray of int, shape (D,)
    Q : ndarray, shape (D, S, n, n)
        S is 1 where the periods share it.
    c, k : ndarray, shape (D, S, n), (D, S)
    convex : tuple of tuple of MaxTerm
        The maxima with a positive sign that bounds do not decide, for each piece.
    """

    regime: Integers
    Q: Floats
    c: Floats
    k: Floats
    convex: tuple[tuple[MaxTerm, ...], ...]

    @property
    def quadratic(self) -> bool:
        """Whether no piece has a maximum left."""
        return not any(self.convex)


def distinct_periods(problem: RegimeProblem) -> int:
    """Return T, or 1 where neither costs nor bounds vary from period to period."""
    still = np.all(problem.lower == problem.lower[0]) and np.all(problem.upper == problem.upper[0])
    return 1 if still and not problem.costs.varies else problem.T


def _convex_pieces(problem: RegimeProblem) -> Pieces:
    costs = problem.costs
    if costs.maxima:
        still = np.all(problem.lower == problem.lower[0]) and np.all(problem.upper == problem.upper[0])
        box = slice(0, 1) if still else slice(None)
        costs = settled(costs, problem.lower[box], problem.upper[box])
    regime, c, k, convex = [], [], [], []
    for r in range(problem.R):
        own = [term for term in costs.maxima if term.regime == r]
        concave = [term for term in own if term.sign < 0]
        for wins in cartesian((True, False), repeat=len(concave)):
            slope, shift = _decided(costs, r, concave, wins)
            regime.append(r)
            c.append(slope)
            k.append(shift)
            convex.append(tuple(term for term in own if term.sign > 0))
    chosen = np.array(regime, dtype=np.intp)
    return Pieces(chosen, costs.Q[chosen], np.array(c), np.array(k), tuple(convex))


def _decided(
    costs: RegimeCosts, r: int, concave: list[MaxTerm], wins: tuple[bool, ...]
) -> tuple[Floats, Floats]:
    slope, shift = costs.c[r].copy(), costs.k[r].copy()
    for term, argument in zip(concave, wins, strict=True):
        if argument:
            slope -= term.alpha
            shift -= term.beta
        else:
            shift -= term.floor
    return slope, shift


def within_budget(w: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return weights (T, n) within their bounds, what is missing of the budget spread over those with room."""
    w = np.clip(w, lower, upper)
    for _ in range(3):
        short = 1.0 - w.sum(axis=1, keepdims=True)
        room = np.where(short > 0.0, upper - w, w - lower)
        total = room.sum(axis=1, keepdims=True)
        w = np.clip(w + short * room / np.where(total > 0.0, total, 1.0), lower, upper)
    return w
