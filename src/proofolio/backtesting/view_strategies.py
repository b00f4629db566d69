"""Strategies that follow views: once a week, the mean-variance step over Black and Litterman's posterior.

The views are stated once. What changes is how far they are believed: a constant, or what the regimes of the assets say
at each close. A placebo believes what the regimes said a year before, and the market's weights are held beside it.
"""

from __future__ import annotations

import warnings
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from proofolio.arrays import Floats
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Decision, Needs, Policy
from proofolio.brief import brief
from proofolio.errors import BadData, DoubtfulViews, SolverFailure
from proofolio.forecasts.calendars import DAILY
from proofolio.forecasts.forecast import Forecast
from proofolio.forecasts.views.asset_regimes import AssetRegimes, RegimeHistory, RegimeWalk
from proofolio.forecasts.views.black_litterman import BlackLitterman
from proofolio.forecasts.views.formulas import drifted
from proofolio.forecasts.views.stated_views import Views
from proofolio.forecasts.views.view import View
from proofolio.forecasts.views.view_posterior import ViewPosterior
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.trade_cost import TradeCost

__all__ = ["HoldMarket", "ViewControl"]


WEEKS = 52.0  # periods of a plan in a year
LAG = 52  # weeks: how old the placebo's confidences are
DAYS_A_WEEK = 5
ALLOWED = 1e-6  # a plan that misses its rules by more is not traded

Confidence = Literal["calibrated", "sigmoid", "cdf"] | float


@dataclass(frozen=True)
class HoldMarket:
    """The market's weights: equal ones on the first day of the table, drifted since, and held."""

    name: str = "market"
    needs: Needs = field(default="nothing", init=False)
    horizon: int = field(default=1, init=False)

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on the assets there are; see `ReadsMarket`."""
        return _HeldMarket(market)

    def start(self, history: Floats) -> Policy:
        """Refuse: what came between two closes is read from the market."""
        raise BadData(f"{self.name} follows a market; give it to `simulate`.")


@dataclass(frozen=True, eq=False)
class ViewControl:
    r"""The first move of a plan over the posterior of views, made once a week.

    .. math::
        \max \sum_{h=1}^H \mu_h'w_h - \gamma_{risk} w_h'S_h w_h
        - \gamma_{trade} \sum_i a_i |u_i| + c_i u_i + k_i |u_i|^{3/2}, \qquad k_i = b\,\sigma_i \sqrt{value / V_i}

    with the means and covariances a week of `BlackLitterman`, and sigma and V of a week. It decides at the first close
    of a week at which it is asked, and keeps its holdings at the others.

    Attributes
    ----------
    views : tuple of View
        On the assets `named`, in their order; `of` takes them from a `Views`.
    named : tuple of str
    name : str
    horizon : int
        H, in weeks.
    gamma_risk, gamma_trade : float
        `gamma_trade` multiplies the costs: 1 is as charged.
    confidence : {"calibrated", "sigmoid", "cdf"} or float
        See `BlackLitterman`; the confidence a view states itself wins.
    placebo : bool
        Whether views are believed as the regimes had it `lag` weeks before (or as long ago as the table allows).
    ahead : bool
        Whether each period has its own posterior, from the regimes so many days ahead; else the first one's serves all.
    half_spread, asymmetry, impact : float
        a, c and b of the costs above.
    volume, value : float
        V, money traded in each asset a day, and money held. Tables of prices do not have them: these are assumptions.
    eta, scale, delta, tau, risk, covariance_days
        See `BlackLitterman`.
    half_life : float, optional
        Days in which a day's weight in the covariance halves; all have the same by default.
    regimes : AssetRegimes
    lower, upper : float
        Bounds of the weights.
    """

    views: tuple[View, ...]
    named: tuple[str, ...]
    name: str = "views"
    horizon: int = 1
    gamma_risk: float = 1.25
    gamma_trade: float = 1.0
    confidence: Confidence = "calibrated"
    placebo: bool = False
    lag: int = LAG
    ahead: bool = False
    half_spread: float = 2.5e-4
    asymmetry: float = 0.0
    impact: float = 1.0
    volume: float = 1e9
    value: float = 1e6
    eta: float = 1.0
    scale: Literal["view", "published", "error"] = "view"
    delta: float = 2.5
    tau: float = 0.05
    risk: Literal["posterior", "prior"] = "posterior"
    covariance_days: int = 360
    half_life: float | None = None
    regimes: AssetRegimes = field(default_factory=AssetRegimes)
    lower: float = 0.0
    upper: float = 1.0
    needs: Needs = field(default="nothing", init=False)

    __repr__ = brief

    @classmethod
    def of(cls, views: Views, **options: Any) -> Self:
        """Return the strategy of stated views; options are the attributes above."""
        if not len(views):
            raise BadData(
                "a strategy of views needs one view at least: pf.Views(assets).relative('A', 'B', 0.04)."
            )
        return cls(views.views, views.assets, **options)

    def __post_init__(self) -> None:
        """Refuse options that no plan could have."""
        if self.lag < 1:
            raise BadData(f"lag is {self.lag}; give weeks, 1 or more.")
        if self.impact and not (self.volume > 0.0 and self.value > 0.0):
            raise BadData("no volume is known: give volume and value above 0, or impact=0.")
        if self.placebo and self.static:
            raise BadData("a placebo shifts confidences that change in time; leave confidence to a rule.")
        self.model(np.ones(len(self.named)))
        self.black_litterman()

    @property
    def assets(self) -> tuple[str, ...]:
        """What the views are about."""
        rows = np.array([view.P for view in self.views])
        return tuple(name for name, column in zip(self.named, rows.T, strict=True) if column.any())

    @property
    def static(self) -> bool:
        """Whether no confidence is read from regimes."""
        return not isinstance(self.confidence, str) or all(v.confidence is not None for v in self.views)

    def black_litterman(self, market: dict[str, float] | None = None) -> BlackLitterman:
        """Return the model of the posterior, `market` being today's weights as `BlackLitterman` takes them."""
        return BlackLitterman(
            market, self.delta, self.tau, confidence=self.confidence, eta=self.eta, scale=self.scale, risk=self.risk,
            covariance_days=self.covariance_days, threshold=self.regimes.threshold, regimes=self.regimes,
            **halving(self.half_life),
        )  # fmt: skip

    def model(self, variance: Floats, days: float = DAYS_A_WEEK) -> MeanVariance:
        """Return the program of one week.

        Parameters
        ----------
        variance : (n,) array
            Of each asset's return in a week, for the impact of its trades.
        days : float
            Days of a week at which there is trading: a week's volume is so many times that of a day.
        """
        n = len(variance)
        volume, value = (days * self.volume, self.value) if self.impact else (1.0, 1.0)
        cost = TradeCost.square_root_law(
            self.half_spread, self.impact, self.asymmetry, np.sqrt(variance), volume, value
        )
        return MeanVariance(
            n, self.horizon, self.gamma_risk, self.gamma_trade, half_spread=cost.half_spread,
            power_impact=cost.power_impact, asymmetry=cost.asymmetry, lower=self.lower, upper=self.upper,
        )  # fmt: skip

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on the assets there are; see `ReadsMarket`."""
        try:
            return _ViewPolicy(self, market, row)
        except SolverFailure as error:
            return _Unable(str(error))

    def start(self, history: Floats) -> Policy:
        """Refuse: an array has no names."""
        raise BadData(f"{self.name} looks for assets by their names; give it to `simulate`.")


def halving(half_life: float | None) -> dict[str, Any]:
    """Return the options of `BlackLitterman` for a covariance whose days fade, or for one whose days do not."""
    return {} if half_life is None else {"covariance": "ewma", "half_life": half_life}


class _HeldMarket:
    def __init__(self, market: Market) -> None:
        self._market = market

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        known = self._market.history(day + 1)
        equal = np.full(known.shape[1], 1.0 / known.shape[1])
        return Decision(np.asarray(drifted(equal, known)[-1]))


@dataclass(frozen=True)
class _Unable:
    why: str

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        raise SolverFailure(f"after row {day}, {self.why}")


class _ViewPolicy:
    def __init__(self, control: ViewControl, market: Market, row: int) -> None:
        self._control, self._market = control, market
        self._model = control.black_litterman()
        self._views = Views(market.names, [_moved(v, control.named, market.names) for v in control.views])
        self._columns = [market.names.index(name) for name in control.assets if name in market.names]
        self._walks = {i: RegimeWalk(control.regimes, walk=True) for i in self._columns}
        self._believed: deque[Floats] = deque(maxlen=control.lag + 1)
        self._week: int | None = None
        self._warned = False
        self.posterior: ViewPosterior | None = None  # of the last decision
        if control.placebo:
            self._walk_up_to(row)

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        week = _week(self._market.dates[day])
        total = float(holdings.sum())
        if week == self._week and total > 0.0:
            return Decision(holdings / total)
        self._week = week
        return self._planned(day, holdings)

    def _planned(self, day: int, holdings: Floats) -> Decision:
        control, known = self._control, self._market.history(day + 1)
        found = self._posteriors(known)
        self.posterior = found[0]
        mean = np.array([each.mean.to_numpy() for each in found])
        covariance = np.array([each.covariance.to_numpy() for each in found])
        a_week = self._market.calendar.periods_per_year / WEEKS
        variance = known[-control.covariance_days :].var(axis=0) * a_week
        step = (
            control.model(variance, a_week)
            .stepper()
            .solve(mean, covariance, holdings, uninvested=1.0 - float(holdings.sum()))
        )
        if step.residuals.violation > ALLOWED:
            raise SolverFailure(
                f"after row {day}, the plan misses its rules by {step.residuals.violation:.1g}."
            )
        weights = np.maximum(step.W[0], control.lower)
        return Decision(weights / weights.sum(), step.ok)

    def _posteriors(self, known: Floats) -> list[ViewPosterior]:
        """Return the posterior of each period ahead, or one for all."""
        control = self._control
        regimes: dict[int, RegimeHistory] = {}
        if not control.static:
            regimes = {i: walk.now(known[:, i]) for i, walk in self._walks.items()}
        table = pd.DataFrame(known, columns=list(self._market.names))
        fitted = self._model.fit(table, periods_per_year=self._given_calendar(), regimes=regimes)
        days = round(self._market.calendar.periods_per_year / WEEKS)
        aheads = [h * days for h in range(control.horizon)] if control.ahead else [0]
        with warnings.catch_warnings():
            if self._warned:  # of the same views, week after week
                warnings.simplefilter("ignore", DoubtfulViews)
            found = [fitted.posterior(self._views, periods=WEEKS, ahead=ahead) for ahead in aheads]
            if control.placebo:
                self._believed.append(found[0].confidence.to_numpy(copy=True))
                old = [
                    replace(v, confidence=float(c))
                    for v, c in zip(self._views, self._believed[0], strict=True)
                ]
                found = [fitted.posterior(Views(self._views.assets, old), periods=WEEKS)]
        self._warned = True
        return found * (control.horizon if len(found) == 1 else 1)

    def _given_calendar(self) -> float | None:
        calendar = self._market.calendar
        return None if calendar.periods_per_year == DAILY.periods_per_year else calendar.periods_per_year

    def _walk_up_to(self, row: int) -> None:
        """Read the confidences of the weeks before the first close, as far back as the table and the lag go."""
        control = self._control
        ends = range(row + 1 - control.lag * control.regimes.refit, row + 1, control.regimes.refit)
        for end in ends:
            known = self._market.history(end) if end > 0 else np.empty((0, 0))
            if len(known) >= control.regimes.window:
                self._posteriors(known)


def _moved(view: View, named: tuple[str, ...], names: tuple[str, ...]) -> View:
    """Return a view on other assets, in their order.

    Raises
    ------
    SolverFailure
        When one it is about is not among them now.
    """
    weights = dict(zip(named, view.P.tolist(), strict=True))
    gone = [name for name, weight in weights.items() if weight and name not in names]
    if gone:
        raise SolverFailure(f"{view.name or 'a view'} is about {gone[0]}, which cannot be held now.")
    return replace(view, P=np.array([weights.get(name, 0.0) for name in names]))


def _week(date: np.datetime64) -> int:
    """Return the number of a date's week, Monday to Sunday."""
    return (int(date.astype("datetime64[D]").astype(np.int64)) + 3) // 7
