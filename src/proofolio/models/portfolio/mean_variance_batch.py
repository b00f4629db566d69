r"""Many steps of the mean-variance MPC at once: frontiers, and paths beside each other.

The problems share assets, horizon and bounds; means, covariances, holdings, and how much risk and trading count, are
each problem's own. Each plan comes with the gap that the certificate of `quadratic_step` proves for it, worked out
here from the data for all problems together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers, Mask
from proofolio.compiled import active
from proofolio.errors import BadData
from proofolio.models.arguments import FEASIBLE, finite
from proofolio.models.portfolio.mean_variance_kernel import (
    CONVEX,
    FLAT,
    NOTHING,
    PROVED,
    SYMMETRIC,
    CompiledSteps,
    aimed,
)
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.quadratic_step import ACCEPTED, NEARLY_ZERO
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.processes import one_blas_thread
from proofolio.solvers.quadratic.multiperiod_batch import MultiperiodBatch

__all__ = ["MeanVarianceBatch", "MeanVarianceSteps"]


FREE = 1e-10  # of the objective's size: a price of trades that changes no proven gap


@dataclass(frozen=True, eq=False)
class MeanVarianceSteps:
    """The plans of B problems; first rows are to be traded into.

    Attributes
    ----------
    W : ndarray, shape (B, H, n)
    objective : ndarray, shape (B,)
        Of each plan, as declared (to be maximised), recomputed from the data.
    gap, gap_relative, violation : ndarray, shape (B,)
        As of `Kkt`: how much better any plan can be at most, that as a share of the objective's size, and by how
        much the plan misses its rules.
    ok : ndarray of bool, shape (B,)
        Whether the plan is feasible to 1e-8 and proved optimal within the tolerance.
    iterations : ndarray of int, shape (B,)
    seconds : float
        Wall time of all of them.
    """

    W: Floats
    objective: Floats
    gap: Floats
    gap_relative: Floats
    violation: Floats
    ok: Mask
    iterations: Integers
    seconds: float


class MeanVarianceBatch:
    """Solve many steps at once; made by `MeanVariance.batch`.

    Parameters
    ----------
    plan_set : PlanSet
        Bounds with room between them, and nothing else.
    charged : TradeCost
        For a `gamma_trade` of 1.
    gamma_risk, gamma_trade : float
        Where `solve` is given no others.
    tolerance : float
        Of the proven gap, relative.
    """

    def __init__(
        self, plan_set: PlanSet, charged: TradeCost, gamma_risk: float, gamma_trade: float, tolerance: float
    ) -> None:
        if not 0.0 < tolerance < 1.0:
            raise BadData(f"tolerance is {tolerance}; it must lie between 0 and 1")
        if not plan_set.bounds_only:
            raise BadData(
                "steps in a batch take bounds with room between them, no groups, no turnover limit and no rule that "
                "counts positions: take them one by one, by stepper() or solve()"
            )
        self._plans, self._charged, self._tolerance = plan_set, charged, tolerance
        self._gammas = gamma_risk, gamma_trade
        self._compiled = CompiledSteps(plan_set, charged, tolerance) if active() else None
        self._engine = MultiperiodBatch(
            plan_set.n,
            plan_set.periods,
            charged.half_spread,
            plan_set.lower,
            plan_set.upper,
            charged.power_impact,
        )

    @one_blas_thread()
    def solve(
        self,
        mean: ArrayLike,
        covariance: ArrayLike,
        w0: ArrayLike,
        *,
        gamma_risk: ArrayLike | None = None,
        gamma_trade: ArrayLike | None = None,
        uninvested: ArrayLike = 0.0,
    ) -> MeanVarianceSteps:
        """Plan H periods ahead, B times; a first axis of length 1 is the same for all.

        Parameters
        ----------
        mean : array_like, shape (B, H, n), or (B, n) where H is 1
        covariance : array_like, shape (B, H, n, n), or (B, n, n) where H is 1
            Symmetric positive semidefinite.
        w0 : array_like, shape (B, n)
            Weights held now; with what is uninvested they add up to 1.
        gamma_risk, gamma_trade : array_like, shape (B,), optional
            Each problem's own; those of the model when left out.
        uninvested : array_like, shape (B,) or ()

        Raises
        ------
        BadData
            As for `MeanVarianceStepper.solve`, naming the problem.
        """
        started = time.perf_counter()
        mu, sigma, held, own = self._read(mean, covariance, w0, gamma_risk, gamma_trade, uninvested)
        at_once = None if self._compiled is None else self._compiled.many(mu, sigma, held, own)
        if at_once is not None:
            W, said = at_once
            value, gap, relative, violation, iterations, doubtful = np.ascontiguousarray(said.T)
            ok = doubtful == PROVED
            found = MeanVarianceSteps(
                W, -value, gap, relative, violation, ok, iterations.astype(np.intp), 0.0
            )
        else:
            found = self._by_numpy(mu, sigma, held, own)
        return replace(found, seconds=time.perf_counter() - started)

    def _by_numpy(self, mu: Floats, sigma: Floats, held: Floats, own: Floats) -> MeanVarianceSteps:
        """Plan without machine code, and its reference; the seconds are left open."""
        risk, price = own[:, 0], own[:, 1]
        mu, held = (
            np.broadcast_to(mu, (len(own), *mu.shape[1:])),
            np.broadcast_to(held, (len(own), held.shape[1])),
        )
        sigma = np.broadcast_to(_checked(sigma), (len(mu), *sigma.shape[1:]))
        shift = price[:, None] * self._charged.asymmetry
        mu = mu.copy()
        mu[:, -1] -= shift
        size = np.maximum(np.ptp(mu, axis=(1, 2)), 2.0 * risk * sigma.max(axis=(1, 2, 3)))
        dearest = float(max(self._charged.half_spread.max(), self._charged.power_impact.max()))
        size = np.maximum(size, price * dearest)
        # where the objective is the same for every plan, any that is allowed is best
        flat = (size <= FLAT * np.abs(mu).max(axis=(1, 2))) | (size <= NOTHING)
        scale, given = np.where(flat, 1.0, size), np.where(flat[:, None, None], 0.0, mu)
        P = sigma * (2.0 * risk)[:, None, None, None]
        # the engine has a price for every trade; where none is asked for the certificate below takes it away
        times = np.maximum(price, FREE * scale / max(dearest, 1e-300))
        found = self._engine.solve_many(P, -given, held, scale, aimed(self._tolerance), times)
        W = self._settled(found.W)
        value, gap = self._measured(mu, sigma, held, risk, price, W, found.s)
        relative = np.abs(gap) / np.maximum(np.abs(value), NEARLY_ZERO * np.maximum(size, 1e-300))
        violation = self._violation(W)
        ok = (violation <= ACCEPTED) & (relative <= self._tolerance)
        # the asymmetries of all trades add up to c'(w_H - w_0): the end is in the means, the beginning is a constant
        objective = -value + (shift * held).sum(axis=1)
        return MeanVarianceSteps(W, objective, gap, relative, violation, ok, found.iterations, 0.0)

    def _read(
        self, mean: ArrayLike, covariance: ArrayLike, w0: ArrayLike, *others: ArrayLike | None
    ) -> tuple[Floats, Floats, Floats, Floats]:
        n, H = self._plans.n, self._plans.periods
        mu, sigma, held = finite("mean", mean), finite("covariance", covariance), finite("w0", w0)
        if H == 1:
            mu = mu[:, None] if mu.ndim == 2 else mu
            sigma = sigma[:, None] if sigma.ndim == 3 else sigma
        for name, array, shape in (
            ("mean", mu, (H, n)),
            ("covariance", sigma, (H, n, n)),
            ("w0", held, (n,)),
        ):
            if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
                raise BadData(f"{name} has shape {array.shape}; it must be (B, {', '.join(map(str, shape))})")
        risk, price = (
            finite(name, own if own is not None else usual)
            for name, own, usual in zip(("gamma_risk", "gamma_trade"), others, self._gammas, strict=False)
        )
        loose = finite("uninvested", others[2] if others[2] is not None else 0.0)
        lengths = {len(a) for a in (mu, sigma, held)} | {a.size for a in (risk, price, loose)}
        if len(lengths - {1}) > 1 or any(a.ndim > 1 for a in (risk, price, loose)):
            raise BadData(
                f"the numbers of problems differ: {', '.join(map(str, sorted(lengths - {1})))}; give one each"
            )
        B = max(lengths)
        risk, price, loose = (np.broadcast_to(a, (B,)) for a in (risk, price, loose))
        for name, each in (("gamma_risk", risk), ("gamma_trade", price)):
            if each.min() < 0.0:
                raise BadData(f"{name} of problem {int(each.argmin())} is {each.min():g}; it is 0 or more")
        missed = np.abs(held.sum(axis=1) + loose - 1.0)
        if missed.max() > FEASIBLE:
            b = int(missed.argmax())
            raise BadData(
                f"w0 of problem {b} adds up to {held[b % len(held)].sum():.9g}; with what is uninvested it must be 1"
            )
        return mu, sigma, held, np.stack([risk, price, loose], axis=1)

    def _settled(self, W: Floats) -> Floats:
        B, H, n = W.shape
        if self._plans.simplex:
            return self._plans.settle(W.reshape(B * H, n)).reshape(B, H, n)
        return np.stack([self._plans.settle(w) for w in W])

    def _violation(self, W: Floats) -> Floats:
        beyond = np.maximum(self._plans.lower - W, W - self._plans.upper).max(axis=(1, 2))
        off: Floats = np.maximum(beyond, np.abs(W.sum(axis=2) - 1.0).max(axis=1))
        return np.maximum(off, 0.0)

    def _measured(
        self, mu: Floats, sigma: Floats, held: Floats, risk: Floats, price: Floats, W: Floats, s: Floats
    ) -> tuple[Floats, Floats]:
        """Return the minimised objectives and their proven gaps: `QuadraticStep.measure`, problem by problem."""
        plans, a, k = self._plans, self._charged.half_spread, self._charged.power_impact
        u = np.diff(W, axis=1, prepend=held[:, None])
        amount = np.abs(u)
        g = (2.0 * risk)[:, None, None] * np.matmul(sigma, W[..., None])[..., 0]
        curved = 0.5 * np.einsum("bhi,bhi->b", g, W)
        cost = np.einsum("bhi,i->b", amount, a) + np.einsum("bhi,i->b", amount**1.5, k)
        value = curved - np.einsum("bhi,bhi->b", mu, W) + price * cost
        most, power = price[:, None, None] * a, price[:, None, None] * k
        largest = (
            1.5
            * power
            * np.sqrt(max(float(np.abs(plans.upper).max()), float(np.abs(plans.lower).max())) + 1.0)
        )
        beyond = np.minimum(np.maximum(np.abs(s) - most, 0.0), largest)
        s = np.sign(s) * (np.minimum(np.abs(s), most) + beyond)
        worth = (4.0 / 27.0) * (beyond**3 / np.where(power > 0.0, power, 1.0) ** 2).sum(axis=(1, 2))
        g = g - mu + s
        g[:, :-1] -= s[:, 1:]
        least = self._least(g)
        return value, value - (least - curved - worth - np.einsum("bi,bi->b", s[:, 0], held))

    def _least(self, g: Floats) -> Floats:
        """Return the least of g'v over bounds and budget, problem by problem: `PlanSet.least`."""
        if self._plans.simplex:
            return np.asarray(g.min(axis=2).sum(axis=1))
        return np.array([self._plans.least(each) for each in g])


def _checked(sigma: Floats) -> Floats:
    """Return covariances (B, H, n, n), symmetric; refuse what is not positive semidefinite: no gap would be a bound."""
    largest = np.maximum(np.abs(sigma).max(axis=(1, 2, 3)), NOTHING)
    turned = sigma.swapaxes(2, 3)
    if (sigma != turned).any():
        off = np.abs(sigma - turned).max(axis=(1, 2, 3))
        b = int(np.argmax(off / largest))
        if off[b] > SYMMETRIC * largest[b]:
            raise BadData(
                f"covariance of problem {b} is not symmetric: entries differ from their mirror images by {off[b]:.3g}"
            )
        sigma = 0.5 * (sigma + turned)
    try:
        np.linalg.cholesky(sigma + (CONVEX * largest)[:, None, None, None] * np.eye(sigma.shape[-1]))
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(sigma)[..., 0].min(axis=1)
        b = int((least / largest).argmin())
        if least[b] < -CONVEX * largest[b]:
            raise BadData(
                f"covariance of problem {b} has the eigenvalue {least[b]:.3g}: it must be positive semidefinite"
            ) from None
    return sigma
