"""Steps of the mean-variance MPC, one after another: solve, put right, and prove how good the plan is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.compiled import active
from proofolio.errors import BadData, NoPlan, SolverFailure
from proofolio.models.portfolio.mean_variance_kernel import (
    CONVEX,
    FLAT,
    NOTHING,
    SYMMETRIC,
    CompiledSteps,
    aimed,
)
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.quadratic_step import (
    ACCEPTED,
    DirectSolver,
    Kkt,
    QuadraticStep,
    TradeMultipliers,
)
from proofolio.models.portfolio.step_sizes import compiled_up_to, sparse_up_to
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.processes import one_blas_thread
from proofolio.solvers.quadratic.multiperiod import Multiperiod
from proofolio.solvers.quadratic.table import QP_SOLVERS

__all__ = ["SOLVERS", "MeanVarianceStep", "MeanVarianceStepper", "step_data"]


SOLVERS = ("auto", "riccati", *QP_SOLVERS)
# The solvers' own tolerances, as parts of the tolerance asked for: theirs are absolute, of an objective whose
# largest coefficient is 1. OSQP's first-order steps do not reach a thousandth.
SHARE, SHARES = 1e-3, {"osqp": 1e-1}

Solve = Callable[[Floats, Floats, Floats, float], "tuple[Floats, TradeMultipliers] | None"]


@dataclass(frozen=True, eq=False)
class MeanVarianceStep:
    """The plan of one step; its first row is to be traded into.

    Attributes
    ----------
    W : ndarray, shape (H, n)
    objective : float
        Of the plan, as declared (to be maximised), recomputed from the data.
    residuals : Kkt
    seconds : float
        Wall time of the whole step: updating, solving, checking.
    solver : str
        Who answered.
    ok : bool
        Whether the plan is feasible to 1e-8 and proved optimal within the tolerance. When it is not, W is the
        best that was found, and no more is claimed.
    """

    W: Floats
    objective: float
    residuals: Kkt
    seconds: float
    solver: str
    ok: bool

    def __repr__(self) -> str:
        H, n = self.W.shape
        return f"MeanVarianceStep(n={n}, H={H}, objective={self.objective:g}, solver={self.solver!r}, ok={self.ok})"


class MeanVarianceStepper:
    """Solve one step after another; made by `MeanVariance.stepper`.

    Parameters
    ----------
    step : QuadraticStep
    solver : "auto", "riccati", or a name in `QP_SOLVERS`
        ``"riccati"`` is our own interior point (bounds only, no groups, no turnover limit), as machine code where
        numba is installed and the blocks are not large. ``"auto"`` takes it where it is the quickest (`step_sizes`;
        without machine code PIQP is for few assets), and where the first answer is not proved to be good enough, PIQP
        and Clarabel after it; with costs of the power 3/2 ours and Clarabel, which alone take them. A solver that is
        named answers alone.
    tolerance : float
        Of the proven gap, relative (see `Kkt`).
    charged : TradeCost, optional
        The costs of `step` with their asymmetry c: what buying costs more, and selling less. Over the horizon it adds
        up to c'(w_H - w_0).
    **options
        Of the solver that is named.
    """

    def __init__(
        self,
        step: QuadraticStep,
        solver: str,
        tolerance: float,
        charged: TradeCost | None = None,
        **options: Any,
    ) -> None:
        if solver not in SOLVERS:
            raise BadData(f"solver is {solver!r}; it must be one of {', '.join(SOLVERS)}")
        if not 0.0 < tolerance < 1.0:
            raise BadData(f"tolerance is {tolerance}; it must lie between 0 and 1")
        if options and solver in ("auto", "riccati"):
            raise BadData(f"solver {solver!r} takes no options: {', '.join(options)}")
        self._step, self._tolerance, self._options = step, tolerance, options
        plans = step.plan_set
        H, n = plans.lower.shape
        inner = plans.bounds_only
        if solver == "riccati" and not inner:
            raise BadData(
                "solver 'riccati' takes bounds with room between them, no groups and no turnover limit"
            )
        compiled = inner and active() and n <= compiled_up_to(H)
        names: tuple[str, ...] = (solver,)
        if step.power is not None:
            if solver not in ("auto", "riccati", "clarabel"):
                raise BadData(
                    f"solver {solver!r} takes no costs of the power 3/2: leave it out, or name riccati or clarabel"
                )
            if solver == "auto":
                names = ("riccati", "clarabel") if inner else ("clarabel",)
        elif solver == "auto":
            own = inner and (compiled or n > sparse_up_to(H))
            names = ("riccati", "piqp", "clarabel") if own else ("piqp", "clarabel")
        if charged is None:
            nothing = np.zeros(n)
            charged = TradeCost(step.cost, nothing if step.power is None else step.power, nothing)
        self._asymmetry = charged.asymmetry if charged.asymmetry.any() else None
        self._names = names
        self._compiled = (
            CompiledSteps(plans, charged, tolerance) if compiled and names[0] == "riccati" else None
        )
        self._solvers: dict[str, Solve] = {}
        self._shift = np.eye(n)

    def __repr__(self) -> str:
        H, n = self._step.plan_set.lower.shape
        return f"MeanVarianceStepper(n={n}, H={H}, solver={', '.join(self._names)!r}, tolerance={self._tolerance:g})"

    def solve(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, *, uninvested: float = 0.0
    ) -> MeanVarianceStep:
        """Plan H periods ahead.

        Parameters
        ----------
        mean : array_like, shape (H, n) or (n,)
            Expected simple returns per period.
        covariance : array_like, shape (H, n, n) or (n, n)
            Symmetric positive semidefinite.
        w0 : array_like, shape (n,)
            Weights held now; with what is uninvested they add up to 1.
        uninvested : float
            Weight of money held in none of the n assets; the plan invests it.

        Returns
        -------
        MeanVarianceStep

        Raises
        ------
        BadData
            For shapes that do not fit, numbers that are not finite, covariances that are not symmetric positive
            semidefinite, and weights that do not add up.
        NoPlan
            When no plan meets all rules from these first holdings; a `SolverFailure`, and a `BadData`.
        SolverFailure
            When no solver comes up with any plan.
        """
        started = time.perf_counter()
        step, plans = self._step, self._step.plan_set
        if self._compiled is not None:
            at_once = self._compiled.one(mean, covariance, w0, step.gamma, uninvested)
            if at_once is not None:
                W, proved = at_once
                kkt = Kkt(proved.violation, proved.gap, proved.gap_relative)
                return MeanVarianceStep(W, -proved.value, kkt, time.perf_counter() - started, "riccati", True)
        mu, sigma, held = step_data(plans, mean, covariance, w0, uninvested)
        if self._asymmetry is not None:
            mu = mu.copy()
            mu[-1] -= self._asymmetry
        self._check_convex(sigma)
        size = step.size(mu, sigma)
        given = mu
        if size <= FLAT * float(np.abs(mu).max()) or size <= NOTHING:
            # the objective is the same for every plan, and any that is allowed is best
            size, given = 1.0, np.zeros_like(mu)
        best: tuple[Floats, float, Kkt, str] | None = None
        for name in self._names:
            found = self._solver(name)(given, sigma, held, size)
            if found is None:
                continue
            W = plans.settle(found[0])
            value, kkt = step.measure(mu, sigma, held, W, found[1], size)
            if best is None or _rank(kkt) < _rank(best[2]):
                best = W, value, kkt, name
            if self._good(kkt):
                break
        if (best is None or best[2].violation > ACCEPTED) and not plans.reachable(held):
            raise NoPlan(
                "no weights meet the bounds, groups and turnover limits from these first holdings: widen one of them"
            )
        if best is None:
            raise SolverFailure(f"{', '.join(self._names)} found no plan, though the rules allow one")
        W, value, kkt, name = best
        if self._asymmetry is not None:
            value -= float(self._asymmetry @ held)
        return MeanVarianceStep(W, -value, kkt, time.perf_counter() - started, name, self._good(kkt))

    def _good(self, kkt: Kkt) -> bool:
        return kkt.violation <= ACCEPTED and kkt.gap_relative <= self._tolerance

    def _solver(self, name: str) -> Solve:
        """Return a solver, set up when it is first asked."""
        if name not in self._solvers:
            self._solvers[name] = self._riccati() if name == "riccati" else self._direct(name).solve
        return self._solvers[name]

    def _direct(self, name: str) -> DirectSolver:
        options = {"tolerance": SHARES.get(name, SHARE) * self._tolerance} | self._options
        if name == "piqp":
            options = {"preconditioner_reuse_on_update": True} | options
        return DirectSolver(self._step, name, **options)

    def _riccati(self) -> Solve:
        step, plans = self._step, self._step.plan_set
        engine = Multiperiod(plans.n, plans.periods, step.cost, plans.lower, plans.upper, step.power)
        # A finer gap costs an iteration or two: little where steps are small, and 7 % where they are large.
        small = plans.n <= compiled_up_to(plans.periods)
        goal = aimed(self._tolerance) if small else 0.5 * self._tolerance

        def solve(
            mean: Floats, covariance: Floats, w0: Floats, size: float
        ) -> tuple[Floats, TradeMultipliers]:
            with one_blas_thread():
                found = engine.solve(2.0 * step.gamma * covariance, -mean, w0, goal, size)
            return found.W, TradeMultipliers(found.s)

        return solve

    def _check_convex(self, sigma: Floats) -> None:
        """Refuse a covariance that is not positive semidefinite: no gap would be a bound."""
        shift = (CONVEX * float(sigma.max())) * self._shift
        try:
            for each in sigma:  # one by one they stay in the cache
                np.linalg.cholesky(each + shift)
        except np.linalg.LinAlgError:
            largest = float(np.abs(sigma).max())
            worst = np.linalg.eigvalsh(sigma)[:, 0]
            t = int(worst.argmin())
            if worst[t] < -CONVEX * largest:
                raise BadData(
                    f"covariance has the eigenvalue {worst[t]:.3g} in period {t}: it must be positive semidefinite"
                ) from None


def step_data(
    plans: PlanSet, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, uninvested: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return mean (H, n), covariance (H, n, n) and w0 (n,), read and checked."""
    H, n = plans.lower.shape
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
    plans.check_holdings("w0", held, uninvested)
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
    return not kkt.violation <= ACCEPTED, gap
