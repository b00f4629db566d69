r"""The control problem in steps: the exact value without limits, and what a trade beside it loses.

With steps of dt years, :math:`r = e^{-\rho dt}`, :math:`K = \eta\Lambda/dt` and E over row z of :math:`e^{G dt}`, a
step from theta to y earns :math:`y'\alpha dt - \tfrac{\gamma}{2} y'\Sigma y\,dt - \tfrac12 (y-\theta)'K(y-\theta)` and

.. math::
    M_k = \gamma\Sigma_z dt + r E[A_{k+1}] + K, \quad q_k = \alpha_z dt + r E[b_{k+1}], \quad
    \hat y_k = M_k^{-1}(q_k + K\theta), \\
    A_k = K - K M_k^{-1} K, \quad b_k = K M_k^{-1} q_k, \quad c_k = \tfrac12 q_k'M_k^{-1}q_k + r E[c_{k+1}].

The value is :math:`V_k = -\tfrac12\theta'A_k\theta + b_k'\theta + c_k`, and of every policy, whatever it must keep to,

.. math:: V_0 - E\sum_k r^k \bigl(\tfrac12 |y_k - \hat y_k|^2_{M_k} + l'|y_k - \theta_k| + f'[y_k \ne \theta_k]\bigr).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from proofolio.arrays import Floats, Integers
from proofolio.models.control.problem import ControlProblem, Terminal

__all__ = ["DiscreteControl", "discretised"]


SETTLED = 1e-13  # change of A, relative, at which the sweeps over regimes have ended: rounding is a few 1e-16
MOST_SWEEPS = 10_000  # each shrinks the error at least by the discount of a step


@dataclass(frozen=True, eq=False)
class DiscreteControl:
    """The problem in steps, with its exact value where nothing limits it.

    Attributes
    ----------
    dt : float
        Years a step.
    r : float
        Discount of a step.
    P : (m, m) array
        Transitions of a step.
    K : (d, d) array
    M, inverse, q : (T, m, d, d), (T, m, d, d) and (T, m, d) arrays
        By step and regime; T is 1 where the horizon is infinite, as every step is alike then.
    b : (T + 1, m, d) or (1, m, d) array
    A : like b, (.., m, d, d)
    c : like b, (.., m)
        Without a discount and a horizon it grows without end: then what is earned from here on, in `steps` steps.
    steps : int or None
        To the horizon; None where there is none.
    """

    dt: float
    r: float
    P: Floats
    K: Floats
    M: Floats
    inverse: Floats
    q: Floats
    A: Floats
    b: Floats
    c: Floats
    steps: int | None

    def row(self, k: int) -> int:
        """Return where step k stands in the arrays."""
        return 0 if self.steps is None else min(k, len(self.M) - 1)

    def value(self, theta: Floats, z: Integers, k: int = 0) -> Floats:
        """Return V_k of positions (B, d) in regimes (B,), as (B,)."""
        at = 0 if self.steps is None else k
        A, b, c = self.A[at][z], self.b[at][z], self.c[at][z]
        return np.asarray(-0.5 * np.einsum("bi,bij,bj->b", theta, A, theta) + (b * theta).sum(1) + c)

    def target(self, theta: Floats, z: Integers, k: int) -> Floats:
        """Return the best next positions without limits (B, d)."""
        at = self.row(k)
        wanted = self.q[at][z] + theta @ self.K
        return np.asarray(np.einsum("bij,bj->bi", self.inverse[at][z], wanted))

    def loss(self, theta: Floats, y: Floats, z: Integers, k: int, l1: Floats, fixed: Floats) -> Floats:
        """Return what a step to y loses against the one without limits and linear costs, (B,), undiscounted."""
        away, moved = y - self.target(theta, z, k), np.abs(y - theta)
        curved = 0.5 * np.einsum("bi,bij,bj->b", away, self.M[self.row(k)][z], away)
        return np.asarray(curved + moved @ l1 + (moved > 0.0) @ fixed)

    def reward(self, theta: Floats, y: Floats, z: Integers, terms: ControlProblem) -> Floats:
        """Return what a step to y earns, linear and fixed costs apart, (B,)."""
        risk = np.einsum("bi,bij,bj->b", y, terms.Sigma[z], y)
        u = y - theta
        earned = (y * terms.alpha[z]).sum(1) * self.dt - 0.5 * terms.gamma * risk * self.dt
        return np.asarray(earned - 0.5 * np.einsum("bi,ij,bj->b", u, self.K, u))


def discretised(
    terms: ControlProblem, P: Floats, dt: float, steps: int | None, end: Terminal | None = None
) -> DiscreteControl:
    """Return the problem in steps of dt years.

    Parameters
    ----------
    terms : ControlProblem
    P : (m, m) array
        Transitions of a step.
    dt : float
    steps : int or None
        To the horizon; None for the value that no time changes.
    end : (A, b, c), optional
        Value at the horizon; zero by default.
    """
    r, K = float(np.exp(-terms.rho * dt)), terms.eta * terms.Lambda / dt
    if steps is None:
        A, b = _unchanging(terms, P, r, K, dt)
        M, q = _step(terms, P, r, K, dt, A, b)
        inverse = np.asarray(np.linalg.inv(M))
        gain = 0.5 * np.einsum("zi,zij,zj->z", q, inverse, q)
        c = linalg.solve(np.eye(len(P)) - r * P, gain) if terms.rho > 0.0 else np.zeros(len(P))
        return DiscreteControl(
            dt, r, P, K, M[None], inverse[None], q[None], A[None], b[None], np.asarray(c)[None], None
        )
    m, d = terms.alpha.shape
    A, b, c = np.zeros((steps + 1, m, d, d)), np.zeros((steps + 1, m, d)), np.zeros((steps + 1, m))
    M, inverse, q = np.empty((steps, m, d, d)), np.empty((steps, m, d, d)), np.empty((steps, m, d))
    if end is not None:
        A[-1], b[-1], c[-1] = end
    for k in range(steps - 1, -1, -1):
        M[k], q[k] = _step(terms, P, r, K, dt, A[k + 1], b[k + 1])
        inverse[k] = np.linalg.inv(M[k])
        c[k] = 0.5 * np.einsum("zi,zij,zj->z", q[k], inverse[k], q[k]) + r * P @ c[k + 1]
        curved = K - K @ inverse[k] @ K
        A[k], b[k] = (
            0.5 * (curved + curved.transpose(0, 2, 1)),
            np.einsum("ij,zjk,zk->zi", K, inverse[k], q[k]),
        )
    return DiscreteControl(dt, r, P, K, M, inverse, q, A, b, c, steps)


def _step(
    terms: ControlProblem, P: Floats, r: float, K: Floats, dt: float, A: Floats, b: Floats
) -> tuple[Floats, Floats]:
    M = terms.gamma * terms.Sigma * dt + r * np.einsum("zj,jab->zab", P, A) + K
    return M, terms.alpha * dt + r * P @ b


def _unchanging(terms: ControlProblem, P: Floats, r: float, K: Floats, dt: float) -> tuple[Floats, Floats]:
    r"""Return A and b that a step does not change.

    In coordinates in which K is the identity, regime z alone solves :math:`a = 1 - 1/(1 + w + p a)`, p = r P_zz, along
    the eigenvectors of what the other regimes leave, w: a closed root, and sweeps over the regimes from zero.
    """
    m, d = terms.alpha.shape
    L = linalg.cholesky(K, lower=True)
    back = linalg.solve_triangular(L, np.eye(d), lower=True)
    Q = back @ (terms.gamma * terms.Sigma * dt) @ back.T
    a = np.zeros((m, d, d))
    for _ in range(MOST_SWEEPS):
        before = a.copy()
        for z in range(m):
            others = np.tensordot(P[z], a, 1) - P[z, z] * a[z]
            w, U = np.linalg.eigh(Q[z] + r * others)
            p, half = r * P[z, z], 1.0 + w - r * P[z, z]
            root = 2.0 * w / (half + np.sqrt(half * half + 4.0 * p * w))
            a[z] = (U * root) @ U.T
        if np.abs(a - before).max() <= SETTLED * np.abs(a).max():
            break
    A = L @ a @ L.T
    M = terms.gamma * terms.Sigma * dt + r * np.einsum("zj,jab->zab", P, A) + K
    gain = K @ np.linalg.inv(M)
    system = np.eye(m * d) - np.einsum("zab,zj->zajb", gain, r * P).reshape(m * d, m * d)
    b = np.linalg.solve(system, np.einsum("zab,zb->za", gain, terms.alpha * dt).ravel())
    return A, b.reshape(m, d)
