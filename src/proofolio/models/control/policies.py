r"""Policies for many assets with limits and costs: one interface, ``trade(theta, z, t)``.

All follow the loss form of `proofolio.models.control.discrete`: where nothing binds they are the exact solution.
`Lookahead` plans on as if the present regime stayed, and weighs step j by :math:`(r P_{zz})^j`: after a switch nothing
is lost, which is what the exact solution without limits would do. `Receding` plans with expected drifts and
covariances instead; it does **not** approach the optimum as its horizon grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.models.arguments import finite
from proofolio.models.control.discrete import DiscreteControl, discretised
from proofolio.models.control.limits import Limits, limits_of
from proofolio.models.control.plans import PathProgram, chain, loss_terms
from proofolio.models.control.problem import ControlProblem

__all__ = [
    "Lookahead",
    "OneStep",
    "Policy",
    "Projected",
    "Receding",
    "Trades",
    "in_steps",
]


STEPS_PER_YEAR = 12.0
SINGLE_ITERATIONS = 200  # of one step: cheap, and it has to be exact
OUTSIDE = 1e-9  # positions beyond a limit by less are within it: rounding of a projection
CERTAIN = 1e-9  # probabilities must add to 1 within this


class Trades(Protocol):
    """What can be bounded and simulated: anything that trades."""

    def trade(self, theta: Any, z: Any, t: float = 0.0) -> Any:
        """Return trades (B, d) of a step from positions (B, d) in regimes (B,), t years from the start."""


def in_steps(control: ControlProblem, steps_per_year: float) -> DiscreteControl:
    """Return a control in steps.

    Raises
    ------
    BadData
        For positions that drift or drifts with factors, which have no such form, or a horizon shorter than a step.
    """
    if control.drift:
        raise BadData(
            "policies and bounds are of positions that do not drift with prices; make the control with drift=False"
        )
    if control.factors is not None:
        raise BadData("policies and bounds are of drifts by regime; make the control without factors")
    steps = None
    if control.horizon is not None:
        steps = round(control.horizon * steps_per_year)
        if steps < 1:
            raise BadData(
                f"the horizon of {control.horizon:g} years is shorter than a step of 1/{steps_per_year:g}"
            )
    dt = 1.0 / steps_per_year
    return discretised(control, control.chain.transition(dt), dt, steps, control.terminal)


P = TypeVar("P", bound="Policy")


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy of a control, in steps of a year's part.

    Parameters
    ----------
    control : ControlProblem
    steps_per_year : float
        A trade is that of one such step.
    """

    control: ControlProblem
    steps_per_year: float = field(default=STEPS_PER_YEAR, kw_only=True)

    @property
    def name(self) -> str:
        """What tables call it."""
        return type(self).__name__.lower()

    def at(self: P, steps_per_year: float) -> P:
        """Return the same policy with other steps."""
        if steps_per_year == self.steps_per_year:
            return self
        return replace(self, steps_per_year=steps_per_year)

    @cached_property
    def discrete(self) -> DiscreteControl:
        """The problem in these steps."""
        return in_steps(self.control, self.steps_per_year)

    @cached_property
    def limits(self) -> Limits:
        """Where positions may lie."""
        return limits_of(self.control)

    def trade(self, theta: ArrayLike, z: Any, t: float = 0.0) -> Floats:
        """Return what is bought of each asset in the step that begins now.

        Parameters
        ----------
        theta : (d,) or (B, d) array
            Positions now.
        z : int, (B,) integers, or (m,) or (B, m) probabilities
            The regime where it is known, or the filter's probabilities: then M and q are their means.
        t : float
            Years since the start; matters with a horizon only.

        Returns
        -------
        (d,) or (B, d) array
        """
        given = finite("theta", theta)
        held = np.atleast_2d(given)
        d = self.control.alpha.shape[1]
        if held.shape[-1] != d or held.ndim != 2:
            raise BadData(f"theta has shape {given.shape}; it must be ({d},) or (B, {d})")
        k = int(np.floor(t * self.steps_per_year + 1e-6))  # t is k dt up to rounding
        regimes = np.asarray(z)
        if regimes.dtype.kind in "iu":
            moved = self._known(held, self._regimes(regimes, len(held)), k)
        else:
            moved = self._mixed(held, self._probabilities(regimes, len(held)), k)
        bought = moved - held
        return bought[0] if given.ndim == 1 else bought

    def _regimes(self, z: Any, B: int) -> Integers:
        m = len(self.control.alpha)
        if z.shape not in ((), (B,)) or np.any(z < 0) or np.any(z >= m):
            raise BadData(f"z must be regimes from 0 to {m - 1}, one or one for each of {B} rows of theta")
        return np.broadcast_to(z, (B,)).astype(np.intp)

    def _probabilities(self, z: Any, B: int) -> Floats:
        m = len(self.control.alpha)
        p = finite("z", z)
        if p.shape not in ((m,), (B, m)):
            raise BadData(
                f"z has shape {p.shape}; it must be a regime, or probabilities ({m},) or ({B}, {m})"
            )
        if np.any(p < -CERTAIN) or np.any(np.abs(p.sum(-1) - 1.0) > CERTAIN):
            raise BadData("z holds probabilities that are negative or do not add to 1")
        return np.broadcast_to(p, (B, m))

    def _known(self, theta: Floats, z: Integers, k: int) -> Floats:
        """Return the next positions (B, d) in regimes (B,); by default regime by regime."""
        moved = np.empty_like(theta)
        for regime in np.unique(z):
            rows = z == regime
            one = np.zeros((1, len(self.control.alpha)))
            one[0, regime] = 1.0
            moved[rows] = self._next(theta[rows], one, k)
        return moved

    def _mixed(self, theta: Floats, p: Floats, k: int) -> Floats:
        return self._next(theta, p, k)

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        """Return the next positions (B, d) where probabilities are (B, m), or (1, m) for all."""
        raise NotImplementedError

    def _traded_or_not(self, theta: Floats, p: Floats, k: int, H: int) -> Floats:
        """Return the next positions with fixed costs: of one trade held for H steps in this regime, if it gains.

        Each asset of that trade is dropped where the rest is worth more without it.
        """
        control, discrete = self.control, self.discrete
        M, inverse, q = self._mean_terms(p, k)
        K, eye = discrete.K, np.eye(len(discrete.K))
        kept = eye - inverse @ K  # what is off the target after a step of holding y: kept y - inverse q
        later = ((discrete.r * p @ np.diag(discrete.P)) ** np.arange(1, H)[:, None]).sum(0)[:, None]
        curved = M + later[..., None] * (kept.transpose(0, 2, 1) @ M @ kept)
        linear = -q - later * np.einsum("sji,sj->si", kept, q)
        coupling = np.broadcast_to(-K, M.shape).copy()
        diagonal = curved[None]
        program = PathProgram(
            chain(1),
            diagonal,
            coupling[None],
            np.broadcast_to(control.l1, (1, len(M), control.d)),
            self.limits,
        )
        planned = program.solve(np.broadcast_to(linear, theta.shape)[None], theta, SINGLE_ITERATIONS)
        all_moved = self.limits.project(planned.y[0] if planned.u is None else theta + planned.u[0])
        one_kept = [np.where(np.arange(control.d) == i, theta, all_moved) for i in range(control.d)]
        options = [theta, all_moved, *one_kept]

        def worth(y: Floats) -> Floats:
            moved = np.abs(y - theta)
            quadratic = 0.5 * np.einsum(
                "bi,bij,bj->b", y, np.broadcast_to(curved, (len(y), *curved.shape[1:])), y
            )
            cost = moved @ control.l1 + (moved > 0.0) @ control.fixed
            lost = quadratic + ((linear - theta @ K) * y).sum(1) + cost
            outside = np.array([self.limits.violation(row) > OUTSIDE for row in y])
            return np.where(outside, np.inf, lost)

        values = np.array([worth(y) for y in options])
        values[1] = np.minimum(values[1], np.finfo(float).max)  # within limits, where holding may not be
        return np.asarray(np.stack(options)[values.argmin(0), np.arange(len(theta))])

    def _mean_terms(self, p: Floats, k: int) -> tuple[Floats, Floats, Floats]:
        """Return M, its inverse and q of step k, averaged: (S, d, d), (S, d, d), (S, d)."""
        row = self.discrete.row(k)
        M = np.tensordot(p, self.discrete.M[row], 1)
        return M, np.linalg.inv(M), p @ self.discrete.q[row]

    def _solved(
        self, parents: list[int], weights: Floats, terms: list[tuple[Floats, Floats, Floats]], theta: Floats,
        iterations: int,
    ) -> Floats:  # fmt: skip
        """Return the first step of plans in loss form, settled within the limits."""
        M, inverse, q = (np.array([t[i] for t in terms]) for i in range(3))
        diagonal, coupling, linear = loss_terms(parents, weights, M, inverse, q, self.discrete.K)
        return self._first(parents, diagonal, coupling, linear, weights, theta, iterations)

    def _first(
        self, parents: list[int], diagonal: Floats, coupling: Floats, linear: Floats, weights: Floats,
        theta: Floats, iterations: int,
    ) -> Floats:  # fmt: skip
        program = PathProgram(parents, diagonal, coupling, weights[..., None] * self.control.l1, self.limits)
        g = np.broadcast_to(linear, (len(parents), *theta.shape))
        planned = program.solve(g, theta, iterations)
        y = planned.y[0] if planned.u is None else theta + planned.u[0]
        return self.limits.project(y)


@dataclass(frozen=True, eq=False)
class OneStep(Policy):
    r"""The step that loses least now: :math:`\min \tfrac12|y - \hat y|^2_M + l'|y - \theta|` within the limits."""

    def _known(self, theta: Floats, z: Integers, k: int) -> Floats:
        if self.limits.none and not self.control.l1.any() and not self.control.fixed.any():
            return self.discrete.target(theta, z, k)
        return super()._known(theta, z, k)

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        if self.control.fixed.any():
            return self._traded_or_not(theta, p, k, 1)
        return self._solved(chain(1), np.ones((1, 1)), [self._mean_terms(p, k)], theta, SINGLE_ITERATIONS)


@dataclass(frozen=True, eq=False)
class Projected(Policy):
    """The exact step without limits, thresholded and clipped asset by asset; a warning: it forgets correlations."""

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        M, inverse, q = self._mean_terms(p, k)
        wanted = np.einsum(
            "sij,bj->bi" if len(p) == 1 else "bij,bj->bi", inverse, q + theta @ self.discrete.K
        )
        step = wanted - theta
        dead = self.control.l1 / np.einsum("sii->si", M)
        return self.limits.project(theta + np.sign(step) * np.maximum(np.abs(step) - dead, 0.0))


@dataclass(frozen=True, eq=False)
class Lookahead(Policy):
    """Plan in loss form with the present regime kept, or with one switch; the recommended policy.

    Parameters
    ----------
    years : float
        How far it plans: the time in which a trade pays for itself, whatever the steps.
    switches : {0, 1}
        With 1, branches with one switch each start at three steps of the plan.
    """

    years: float = 2.0
    switches: int = 0
    iterations: int = field(default=60, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what is no length or number of switches."""
        if not 0.0 < self.years < np.inf:
            raise BadData(f"years is {self.years!r}; a plan needs a length above 0")
        if self.switches not in (0, 1):
            raise BadData(f"switches is {self.switches!r}; a plan keeps the regime (0) or has one switch (1)")

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"lookahead {self.years:g} y" + (", one switch" if self.switches else "")

    @property
    def steps(self) -> int:
        """Steps of the plan."""
        return max(1, round(self.years * self.steps_per_year))

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        discrete = self.discrete
        H = self.steps if discrete.steps is None else max(1, min(self.steps, discrete.steps - k))
        if self.control.fixed.any():
            return self._traded_or_not(theta, p, k, H)
        parents, weights = chain(H), (discrete.r * p @ np.diag(discrete.P)) ** np.arange(H)[:, None]
        terms = [self._mean_terms(p, k)] * H if discrete.steps is None else [
            self._mean_terms(p, k + j) for j in range(H)
        ]  # fmt: skip
        if self.switches and H > 1:
            parents, weights, terms = self._branched(p, k, H, parents, weights, terms)
        return self._solved(parents, weights, terms, theta, self.iterations)

    def _branched(
        self, p: Floats, k: int, H: int, parents: list[int], weights: Floats,
        terms: list[tuple[Floats, Floats, Floats]],
    ) -> tuple[list[int], Floats, list[tuple[Floats, Floats, Floats]]]:  # fmt: skip
        """Add branches with one switch: those between two branch points start together at the first."""
        discrete, m = self.discrete, len(self.control.alpha)
        points = sorted({0, H // 4, H // 2})
        length = max(1, H // 2)
        away = p @ (discrete.P - np.diag(np.diag(discrete.P)))
        parents, terms, more = list(parents), list(terms), list(weights)
        for start, stop in zip(points, [*points[1:], H - 1], strict=True):
            mass = weights[start : max(stop, start + 1)].sum(0) * discrete.r
            for regime in range(m):
                if not away[:, regime].any():
                    continue
                one = np.eye(m)[[regime]]
                for j in range(min(length, H - 1 - start) or 1):
                    M, inverse, q = self._mean_terms(one, k + start + 1 + j)
                    S = len(terms[0][0])
                    parents.append(start if j == 0 else len(parents) - 1)
                    more.append(mass * away[:, regime] * (discrete.r * discrete.P[regime, regime]) ** j)
                    terms.append(tuple(np.broadcast_to(x, (S, *x.shape[1:])) for x in (M, inverse, q)))  # type: ignore[arg-type]
        return parents, np.array(more), terms


@dataclass(frozen=True, eq=False)
class Receding(Policy):
    """Plan H steps with expected drifts and covariances, the exact value without limits at the end."""

    H: int = 6
    iterations: int = field(default=60, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse what is no number of steps."""
        if isinstance(self.H, bool) or int(self.H) != self.H or self.H < 1:
            raise BadData(f"H is {self.H!r}; give a whole number of steps, 1 or more")

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"receding {self.H}"

    def _next(self, theta: Floats, p: Floats, k: int) -> Floats:
        discrete, control = self.discrete, self.control
        H = self.H if discrete.steps is None else max(1, min(self.H, discrete.steps - k))
        r, dt, K = discrete.r, discrete.dt, discrete.K
        weights = np.repeat(r ** np.arange(H)[:, None], len(p), 1)
        diagonal = np.empty((H, len(p), *K.shape))
        linear = np.empty((H, len(p), len(K)))
        ahead = p
        for j in range(H):
            risk = control.gamma * np.tensordot(ahead, control.Sigma, 1) * dt
            diagonal[j] = r**j * (risk + K + (r * K if j + 1 < H else 0.0))
            linear[j] = -(r**j) * dt * ahead @ control.alpha
            ahead = ahead @ discrete.P
        end = 0 if discrete.steps is None else k + H
        diagonal[-1] += r**H * np.tensordot(ahead, discrete.A[end], 1)
        linear[-1] -= r**H * ahead @ discrete.b[end]
        coupling = np.broadcast_to(-weights[..., None, None] * K, diagonal.shape).copy()
        return self._first(chain(H), diagonal, coupling, linear, weights, theta, self.iterations)
