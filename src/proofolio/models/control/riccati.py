r"""Solve a control problem without limits exactly: whole, or by its few factors where the covariance has some.

Where :math:`\Lambda = \lambda D` and :math:`\Sigma_i = B F_i B' + D`, in coordinates in which :math:`\Lambda = I` every
regime's A is :math:`U M_i U' + a_i (I - U U')` with U a basis of the k factors: a problem of k positions and, off them,
one number a regime.
"""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.models.control.equations import Equations
from proofolio.models.control.finite import Trajectory
from proofolio.models.control.problem import ControlProblem
from proofolio.models.control.quadratic_value import QuadraticValue
from proofolio.models.control.stationary import stationary

__all__ = ["riccati"]


LARGEST = 1000  # assets: beyond, matrices of all of them are refused
PROPORTIONAL = 1e-12  # relative: Lambda and the assets' own variances are then one diagonal times a number
LOOKED_AT = 9  # times at which the residual of a finite horizon is taken


def riccati(problem: ControlProblem) -> QuadraticValue:
    """Return the value without limits, L1 and fixed costs; exact where the problem has none.

    Raises
    ------
    BadData
        For more than 1000 assets without a `FactorCovariance` whose own variances D are Lambda's diagonal.
    SolverFailure
        Where the equations have no solution that stays bounded.
    """
    reduced = _reduction(problem)
    if reduced is not None:
        return QuadraticValue(problem, reduced)
    if problem.d > LARGEST:
        raise BadData(
            f"{problem.d} assets are more than {LARGEST}: give Sigma as FactorCovariance(B, F, D) and Lambda as "
            "a multiple of its D, which needs no matrix of all assets"
        )
    return QuadraticValue(problem, _Whole(problem))


class _Blocks:
    """Coefficients cut out of the matrices Q, in the coordinates of the positions."""

    def __init__(self, Q: Floats, L: Floats, d: int) -> None:
        k = Q.shape[-1] - d - 1
        x = slice(d, d + k)
        self._A, self._L = Q[:, :d, :d], L
        self.b: Floats = -(Q[:, :d, -1] @ L.T)
        self.c: Floats = -Q[:, -1, -1] / 2.0
        self.C: Floats | None = -(L @ Q[:, :d, x]) if k else None
        self.H: Floats | None = -Q[:, x, x] if k else None
        self.h: Floats | None = -Q[:, x, -1] if k else None
        self._made: Floats | None = None

    def matrices(self) -> Floats:
        if self._made is None:
            found = self._L @ self._A @ self._L.T
            self._made = (found + found.swapaxes(1, 2)) / 2.0
        return self._made

    def times(self, theta: Floats, z: Integers) -> Floats:
        return _by_regime(self.matrices(), theta, z)


def _by_regime(A: Floats, theta: Floats, z: Integers) -> Floats:
    """Return A_z theta, (..., d), without a matrix for every point."""
    if z.ndim == 0:
        return np.asarray(theta @ A[z].T)
    found = np.empty(theta.shape, dtype=np.result_type(theta, A))
    for i in range(len(A)):
        here = z == i
        found[here] = theta[here] @ A[i].T
    return found


class _Solved:
    """Equations with their solution: constant in time, or integrated back from the end."""

    def __init__(self, equations: Equations, horizon: float | None, start: Floats | None) -> None:
        self.equations, self._horizon = equations, horizon
        self._Q: Floats | None = None
        self._trajectory: Trajectory | None = None
        if horizon is None:
            self._Q, self.sweeps = stationary(equations)
        else:
            zero = np.zeros_like(equations.R)
            self._trajectory = Trajectory(equations, zero if start is None else start, horizon)

    def at(self, t: float) -> Floats:
        """Return Q."""
        if self._trajectory is None:
            assert self._Q is not None
            return self._Q
        assert self._horizon is not None
        return self._trajectory.first if t == 0.0 else self._trajectory.at(self._horizon - t)[0]

    def change(self, t: float) -> Floats | None:
        """Return the change of Q a year of t, None where nothing changes."""
        if self._trajectory is None:
            return None
        assert self._horizon is not None
        return -self._trajectory.at(self._horizon - t)[1]

    def residual(self) -> float:
        times = [0.0] if self._horizon is None else np.linspace(0.0, self._horizon, LOOKED_AT).tolist()
        worst = 0.0
        for t in times:
            Q, change = self.at(t), self.change(t)
            found = self.equations.change(Q)
            missed = found if change is None else found + change
            if self._horizon is None and self.equations.rho == 0:
                missed = np.nan_to_num(missed)  # constants have no stationary value
            scale = max(float(np.abs(self.equations.R).max()), float(np.abs(np.nan_to_num(found)).max()))
            worst = max(worst, float(np.abs(missed).max()) / scale)
        return worst


class _Whole:
    """The problem with a matrix of all positions."""

    def __init__(self, problem: ControlProblem) -> None:
        equations, self._L = Equations.of(problem)
        self._d = problem.d
        start = None
        if problem.terminal is not None:
            start = np.zeros_like(equations.R)
            A, b, c = problem.terminal
            inverse = np.linalg.inv(self._L)
            start[:, : self._d, : self._d] = inverse @ A @ inverse.T
            start[:, : self._d, -1] = start[:, -1, : self._d] = -b @ inverse.T
            start[:, -1, -1] = -2.0 * c
        self._solved = _Solved(equations, problem.horizon, start)

    def at(self, t: float) -> _Blocks:
        return _Blocks(self._solved.at(t), self._L, self._d)

    def change(self, t: float) -> _Blocks | None:
        found = self._solved.change(t)
        return None if found is None else _Blocks(found, self._L, self._d)

    def residual(self) -> float:
        return self._solved.residual()


class _FewFactors:
    """Coefficients of the factors' positions, and off them of one number a regime."""

    C: Floats | None = None
    H: Floats | None = None
    h: Floats | None = None

    def __init__(self, core: Floats, off: Floats, U: Floats, root: Floats, alone: Floats) -> None:
        k, x = U.shape[1], slice(1, 1 + len(core))
        self._M, self._a, self._U, self._root = core[:, :k, :k], off[:, 0, 0], U, root
        self.b: Floats = (-core[:, :k, -1] @ U.T - off[:, 0, x] @ alone) * root
        self.c: Floats = -(core[:, -1, -1] + (off[:, x, x] * (alone @ alone.T)).sum(axis=(1, 2))) / 2.0

    def matrices(self) -> Floats:
        d = len(self._root)
        core = self._U @ (self._M - self._a[:, None, None] * np.eye(self._M.shape[1])) @ self._U.T
        core[:, np.arange(d), np.arange(d)] += self._a[:, None]
        return np.asarray(core * np.outer(self._root, self._root))

    def times(self, theta: Floats, z: Integers) -> Floats:
        scaled = theta * self._root
        on = scaled @ self._U
        inside = _by_regime(self._M, on, z) - self._a[z][..., None] * on
        return np.asarray((inside @ self._U.T + self._a[z][..., None] * scaled) * self._root)


class _Reduced:
    """The problem by its factors; what is off them needs m numbers a regime, whatever d is."""

    def __init__(self, problem: ControlProblem, U: Floats, R: Floats, root: Floats, own: float) -> None:
        assert problem.covariance is not None
        p, k, m = problem, U.shape[1], problem.m
        alpha = p.alpha / root
        on = alpha @ U
        self._U, self._root, self._alone = U, root, alpha - on @ U.T
        G = p.chain.generator
        core = R @ problem.covariance.F @ R.T + own * np.eye(k)
        core = p.gamma * (core + core.swapaxes(1, 2)) / 2.0
        self._core = _Solved(Equations(G, p.eta, p.rho, core, on), p.horizon, None)
        # Off the factors every position has the same a, and b is linear in the drifts. So one position is enough,
        # with a constant factor x_j for the drift of each regime j: its C are the weights of the drifts in b, and
        # its H gives c.
        off = Equations(G, p.eta, p.rho, np.full((m, 1, 1), p.gamma * own), np.zeros((m, 1)), m)
        off.R[:, 0, 1 : m + 1] = off.R[:, 1 : m + 1, 0] = -np.eye(m)
        self._off = _Solved(off, p.horizon, None)

    def at(self, t: float) -> _FewFactors:
        return _FewFactors(self._core.at(t), self._off.at(t), self._U, self._root, self._alone)

    def change(self, t: float) -> _FewFactors | None:
        core, off = self._core.change(t), self._off.change(t)
        if core is None or off is None:
            return None
        return _FewFactors(core, off, self._U, self._root, self._alone)

    def residual(self) -> float:
        return max(self._core.residual(), self._off.residual())


def _reduction(problem: ControlProblem) -> _Reduced | None:
    """Return the problem by its factors, where its data allow that exactly."""
    p = problem
    if p.covariance is None or p.Lambda_diagonal is None or p.factors is not None or p.drift:
        return None
    if p.terminal is not None or p.covariance.B.shape[1] >= p.d:
        return None
    ratio = p.covariance.D / p.Lambda_diagonal
    own = float(ratio.mean())
    if np.abs(ratio - own).max() > PROPORTIONAL * own:
        return None
    root = np.sqrt(p.Lambda_diagonal)
    U, R = np.linalg.qr(p.covariance.B / root[:, None])
    return _Reduced(p, U, R, root, own)
