r"""The quadratic value of an infinite horizon: coupled algebraic Riccati equations, regime by regime.

With :math:`\Lambda = I` each regime's equation is :math:`A^2 + \eta r A = \eta Q`, where :math:`r = \rho - G_{ii}` and
:math:`Q = \gamma\Sigma_i + \sum_{j \ne i} G_{ij} A_j`; its root has the eigenvectors of Q. The regimes are swept until
nothing moves; what is linear given A is solved at once.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_sylvester

from proofolio.arrays import Floats
from proofolio.errors import SolverFailure
from proofolio.models.control.equations import Equations

__all__ = ["stationary"]


STOPPED = 1e-12  # of the largest entry: at 1e-14 rounding never lets go of 500 assets
SWEEPS = 20_000
LINEAR_STOPPED = 1e-14  # of the largest entry, for equations that are linear
# Sweeps of the last differences that are combined to jump ahead (Anderson); regimes that switch far faster than
# positions move would take thousands of plain ones.
MEMORY = 4
PLAIN = 12  # sweeps before that is tried
DIRECT = 1000  # linear unknowns up to which they are solved at once, and not by sweeps


def stationary(equations: Equations) -> tuple[Floats, int]:
    """Return the value matrices Q (m, n, n) at which nothing changes, and the sweeps it took.

    The constant is NaN where the discount is 0: then it grows without end.

    Raises
    ------
    SolverFailure
        Where the sweeps do not settle.
    """
    e = equations
    d, k, m = e.d, e.k, e.m
    A, sweeps = _matrices(e)
    Q = np.zeros((m, d + k + 1, d + k + 1))
    Q[:, :d, :d] = A
    if k:
        _factor_blocks(e, Q)
    _linear_block(e, Q)
    _constants(e, Q)
    return Q, sweeps


def _matrices(e: Equations) -> tuple[Floats, int]:
    """Return A (m, d, d) by sweeps over the regimes."""
    m, d = e.m, e.d
    A = np.zeros((m, d, d))
    seen: list[tuple[Floats, Floats]] = []
    for sweep in range(1, SWEEPS + 1):
        before = A.copy()
        for i in range(m):
            A[i] = e.root(i, A)
        change, size = np.abs(A - before).max(), np.abs(A).max()
        if not np.isfinite(size):
            break
        if change <= STOPPED * size:
            return A, sweep
        if sweep >= PLAIN and m > 1:
            seen = [*seen[-MEMORY:], (before, A.copy())]
            A = _jumped(seen, A)
    raise SolverFailure(
        f"the Riccati equations of the regimes did not settle in {SWEEPS} sweeps: regimes that switch this fast "
        "against the speed of trading are better joined into one"
    )


def _jumped(seen: list[tuple[Floats, Floats]], A: Floats) -> Floats:
    """Return Anderson's combination of the last sweeps, or the last one where it is not positive semidefinite."""
    if len(seen) < 2:
        return A
    moves = np.stack([(after - before).ravel() for before, after in seen])
    differences = np.diff(moves, axis=0)
    gram = differences @ differences.T
    gram[np.diag_indices_from(gram)] *= 1.0 + 1e-12
    try:
        weights = np.linalg.solve(gram, differences @ moves[-1])
    except np.linalg.LinAlgError:
        return A
    afters = np.stack([after.ravel() for _, after in seen])
    found = np.asarray((afters[-1] - weights @ np.diff(afters, axis=0)).reshape(A.shape))
    if not np.all(np.isfinite(found)):
        return A
    least = np.linalg.eigvalsh(found)[:, 0].min()
    return A if least < 0 else found


def _factor_blocks(e: Equations, Q: Floats) -> None:
    """Fill in C and H, the blocks of positions with factors and of factors."""
    d, k, eta = e.d, e.k, e.eta
    x = slice(d, d + k)
    Phi = -e.F[:, x, x]
    # In Q the signs are those of -V: the block is -C.
    rate = e.rho - np.diag(e.G)
    left = Q[:, :d, :d] / eta - e.F[:, :d, :d].swapaxes(1, 2) + rate[:, None, None] * np.eye(d)
    C = _coupled_sylvester(left, Phi, e.R[:, :d, x], e.G)
    Q[:, :d, x] = C
    Q[:, x, :d] = C.swapaxes(1, 2)
    if e.rho == 0 and not Phi.any():  # factors that never fade earn without end
        Q[:, x, x] = np.nan
        return
    half = Phi + (rate / 2.0)[:, None, None] * np.eye(k)
    if not _fade(half, e):
        raise SolverFailure(
            "the factors grow faster than rho discounts them, so the value of an infinite horizon is infinite: check "
            "the sign of Phi, or give a horizon"
        )
    H = _coupled_sylvester(half.swapaxes(1, 2), half, e.R[:, x, x] - C.swapaxes(1, 2) @ C / eta, e.G)
    Q[:, x, x] = (H + H.swapaxes(1, 2)) / 2.0


def _fade(half: Floats, e: Equations) -> bool:
    """Return whether discounted squares of the factors die out, with half = Phi + (rho - G_ii) / 2."""
    own = half + (np.diag(e.G) / 2.0)[:, None, None] * np.eye(half.shape[-1])  # Phi + rho / 2
    if np.linalg.eigvalsh((own + own.swapaxes(1, 2)) / 2.0).min() > 0.0:
        return True
    if half.size * half.shape[-1] > DIRECT:  # what grows does not settle in the sweeps
        return True
    system = _coupled_system(half.swapaxes(1, 2), half, e.G)
    return bool(np.linalg.eigvals(system).real.min() > 0.0)


def _coupled_system(left: Floats, right: Floats, G: Floats) -> Floats:
    """Return the matrix of ``left_i X_i + X_i right_i - sum over j != i of G_ij X_j``, (m p q, m p q)."""
    m, p, q = len(G), left.shape[-1], right.shape[-1]
    system = np.zeros((m, p * q, m, p * q))
    for i in range(m):
        for j in range(m):
            if i == j:
                system[i, :, i, :] = np.kron(left[i], np.eye(q)) + np.kron(np.eye(p), right[i].T)
            else:
                system[i, :, j, :] = -G[i, j] * np.eye(p * q)
    return system.reshape(m * p * q, m * p * q)


def _coupled_sylvester(left: Floats, right: Floats, given: Floats, G: Floats) -> Floats:
    """Return X (m, p, q) with left_i X_i + X_i right_i - sum over j != i of G_ij X_j = given_i."""
    m, p, q = given.shape
    if m * p * q <= DIRECT:
        solved = np.linalg.solve(_coupled_system(left, right, G), given.ravel())
        return np.asarray(solved.reshape(given.shape))
    found = np.zeros_like(given)
    for _ in range(SWEEPS):
        before = found.copy()
        for i in range(m):
            others = np.tensordot(G[i], found, axes=1) - G[i, i] * found[i]
            found[i] = solve_sylvester(left[i], right[i], given[i] + others)
        if np.abs(found - before).max() <= LINEAR_STOPPED * max(float(np.abs(found).max()), 1e-300):
            return found
    raise SolverFailure("the equations of the factors did not settle: some factor hardly fades against rho")


def _linear_block(e: Equations, Q: Floats) -> None:
    """Fill in the columns of the constant: -b of the positions and -h of the factors."""
    n, d, m = e.d + e.k, e.d, e.m
    if np.isnan(Q[:, :n, :n]).any():  # factors that never fade have no h, and add nothing to b
        Q[:, d:n, -1] = Q[:, -1, d:n] = np.nan
        n = d
    system = np.zeros((m, n, m, n))
    right = np.empty((m, n))
    for i in range(m):
        own = -e.F[i, :n, :n].T + e.rho * np.eye(n)
        own[:, :d] += Q[i, :n, :d] / e.eta
        system[i, :, i, :] = own
        right[i] = e.R[i, :n, -1] + Q[i, :n, :n] @ e.F[i, :n, -1]
        for j in range(m):
            system[i, :, j, :] -= e.G[i, j] * np.eye(n)
    found = np.linalg.solve(system.reshape(m * n, m * n), right.ravel()).reshape(m, n)
    Q[:, :n, -1] = Q[:, -1, :n] = found


def _constants(e: Equations, Q: Floats) -> None:
    """Fill in the corner, -2c; NaN without a discount."""
    if e.rho == 0:
        Q[:, -1, -1] = np.nan
        return
    Q[:, -1, -1] = np.linalg.solve(e.rho * np.eye(e.m) - e.G, e.constant_source(Q))
