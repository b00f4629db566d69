"""Black and Litterman's model with confidences that are given, or read from the regimes of the assets."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.brief import brief, first_few
from proofolio.errors import BadData, DoubtfulViews, did_you_mean
from proofolio.forecasts.calendars import DAILY, Calendar, calendar_of
from proofolio.forecasts.covariance import Covariance, estimate
from proofolio.forecasts.tables import require_full_rows
from proofolio.forecasts.views.asset_regimes import AssetRegimes, RegimeHistory
from proofolio.forecasts.views.confidences import (
    CalibratedConfidence,
    CdfConfidence,
    Confidence,
    Scale,
    SigmoidConfidence,
)
from proofolio.forecasts.views.formulas import copies, drifted, equilibrium, posterior
from proofolio.forecasts.views.stated_views import Views
from proofolio.forecasts.views.view import DAYS_A_YEAR, checked_confidence, checked_periods
from proofolio.forecasts.views.view_posterior import ViewPosterior

__all__ = ["BlackLitterman", "Evidence", "market_weights"]

Rule = Literal["calibrated", "sigmoid", "cdf"]
# A rule may say how sure data make it, never that it is certain: two certain views may contradict each other.
MOST_CERTAIN = 1.0 - 1e-9
# p value of Theil's test below which the views are called surprising.
SURPRISING = 0.01


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the regimes say of m views, per day (per row of the returns).

    Attributes
    ----------
    r_hat, error, spread : (m,) arrays
        Return of the view's combination in the regimes believed, its standard error, and its standard deviation.
    age : (m,) integers
        Decisions since the oldest belief behind it.
    collapsed : (m,) booleans
        Whether an asset of it has no regimes and its unconditional mean is used.
    """

    r_hat: Floats
    error: Floats
    spread: Floats
    age: Floats
    collapsed: Floats


class BlackLitterman:
    """Prior, views and confidences; `fit` reads the returns, `posterior` brings in the views.

    Parameters
    ----------
    market : (n,) array, Series or mapping of asset to weight, optional
        Weights of the market today. By default equal ones on the first day of the returns, drifted to the last.
    delta : float
        Risk aversion of the market: the prior is ``pi = delta Sigma w``.
    tau : float
        Uncertainty of the prior, ``tau Sigma``. It has no effect on the means, see `posterior`.
    confidence : {"calibrated", "sigmoid", "cdf"}, float or sequence of m floats
        A rule that reads it from the regimes of the assets, or shares from 0 to 1. The confidence a view states
        itself wins.
    eta, scale
        Of ``"sigmoid"``, see `SigmoidConfidence`.
    threshold : float
        Least probability at which a regime is believed, see `AssetRegimes`.
    risk : {"posterior", "prior"}
        Whether `covariance` of the answer is S or Sigma.
    covariance : {"sample", "ewma", "ledoit-wolf"}
        How Sigma is estimated from the last `covariance_days` returns (all, if there are fewer).
    covariance_days : int
    half_life : float
        Days, for ``"ewma"``.
    regimes : AssetRegimes, optional
        Other options of the regimes; its threshold is then used.

    Raises
    ------
    BadData
        If an option is out of range.

    Examples
    --------
    >>> import proofolio as pf
    >>> returns = pf.load_prices().pct_change().iloc[1:]
    >>> views = pf.Views(returns.columns).relative("AAPL", "GE", 0.04, per="year")
    >>> found = pf.BlackLitterman(confidence=0.5).fit(returns).posterior(views)
    >>> float(found.pull.iloc[0].round(12))
    0.5
    """

    __repr__ = brief

    def __init__(
        self,
        market: ArrayLike | pd.Series | dict[str, float] | None = None,
        delta: float = 2.5,
        tau: float = 0.05,
        confidence: Rule | float | Sequence[float] = "calibrated",
        eta: float = 1.0,
        scale: Scale = "view",
        threshold: float = 0.975,
        risk: Literal["posterior", "prior"] = "posterior",
        *,
        covariance: Covariance = "sample",
        covariance_days: int = 360,
        half_life: float = 63.0,
        regimes: AssetRegimes | None = None,
    ) -> None:
        """Check the options."""
        if isinstance(confidence, str):
            if confidence not in get_args(Rule):
                raise BadData(
                    f"confidence is {confidence!r}{did_you_mean(confidence, get_args(Rule))}; choose one of "
                    f"{', '.join(map(repr, get_args(Rule)))}, or give a share from 0 to 1."
                )
        elif isinstance(confidence, int | float):
            checked_confidence(confidence, "the model")
        elif not isinstance(confidence, Iterable):
            raise BadData(
                f"confidence is {confidence!r}; give a rule, a share from 0 to 1, or one share a view."
            )
        else:
            for number, share in enumerate(confidence, 1):
                checked_confidence(share, f"view {number}")
        if not 0 < tau < np.inf or not np.isfinite(delta):
            raise BadData(f"tau={tau} and delta={delta}; give a positive tau and a finite delta.")
        if risk not in ("posterior", "prior"):
            raise BadData(f"risk is {risk!r}; choose 'posterior' or 'prior'.")
        if covariance_days < 2:
            raise BadData(f"covariance_days is {covariance_days}; give 2 or more.")
        self.market, self.delta, self.tau = market, delta, tau
        self.confidence, self.eta, self.scale, self.threshold = confidence, eta, scale, threshold
        self.risk, self.covariance = risk, covariance
        self.covariance_days, self.half_life = covariance_days, half_life
        self.regimes = AssetRegimes(threshold=threshold) if regimes is None else regimes
        self._sigmoid = SigmoidConfidence(eta, scale)
        self._returns: pd.DataFrame | None = None
        self._calendar = DAILY
        self._regimes_now: dict[int, RegimeHistory] = {}
        self._sigma = self._market = np.empty(0)

    def fit(
        self,
        returns: pd.DataFrame | ArrayLike,
        *,
        periods_per_year: float | None = None,
        regimes: Mapping[int, RegimeHistory] | None = None,
    ) -> Self:
        """Return a copy that has seen `returns`.

        Parameters
        ----------
        returns : (T, n) DataFrame or array
            Simple returns, oldest first, a day a row if confidences are to be read from regimes.
        periods_per_year : float, optional
            Rows a year; read from the dates, 252 where there are none.
        regimes : mapping of int to RegimeHistory, optional
            What the end of the returns knows of the regimes of single assets, by column, where it has been worked out
            (one decision of `AssetRegimes.history`).

        Raises
        ------
        BadData
            If a return is missing, the dates follow no calendar, or the market's weights are not those of the assets.
        """
        table = (
            returns
            if isinstance(returns, pd.DataFrame)
            else pd.DataFrame(np.asarray(returns, dtype=np.float64))
        )
        require_full_rows(table, "the returns")
        if table.empty or not np.isfinite(table.to_numpy(dtype=np.float64)).all():
            raise BadData("the returns are empty, or one is missing or infinite; fill or drop it first.")
        fitted = copy(self)
        fitted._returns = table.astype(np.float64).rename(columns=str)
        dated = isinstance(table.index, pd.DatetimeIndex)
        fitted._calendar = (
            calendar_of(table.index, periods_per_year, "the returns")
            if isinstance(table.index, pd.DatetimeIndex)
            else DAILY
            if periods_per_year is None
            else Calendar("as given", float(periods_per_year))
        )
        if dated and not table.index.is_monotonic_increasing:
            raise BadData("the returns are not sorted by date, oldest first; sort them.")
        values = fitted._returns.to_numpy()
        fitted._regimes_now = dict(regimes or {})
        fitted._sigma = estimate(self.covariance, values[-self.covariance_days :], self.half_life)[1]
        fitted._market = market_weights(self.market, fitted._returns)
        return fitted

    def posterior(
        self, views: Views, *, periods: float | None = None, merge: bool = False, ahead: int = 0
    ) -> ViewPosterior:
        """Return what prior and views together say, per period of the plan.

        Parameters
        ----------
        views : Views
            On the same assets, in any order.
        periods : float, optional
            Periods of the plan in a year, 52 for weekly decisions on daily returns; by default those of the views, or
            else of the returns. Confidences are always read in days, so they do not depend on it.
        merge : bool
            Whether views that repeat one another (correlation above 0.99, values of the same sign) become one, with
            their mean value and mean confidence.
        ahead : int
            Days ahead for which the regimes speak: r_hat is then the mean over q P^ahead.

        Raises
        ------
        BadData
            If the model has not been fitted, the assets differ, there are too few days for regimes, or a view has
            no direction.
        ContradictoryViews
            If certain views contradict one another.

        Warns
        -----
        DoubtfulViews
            If views repeat one another and are not merged, or surprise: Theil's test has p < 0.01.
        """
        if self._returns is None:
            raise BadData("this BlackLitterman has seen no returns; call fit first and use what it returns.")
        assets = list(self._returns.columns)
        given = views.periods if periods is None else checked_periods(periods)
        a_year = self._calendar.periods_per_year if given is None else given
        days = 365.0 if self._calendar.name == "every day" else DAYS_A_YEAR
        longer = self._calendar.periods_per_year / a_year
        Sigma = self._sigma * longer
        prior = equilibrium(Sigma, self._market, self.delta)
        rows = _on_assets(views, assets)
        values = views.values(a_year, days)
        in_rows = values / longer  # what a view claims per row of the returns: a day
        confidence, evidence = self._confidences(views, self._returns.to_numpy(), rows, in_rows, ahead, days)
        names = views.names
        alike = copies(Sigma, rows, values) if len(rows) > 1 else []
        alike = [pair for pair in alike if confidence[pair[0]] > 0 and confidence[pair[1]] > 0]
        if alike and merge:
            rows, values, confidence, names, evidence = _merged(
                alike, Sigma, rows, values, confidence, names, evidence
            )
        elif alike:
            i, j, cosine = alike[0]
            warnings.warn(
                f"views {i + 1} and {j + 1} say nearly the same (correlation {cosine:.3f}: {names[i]}; {names[j]}), "
                "and together count for more than one; drop one, or ask for merge=True.",
                DoubtfulViews,
                stacklevel=2,
            )
        found = posterior(prior, Sigma, rows, values, confidence, self.tau, names=names)
        if found.surprise_p < SURPRISING:
            warnings.warn(_surprise(found.surprise_p, values, a_year), DoubtfulViews, stacklevel=2)
        return ViewPosterior.named(
            found,
            assets=assets,
            views=names,
            P=rows,
            v=values,
            confidence=confidence,
            prior=prior,
            Sigma=Sigma,
            risk=self.risk,
            periods=a_year,
            evidence=None if evidence is None else vars(evidence),
            rows_a_year=self._calendar.periods_per_year,
        )

    # --------------------------------------------------------------------- inside
    def _confidences(
        self, views: Views, returns: Floats, rows: Floats, v: Floats, ahead: int, days: float
    ) -> tuple[Floats, Evidence | None]:
        """Return the confidence of each view, and what it was read from."""
        own = [view.confidence for view in views]
        found = np.array([np.nan if share is None else share for share in own])
        open_ = np.flatnonzero(np.isnan(found))
        if not isinstance(self.confidence, str):
            given = np.asarray(self.confidence, dtype=np.float64)
            if given.ndim and given.shape != found.shape:
                raise BadData(
                    f"there are {len(given)} confidences for {len(found)} views; give one for each."
                )
            found[open_] = np.broadcast_to(given, found.shape)[open_]
            return found, None
        if not open_.size:
            return found, None
        evidence = self._evidence(returns, rows, ahead)
        a_year = self._calendar.periods_per_year
        signs = np.array([view.sign or 0 for view in views], dtype=np.float64)
        unsaid = [i for i in open_ if signs[i] == 0]
        if unsaid:
            raise BadData(
                f"view {unsaid[0] + 1} has the value 0, which has no direction: state it with direction=1 where the "
                "data should say more, direction=-1 where less, or give it a confidence of its own."
            )
        for i in open_:
            if v[i] == 0 and self.confidence == "sigmoid" and self.scale != "error":
                raise BadData(
                    f"view {i + 1} has the value 0, for which the scale {self.scale!r} is not defined: use "
                    "confidence='calibrated' or scale='error'."
                )
        period = self._calendar.period
        if self._calendar.name == "as given" and a_year == DAYS_A_YEAR:
            period = "day"
        r_hat, error, spread = evidence.r_hat, evidence.error, evidence.spread
        if self.confidence == "cdf" and period != "day":
            # Its argument grows with the root of the period: a day is what it is defined for.
            share = a_year / days
            r_hat, v, spread = r_hat * share, v * share, spread * np.sqrt(share)
        read = self._rule()(
            r_hat[open_], v[open_], spread[open_], error[open_], period=period, direction=signs[open_]
        )
        found[open_] = np.minimum(read, MOST_CERTAIN)
        return found, evidence

    def _rule(self) -> Confidence:
        if self.confidence == "sigmoid":
            return self._sigmoid
        return CdfConfidence() if self.confidence == "cdf" else CalibratedConfidence()

    def _evidence(self, returns: Floats, rows: Floats, ahead: int) -> Evidence:
        """Read the regimes of the assets that the views name, each once."""
        named = np.flatnonzero(rows.any(axis=0))
        n = rows.shape[1]
        mean, error, age, collapsed = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.bool_)
        for i in named:
            now = self._regimes_now.get(int(i))
            if now is None:
                now = self._regimes_now[int(i)] = self.regimes.now(returns[:, [i]])
            mean[i] = now.ahead(ahead)[0, 0] if ahead else now.mean[0, 0]
            error[i], age[i], collapsed[i] = now.error[0, 0], now.stale[0, 0], now.collapsed[0, 0]
        touched = rows != 0
        return Evidence(
            r_hat=rows @ mean,
            error=np.sqrt(rows**2 @ error**2),
            spread=np.sqrt(np.maximum(((rows @ self._sigma) * rows).sum(axis=1), 0.0)),
            age=np.where(touched, age, 0.0).max(axis=1, initial=0.0),
            collapsed=(touched & collapsed).any(axis=1),
        )


def market_weights(market: object, returns: pd.DataFrame) -> Floats:
    """Return the market's weights of today, in the order of the assets and of sum 1; see `BlackLitterman`.

    Raises
    ------
    BadData
        If they are not those of the assets, or no weights.
    """
    n = returns.shape[1]
    if market is None:
        return np.asarray(drifted(np.full(n, 1.0 / n), returns.to_numpy())[-1])
    if isinstance(market, dict):
        market = pd.Series(market, dtype=np.float64)
    if isinstance(market, pd.Series):
        named = market.rename(index=str)
        missing = [asset for asset in returns.columns if asset not in named.index]
        other = [asset for asset in named.index if asset not in returns.columns]
        if missing or other:
            raise BadData(
                f"the market's weights and the returns differ in {(missing + other)[0]}; give one weight an asset."
            )
        market = named.reindex(returns.columns)
    weights = np.asarray(market, dtype=np.float64)
    if weights.shape != (n,):
        raise BadData(f"market has shape {weights.shape}; give {n} weights, 1 in all.")
    if not np.isfinite(weights).all() or not weights.any():
        raise BadData(
            "the market's weights are all 0, or one is missing or infinite; give finite ones, 1 in all."
        )
    if (weights < 0).any():
        raise BadData(
            f"the market's weight of {returns.columns[int(weights.argmin())]} is {weights.min():g}; give 0 or more of "
            "each."
        )
    return np.asarray(weights / weights.sum())


def _on_assets(views: Views, assets: list[str]) -> Floats:
    """Return P with its columns in the order of the returns."""
    if not isinstance(views, Views):
        raise BadData(
            "views must be a Views: pf.Views(assets).relative('A', 'B', 0.04), or pf.Views(assets, [View, ...])."
        )
    if list(views.assets) == assets:
        return views.P
    if len(views.assets) == len(assets) and assets == [str(i) for i in range(len(assets))]:
        return views.P  # returns without names
    unknown = [asset for asset in views.assets if asset not in assets]
    if unknown:
        raise BadData(
            f"the views are about {unknown[0]}, which the returns do not have; they have {first_few(assets, 8)}."
        )
    wide = np.zeros((len(views), len(assets)))
    wide[:, [assets.index(asset) for asset in views.assets]] = views.P
    return wide


def _surprise(p: float, values: Floats, a_year: float) -> str:
    yearly = values * a_year
    largest = int(np.argmax(np.abs(yearly)))
    if abs(yearly[largest]) > 1.0:
        return (
            f"view {largest + 1}: v is {values[largest]:g} a period, {100 * yearly[largest]:.0f} % a year "
            f"(surprise p = {p:.1g}): if that number is a yearly one, use View.annual or per='year'."
        )
    return (
        f"the views surprise (Theil's test, p = {p:.1g}): with these confidences they contradict the prior or one "
        "another; check their values, or lower a confidence."
    )


def _merged(
    alike: list[tuple[int, int, float]],
    Sigma: Floats,
    rows: Floats,
    values: Floats,
    confidence: Floats,
    names: list[str],
    evidence: Evidence | None,
) -> tuple[Floats, Floats, Floats, list[str], Evidence | None]:
    """Let views that repeat one another be one: the first row, the mean value in its units, the mean confidence."""
    group = list(range(len(rows)))
    for i, j, _ in alike:
        old, new = group[j], group[i]
        group = [new if g == old else g for g in group]
    spread = np.sqrt(((rows @ Sigma) * rows).sum(axis=1))
    kept = sorted(set(group))
    new_values, new_confidence, new_names = values.copy(), confidence.copy(), list(names)
    for first in kept:
        members = [i for i, g in enumerate(group) if g == first]
        signs = np.sign(rows[members] @ Sigma @ rows[first])
        new_values[first] = np.mean(signs * values[members] / spread[members]) * spread[first]
        new_confidence[first] = np.mean(confidence[members])
        if len(members) > 1:
            new_names[first] = " & ".join(names[i] for i in members)
    thinner = evidence if evidence is None else Evidence(**{k: x[kept] for k, x in vars(evidence).items()})
    return rows[kept], new_values[kept], new_confidence[kept], [new_names[i] for i in kept], thinner
