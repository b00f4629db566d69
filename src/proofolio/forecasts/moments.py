"""Mean and covariance of every asset in each regime, and ahead in time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.forecasts.tables import require_full_rows


def regime_moments(
    asset_returns: pd.DataFrame | ArrayLike,
    weights_or_labels: ArrayLike,
    *,
    regimes: int | None = None,
    shrink: float = 0.0,
) -> tuple[Floats, Floats]:
    """Return mean and covariance of all assets in each regime.

    With weights ``w_tk`` (1 or 0 for labels) and ``s`` days of shrinkage spread evenly
    over the sample, ``v_tk = w_tk + s/T``,

        mu_k    = sum_t v_tk r_t / sum_t v_tk
        Sigma_k = sum_t v_tk (r_t - mu_k)(r_t - mu_k)' / sum_t v_tk

    So `shrink` acts as if `s` average days were added to each regime: a regime of
    ``n_k`` days keeps the share ``n_k / (n_k + s)`` of its own moments, an empty regime
    takes those of the whole sample. These are maximum-likelihood moments (no ``n - 1``),
    so with ``s = 0`` and the shares of days as probabilities, `mixed_moments` gives
    back exactly the moments of the whole sample. Covariances are symmetric positive
    semidefinite by construction.

    Parameters
    ----------
    asset_returns : (T, n) DataFrame or array
        Simple returns per period, decimals.
    weights_or_labels : (T,) integers or (T, K) probabilities
        The regime of each day, or the probability of each regime on each day.
    regimes : int, optional
        K, when labels need not contain the last regimes.
    shrink : float
        Days of the whole sample added to each regime.

    Returns
    -------
    mean : (K, n) array
    covariance : (K, n, n) array
        Per period.

    Raises
    ------
    BadData
        If shapes disagree, a number is missing, weights are not probabilities, or a
        regime and `shrink` together have fewer than ``n + 1`` days, the least for a
        covariance of full rank. For probabilities, days are counted as Kish's effective
        sample size ``(sum_t w_tk)^2 / sum_t w_tk^2``.
    """
    returns = np.asarray(asset_returns, dtype=np.float64)
    if returns.ndim != 2 or 0 in returns.shape:
        raise BadData(
            f"asset_returns has shape {returns.shape}; give one row a period and one column an asset."
        )
    require_full_rows(asset_returns, "the returns")
    if not np.isfinite(returns).all():
        day, asset = (int(i) for i in np.argwhere(~np.isfinite(returns))[0])
        column: object = asset
        if isinstance(asset_returns, pd.DataFrame):
            column = asset_returns.columns[asset]
        raise BadData(
            f"asset_returns is {returns[day, asset]} in column {column!r}, row "
            f"{day + 1}; drop or fill missing and infinite returns first."
        )
    if not (np.isfinite(shrink) and shrink >= 0):
        raise BadData(f"shrink is {shrink}; give a number of periods, 0 or more.")
    weights = _weights(weights_or_labels, len(returns), regimes)

    n = returns.shape[1]
    sums = weights.sum(axis=0)
    squares = (weights**2).sum(axis=0)
    days = np.divide(sums**2, squares, out=np.zeros_like(sums), where=squares > 0)
    for k, count in enumerate(days):
        if count + shrink < n + 1:
            raise BadData(
                f"regime {k} has {count:.4g} periods and shrink is {shrink:g}, but the "
                f"covariance of {n} assets needs {n + 1}; use fewer regimes, a longer "
                f"window, or shrink={n + 1}."
            )

    weights = weights + shrink / len(returns)
    weights = weights / weights.sum(axis=0)
    means = weights.T @ returns
    covariances = np.empty((weights.shape[1], n, n))
    for k, mean in enumerate(means):
        scaled = np.sqrt(weights[:, k, None]) * (returns - mean)
        product = scaled.T @ scaled
        covariances[k] = 0.5 * (product + product.T)
    return means, covariances


def _weights(weights_or_labels: ArrayLike, days: int, regimes: int | None) -> Floats:
    """Return (T, K) weights from labels or probabilities, checked."""
    given = np.asarray(weights_or_labels)
    if given.ndim not in (1, 2) or len(given) != days:
        raise BadData(
            f"weights_or_labels has shape {given.shape}; give {days} labels, or "
            f"{days} rows of probabilities, one a row of asset_returns."
        )
    if given.ndim == 1:
        labels = given.astype(np.int64) if given.dtype.kind in "iub" else None
        if labels is None or labels.min() < 0:
            raise BadData("labels must be integers from 0; give probabilities as a (T, K) array.")
        count = int(labels.max()) + 1 if regimes is None else regimes
        if labels.max() >= count:
            raise BadData(
                f"label {labels.max()} is outside the {count} regimes asked for; regimes are numbered from 0."
            )
        return np.eye(count)[labels]
    weights = given.astype(np.float64)
    if regimes is not None and weights.shape[1] != regimes:
        raise BadData(
            f"probabilities have {weights.shape[1]} columns but regimes is {regimes}; leave regimes out."
        )
    _check_distributions(weights, "the probabilities")
    return weights


def _check_distributions(rows: Floats, what: str) -> None:
    """Raise BadData unless every row is a probability distribution."""
    if rows.min() >= 0.0 and np.abs(rows.sum(axis=1) - 1.0).max() < 1e-6:
        return
    wrong = ~((rows >= 0).all(axis=1) & (np.abs(rows.sum(axis=1) - 1) < 1e-6))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadData(f"row {row + 1} of {what} is {rows[row]}; each row must be non-negative and sum to 1.")


def forecast_probabilities(q: ArrayLike, transition: ArrayLike, H: int) -> Floats:
    """Return the regime probabilities of the next `H` periods.

        q[t+j] = q[t] P^j,  j = 1..H

    Parameters
    ----------
    q : (K,) array
        Filtered probabilities today, ``t``.
    transition : (K, K) array
        ``P[j, k]`` is the probability of moving from regime j to regime k; rows sum
        to 1.
    H : int
        Periods ahead, at least 1.

    Returns
    -------
    (H, K) array
        Row ``j - 1`` belongs to period ``t + j``.

    Raises
    ------
    BadData
        If shapes disagree, `H` is below 1, or `q` or a row of `transition` is not a
        probability distribution.

    Examples
    --------
    >>> forecast_probabilities([1.0, 0.0], [[0.5, 0.5], [0.25, 0.75]], 2)
    array([[0.5  , 0.5  ],
           [0.375, 0.625]])
    """
    today = np.asarray(q, dtype=np.float64)
    matrix = np.asarray(transition, dtype=np.float64)
    if today.ndim != 1 or matrix.shape != (len(today), len(today)):
        raise BadData(f"q has shape {today.shape} and transition {matrix.shape}; give (K,) and (K, K).")
    if H < 1:
        raise BadData(f"H is {H}; forecast at least 1 period ahead.")
    _check_distributions(today[None, :], "q")
    _check_distributions(matrix, "transition")
    rows = []
    for _ in range(H):
        today = today @ matrix
        rows.append(today)
    return np.array(rows)


def mixed_moments(q: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> tuple[Floats, Floats]:
    """Return the mean and covariance of a mixture of regimes.

        mu    = sum_k q_k mu_k
        Sigma = sum_k q_k Sigma_k + sum_k q_k (mu_k - mu)(mu_k - mu)'

    The second sum is the uncertainty about the regime itself (law of total
    covariance).

    Parameters
    ----------
    q : (K,) or (H, K) array
        Probabilities of the regimes, of one period or of several.
    means : (K, n) array
    covariances : (K, n, n) array

    Returns
    -------
    mean : (n,) or (H, n) array
    covariance : (n, n) or (H, n, n) array
        Exactly symmetric.

    Raises
    ------
    BadData
        If shapes disagree, or a row of `q` is not a probability distribution.

    Examples
    --------
    >>> mean, covariance = mixed_moments([0.5, 0.5], [[1.0], [3.0]], [[[2.0]], [[4.0]]])
    >>> mean, covariance
    (array([2.]), array([[4.]]))
    """
    probabilities = np.asarray(q, dtype=np.float64)
    mu = np.asarray(means, dtype=np.float64)
    sigma = np.asarray(covariances, dtype=np.float64)
    if (
        probabilities.ndim not in (1, 2)
        or mu.ndim != 2
        or probabilities.shape[-1] != len(mu)
        or sigma.shape != (*mu.shape, mu.shape[1])
    ):
        raise BadData(
            f"q, means and covariances have shapes {probabilities.shape}, {mu.shape} "
            f"and {sigma.shape}; give (K,) or (H, K), (K, n) and (K, n, n)."
        )
    rows = np.atleast_2d(probabilities)
    _check_distributions(rows, "q")
    mean = rows @ mu
    apart = mu - mean[:, None, :]
    between = (rows[:, :, None] * apart).transpose(0, 2, 1) @ apart
    covariance = (rows @ sigma.reshape(len(sigma), -1)).reshape(between.shape) + between
    covariance = 0.5 * (covariance + covariance.transpose(0, 2, 1))
    if probabilities.ndim == 1:
        return mean[0], covariance[0]
    return mean, covariance
