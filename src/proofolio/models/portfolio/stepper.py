"""The hot loop of the mean-variance MPC: solve a step, put it right, and prove how good it is.

Whether any plan keeps all rules: asked only where a solver has come to none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, sparse

from proofolio.arrays import Floats
from proofolio.errors import BadData, NoPlan, SolverFailure
from proofolio.models.portfolio.step import (
    FEASIBLE,
    Kkt,
    MpcStep,
    Multipliers,
    Rules,
    measure,
    objective_size,
    settle,
)
from proofolio.models.portfolio.step_program import DirectForm
from proofolio.solvers.quadratic.multiperiod import Multiperiod

__all__ = ["SOLVERS", "MpcStepper", "possible", "step_data"]


INFEASIBLE = 2  # what `scipy.optimize.linprog` says where there is no point


def possible(rules: Rules, w0: Floats) -> bool:
    r"""Return whether weights over all periods meet bounds, budgets, groups and turnover limits from w0.

    A linear program without an objective, in the weights W and the sizes v of the counted trades,
    :math:`-v_t \le W_t - W_{t-1} \le v_t`, :math:`1'v_t \le L_t`. Only where it is found to have no point is the
    answer False: a solver that gives up proves nothing.

    Parameters
    ----------
    rules : Rules
    w0 : ndarray, shape (n,)
    """
    H, n = rules.lower.shape
    N = H * n
    every = sparse.eye_array(H)
    budget = sparse.hstack([sparse.kron(every, np.ones((1, n))), sparse.csr_array((H, N))])
    blocks: list[Any] = []
    most: list[Floats] = []
    if rules.turnover_limit is not None:
        change = sparse.eye_array(N) - sparse.eye_array(N, k=-n)
        held = np.zeros(N)
        held[:n] = w0
        limited = np.isfinite(rules.turnover_limit)
        counted = sparse.kron(every, rules.counted.astype(float)[None, :]).tocsr()[limited]
        blocks += [
            sparse.hstack([change, -sparse.eye_array(N)]),
            sparse.hstack([-change, -sparse.eye_array(N)]),
            sparse.hstack([sparse.csr_array(counted.shape), counted]),
        ]
        most += [held, -held, rules.turnover_limit[limited]]
    if rules.groups is not None:
        rows = sparse.kron(every, rules.groups)
        for sign, side in ((1.0, rules.group_upper), (-1.0, -rules.group_lower)):
            kept = np.tile(np.isfinite(side), H)
            both = sparse.csr_array(sparse.hstack([sign * rows, sparse.csr_array(rows.shape)]))
            blocks.append(both[kept])
            most.append(np.tile(side, H)[kept])
    bounds = np.column_stack(
        [
            np.concatenate([rules.lower.ravel(), np.zeros(N)]),
            np.concatenate([rules.upper.ravel(), np.full(N, np.inf)]),
        ]
    )
    linprog: Any = optimize.linprog  # its annotations leave sparse matrices out
    found = linprog(
        np.zeros(2 * N),
        A_ub=sparse.vstack(blocks) if blocks else None,
        b_ub=np.concatenate(most) if most else None,
        A_eq=budget,
        b_eq=np.ones(H),
        bounds=bounds,
        method="highs",
    )
    return bool(found.status != INFEASIBLE)


Way = Callable[[Floats, Floats, Floats, float], "tuple[Floats, Multipliers] | None"]
SOLVERS = ("auto", "riccati", "piqp", "osqp", "clarabel")
# From MANY + MORE / H assets one block a period is cheaper than a general sparse factorisation (measured).
MANY, MORE = 30, 70
# The solvers' own tolerances, as parts of the tolerance asked for: theirs are absolute, of an objective whose
# largest coefficient is 1.
SHARE = {"piqp": 1e-3, "osqp": 1e-1, "clarabel": 1e-3}
SYMMETRIC = 1e-9
FLAT = 1e-14  # of the largest mean: differences below it are rounding
NOTHING = 1e-200
CONVEX = 1e-12  # far below what a gap of the tolerance could notice


class MpcStepper:
    """Solve one step after another; made by `MeanVariance.stepper`.

    Parameters
    ----------
    rules : Rules
    gamma : float
        Risk aversion.
    solver : {"auto", "riccati", "piqp", "osqp", "clarabel"}
        ``"riccati"`` is our own interior point (bounds only, no groups, no turnover limit). ``"auto"`` takes it
        for many assets and PIQP for few, and where the first answer is not proved to be good enough, PIQP and
        Clarabel after it. A solver that is named answers alone.
    tolerance : float
        Of the proven gap, relative (see `Kkt`).
    **options
        Of the solver that is named.
    """

    def __init__(self, rules: Rules, gamma: float, solver: str, tolerance: float, **options: Any) -> None:
        if solver not in SOLVERS:
            raise BadData(f"solver is {solver!r}; it must be one of {', '.join(SOLVERS)}")
        if not 0.0 < tolerance < 1.0:
            raise BadData(f"tolerance is {tolerance}; it must lie between 0 and 1")
        if options and solver in ("auto", "riccati"):
            raise BadData(f"solver {solver!r} takes no options: {', '.join(options)}")
        self._rules, self._gamma, self._tolerance, self._options = rules, gamma, tolerance, options
        H, n = rules.lower.shape
        inner = rules.groups is None and rules.turnover_limit is None and _has_inside(rules)
        if solver == "riccati" and not inner:
            raise BadData(
                "solver 'riccati' takes bounds with room between them, no groups and no turnover limit"
            )
        names: tuple[str, ...] = (solver,)
        if solver == "auto":
            names = (
                ("riccati", "piqp", "clarabel") if inner and n >= MANY + MORE / H else ("piqp", "clarabel")
            )
        self._names = names
        self._ways: dict[str, Way] = {}
        self._shift = np.eye(n)

    def solve(self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike) -> MpcStep:
        """Plan H periods ahead.

        Parameters
        ----------
        mean : array_like, shape (H, n) or (n,)
            Expected simple returns per period.
        covariance : array_like, shape (H, n, n) or (n, n)
            Symmetric positive semidefinite.
        w0 : array_like, shape (n,)
            Weights held now.

        Returns
        -------
        MpcStep

        Raises
        ------
        BadData
            For shapes that do not fit, numbers that are not finite, and covariances that are not symmetric
            positive semidefinite.
        NoPlan
            When no plan meets all rules from these first holdings; a `SolverFailure`, and a `BadData`.
        SolverFailure
            When no solver comes up with any plan.
        """
        started = time.perf_counter()
        H, n = self._rules.lower.shape
        mu, sigma, held = step_data(H, n, mean, covariance, w0)
        self._check_convex(sigma)
        size = objective_size(self._rules, mu, sigma, self._gamma)
        told = mu
        if size <= FLAT * float(np.abs(mu).max()) or size <= NOTHING:
            # the objective is the same for every plan, and any that is allowed is best
            size, told = 1.0, np.zeros_like(mu)
        best: tuple[Floats, float, Kkt, str] | None = None
        for name in self._names:
            found = self._way(name)(told, sigma, held, size)
            if found is None:
                continue
            W = settle(found[0], self._rules)
            value, kkt = measure(self._rules, mu, sigma, self._gamma, held, W, found[1], size)
            if best is None or _rank(kkt) < _rank(best[2]):
                best = W, value, kkt, name
            if self._good(kkt):
                break
        if (best is None or best[2].violation > FEASIBLE) and not possible(self._rules, held):
            raise NoPlan(
                "no weights meet the bounds, groups and turnover limits from these first holdings: widen one of them"
            )
        if best is None:
            raise SolverFailure(f"no plan came of {', '.join(self._names)}, though the rules allow one")
        W, value, kkt, name = best
        return MpcStep(W, -value, kkt, time.perf_counter() - started, name, self._good(kkt))

    def _good(self, kkt: Kkt) -> bool:
        return kkt.violation <= FEASIBLE and kkt.gap_relative <= self._tolerance

    def _way(self, name: str) -> Way:
        """Return a solver, set up when it is first asked."""
        if name not in self._ways:
            self._ways[name] = self._riccati() if name == "riccati" else self._direct(name).solve
        return self._ways[name]

    def _direct(self, name: str) -> DirectForm:
        options = {"tolerance": SHARE[name] * self._tolerance} | self._options
        if name == "piqp":
            options = {"preconditioner_reuse_on_update": True} | options
        return DirectForm(self._rules, self._gamma, name, **options)

    def _riccati(self) -> Way:
        rules, (H, n) = self._rules, self._rules.lower.shape
        engine = Multiperiod(n, H, rules.cost, rules.lower, rules.upper)

        def way(mean: Floats, covariance: Floats, w0: Floats, size: float) -> tuple[Floats, Multipliers]:
            found = engine.solve(2.0 * self._gamma * covariance, -mean, w0, 0.5 * self._tolerance, size)
            return found.W, Multipliers(found.s)

        return way

    def _check_convex(self, sigma: Floats) -> None:
        """Refuse a covariance that is not positive semidefinite: no gap would be a bound."""
        try:
            np.linalg.cholesky(sigma + (CONVEX * float(sigma.max())) * self._shift)
        except np.linalg.LinAlgError:
            largest = float(np.abs(sigma).max())
            worst = np.linalg.eigvalsh(sigma)[:, 0]
            t = int(worst.argmin())
            if worst[t] < -CONVEX * largest:
                raise BadData(
                    f"covariance has the eigenvalue {worst[t]:.3g} in period {t}: it must be positive semidefinite"
                ) from None


def step_data(
    H: int, n: int, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Return mean (H, n), covariance (H, n, n) and w0 (n,), read and checked."""
    found = []
    for name, value, shape in (
        ("mean", mean, (H, n)),
        ("covariance", covariance, (H, n, n)),
        ("w0", w0, (n,)),
    ):
        array = np.asarray(value, dtype=float)
        if array.shape == shape[1:] and len(shape) > 1:
            array = np.broadcast_to(array, shape)
        if array.shape != shape:
            raise BadData(f"{name} has shape {array.shape}; it must be {shape}")
        if not isfinite(np.vdot(array, array)):  # the fastest way to ask
            raise BadData(f"{name} holds NaN or an infinity: it must be finite")
        found.append(array)
    mu, sigma, held = found
    turned = sigma.transpose(0, 2, 1)
    if (sigma != turned).any():
        off = np.abs(sigma - turned).max()
        if off > SYMMETRIC * np.abs(sigma).max():
            raise BadData(
                f"covariance is not symmetric: entries differ from their mirror images by {off:.3g}"
            )
        sigma = 0.5 * (sigma + turned)
    return mu, np.ascontiguousarray(sigma), held


def _rank(kkt: Kkt) -> tuple[bool, float]:
    """Order answers: the feasible ones first, then by the gap; NaN last."""
    gap = kkt.gap_relative if kkt.gap_relative == kkt.gap_relative else np.inf
    return not kkt.violation <= FEASIBLE, gap


def _has_inside(rules: Rules) -> bool:
    apart = (rules.upper - rules.lower).min() > 0.0
    low, high = rules.lower.sum(axis=1).max(), rules.upper.sum(axis=1).min()
    return bool(apart and low < 1.0 - 1e-6 and high > 1.0 + 1e-6)
