"""Market regimes from a Gaussian hidden Markov model."""

from __future__ import annotations

import math
import time
import warnings
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, DoubtfulEstimate
from proofolio.forecasts.expectation_maximisation import (
    Estimate,
    Parameters,
    cold_starts,
    maximise,
)
from proofolio.forecasts.regime_fit import OrderBy, RegimeFit, driving_series
from proofolio.processes import one_blas_thread
from proofolio.progress import Progress, shows_progress

__all__ = ["RegimeFit", "fit_regimes"]


# A standard deviation of at most this part of the largest size is rounding.
CONSTANT = 1e-12


@shows_progress("fit")
@one_blas_thread()
def fit_regimes(
    returns: pd.DataFrame | pd.Series | ArrayLike,
    K: int = 2,
    *,
    order_by: OrderBy = "volatility",
    seed: int = 0,
    start: RegimeFit | None = None,
    restarts: int = 5,
    max_iterations: int = 500,
    tolerance: float = 1e-4,
    time_limit: float | None = None,
    progress: Progress | None = None,
) -> RegimeFit:
    """Fit K market regimes to one or several driving series by maximum likelihood.

        s_{t+1} | s_t = j   ~  P[j, :]
        r_t     | s_t = k   ~  N(mu_k, Sigma_k)

    The estimation is hmmlearn's expectation maximisation. Each series is first divided
    by its standard deviation and the parameters are given back in the units of
    `returns`, so the fit of decimals and of percents is the same one: hmmlearn's default
    covariance prior, 0.01, is far above a decimal daily variance of 0.0001 and would
    ruin the fit.

    Regimes are numbered from the friendliest by a stated rule on the **first** series,
    so a label keeps its meaning from one refit to the next: ``"volatility"`` from the
    calmest to the wildest, ``"mean"`` from the highest mean to the lowest.

    A regime with less than 1 % of the days, or with a singular covariance, has
    collapsed: a warm start that ends there is thrown away and done cold, and among cold
    starts one without a collapsed regime is preferred to a likelier one with it.

    Parameters
    ----------
    returns : (T, d) DataFrame, Series or array
        Returns per period, decimals, oldest first.
    K : int
        Regimes.
    order_by : {"volatility", "mean"}
        Volatility is estimated far more precisely than the mean, hence the default.
    seed : int
        Of the random cold starts: the same data and seed give the same fit.
    start : RegimeFit, optional
        Yesterday's fit, say; the search starts from its parameters, once. It must have
        the same K and series. If it was fitted to a series of more than three times or
        less than a third of the standard deviation, it is left aside.
    restarts : int
        Cold starts, of which the likeliest is kept. The first is not random: days
        sorted by recent volatility.
    max_iterations : int
        Of one start.
    tolerance : float
        Gain in log-likelihood, in nats, below which a start has converged.
    time_limit : float, optional
        Seconds. The step that is on its way when they are over is the last one, and what has been found by then is
        the answer, with a warning; without a limit the answer depends on the data and the seed alone.
    progress : function of (what, done, total), optional
        Called after each cold start. A bar by default in a notebook, and nothing elsewhere.

    Returns
    -------
    RegimeFit

    Warns
    -----
    DoubtfulEstimate
        If the time limit cut the search short.

    Raises
    ------
    BadData
        If a return is missing or infinite, a series is constant, two series move as
        one, there are too few days, an option is out of range, `start` does not match,
        or no start could be fitted at all.

    Notes
    -----
    Sources: Rabiner (1989), "A tutorial on hidden Markov models", section III.C;
    regimes for allocation: Nystrup, Madsen and Lindstrom (2018), "Dynamic portfolio
    optimization across hidden market regimes", Quantitative Finance 18.
    """
    values, names = driving_series(returns)
    days, d = values.shape
    if order_by not in get_args(OrderBy):
        raise BadData(f'order_by is {order_by!r}; choose "mean" or "volatility".')
    if K < 1 or restarts < 1 or max_iterations < 1 or not tolerance > 0:
        raise BadData(
            f"K={K}, restarts={restarts}, max_iterations={max_iterations} and "
            f"tolerance={tolerance} must all be positive."
        )
    if time_limit is not None and not time_limit > 0:
        raise BadData(f"time_limit is {time_limit}; it is a positive number of seconds, or None.")
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    check_days(days, K, d)
    if start is not None and (start.names != names or len(start.initial) != K):
        raise BadData(
            f"start has {len(start.initial)} regimes on {', '.join(start.names)}, but "
            f"{K} on {', '.join(names)} are asked for; fit without start."
        )
    scale = scale_of(values, names)
    scaled = values / scale

    best: Estimate | None = None
    cut = False
    if start is not None and _alike(start, scale):
        best = maximise(scaled, _resumed(start, scale), max_iterations, tolerance, deadline)
        cut = best is not None and _late(best, max_iterations, deadline)
    cold = best is None or (best.collapsed and not cut)
    if cold:
        best = None
        for attempt, first in enumerate(cold_starts(scaled, K, restarts, seed)):
            if best is not None and time.monotonic() >= deadline:
                cut = True
                break
            estimate = maximise(scaled, first, max_iterations, tolerance, deadline)
            if progress is not None:
                progress(f"starts of {K} regimes", attempt + 1, restarts)
            cut = cut or (estimate is not None and _late(estimate, max_iterations, deadline))
            if estimate is not None and (best is None or estimate.rank > best.rank):
                best = estimate
    if best is None:
        raise BadData(
            f"every start of {K} regimes on {', '.join(names)} ended with an empty or "
            "constant regime; use fewer regimes, more periods, or drop repeated prices."
        )
    if cut:
        warnings.warn(
            f"{K} regimes on {', '.join(names)}: the search was cut short by its limit of {time_limit:g} s, and more "
            "time may find a likelier fit.",
            DoubtfulEstimate,
            stacklevel=2,
        )
    return in_order(best, order_by, scale, names, days, cold)


def _late(estimate: Estimate, max_iterations: int, deadline: float) -> bool:
    """Whether the deadline, and nothing else, ended a run."""
    return time.monotonic() >= deadline and not estimate.converged and estimate.iterations < max_iterations


def check_days(days: int, K: int, d: int) -> None:
    """Raise BadData if there are fewer than two days a parameter."""
    parameters = K * K - 1 + K * d + K * d * (d + 1) // 2
    if days < 2 * parameters:
        raise BadData(
            f"{days} rows are too few for the {parameters} parameters of {K} regimes "
            f"on {d} series; give at least {2 * parameters} rows or fewer regimes."
        )


def scale_of(values: Floats, names: tuple[str, ...]) -> Floats:
    """Return the standard deviation of each series; refuse degenerate ones."""
    scale = check_moving(values, names)
    if len(names) > 1:
        least = np.linalg.eigvalsh(np.cov((values / scale).T))[0]
        if least < 1e-4:
            raise BadData(f"the series {', '.join(names)} are linearly dependent; drop one.")
    return np.asarray(scale)


def check_moving(values: Floats, names: tuple[str, ...]) -> Floats:
    """Return the standard deviation of each series; refuse one that is numerically constant."""
    scale = np.asarray(values.std(axis=0))
    still = np.flatnonzero(scale <= CONSTANT * np.abs(values).max(axis=0))
    if still.size:
        raise BadData(f"{names[still[0]]} is constant; a regime cannot be read from it.")
    return scale


def _alike(start: RegimeFit, scale: Floats) -> bool:
    """Return whether `start` describes series of about this standard deviation.

    From percents to decimals, say, the search would end far from the best fit.
    """
    mean = start.shares @ start.means
    squares = np.diagonal(start.covariances, axis1=1, axis2=2) + (start.means - mean) ** 2
    ratio = np.sqrt(start.shares @ squares) / scale
    return bool((ratio > 1 / 3).all() and (ratio < 3).all())


def _resumed(start: RegimeFit, scale: Floats) -> Parameters:
    """Return the parameters of `start` on the scaled series, without zeros."""
    return Parameters(
        without_zeros(start.initial, 1e-3),
        without_zeros(start.transition, 1e-4),
        start.means / scale,
        start.covariances / np.outer(scale, scale),
    )


def without_zeros(distributions: Floats, least: float) -> Floats:
    """Return distributions, a row each, with no probability much below `least`.

    Expectation maximisation multiplies, so a probability that has reached zero in one window would stay
    zero in every later one.
    """
    raised = np.maximum(distributions, least)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def regime_order(found: Parameters, order_by: OrderBy) -> Integers:
    """Return the regimes as found, in the order that the rule numbers them."""
    mean, variance = found.means[:, 0], found.covariances[:, 0, 0]
    # The last key of lexsort is the first to decide.
    keys = (-mean, variance) if order_by == "volatility" else (variance, -mean)
    return np.lexsort(keys)


def in_order(
    estimate: Estimate,
    order_by: OrderBy,
    scale: Floats,
    names: tuple[str, ...],
    days: int,
    cold: bool,
) -> RegimeFit:
    """Number the regimes by the rule and give them back in the units of the returns."""
    found = estimate.parameters
    order = regime_order(found, order_by)
    return RegimeFit(
        initial=found.initial[order],
        transition=found.transition[np.ix_(order, order)],
        means=found.means[order] * scale,
        covariances=found.covariances[order] * np.outer(scale, scale),
        # The density of a return is that of the scaled one over the scale.
        log_likelihood=estimate.log_likelihood - days * float(np.log(scale).sum()),
        converged=estimate.converged,
        iterations=estimate.iterations,
        order_by=order_by,
        names=names,
        shares=estimate.shares[order],
        collapsed=estimate.collapsed,
        cold=cold,
    )
