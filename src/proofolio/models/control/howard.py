r"""Howard's policy iteration on a grid, with differences against the wind of the trades.

The value is :math:`V^0 + W`, with :math:`V^0` a quadratic whose gradient is exact: the value without limits and linear
costs (lifted), or 0 (plain). A policy u is held while W solves a linear system with an M-matrix,

.. math::
    (\rho + 1/\Delta) W - G W - \sum_k u_k D_k^u W = source(u) + W_{next}/\Delta,

and then u is made best for W: along every axis the better of buying, by the step up less the linear cost, selling, by
the step down plus it, and nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, gmres, splu

from proofolio.arrays import Floats, Integers
from proofolio.errors import SolverFailure
from proofolio.models.control.grids import RESTART, Grid

__all__ = ["Lift", "PolicyIteration"]


LINEAR = 1e-9  # of the right-hand side: a linear solve is so exact
SMALLEST = 1e-6  # of the whole value: changes of a W below this are measured against it
CYCLES = 40  # of GMRES, of RESTART steps each


@dataclass(frozen=True, eq=False)
class Lift:
    """The quadratic that is taken out of the value, at one time.

    Attributes
    ----------
    A, b, c : ndarray, shapes (m, d, d), (m, d), (m,)
    exact : bool
        Whether it solves the problem without limits and linear costs; else it is 0.
    """

    A: Floats
    b: Floats
    c: Floats
    exact: bool


class PolicyIteration:
    """Policy iteration for one problem on one grid.

    Parameters
    ----------
    grid : Grid
    G : ndarray, shape (m, m)
    cost : ndarray, shape (d,)
        eta times the diagonal of Lambda.
    l1 : ndarray, shape (d,)
    discount : float
        rho, plus 1/dt for a step of a finite horizon.
    running : ndarray, shape (m, N...)
        Reward a year of holding the positions of each node; read where nothing is lifted.
    order : ndarray of int, shape (m, N)
        Nodes of each regime, best first: trades go up in value, so that a node depends on earlier ones and the
        lower triangle is nearly the whole matrix.
    """

    def __init__(
        self,
        grid: Grid,
        G: Floats,
        cost: Floats,
        l1: Floats,
        discount: float,
        running: Floats,
        order: Integers,
    ) -> None:
        self.grid, self.G, self.cost, self.l1, self.discount = grid, G, cost, l1, discount
        self.running, self.order = running, order
        m, N = len(G), grid.N
        self.m = m
        kind = (
            np.int32 if m * N < 2**31 else np.int64
        )  # columns of the matrix are the larger half of its memory
        self._rank = np.empty((m, N), dtype=kind)
        for i in range(m):
            self._rank[i, order[i]] = np.arange(i * N, (i + 1) * N)
        self._strides = [int(np.prod(grid.shape[k + 1 :])) for k in range(grid.d)]
        self._columns = self._fixed_columns()

    def _fixed_columns(self) -> Integers:
        """Return the columns of the diagonal and of the other regimes, (mN, m), rows in flow order."""
        m, N = self.m, self.grid.N
        columns = np.empty((m * N, m), dtype=self._rank.dtype)
        for i in range(m):
            rows = slice(i * N, (i + 1) * N)
            columns[rows, 0] = self._rank[i, self.order[i]]
            for place, j in enumerate([j for j in range(m) if j != i], start=1):
                columns[rows, place] = self._rank[j, self.order[i]]
        return columns

    def improved(self, W: Floats, lift: Lift) -> Floats:
        """Return the best rates for W (m, N...), as (m, d, N...)."""
        grid = self.grid
        U = np.empty((self.m, grid.d, *grid.shape))
        for i in range(self.m):
            for k in range(grid.d):
                exact = grid.slope(lift.A[i], lift.b[i], k) if lift.exact else 0.0
                up, down = grid.spacing(k)
                blocked_up, blocked_down = grid.blocked(k)
                difference = np.diff(W[i], axis=k)
                pad = [(0, 0)] * grid.d
                pad[k] = (0, 1)
                rise = np.pad(difference, pad) / up + exact
                pad[k] = (1, 0)
                fall = np.pad(difference, pad) / down + exact
                if not lift.exact:  # nothing is known beyond the grid
                    blocked_up, blocked_down = np.isinf(up), np.isinf(down)
                buy = np.where(blocked_up, 0.0, np.maximum(rise - self.l1[k], 0.0))
                sell = np.where(blocked_down, 0.0, np.minimum(fall + self.l1[k], 0.0))
                U[i, k] = np.where(buy >= -sell, buy, sell) / self.cost[k]
        return U

    def source(self, U: Floats, lift: Lift) -> Floats:
        """Return what the policy earns beside the lift, (m, N...)."""
        grid = self.grid
        found = np.zeros((self.m, *grid.shape)) if lift.exact else self.running.copy()
        for i in range(self.m):
            for k in range(grid.d):
                u = U[i, k]
                found[i] -= self.l1[k] * np.abs(u) + self.cost[k] / 2.0 * u * u
                if lift.exact:
                    slope = grid.slope(lift.A[i], lift.b[i], k)
                    found[i] += slope * (u - slope / (2.0 * self.cost[k]))
        return found

    def evaluated(self, U: Floats, right: Floats, start: Floats) -> Floats:
        """Return W (m, N...) of a policy, from the right-hand side and a first guess."""
        m, N, grid = self.m, self.grid.N, self.grid
        width = m + grid.d
        data = np.empty((m * N, width))
        columns = np.empty((m * N, width), dtype=self._rank.dtype)
        columns[:, :m] = self._columns
        for i in range(m):
            rows, nodes = slice(i * N, (i + 1) * N), self.order[i]
            data[rows, 0] = self.discount - self.G[i, i]
            for place, j in enumerate([j for j in range(m) if j != i], start=1):
                data[rows, place] = -self.G[i, j]
            for k in range(grid.d):
                u = U[i, k]
                up, down = grid.spacing(k)
                # at an end that may be crossed the step is infinite, and W does not change beyond it
                speed = np.where(u > 0, u / up, -u / down).ravel()[nodes]
                ahead = np.where(u > 0, self._strides[k], -self._strides[k]).ravel()[nodes]
                ahead = np.where(speed > 0, ahead, 0)
                data[rows, 0] += speed
                data[rows, m + k] = -speed
                columns[rows, m + k] = self._rank[i, nodes + ahead]
        matrix = sparse.csr_array(
            (data.ravel(), columns.ravel(), np.arange(m * N + 1, dtype=columns.dtype) * width),
            shape=(m * N, m * N),
        )
        below = columns <= np.arange(m * N, dtype=columns.dtype)[:, None]
        below[:, 1:] &= data[:, 1:] != 0
        counts = np.append(0, np.cumsum(below.sum(axis=1))).astype(columns.dtype)
        triangle = sparse.csr_array((data[below], columns[below], counts), shape=(m * N, m * N)).tocsc()
        del data, columns, below
        return self._solved(matrix, triangle, right, start)

    def _solved(
        self, matrix: sparse.csr_array, triangle: sparse.csc_array, right: Floats, start: Floats
    ) -> Floats:
        m, N = self.m, self.grid.N
        r, x = np.empty(m * N), np.empty(m * N)
        for i in range(m):
            r[i * N : (i + 1) * N] = right[i].ravel()[self.order[i]]
            x[i * N : (i + 1) * N] = start[i].ravel()[self.order[i]]
        if not r.any():
            return np.zeros_like(start)
        factor = splu(triangle, permc_spec="NATURAL", diag_pivot_thresh=0.0)
        solved, failed = gmres(
            matrix, r, x0=x, rtol=LINEAR, atol=0.0, restart=RESTART, maxiter=CYCLES,
            M=LinearOperator(matrix.shape, factor.solve),
        )  # fmt: skip
        if failed:
            raise SolverFailure(
                f"GMRES did not solve a step of policy iteration in {CYCLES * RESTART} steps: use a coarser grid"
            )
        found = np.empty((m, N))
        for i in range(m):
            found[i, self.order[i]] = solved[i * N : (i + 1) * N]
        return found.reshape(start.shape)

    def _spread(self, lift: Lift) -> float:
        """Return the range of the lifted value over the grid's corners and middle, roughly."""
        if not lift.exact:
            return 0.0
        reach = np.array([max(abs(axis[0]), abs(axis[-1])) for axis in self.grid.axes])
        return float((np.abs(lift.b) @ reach + np.abs(lift.A) @ reach @ reach / 2.0).max())

    def run(
        self, W: Floats, lift: Lift, tol: float, max_iter: int, extra: Floats | None = None
    ) -> tuple[Floats, Floats, list[float], bool]:
        """Return W, the policy, the changes of W relative to its size, and whether the last is within `tol`.

        Parameters
        ----------
        W : ndarray, shape (m, N...)
            First guess.
        extra : ndarray, shape (m, N...), optional
            Added to the right-hand side: what a step of a finite horizon brings along.
        """
        history: list[float] = []
        least = SMALLEST * self._spread(lift)
        U = self.improved(W, lift)
        for _ in range(max_iter):
            right = self.source(U, lift)
            if extra is not None:
                right += extra
            found = self.evaluated(U, right, W)
            size = max(float(np.abs(found).max()), least)
            change = float(np.abs(found - W).max())
            W = found
            history.append(change / size if size > 0 else 0.0)
            better = self.improved(W, lift)
            same = np.array_equal(better, U)
            U = better
            if history[-1] <= tol or same:
                return W, U, history, True
        return W, U, history, False
