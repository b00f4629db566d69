r"""The coupled Riccati equations of all regimes as one matrix each, of positions, factors and the constant.

With :math:`\xi = (\theta, x, 1)` the value is :math:`V_i = -\tfrac12 \xi'Q_i\xi`, so that Q holds A, -C, -H, -b, -h and
-2c, and in coordinates in which :math:`\Lambda = I`

.. math::
    \dot Q_i = R_i - Q_i E Q_i / \eta + F_i'Q_i + Q_i F_i - \rho Q_i + \sum_j G_{ij} Q_j + N_i(Q_i)

with E the projection on the positions, R the running reward, F what moves without trading, and N what noise adds:
:math:`\Sigma \circ A` where positions move with prices, :math:`tr(S H)` in the corner where factors do.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_continuous_are, solve_triangular

from proofolio.arrays import Floats
from proofolio.models.control.problem import ControlProblem

__all__ = ["Equations"]


class Equations:
    """The equations of a problem in coordinates in which the quadratic cost is the identity.

    Attributes
    ----------
    m, d, k : int
        Regimes, positions, factors.
    G : ndarray, shape (m, m)
    eta, rho : float
    R, F : ndarray, shape (m, n, n) with n = d + k + 1
    """

    def __init__(
        self, G: Floats, eta: float, rho: float, gamma_Sigma: Floats, alpha: Floats, k: int = 0
    ) -> None:
        self.m, self.d = alpha.shape
        self.k = k
        self.G, self.eta, self.rho = G, eta, rho
        n = self.d + k + 1
        self.R = np.zeros((self.m, n, n))
        self.R[:, : self.d, : self.d] = gamma_Sigma
        self.R[:, : self.d, -1] = self.R[:, -1, : self.d] = -alpha
        self.F = np.zeros((self.m, n, n))
        self.moving = False  # whether F is more than zero
        self.S: Floats | None = None  # noise of the factors
        self.drift: tuple[Floats, Floats] | None = None  # L, its inverse
        self.Sigma: Floats | None = None  # where positions move with prices
        self.coupling = G - rho * np.eye(self.m)
        self._others = G - np.diag(np.diag(G))

    @classmethod
    def of(cls, problem: ControlProblem) -> tuple[Equations, Floats]:
        """Return the equations and L, the root of the quadratic cost, (d, d)."""
        p = problem
        if p.Lambda_diagonal is not None:
            root = np.sqrt(p.Lambda_diagonal)
            L, inverse = np.diag(root), np.diag(1.0 / root)
            Sigma = p.Sigma / np.outer(root, root)
            alpha = p.alpha / root
        else:
            L = np.linalg.cholesky(p.Lambda)
            inverse = solve_triangular(L, np.eye(p.d), lower=True)
            Sigma = inverse @ p.Sigma @ inverse.T
            alpha = p.alpha @ inverse.T
        f = p.factors
        k = 0 if f is None else f.Phi.shape[-1]
        e = cls(p.chain.generator, p.eta, p.rho, p.gamma * (Sigma + Sigma.swapaxes(1, 2)) / 2, alpha, k)
        if f is not None:
            x = slice(p.d, p.d + k)
            B = inverse @ f.B
            e.R[:, : p.d, x], e.R[:, x, : p.d] = -B, -B.swapaxes(1, 2)
            e.F[:, x, x] = -f.Phi
            e.F[:, x, -1] = (f.Phi @ f.mean[..., None])[..., 0]
            e.S, e.moving = f.S, True
        if p.drift:
            for i in range(p.m):
                e.F[i, : p.d, : p.d] = L.T @ (p.alpha[i][:, None] * inverse.T)
            e.drift, e.Sigma, e.moving = (L, inverse), p.Sigma, True
        return e, L

    def change(self, Q: Floats) -> Floats:
        """Return the right-hand side, (m, n, n)."""
        d = self.d
        found = np.empty_like(Q)
        self.linear(Q, out=found)
        found += self.R
        found -= (Q[:, :, :d] / self.eta) @ Q[:, :d, :]
        return found

    def linear(self, Q: Floats, out: Floats) -> None:
        """Write what is linear in Q (m, n, n) of the right-hand side to `out`."""
        d, m = self.d, self.m
        np.matmul(self.coupling, Q.reshape(m, -1), out=out.reshape(m, -1))
        if self.moving:
            moved = Q @ self.F
            out += moved
            out += moved.swapaxes(1, 2)
        if self.Sigma is not None:
            out[:, :d, :d] += self._shaken(Q[:, :d, :d])
        if self.S is not None:
            x = slice(d, d + self.k)
            out[:, -1, -1] += (self.S * Q[:, x, x]).sum(axis=(1, 2))

    def _shaken(self, A: Floats, i: int | None = None) -> Floats:
        """Return what moving with prices adds to A: entrywise, in the coordinates of the positions."""
        assert self.drift is not None
        assert self.Sigma is not None
        L, inverse = self.drift
        Sigma = self.Sigma if i is None else self.Sigma[i]
        return np.asarray(inverse @ (Sigma * (L @ A @ L.T)) @ inverse.T)

    def root(self, i: int, A: Floats) -> Floats:
        """Return the root of regime i's equation, (d, d), with the other regimes' A as they are."""
        d, eta = self.d, self.eta
        r = self.rho - self.G[i, i]
        right = (self._others[i] @ A.reshape(self.m, d * d)).reshape(d, d) + self.R[i, :d, :d]
        if self.Sigma is None:
            h = eta * r / 2.0
            w, U = (right[0], np.ones((1, 1))) if d == 1 else np.linalg.eigh(right)
            w = eta * np.maximum(w, 0.0)
            return np.asarray((U * (w / (np.sqrt(w + h * h) + h))) @ U.T)
        right = right + self._shaken(A[i], i)
        own = self.F[i, :d, :d] - r / 2.0 * np.eye(d)
        found = solve_continuous_are(own, np.eye(d) / np.sqrt(eta), right, np.eye(d))
        return np.asarray((found + found.T) / 2.0)

    def constant_source(self, Q: Floats) -> Floats:
        """Return what drives the corners, (m,), apart from themselves."""
        corner = Q.copy()
        corner[:, -1, -1] = 0.0
        return self.change(corner)[:, -1, -1]
