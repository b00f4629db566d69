"""Newton's method for risk budgets, of one covariance or of a stack of small ones together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.lapack import dposv

from proofolio.arrays import Floats
from proofolio.errors import BadData, SolverFailure

__all__ = ["budgeted_weights", "risk_contributions"]


ERROR = 1e-12  # of a risk contribution
ROUNDING = 4e-16
STEPS = 60
LARGE = 150  # from so many assets on, conjugate gradients are tried before a factorisation
ALONE = 40  # from so many assets on, a stack is solved one by one: LAPACK is then busy enough


def risk_contributions(weights: ArrayLike, covariance: ArrayLike) -> Floats:
    r"""Return the share of each asset in the variance, :math:`w_i (\Sigma w)_i / w'\Sigma w`.

    Parameters
    ----------
    weights : array_like, shape (..., n)
    covariance : array_like, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n)
        Each row adds up to 1; NaN where the variance is zero.

    Examples
    --------
    >>> risk_contributions([0.5, 0.5], [[1.0, 0.0], [0.0, 4.0]])
    array([0.2, 0.8])
    """
    w = np.asarray(weights, dtype=float)
    part = w * np.matmul(np.asarray(covariance, dtype=float), w[..., None])[..., 0]
    total = part.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = part / total
    return share


def budgeted_weights(sigma: Floats, b: Floats, start: Floats | None = None) -> Floats:
    """Return what `equal_risk` does, for arrays that `read_covariance` and `read_budgets` have passed."""
    if sigma.ndim == 2:
        return _alone(sigma, b, start)
    if sigma.shape[-1] >= ALONE or sigma.shape[0] < 3:
        starts = [None] * len(b) if start is None else list(start)
        rows = [_alone(*each) for each in zip(sigma, b, starts, strict=True)]
        return np.array(rows).reshape(b.shape)
    return _together(sigma, b, start)


def _alone(sigma: Floats, b: Floats, start: Floats | None) -> Floats:
    scale = np.sqrt(sigma.diagonal())
    C = sigma / np.outer(scale, scale)
    y = np.sqrt(b) if start is None else start * scale
    variance = float(y @ C @ y)
    if not variance > 0.0:
        raise _flat()
    y = y / np.sqrt(variance)
    n, best, error = b.size, y, np.inf
    for _ in range(STEPS):
        Cy = C @ y
        rest = b - y * Cy
        now = float(np.abs(rest).max())
        if now < error:
            best, error, wasted = y, now, 0
        else:
            wasted += 1
        if error <= ROUNDING or (error <= 0.1 * ERROR and (wasted or error <= 1e-13 / n)):
            break
        p = _inexact_direction(C, b, y, rest, now) if n >= LARGE else None
        if p is None:
            H = C.copy()
            H.ravel()[:: n + 1] += b / (y * y)
            _, p, failed = dposv(H, rest / y, overwrite_a=1)
            if failed:
                raise _flat()
        y = _moved(C, b, y, Cy, p, float(rest @ (p / y)), now)
    return _checked(best / scale, sigma, b)


def _inexact_direction(C: Floats, b: Floats, y: Floats, rest: Floats, error: float) -> Floats | None:
    """Return Newton's direction by conjugate gradients, as exact as the distance asks; None where that is slow.

    A product with C costs a sixtieth of its factors at n = 500, and the diagonal, which holds the barrier's
    curvature, is a good preconditioner unless C is close to singular.
    """
    barrier = b / (y * y)
    diagonal = 1.0 + barrier  # C is a correlation
    r = rest / y
    z = r / diagonal
    p, u, size = np.zeros_like(r), z, float(r @ z)
    enough = min(0.1, error / float(b.min())) ** 2 * size
    for _ in range(b.size // 5):
        Hu = C @ u + barrier * u
        curvature = float(u @ Hu)
        if not curvature > 0.0:
            raise _flat()
        a = size / curvature
        p += a * u
        r = r - a * Hu
        z = r / diagonal
        size, before = float(r @ z), size
        if size <= enough:
            return p
        u = z + (size / before) * u
    return None


def _moved(C: Floats, b: Floats, y: Floats, Cy: Floats, p: Floats, decrement: float, error: float) -> Floats:
    """Return y after the longest of the steps 1, 1/2, ... along p that stays positive and goes down."""
    ratio = p / y
    least = float(ratio.min())
    a = 1.0 if least > -0.99 else -0.99 / least
    if error < 1e-4 and a == 1.0 and float(np.abs(ratio).max()) < 0.25:  # there Newton's steps are quadratic
        return y + p
    curvature, slope = float(p @ (C @ p)), float(p @ Cy)
    while a > 1e-12:
        change = a * slope + 0.5 * a * a * curvature - float(b @ np.log1p(a * ratio))
        if change <= -1e-4 * a * decrement:
            break
        a *= 0.5
    return y + a * p


def _together(sigma: Floats, b: Floats, start: Floats | None) -> Floats:
    """Solve a stack of small programs in one loop of array operations."""
    m, n = b.shape
    scale = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    C = sigma / (scale[:, :, None] * scale[:, None, :])
    if start is None:  # consecutive covariances are alike: the first answer is a good start for all
        start = _alone(sigma[0], b[0], None)
    y = start * scale
    variance = (y * np.matmul(C, y[..., None])[..., 0]).sum(axis=1)
    if not np.all(variance > 0.0):
        raise _flat()
    y = y / np.sqrt(variance)[:, None]
    best, error, diagonal = y, np.full(m, np.inf), np.arange(n)
    for _ in range(STEPS):
        Cy = np.matmul(C, y[..., None])[..., 0]
        rest = b - y * Cy
        now = np.abs(rest).max(axis=1)
        better = now < error
        best, error = np.where(better[:, None], y, best), np.minimum(now, error)
        if np.all((error <= ROUNDING) | ((error <= 0.1 * ERROR) & ~better)):
            break
        H = C.copy()
        H[:, diagonal, diagonal] += b / (y * y)
        try:
            p = np.linalg.solve(H, (rest / y)[..., None])[..., 0]
        except np.linalg.LinAlgError:
            raise _flat() from None
        y = _all_moved(C, b, y, Cy, p, rest)
    return _checked(best / scale, sigma, b)


def _all_moved(C: Floats, b: Floats, y: Floats, Cy: Floats, p: Floats, rest: Floats) -> Floats:
    ratio = p / y
    least = ratio.min(axis=1)
    a = np.where(least > -0.99, 1.0, -0.99 / np.minimum(least, -0.99))
    if float(np.abs(ratio).max()) < 0.25:
        return y + p
    decrement = (rest * ratio).sum(axis=1)
    curvature = (p * np.matmul(C, p[..., None])[..., 0]).sum(axis=1)
    slope = (p * Cy).sum(axis=1)
    for _ in range(40):
        change = a * slope + 0.5 * a * a * curvature - (b * np.log1p(a[:, None] * ratio)).sum(axis=1)
        up = change > -1e-4 * a * decrement
        if not up.any():
            break
        a = np.where(up, 0.5 * a, a)
    return y + a[:, None] * p


def _checked(x: Floats, sigma: Floats, b: Floats) -> Floats:
    w: Floats = x / x.sum(axis=-1, keepdims=True)
    error = np.abs(risk_contributions(w, sigma) - b).max(axis=-1, initial=0.0)
    worst = float(np.max(error, initial=0.0))
    if not worst <= ERROR:
        raise SolverFailure(
            f"the risk contributions stay {worst:.1e} from their budgets: the covariance is too close to "
            "singular, or not positive semidefinite; shrink it first (Ledoit-Wolf)"
        )
    return w


def _flat() -> BadData:
    return BadData(
        "covariance is not positive semidefinite, or a portfolio of positive weights has no risk: shrink it first "
        "(Ledoit-Wolf)"
    )
