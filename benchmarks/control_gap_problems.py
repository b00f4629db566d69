"""Random control problems with policies good and bad, and the least loss of a path by another method."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.models.control.discrete import DiscreteControl
from proofolio.models.control.limits import Limits, limits_of
from proofolio.models.control.regime_control import RegimeControl
from proofolio.models.portfolio.plan_set import Group, PlanSet

Floats = NDArray[np.float64]

KINDS = ("none", "box", "box by asset", "gross exposure", "groups and net exposure")


@dataclass(frozen=True)
class Never:
    """Trades as little as the limits allow."""

    limits: Limits
    name: str = "never"

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        return self.limits.project(theta) - theta


@dataclass(frozen=True)
class BackAndForth:
    """From one end of the limits to the other at every step."""

    limits: Limits
    size: float
    steps_per_year: float
    name: str = "back and forth"

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        sign = 1.0 if round(t * self.steps_per_year) % 2 else -1.0
        return self.limits.project(np.full_like(theta, sign * self.size)) - theta


@dataclass(frozen=True)
class Backwards:
    """Goes as far as the exact step does, the other way."""

    limits: Limits
    exact: Any
    name: str = "backwards"

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        return self.limits.project(theta - self.exact.trade(theta, z, t)) - theta


@dataclass(frozen=True)
class Noise:
    """Anywhere within the limits, whatever the regime."""

    limits: Limits
    size: float
    steps_per_year: float
    name: str = "noise"

    def trade(self, theta: Floats, z: Any, t: float = 0.0) -> Floats:
        """Return trades (B, d)."""
        rng = np.random.default_rng(round(t * self.steps_per_year))
        return self.limits.project(rng.uniform(-self.size, self.size, theta.shape)) - theta


BAD = ("never", "back and forth", "backwards", "noise")


@dataclass(frozen=True)
class Case:
    """A random problem with what is tried on it."""

    control: RegimeControl
    steps_per_year: float
    paths: int
    start: Floats
    policies: list[Any]


def random_case(rng: np.random.Generator, kind: str) -> Case:
    """Return a random problem with limits of a kind."""
    m = int(rng.integers(1, 5))
    fixed: Any = 0.0
    few = kind != "none" and rng.random() < 0.3
    d = int(rng.integers(1, 3)) if few else int(rng.integers(1, 7))
    if few:
        fixed = rng.uniform(0.0002, 0.01, d)
    G = rng.uniform(0.1, 1.0, (m, m)) * 10.0 ** rng.uniform(-1.5, 1.5)  # regimes from weeks to decades
    np.fill_diagonal(G, 0.0)
    G -= np.diag(G.sum(1))
    Sigma = np.array([_definite(rng, d, rng.uniform(0.1, 0.4)) for _ in range(m)])
    Lambda = None if rng.random() < 0.2 else _definite(rng, d, 0.25)
    l1: Any = rng.choice([0.0, 1.0]) * rng.uniform(0.0005, 0.02, d)
    horizon = rng.choice([None, 0.5, 1.0])
    steps = float(rng.choice([4.0, 12.0])) if horizon is not None else 2.0
    if few:  # every pattern of trades will be tried
        horizon, steps = 1.0, 4.0 if d == 2 else 6.0
    terminal = None
    if horizon is not None and rng.random() < 0.3:
        terminal = (_definite(rng, d, 0.3), rng.normal(0.0, 0.05, d), 0.1)
    control = RegimeControl(
        G, rng.normal(0.0, 0.1, (m, d)), Sigma, gamma=float(rng.uniform(1.0, 8.0)),
        eta=float(10.0 ** rng.uniform(-3.0, 0.0)), Lambda=Lambda, rho=float(rng.choice([0.0, 0.02, 0.5])),
        horizon=horizon, terminal=terminal, limits=_limits(rng, kind, d), l1=l1, fixed=fixed, units="year",
    )  # fmt: skip
    limits = limits_of(control)
    start = limits.project(rng.normal(0.0, 0.3, (1, d)))[0]
    if rng.random() < 0.25:
        start = start + rng.normal(0.0, 1.0, d)  # outside, or far from where it wants to be
    policies: list[Any] = [
        control.one_step(steps_per_year=steps), control.projected(steps_per_year=steps),
        control.receding(3, steps_per_year=steps), control.lookahead(1.0, steps_per_year=steps),
        control.lookahead(1.0, 1, steps_per_year=steps), Never(limits), BackAndForth(limits, 2.0, steps),
        Backwards(limits, control.projected(steps_per_year=steps)), Noise(limits, 2.0, steps),
    ]  # fmt: skip
    return Case(control, steps, 5, start, policies)


def _definite(rng: np.random.Generator, d: int, size: float) -> Floats:
    root = rng.normal(size=(d, d))
    return np.asarray(size**2 * (root @ root.T / d + 0.3 * np.eye(d)))


def _limits(rng: np.random.Generator, kind: str, d: int) -> Any:
    size = float(rng.uniform(0.05, 0.8))
    free = (-np.inf, np.inf)
    if kind == "none":
        return None
    if kind == "box":
        return size
    if kind == "box by asset":
        return -rng.uniform(0.0, 0.5, d), rng.uniform(0.05, 0.8, d)
    if kind == "gross exposure":
        return PlanSet(d, 1, -1.0, 1.0, net=free, gross=size)
    groups = (Group((0,), -size, 0.6 * size),) if d < 3 else (Group((0, 1), -size, 0.6 * size),)
    return PlanSet(d, 1, -1.0, 1.0, groups=groups, net=(-0.3, 0.7))


def least_by_clarabel(control: RegimeControl, discrete: DiscreteControl, z: Any, held: Floats) -> float:
    """Return the loss of the best plan found on one path (N + 1,), over every pattern of trades where these cost."""
    N, d = len(z) - 1, control.d
    if not control.fixed.any():
        return _lost(
            control, discrete, z, held, _plan(control, discrete, z, held, np.ones((N, d), dtype=bool))
        )
    found = np.inf
    for pattern in product((True, False), repeat=N * d):
        traded = np.array(pattern).reshape(N, d)
        if float((discrete.r ** np.arange(N)) @ (traded @ control.fixed)) < found:
            found = min(found, _lost(control, discrete, z, held, _plan(control, discrete, z, held, traded)))
    return found


def _lost(
    control: RegimeControl, discrete: DiscreteControl, z: Any, held: Floats, plan: Floats | None
) -> float:
    """Return the loss of a plan (N, d) that keeps the limits; inf where there is none."""
    if plan is None:
        return np.inf
    limits, before, lost = limits_of(control), held[None], 0.0
    for k, y in enumerate(plan[:, None]):
        kept = y if limits.violation(y) <= 0.0 else limits.project(y)
        loss = discrete.loss(before, kept, z[k : k + 1], k, control.l1, control.fixed)
        lost, before = lost + float(discrete.r**k * loss[0]), kept
    return lost


def _plan(
    control: RegimeControl, discrete: DiscreteControl, z: Any, held: Floats, traded: Any
) -> Floats | None:
    """Return the best plan (N, d), up to the solver's error, of those that trade only where a pattern (N, d) says."""
    N, d, limits = len(z) - 1, control.d, limits_of(control)
    n = N * d
    P, q = np.zeros((2 * n, 2 * n)), np.zeros(2 * n)
    for k in range(N):
        row, w = discrete.row(k), discrete.r**k
        M, inverse, pull = (x[row][z[k]] for x in (discrete.M, discrete.inverse, discrete.q))
        now, before = slice(k * d, (k + 1) * d), slice((k - 1) * d, k * d)
        gain = inverse @ discrete.K  # the exact step is inverse pull + gain y_before
        P[now, now] += w * M
        if k:
            P[before, before] += w * gain.T @ M @ gain
            P[now, before] -= w * M @ gain
            P[before, now] -= w * gain.T @ M
            q[before] += w * gain.T @ pull
        q[now] -= w * (pull + (0.0 if k else discrete.K @ held))
        q[n + k * d : n + (k + 1) * d] = w * control.l1
    moved = np.eye(n) - np.eye(n, k=-d)
    origin = np.concatenate([held, np.zeros(n - d)])
    still = ~traded.ravel()
    equal, equal_to = moved[still], origin[still]
    rows = [np.hstack([moved, -np.eye(n)]), np.hstack([-moved, -np.eye(n)])]
    sides = [origin, -origin]
    more = np.kron(np.eye(N), limits.rows) if len(limits.rows) else np.zeros((0, n))
    for A, low, high in (
        (np.eye(n), np.tile(limits.lower, N), np.tile(limits.upper, N)),
        (more, np.tile(limits.row_lower, N), np.tile(limits.row_upper, N)),
    ):
        for sign, side in ((1.0, high), (-1.0, -low)):
            kept = np.isfinite(side)
            rows.append(np.hstack([sign * A[kept], np.zeros((int(kept.sum()), n))]))
            sides.append(side[kept])
    A, b = np.vstack(rows), np.concatenate(sides)
    size = 2 * n
    if limits.gross is not None:  # sizes s >= |y| of their own, whose sums are limited
        eye, size = np.eye(n), 3 * n
        A = np.hstack([A, np.zeros((len(A), n))])
        A = np.vstack([
            A, np.hstack([eye, np.zeros((n, n)), -eye]), np.hstack([-eye, np.zeros((n, n)), -eye]),
            np.hstack([np.zeros((N, 2 * n)), np.kron(np.eye(N), np.ones(d))]),
        ])  # fmt: skip
        b = np.concatenate([b, np.zeros(2 * n), np.full(N, limits.gross)])
    E = np.hstack([equal, np.zeros((len(equal), size - n))])
    whole = np.zeros((size, size))
    whole[: 2 * n, : 2 * n] = P
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(np.triu(whole)), np.concatenate([q, np.zeros(size - 2 * n)]),
        sparse.csc_matrix(np.vstack([E, A])), np.concatenate([equal_to, b]),
        [clarabel.ZeroConeT(len(E)), clarabel.NonnegativeConeT(len(A))], settings,
    )  # fmt: skip
    answer = solver.solve()
    if "Infeasible" in str(answer.status):
        return None
    plan, before = np.array(answer.x[:n]).reshape(N, d), held
    for k in range(N):  # where nothing is traded, nothing moves by rounding
        plan[k] = before = np.where(traded[k], plan[k], before)
    return plan
