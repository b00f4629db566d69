"""Mean and covariance of returns: sample, exponentially weighted, and shrunk by Ledoit and Wolf.

All three share one form: with weights ``v_t >= 0`` that sum to one over the days,

    mu    = sum_t v_t r_t
    Sigma = sum_t v_t (r_t - mu)(r_t - mu)'

so each also takes the days' weights in a regime, and returns ``(mu, Sigma)`` per period, in the units of
the returns squared, Sigma exactly symmetric and positive semidefinite. These are maximum-likelihood
moments: there is no ``n - 1``.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.tables import require_full_rows

Covariance = Literal["sample", "ewma", "ledoit-wolf"]


def sample(returns: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Return the (weighted) sample mean and covariance.

    Parameters
    ----------
    returns : (T, n) array
        One row a period.
    weights : (T,) array, optional
        Of the days, not negative; equal by default. Only their ratios matter.

    Returns
    -------
    mean : (n,) array
    covariance : (n, n) array

    Raises
    ------
    BadData
        If the shapes disagree, a number is missing, or no weight is above zero.
    """
    mean, _, covariance = _moments(*_counting(*_checked(returns, weights)))
    return mean, covariance


def ewma(
    returns: ArrayLike, half_life: float = 63.0, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return the exponentially weighted mean and covariance.

        v_t  proportional to  w_t 2^(-(T - 1 - t) / half_life)

    Parameters
    ----------
    returns : (T, n) array
        One row a period, oldest first.
    half_life : float
        Periods after which a row counts half.
    weights : (T,) array, optional
        ``w_t``, of the days; equal by default.

    Returns
    -------
    mean : (n,) array
    covariance : (n, n) array

    Raises
    ------
    BadData
        If `half_life` is not positive, the shapes disagree, a number is missing, or no weight is above
        zero.
    """
    values, shares = _checked(returns, weights)
    # Counted from the last day that counts at all: of a regime last seen many half-lives ago, the weights
    # would vanish, but their ratios do not.
    last = int(np.flatnonzero(shares)[-1]) + 1
    faded = shares[:last] * fading(last, half_life)
    mean, _, covariance = _moments(values[:last], faded / faded.sum())
    return mean, covariance


def ledoit_wolf(returns: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """Return the mean and the covariance shrunk to a multiple of the identity.

    With ``m = tr(S) / n`` and the Frobenius norm,

        Sigma = (1 - a) S + a m I,   a = min(1, b / d)
        d     = ||S - m I||^2
        b     = sum_t v_t^2 ||(r_t - mu)(r_t - mu)' - S||^2

    For equal weights, ``v_t = 1/T``, that is the estimator of Ledoit and Wolf (2004), "A well-conditioned
    estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis 88, and of
    scikit-learn; for others, ``b`` is the same estimate of the sampling error of a weighted mean.

    Parameters
    ----------
    returns : (T, n) array
        One row a period.
    weights : (T,) array, optional
        Of the days; equal by default.

    Returns
    -------
    mean : (n,) array
    covariance : (n, n) array

    Raises
    ------
    BadData
        If the shapes disagree, a number is missing, or no weight is above zero.
    """
    values, shares = _counting(*_checked(returns, weights))
    mean, centred, covariance = _moments(values, shares)
    n = values.shape[1]
    level = np.trace(covariance) / n
    apart = covariance - level * np.eye(n)
    distance = float((apart**2).sum())
    squares = (centred**2).sum(axis=1)
    # ||xx' - S||^2 = (x'x)^2 - 2 x'Sx + ||S||^2
    errors = squares**2 - 2 * ((centred @ covariance) * centred).sum(axis=1) + (covariance**2).sum()
    error = float(shares**2 @ errors)
    intensity = 1.0 if error >= distance else error / distance
    return mean, level * np.eye(n) + (1 - intensity) * apart


def estimate(
    kind: Covariance, returns: ArrayLike, half_life: float, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return mean and covariance by the estimator named; `half_life` is for ``"ewma"`` only.

    Raises
    ------
    BadData
        If no estimator has that name, and where the estimator does.
    """
    if kind == "sample":
        return sample(returns, weights)
    if kind == "ewma":
        return ewma(returns, half_life, weights)
    if kind == "ledoit-wolf":
        return ledoit_wolf(returns, weights)
    raise BadData(f"covariance is {kind!r}; choose one of {', '.join(map(repr, get_args(Covariance)))}.")


def fading(days: int, half_life: float) -> Floats:
    """Return the weights ``2^(-(T - 1 - t) / half_life)`` of `days` days, the last of which has 1.

    Raises
    ------
    BadData
        If `half_life` is not positive.
    """
    if not half_life > 0:
        raise BadData(f"half_life is {half_life}; give a number of periods above 0.")
    return np.asarray(np.exp2((np.arange(days) - (days - 1)) / half_life))


def _checked(returns: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise BadData(f"returns has shape {values.shape}; give one row a period and one column an asset.")
    require_full_rows(returns, "the returns")
    if not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise BadData(
            f"the return in row {row + 1}, column {column} is {values[row, column]}; drop or fill missing "
            "and infinite returns first."
        )
    if weights is None:
        return values, np.full(len(values), 1 / len(values))
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != values.shape[:1]:
        raise BadData(f"weights has shape {shares.shape}; give one weight for each of {len(values)} rows.")
    total = shares.sum()
    if not (np.isfinite(total) and total > 0 and shares.min() >= 0):
        raise BadData("weights must not be negative, and one at least must be above 0; correct them.")
    return values, shares / total


def _counting(values: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Return the days that count at all, and their shares: of a regime's labels, often less than half."""
    days = np.flatnonzero(shares)
    return (values, shares) if len(days) == len(shares) else (values.take(days, axis=0), shares[days])


def _moments(values: Floats, shares: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean, the centred returns and the covariance."""
    mean = shares @ values
    centred = values - mean
    weighted = np.sqrt(shares)[:, None] * centred
    # A matrix times its own transpose: BLAS makes it exactly symmetric, and no eigenvalue is negative.
    covariance = weighted.T @ weighted
    return mean, centred, 0.5 * (covariance + covariance.T)
