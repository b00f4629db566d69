r"""Equal risk contributions (ERC), and risk budgets in general, of one covariance or of a stack of them.

The weights whose risk contributions :math:`c_i(w) = w_i (\Sigma w)_i / w'\Sigma w` are the budgets b are those of

.. math:: \min_{x > 0}\ \tfrac12 x'\Sigma x - \sum_i b_i \log x_i, \qquad w = x / \textstyle\sum_i x_i,

which is strictly convex, so that there is one answer and no start to choose (Maillard, Roncalli & Teiletche,
"The Properties of Equally Weighted Risk Contribution Portfolios", 2010; Spinu, "An Algorithm for Computing Risk
Parity Weights", 2013).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.lapack import dposv, dpotrf

from proofolio.arrays import Floats
from proofolio.compiled import active
from proofolio.errors import BadData, Imprecise, SolverFailure, UnsupportedProgram
from proofolio.models.arguments import finite
from proofolio.models.portfolio.budget_kernels import (
    ERROR,
    INDEFINITE,
    ROUNDING,
    SMALL,
    STEPS,
    SYMMETRIC,
    budgets_kernel,
)

__all__ = [
    "EqualRisk",
    "budgeted_weights",
    "compiled_weights",
    "definite",
    "doubles",
    "equal_risk",
    "read_budgets",
    "read_covariance",
    "risk_contributions",
]


UNIT = 2.0**-53  # rounding of one operation
COARSE = 1e-2  # of the smallest budget: contributions further from their budgets are no answer
# Where two ways take the same time, measured by `python -m benchmarks step_sizes`.
LARGE = 150  # from so many assets on, conjugate gradients are tried before a factorisation
EMPTY = np.empty((0, 0))
DOUBLE = np.dtype(float)
ALONE = 40  # from so many assets on, a stack is solved one by one: LAPACK is then busy enough


def equal_risk(
    covariance: ArrayLike, budgets: ArrayLike | None = None, start: ArrayLike | None = None
) -> Floats:
    r"""Return the weights whose risk contributions are the budgets.

    Parameters
    ----------
    covariance : array_like, shape (n, n) or (m, n, n)
        Symmetric positive semidefinite, without a riskless portfolio of positive weights.
    budgets : array_like, shape (n,) or (m, n), optional
        Positive; they are scaled to add up to 1. Equal when left out.
    start : array_like, shape (n,) or (m, n), optional
        Positive weights to begin at. They change the time it takes, not the answer.

    Returns
    -------
    ndarray, shape (n,) or (m, n)
        Positive, adding up to 1; every risk contribution is within 1e-12 of its budget, or, of a covariance so close
        to singular that rounding hides that, as near as double precision can tell.

    Warns
    -----
    Imprecise
        In the latter case, with the error that the contributions have at most.

    Raises
    ------
    BadData
        For arrays of other shapes, NaN, a zero variance, budgets that are not positive, and a covariance that
        is not positive semidefinite or has a riskless portfolio.
    SolverFailure
        When rounding leaves nothing of the answer: contributions more than a hundredth of the smallest budget away.

    Notes
    -----
    Newton's method on standardised assets, with a line search. The error is recomputed from the covariance as
    given.

    Examples
    --------
    >>> equal_risk([[1.0, 0.0], [0.0, 4.0]]).round(6)
    array([0.666667, 0.333333])
    """
    if active() and budgets is None and start is None:
        found = compiled_weights(covariance)
        if found is not None:
            return found
    sigma = read_covariance(covariance)
    b = read_budgets(budgets, sigma.shape[-1])
    first = None if start is None else _start(start, sigma.shape[:-1])
    if sigma.ndim == 2 and b.ndim != 1:
        raise BadData(f"budgets have shape {b.shape}; one covariance takes ({sigma.shape[-1]},)")
    if b.ndim == 2 and b.shape != sigma.shape[:-1]:
        raise BadData(
            f"budgets have shape {b.shape}; they must be {sigma.shape[:-1]}, or ({sigma.shape[-1]},)"
        )
    budgets_of = np.broadcast_to(b, sigma.shape[:-1])
    w = budgeted_weights(sigma, budgets_of, first)
    error, known = _error(w, sigma, budgets_of)
    if error > ERROR:
        warnings.warn(
            f"the covariance is so close to singular that the risk contributions are only known to lie within "
            f"{error + known:.1e} of their budgets",
            Imprecise,
            stacklevel=2,
        )
    return w


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


def read_covariance(covariance: ArrayLike) -> Floats:
    """Return a covariance (n, n) or a stack of them: symmetric, positive variances, no negative eigenvalue.

    Raises
    ------
    BadData
        Naming what is wrong.
    """
    sigma = finite("covariance", covariance)
    if sigma.ndim not in (2, 3) or sigma.shape[-1] != sigma.shape[-2] or not sigma.shape[-1]:
        raise BadData(f"covariance has shape {sigma.shape}; it must be (n, n), or (m, n, n) for m of them")
    if np.abs(sigma - sigma.swapaxes(-1, -2)).max(initial=0.0) > SYMMETRIC * np.abs(sigma).max(initial=0.0):
        raise BadData("covariance is not symmetric")
    variances = np.diagonal(sigma, axis1=-2, axis2=-1)
    if variances.size and not variances.min() > 0.0:
        asset = int(np.argwhere(~(variances > 0.0))[0][-1])
        raise BadData(f"asset {asset} has no variance, so no weight of it carries risk: leave it out")
    _refuse_indefinite(sigma, variances)
    return sigma


def _refuse_indefinite(sigma: Floats, variances: Floats) -> None:
    """Raise BadData where some portfolio, short positions allowed, has a negative variance beyond rounding."""
    n, scale = sigma.shape[-1], np.sqrt(variances)
    C = sigma / (scale[..., :, None] * scale[..., None, :])
    C[..., np.arange(n), np.arange(n)] += INDEFINITE * n
    try:
        np.linalg.cholesky(C)
    except np.linalg.LinAlgError:
        lowest = float(np.linalg.eigvalsh(C)[..., 0].min()) - INDEFINITE * n
        if lowest < -INDEFINITE * n:
            raise BadData(
                f"covariance is not positive semidefinite: its correlations have the eigenvalue {lowest:.2g}; "
                "use returns of the same days for all assets, or shrink it first (Ledoit-Wolf)"
            ) from None


def read_budgets(budgets: ArrayLike | None, n: int) -> Floats:
    """Return positive budgets (n,) or (m, n), each row scaled to add up to 1.

    Raises
    ------
    BadData
        Naming what is wrong.
    """
    if budgets is None:
        return np.full(n, 1.0 / n)
    b = finite("budgets", budgets)
    if b.ndim not in (1, 2) or b.shape[-1] != n:
        raise BadData(f"budgets have shape {b.shape}; they must be ({n},), or (m, {n}) for m covariances")
    if not np.all(b > 0.0):
        raise BadData(f"budgets hold {b.min():.6g}; every asset needs a positive one (leave out the others)")
    scaled: Floats = b / b.sum(axis=-1, keepdims=True)
    return scaled


def _start(start: ArrayLike, shape: tuple[int, ...]) -> Floats:
    x = finite("start", start)
    if x.ndim not in (1, len(shape)) or x.shape[-1] != shape[-1]:
        raise BadData(f"start has shape {x.shape}; it must be {shape}")
    if not np.all(x > 0.0):
        raise BadData(f"start holds {x.min():.6g}; no step raises a weight of zero: begin at positive ones")
    return np.broadcast_to(x, shape)


class EqualRisk:
    r"""The convex program of ERC and risk budgets, declared once: solve it, or take it to CVXPY or Pyomo.

    Parameters
    ----------
    covariance : array_like, shape (n, n)
    budgets : array_like, shape (n,), optional

    Raises
    ------
    BadData
        As for `equal_risk`.

    Examples
    --------
    >>> program = EqualRisk([[1.0, 0.0], [0.0, 4.0]], [0.2, 0.8])
    >>> program.solve().round(6)
    array([0.5, 0.5])
    """

    def __init__(self, covariance: ArrayLike, budgets: ArrayLike | None = None) -> None:
        sigma = read_covariance(covariance)
        if sigma.ndim != 2:
            raise BadData(
                f"covariance has shape {sigma.shape}; EqualRisk declares one program: it must be (n, n)"
            )
        b = read_budgets(budgets, sigma.shape[0])
        if b.ndim != 1:
            raise BadData(f"budgets have shape {b.shape}; they must be ({sigma.shape[0]},)")
        self.covariance = sigma
        self.budgets = b

    def solve(self) -> Floats:
        """Return the weights, shape (n,)."""
        return equal_risk(self.covariance, self.budgets)

    def to_cvxpy(self) -> Any:
        r"""Return the CVXPY problem in ``x`` (n,) > 0, whose weights are ``x / sum(x)``.

        Its Parameters are ``root`` (n, n), any F with :math:`FF' = \Sigma`, and ``budgets`` (n,): with them
        the problem is DPP, so a new covariance does not compile it again.
        """
        import cvxpy  # heavy: opened only when used

        cp: Any = cvxpy  # its annotations cover a part of what it exports
        n = self.budgets.size
        x = cp.Variable(n, name="x")
        root, budgets = cp.Parameter((n, n), name="root"), cp.Parameter(n, name="budgets", nonneg=True)
        values, vectors = np.linalg.eigh(self.covariance)
        root.value, budgets.value = vectors * np.sqrt(np.maximum(values, 0.0)), self.budgets
        return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ x) - budgets @ cp.log(x)))

    def to_pyomo(self) -> Any:
        """Return the Pyomo model in ``x[i]`` > 0, for a nonlinear solver; weights are ``x[i] / sum(x)``."""
        import pyomo.environ as pyo  # heavy: opened only when used

        n = self.budgets.size
        scale = np.sqrt(self.covariance.diagonal())
        model = pyo.ConcreteModel()
        assets = pyo.RangeSet(0, n - 1)
        model.covariance = pyo.Param(
            assets, assets, mutable=True, initialize=lambda _, i, j: float(self.covariance[i, j])
        )
        model.budgets = pyo.Param(assets, mutable=True, initialize=lambda _, i: float(self.budgets[i]))
        model.x = pyo.Var(
            assets, bounds=(1e-12, None), initialize=lambda _, i: float(np.sqrt(self.budgets[i]) / scale[i])
        )
        model.cost = pyo.Objective(
            expr=0.5
            * sum(model.covariance[i, j] * model.x[i] * model.x[j] for i in range(n) for j in range(n))
            - sum(model.budgets[i] * pyo.log(model.x[i]) for i in range(n))
        )
        return model

    def to_program(self) -> Any:
        """Refuse: a Program has no logarithm.

        Raises
        ------
        UnsupportedProgram
            Always.
        """
        raise UnsupportedProgram(
            "a Program cannot express the logarithm of risk budgeting: use to_cvxpy(), to_pyomo() or solve()"
        )


# ------------------------------------------------------------------ Newton's method, for one covariance or a stack
def budgeted_weights(sigma: Floats, b: Floats, start: Floats | None = None) -> Floats:
    """Return what `equal_risk` does, for arrays that `read_covariance` and `read_budgets` have passed."""
    if active():
        found = compiled_weights(sigma, b, start, known=True)
        if found is not None:
            return found
    return weights_by_numpy(sigma, b, start)


def compiled_weights(
    covariance: ArrayLike, b: Floats = EMPTY, start: Floats | None = None, *, known: bool = False
) -> Floats | None:
    """Return the weights by machine code, or None where anything about the covariance, or the answer, is not plain.

    Parameters
    ----------
    covariance : array_like, shape (n, n) or (m, n, n)
    b : ndarray, shape (n,) or (m, n), optional
        As `read_budgets` returns them, one row for each covariance; equal when left out.
    start : ndarray, shape (n,) or (m, n), optional
    known : bool
        Whether `read_covariance` has passed the covariance.
    """
    sigma = doubles(covariance)
    if sigma is None or sigma.ndim not in (2, 3) or not sigma.size:
        return None
    alone = sigma.ndim == 2
    if alone:
        sigma = sigma[None]
    m, rows, n = sigma.shape
    if rows != n:
        return None
    judged = True if known else definite(sigma)
    if judged is None:
        return None
    budgets = b if b is EMPTY else laid_out(b.reshape(-1, n))
    first = EMPTY if start is None else laid_out(start.reshape(-1, n))
    w = np.empty((m, n))
    try:
        if not budgets_kernel(sigma, budgets, first, judged, w):
            return None
    except np.linalg.LinAlgError:
        return None
    return w[0] if alone else w


def laid_out(given: Floats) -> Floats:
    """Return doubles as they lie in C: machine code is made for one layout of memory."""
    found = given if given.dtype is DOUBLE else given.astype(float, order="C")
    return found if found.flags.carray else found.copy()


def doubles(given: ArrayLike) -> Floats | None:
    """Return numbers so laid out; None for what is no numbers."""
    array = given if type(given) is np.ndarray else np.asarray(given)
    return laid_out(array) if array.dtype.kind in "fiu" else None


def definite(sigma: Floats) -> bool | None:
    """Return whether covariances (m, n, n) are known to be semidefinite; None where one is not.

    Where they are small it is not known: the kernel looks itself.
    """
    if sigma.shape[-1] < SMALL:
        return False
    return True if all(_definite(each) for each in sigma) else None


def _definite(sigma: Floats) -> bool:
    """Return whether LAPACK finds no portfolio of negative variance beyond rounding; it reads one triangle."""
    F = sigma.copy()
    F.ravel()[:: len(F) + 1] *= 1.0 + INDEFINITE * len(F)
    return bool(dpotrf(F.T, clean=0, overwrite_a=1)[1] == 0)


def weights_by_numpy(sigma: Floats, b: Floats, start: Floats | None = None) -> Floats:
    """Return what `budgeted_weights` does by numpy and LAPACK, the reference of the machine code."""
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
        if error <= ROUNDING or (error <= 0.1 * ERROR and (wasted or error <= 0.01 * ERROR)):
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
    """Return Newton's direction by conjugate gradients, as exact as it is worth; None where that is slow.

    A product with C costs a sixtieth of its factors at n = 500, and the diagonal, which holds the barrier's
    curvature, is a good preconditioner unless C is close to singular.
    """
    barrier = b / (y * y)
    diagonal = 1.0 + barrier  # C is a correlation
    r = rest / y
    z = r / diagonal
    p, u, size = np.zeros_like(r), z, float(r @ z)
    enough = max(min(0.1, error / float(b.min())), 1e-3 * ERROR / error) ** 2 * size
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
    error, known = _error(w, sigma, b)
    if not error <= max(ERROR, min(8.0 * known, COARSE * float(b.min()))):
        raise SolverFailure(
            f"the risk contributions stay {error:.1e} from their budgets, and double precision knows them to "
            f"{known:.1e}: the covariance is too close to singular; shrink it first (Ledoit-Wolf)"
        )
    return w


def _error(w: Floats, sigma: Floats, b: Floats) -> tuple[float, float]:
    r"""Return the largest distance of a contribution from its budget, and how far rounding may be off in it.

    A sum of n products is off by at most :math:`(n + 1) u \sum_j |w_i \Sigma_{ij} w_j|`, which is the whole
    contribution of an asset many times over where the others cancel its risk.
    """
    error = float(np.abs(risk_contributions(w, sigma) - b).max(initial=0.0))
    if error <= ERROR:
        return error, 0.0
    variance = (w * np.matmul(sigma, w[..., None])[..., 0]).sum(axis=-1)
    sizes = w * np.matmul(np.abs(sigma), w[..., None])[..., 0]
    if not np.all(variance > 0.0):
        return np.inf, np.inf
    off = sizes + b * sizes.sum(axis=-1, keepdims=True)  # of the contribution, and of what it is divided by
    return error, (w.shape[-1] + 2) * UNIT * float((off / variance[..., None]).max())


def _flat() -> BadData:
    return BadData(
        "covariance is not positive semidefinite, or a portfolio of positive weights has no risk: shrink it first "
        "(Ledoit-Wolf)"
    )
