r"""From prices to the numbers of a control problem: regimes, generator, drifts, covariances, shape of the costs.

How little they are known is part of the answer: a generator from n switches out of a regime has a standard error of
about :math:`1/\sqrt n` of its rate, and a mean over n days one of :math:`\sigma/\sqrt n` a day.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData, DoubtfulEstimate, DoubtfulUnits
from proofolio.forecasts.calendars import calendar_of
from proofolio.forecasts.hidden_markov import fit_regimes
from proofolio.forecasts.moments import regime_moments
from proofolio.forecasts.prices import simple_returns
from proofolio.forecasts.regime_fit import RegimeFit
from proofolio.forecasts.tables import require_full_rows
from proofolio.models.arguments import number, positive, whole
from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.doubtful_units import fractions

__all__ = ["Calibration", "calibrated"]


# Standard deviation of a regime's mean about the common one, in units of the asset's yearly volatility, that is
# believed before any data: the means of regimes that a hidden Markov model finds differ by -138 to +39 % a year,
# and no one earns that. A regime of n days then keeps n / (n + 4 years of days) of its own mean.
PRIOR_SHARPE = 0.5
RATE = 1.25  # rows a year that are given may differ from those counted by this factor: holidays, and gaps


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a control problem was read from, and how well it is known.

    Attributes
    ----------
    regimes : RegimeFit
        The hidden Markov model, fitted to all prices given: none of its regimes may be traded on inside them.
    chain : RegimeChain
    names : tuple of str
        Assets.
    periods_per_year : float
    alpha : ndarray, shape (m, d)
        Drifts a year, shrunk to the common mean, less the risk-free rate.
    Sigma : ndarray, shape (m, d, d)
        A year.
    Lambda : ndarray, shape (d,), or None
        Of the costs' shape and of the size of the variances; None without costs.
    periods : ndarray, shape (m,)
        Effective number of periods seen of each regime.
    means : ndarray, shape (m, d)
        Means a year as they are, before shrinking.
    standard_error : ndarray, shape (m, d)
        Of these.
    kept : ndarray, shape (m,)
        Share of its own mean that each regime keeps.
    next_regime : ndarray, shape (m,)
        Probabilities of the period after the last price, given all prices: what a policy is asked with at that close.
    """

    regimes: RegimeFit
    chain: RegimeChain
    names: tuple[str, ...]
    periods_per_year: float
    alpha: Floats
    Sigma: Floats
    Lambda: Floats | None
    periods: Floats
    means: Floats
    standard_error: Floats
    kept: Floats
    next_regime: Floats

    def table(self) -> pd.DataFrame:
        """Return what is known of each regime, a row each: lengths in years, rates a year, and their errors."""
        chain = self.chain
        assert chain.switches is not None
        left = chain.switches.sum(axis=1)
        rate = -np.diag(chain.generator)
        error = np.divide(rate, np.sqrt(left), out=np.full(chain.m, np.inf), where=left > 0)
        return pd.DataFrame(
            {
                "share": chain.stationary,
                "mean length": chain.mean_length,
                "switches": left,
                "exit rate": rate,
                "error of exit rate": error,
                "error of means": self.standard_error.mean(axis=1),
                "own mean kept": self.kept,
            },
            index=pd.Index(chain.names, name="regime"),
        )


def calibrated(
    prices: pd.DataFrame,
    regimes: int = 3,
    *,
    driving: str | Sequence[str] | None = None,
    costs: ArrayLike | None = None,
    risk_free: float = 0.0,
    prior_sharpe: float = PRIOR_SHARPE,
    periods_per_year: float | None = None,
    seed: int = 0,
) -> Calibration:
    """Return the numbers of a control problem from prices; see `RegimeControl.fit`."""
    if not isinstance(prices, pd.DataFrame):
        raise BadData("prices must be a DataFrame, by date, a column an asset")
    rate = number("risk_free", risk_free)
    if not -0.5 < rate < 1.0:
        raise BadData(f"risk_free is {rate:g} a year; give a decimal, 0.02 for two percent")
    regimes = whole("regimes", regimes, 1)
    prior_sharpe = number("prior_sharpe", prior_sharpe)
    if not 0.0 <= prior_sharpe < np.inf:
        raise BadData(f"prior_sharpe is {prior_sharpe}; give a number, 0 (one mean for all regimes) or more")
    seed = whole("seed", seed, 0)
    year = _periods_per_year(prices, periods_per_year)
    repeated = prices.columns[prices.columns.duplicated()]
    if len(repeated):
        raise BadData(f"two columns are called {repeated[0]}: give every asset a name of its own")
    require_full_rows(prices, "the prices")
    returns = simple_returns(prices)
    cost = None if costs is None else fractions("costs", costs, returns.shape[1])
    if cost is not None and cost.min() <= 0:
        raise BadData(
            f"costs of {returns.columns[int(cost.argmin())]} are 0: an asset that trades for nothing has no best "
            "speed; give every asset a positive cost"
        )
    still = [str(name) for name in returns.columns if not returns[name].any()]
    if still:
        raise BadData(
            f"the price of {still[0]} never moves, so it has no risk and no cost of speed: leave it out"
        )
    drive = _driving(returns, driving)
    fit = fit_regimes(drive, regimes, seed=seed)
    if fit.collapsed:
        warnings.warn(
            f"one of the {regimes} regimes is read from next to no periods: use fewer regimes",
            DoubtfulEstimate,
            stacklevel=4,
        )
    chain = RegimeChain.from_hmm(fit, drive, periods_per_year=year)
    weights = fit.smoothed_probabilities(drive)
    values = returns.to_numpy(dtype=float)
    d = values.shape[1]
    # So many average periods make every covariance regular, and move that of a regime of many periods little.
    covariances = regime_moments(returns, weights, shrink=d + 1.0)[1]
    sums = weights.sum(axis=0)
    effective = sums**2 / (weights**2).sum(axis=0)
    means = weights.T @ values / sums[:, None]
    # of the likelihood n years / (n years + 1 / prior^2): the posterior of a normal mean with a normal prior
    believed = prior_sharpe**2 * effective / year
    kept = believed / (1.0 + believed)
    common = values.mean(axis=0)
    alpha = (kept[:, None] * means + (1.0 - kept[:, None]) * common) * year - rate
    Sigma = covariances * year
    variances = np.diagonal(Sigma, axis1=1, axis2=2)
    return Calibration(
        regimes=fit,
        chain=chain,
        names=tuple(str(name) for name in returns.columns),
        periods_per_year=year,
        alpha=alpha,
        Sigma=Sigma,
        Lambda=None if cost is None else cost / cost.mean() * variances.mean(),
        periods=effective,
        means=means * year,
        standard_error=np.sqrt(variances * year / effective[:, None]),
        kept=kept,
        next_regime=fit.filtered_probabilities(drive)[-1] @ fit.transition,
    )


def _periods_per_year(prices: pd.DataFrame, given: float | None) -> float:
    """Return the rows a year, as given or read from the dates, which must go forward."""
    dates = prices.index
    if given is not None:
        given = positive("periods_per_year", given)
    if not isinstance(dates, pd.DatetimeIndex):
        if given is None:
            raise BadData("prices have no dates, so give periods_per_year=")
        return given
    if not (dates.is_monotonic_increasing and dates.is_unique):
        raise BadData(
            "the dates of the prices must go forward, each once: sort them (sort_index) and drop repeats"
        )
    calendar = calendar_of(dates, given, "the prices")
    if calendar.doubt:
        warnings.warn(DoubtfulUnits(f"the prices: {calendar.doubt}"), stacklevel=5)
    years = (dates[-1] - dates[0]).days / 365.25 if len(dates) > 1 else 0.0
    if given is not None and years > 0.0:
        counted = (len(dates) - 1) / years
        if not 1 / RATE < given / counted < RATE:
            warnings.warn(
                DoubtfulUnits(
                    f"the dates have {counted:.3g} rows a year and periods_per_year is {given:g}: every drift, "
                    "covariance and rate is multiplied by it"
                ),
                stacklevel=5,
            )
    return calendar.periods_per_year


def _driving(returns: pd.DataFrame, driving: str | Sequence[str] | None) -> pd.DataFrame:
    """Return the series that regimes are read from: the named ones, or a basket of all assets."""
    if driving is None:
        return returns.mean(axis=1).to_frame("basket")
    columns = list(driving) if isinstance(driving, tuple | list) else [driving]
    unknown = [name for name in columns if name not in returns.columns]
    if unknown or not columns:
        raise BadData(
            f"driving names {unknown or 'nothing'}; the assets are {', '.join(map(str, returns.columns))}"
        )
    return returns[columns]
