"""One decision, after the last close there is, with what led to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from proofolio.arrays import Floats, Mask
from proofolio.backtesting.arguments import require_arguments, require_flag
from proofolio.backtesting.costs import Costs, costs_of, terms_of
from proofolio.backtesting.forecasts import ForecastPlan, spread_over
from proofolio.backtesting.holdings import Holdings, Unit, holdings_of
from proofolio.backtesting.lots import LotPlan, nearest_lots
from proofolio.backtesting.market import Market, market_of
from proofolio.backtesting.obedience import under_rules
from proofolio.backtesting.own_strategies import OwnStrategy
from proofolio.backtesting.policy import Decision, Strategy, begun
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.rules import Rules
from proofolio.backtesting.rules_file import GivenRules, rules_of
from proofolio.backtesting.strategies import MeanVarianceControl, RiskParityControl, strategies_of
from proofolio.backtesting.views_file import GivenViews, views_of
from proofolio.errors import BadData, SolverFailure, shown_value
from proofolio.forecasts.calendars import DAILY, Calendar
from proofolio.forecasts.forecast import Forecast
from proofolio.forecasts.views.view_posterior import ViewPosterior
from proofolio.models.arguments import number, whole
from proofolio.models.portfolio.risk_budgeting import risk_contributions
from proofolio.models.portfolio.trade_cost import TradeCost

__all__ = ["Today", "trades_today"]


# Less than a hundredth of a basis point is rounding of the solver's, not a trade.
NO_TRADE = 1e-6
NO_CASH = 1e-9  # what weights are short of 1 by the solver's rounding
ROUNDING = 1e-14  # of sums


@dataclass(frozen=True, eq=False)
class Today:
    """Holdings, what a strategy wants instead, and why; arrays by asset.

    Attributes
    ----------
    date : str
        Of the last close known.
    strategy : str
    names : tuple of str
    driving : tuple of str
        Assets the regimes are read from.
    value : float
        Money of the portfolio; 1 where only weights are known.
    held, trade, costs : (n,) arrays
        Fractions of the portfolio before the trade, so that `value` times them is money.
    wanted : (n,) array
        Weights after the trade, of what its costs leave: ``wanted * (1 - costs.sum()) == held + trade``. With lots,
        those of the nearest plan of lots.
    cash : (float, float)
        Before the trade, and after it and its costs, ``cash[0] - trade.sum() - costs.sum()``, as fractions of the
        portfolio before the trade.
    forecast : Forecast or None
        Of all n assets; NaN where an asset is outside the universe.
    missed : tuple of str
        Rules that are still missed after the trade, where no single trade keeps them all.
    proved : bool
        See `proofolio.backtesting.policy.Decision`.
    calendar : Calendar
        What a period is, and how many a year has.
    warnings : tuple of str
        What in the table is to be doubted, in sentences.
    lots : LotPlan or None
        The nearest plan of lots.
    asked : (n,) array or None
        What the strategy wanted, where lots are traded: weights of what the costs leave.
    views : ViewPosterior or None
        What a strategy of views believes, per week.
    """

    date: str
    strategy: str
    names: tuple[str, ...]
    driving: tuple[str, ...]
    value: float
    held: Floats
    wanted: Floats
    trade: Floats
    costs: Floats
    cash: tuple[float, float]
    forecast: Forecast | None
    proved: bool
    missed: tuple[str, ...] = ()
    calendar: Calendar = DAILY
    warnings: tuple[str, ...] = ()
    lots: LotPlan | None = None
    asked: Floats | None = None
    views: ViewPosterior | None = None

    @property
    def traded(self) -> bool:
        """Whether anything is traded."""
        return bool(np.abs(self.trade).max() > NO_TRADE)

    def reasons(self) -> list[str]:
        """Return why, in sentences: regime, forecast, cost."""
        lines = [
            f"{self.calendar}: after the close of {self.date}, {self.strategy} "
            + ("trades:" if self.traded else "trades nothing:")
        ]
        known = self.forecast
        if known is not None and known.probabilities is not None:
            q = known.probabilities[0]
            k = int(q.argmax())
            ahead, periods = known.probabilities[-1][k], len(known.probabilities) - 1
            kind = " (the calmest)" if k == 0 else " (the wildest)" if k == len(q) - 1 else ""
            lines.append(
                f"  regime    {k + 1} of {len(q)}{kind}, read from {', '.join(self.driving)}: probability {q[k]:.3f} "
                f"today, {ahead:.3f} in {periods} period{'' if periods == 1 else 's'}"
            )
        foreseen = self._foreseen()
        if foreseen is not None and np.isfinite(foreseen[0][(self.held != 0) | (self.wanted != 0)]).all():
            before, after = (_expected(w, *foreseen) for w in (self.held, self.wanted))
            lines.append(
                f"  forecast  {before[0]:+.1%} a year at {before[1]:.1%} volatility as held, {after[0]:+.1%} at "
                f"{after[1]:.1%} after the trade"
            )
        if self.views is not None:
            lines += [f"  view      {sentence}" for sentence in self.views.sentences()]
            p = self.views.surprise["p"]
            lines.append(f"  surprise  Theil's test of prior and views: p = {p:.2g}")
        lines.append(
            f"  cost      {1e4 * self.costs.sum():.2f} bp of the portfolio ({self.value * self.costs.sum():,.2f}) for "
            f"trading {np.abs(self.trade).sum():.2%} of it"
            + (
                ""
                if not self.costs.any()
                else ", paid by every holding alike"
                if self.lots is None
                else ", paid from cash"
            )
        )
        if self.missed:
            lines.append(
                f"  rules     no single trade keeps every rule from these holdings; this is the nearest step back, and "
                f"after it still missed: {', '.join(self.missed)}"
            )
        idle, left = (0.0 if abs(cash) <= NO_CASH else cash for cash in self.cash)
        if idle or left:
            lines.append(
                f"  cash      {idle:.2%} ({self.value * idle:,.2f}) before, {left / (1.0 - self.costs.sum()):.2%} "
                f"({self.value * left:,.2f}) after the trade and its cost"
            )
        if self.lots is not None:
            nearer = "no plan of lots is nearer" if self.lots.proved else "a plan of lots may be nearer"
            lines.append(
                f"  lots      {self.lots.distance:,.2f} away from the plan without lots, and {nearer} "
                f"({self.lots.status})"
            )
        return lines

    def _foreseen(self) -> tuple[Floats, Floats] | None:
        """Return mean (n,) and covariance (n, n) a year: of the next period's forecast, or of what views lead to.

        NaN where an asset is outside the universe; None for a strategy that forecasts nothing.
        """
        if self.forecast is not None:
            year = self.calendar.periods_per_year
            return year * self.forecast.mean[0], year * self.forecast.covariance[0]
        if self.views is None:
            return None
        names = list(self.names)
        mean = self.views.mean.reindex(names)
        covariance = self.views.covariance.reindex(index=names, columns=names)
        return self.views.periods * mean.to_numpy(), self.views.periods * covariance.to_numpy()

    def to_frame(self) -> pd.DataFrame:
        """Return a row an asset: held and wanted, the trade, its money, shares where lots are traded, and its cost.

        `held`, `trade` and `cost` are fractions of the portfolio before the trade and `wanted` one of what the costs
        leave, as the attributes are. What is foreseen stands between: mean and volatility a year, and the asset's
        share in the variance of what is wanted; NaN outside the universe, and no such columns where the strategy
        forecasts nothing.
        """
        columns = {
            "held": self.held,
            "wanted": self.wanted,
            "trade": self.trade,
            "amount": self.value * self.trade,
        }
        if self.lots is not None:
            columns["shares"] = self.lots.shares
        foreseen = self._foreseen()
        if foreseen is not None:
            mean, covariance = foreseen
            members, share = np.isfinite(mean), np.full(len(mean), np.nan)
            share[members] = risk_contributions(self.wanted[members], covariance[members][:, members])
            columns |= {
                "forecast a year": mean,
                "volatility": np.sqrt(np.diagonal(covariance)),
                "risk share": share,
            }
        return pd.DataFrame(columns | {"cost": self.costs}, index=pd.Index(self.names, name="asset"))

    def rows(self) -> list[list[str]]:
        """Return the rows of `to_frame` as text, blank where nothing is traded or foreseen."""
        frame = self.to_frame()
        frame.loc[np.abs(self.trade) <= NO_TRADE, ["trade", "amount", "cost"]] = np.nan
        if self.lots is not None:
            frame.loc[self.lots.shares == 0, "shares"] = np.nan
        shown = {name: [_SHOWN[name](v) if v == v else "" for v in column] for name, column in frame.items()}
        return [[name, *row] for name, *row in zip(self.names, *shown.values(), strict=True)]

    def __repr__(self) -> str:
        """Return one line: strategy, date, how much is traded, and what it costs."""
        return (
            f"{type(self).__name__}({self.strategy}, {self.date}: trades {np.abs(self.trade).sum():.2%} in "
            f"{int((np.abs(self.trade) > NO_TRADE).sum())} of {len(self.names)} assets for "
            f"{1e4 * self.costs.sum():.2f} bp)"
        )

    def __str__(self) -> str:
        """Return the reasons and the table."""
        return "\n".join([*self.reasons(), "", self._text().to_string(index=False)])

    def _text(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows(), columns=["asset", *self.to_frame().columns])

    def _repr_html_(self) -> str:
        """Return the reasons and the table, for a notebook."""
        said = "".join(
            f"<p>{escape(line.strip())}</p>"
            for line in (*self.reasons(), *(f"warning: {warning}" for warning in self.warnings))
        )
        return f'{said}<div class="frame">{self._text().to_html(index=False)}</div>'

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        known = self.forecast
        return {
            "date": self.date,
            "strategy": self.strategy,
            "calendar": self.calendar.document(),
            "warnings": list(self.warnings),
            "value": self.value,
            "proved": self.proved,
            "rules_missed": list(self.missed),
            "regime": None
            if known is None or known.probabilities is None
            else {
                "probabilities": known.probabilities.tolist(),
                "believed": known.regime,
                "read_from": list(self.driving),
            },
            "views": None if self.views is None else self.views.document(),
            "turnover": float(np.abs(self.trade).sum()),
            "cost": float(self.costs.sum()),
            "cash": {"before": self.cash[0], "after": self.cash[1]},
            "lots": None
            if self.lots is None
            else {
                "distance": self.lots.distance,
                "cash": self.lots.cash,
                "status": self.lots.status,
                "proved": self.lots.proved,
            },
            "trades": {
                name: {
                    "held": self.held[i],
                    "wanted": self.wanted[i],
                    "trade": self.trade[i],
                    "amount": self.value * self.trade[i],
                    "cost": self.costs[i],
                    "shares": None if self.lots is None else self.lots.shares[i],
                    "asked": self.wanted[i] if self.asked is None else self.asked[i],
                    "forecast_mean": None
                    if known is None or np.isnan(known.mean[0, i])
                    else known.mean[:, i].tolist(),
                    "forecast_volatility": None
                    if known is None or np.isnan(known.mean[0, i])
                    else np.sqrt(known.covariance[:, i, i]).tolist(),
                }
                for i, name in enumerate(self.names)
            },
        }


# How `Today.rows` writes a column.
_SHOWN: dict[Any, Callable[[float], str]] = {
    "held": "{:.2%}".format,
    "wanted": "{:.2%}".format,
    "trade": "{:+.2%}".format,
    "amount": "{:+,.2f}".format,
    "shares": "{:+,.0f}".format,
    "forecast a year": "{:+.1%}".format,
    "volatility": "{:.1%}".format,
    "risk share": "{:.1%}".format,
    "cost": lambda cost: f"{1e4 * cost:.2f} bp",
}


def _expected(weights: Floats, mean: Floats, covariance: Floats) -> tuple[float, float]:
    """Return mean and volatility of weights; assets of which nothing is known have none of either."""
    return (
        float(np.nan_to_num(mean) @ weights),
        math.sqrt(float(weights @ np.nan_to_num(covariance) @ weights)),
    )


def trades_today(
    prices: Market | pd.DataFrame,
    holdings: Holdings | Mapping[str, float] | pd.Series,
    strategy: Strategy | str = "mpo",
    plan: ForecastPlan | None = None,
    costs: Costs | float | None = None,
    *,
    cost_bps: float = 10.0,
    rules: GivenRules = None,
    risk_free: str | float = 0.0,
    risk_free_as: RiskFreeAs | None = None,
    periods_per_year: float | None = None,
    holdings_in: Unit | None = None,
    value: float | None = None,
    cash: bool = False,
    lot: int | None = None,
    smallest: float = 0.0,
    views: GivenViews = None,
    **forecasts: Any,
) -> Today:
    """Return what a strategy trades after the last close of a table of prices, and why.

    Parameters
    ----------
    prices : DataFrame or Market
        Wide: by date, oldest first, a column an asset.
    holdings : Holdings, mapping or Series
        Amounts held by asset, in one unit; assets left out are not held, and ``"cash"`` is money in no asset.
        Below 0, sold short or owed, where the rules allow it.
    strategy : Strategy or str
        A name as for `backtest`.
    plan : ForecastPlan, optional
        All options of the forecasts.
    costs : Costs or float, optional
        A model of costs instead of `cost_bps`, or a fraction of what is traded: 0.001 is 10 basis points.
    cost_bps : float
        Basis points of what is traded, as for `backtest`.
    rules : path, mapping or PlanSet, optional
        As for `backtest`; lots may miss them by a part of a lot.
    risk_free : str or float
        A column (see `risk_free_as`), or a yearly rate.
    risk_free_as : {"yearly-rate", "period-rate", "price"}, optional
        What the column holds; prices by default.
    periods_per_year : float, optional
        By default as the dates show: 252 for trading days, 365 for every day, 52, 12, 4.
    holdings_in : {"weights", "shares", "money"}, optional
        The unit of a mapping; amounts that add up to 1 are weights by default.
    value : float, optional
        Money of a portfolio given in weights, above 0: market impact and lots ask for it.
    cash : bool
        Whether weights that add up to less than 1 leave the rest in cash, lots may leave money in cash, and ``"spo"``
        and ``"mpo"`` may keep it at the risk-free rate, as for `backtest`; rules bound it.
    lot : int, optional
        Shares are traded in multiples of it: the nearest plan that leaves no debt, see `nearest_lots`.
    smallest : float
        Money of the smallest trade.
    views : Views, ViewControl or path, optional
        What ``"views"`` follows, as for `backtest`.
    **forecasts
        Without a `plan`, its options: `regime_assets` by name, `window`, `K`, `refit`, ... (see `ForecastPlan`).

    Returns
    -------
    Today

    Raises
    ------
    BadData
        When the history is shorter than the forecasts' window, the unit of the holdings is not known, they name an
        asset without a price or do not add up, or lots come without prices or without cash.
    SolverFailure
        When the strategy has no answer.

    Examples
    --------
    >>> import proofolio as pf
    >>> prices = pf.load_prices().loc["2021":, ["KO", "XOM", "JPM"]]
    >>> today = pf.trades_today(prices, {"KO": 6000.0, "JPM": 4000.0}, "erc-no-hmm", holdings_in="money", window=250)
    >>> dict(zip(today.names, today.trade.round(2).tolist()))
    {'KO': -0.15, 'XOM': 0.27, 'JPM': -0.12}
    >>> print(today.reasons()[0])
    daily (252 a year): after the close of 2022-12-28, erc-no-hmm trades:
    """
    require_arguments(
        plan=plan, costs=costs, cost_bps=cost_bps, risk_free=risk_free, risk_free_as=risk_free_as,
        periods_per_year=periods_per_year, holdings_in=holdings_in, value=value, lot=lot, smallest=smallest,
    )  # fmt: skip
    column: Any = cash  # whatever a user gave
    if isinstance(column, str):
        raise BadData(
            f"cash is {column!r}; give True or False, and risk_free={column!r} for a column whose returns are the "
            "risk-free rate."
        )
    require_flag("cash", cash)
    if not isinstance(holdings, Holdings | Mapping | pd.Series):
        raise BadData(
            f"holdings are {shown_value(holdings)}; give amounts by asset, a dictionary like {{'KO': 0.4, 'XOM': 0.6}} "
            "or a Series."
        )
    if value is not None and not 0.0 < number("value", value) < math.inf:
        raise BadData(f"the portfolio's value is {value:g}; give its money, above 0.")
    lot = None if lot is None else whole("lot", lot, 1)
    market = market_of(prices, risk_free, risk_free_as, periods_per_year)
    charge = costs_of(costs, cost_bps)
    followed = views_of(views, market.names)
    named = strategies_of([strategy], market.names, market.calendar.periods_per_year, followed)
    if len(named) != 1:
        raise BadData(
            f"strategy is {strategy!r}, which is {len(named)} strategies; name the one to trade by."
        )
    strategy = named[0]
    if isinstance(strategy, RiskParityControl):
        strategy = replace(strategy, starts="all")  # one step may take longer than a day of a backtest
    if cash and isinstance(strategy, MeanVarianceControl):
        strategy = replace(strategy, cash=True)
    plan = ForecastPlan.for_market(market, **forecasts) if plan is None else plan
    given = holdings_of(holdings, holdings_in, market.names)
    obeyed = rules_of(rules, market.names)
    given.require_allowed(market.names, *_least(strategy, obeyed, len(market.names)))
    held, idle, money = (given.with_cash() if cash else given).weigh(market, value)
    (strategy,), plan = under_rules(
        obeyed, [strategy], plan, charge, market, len(market.dates) - 1,
        1.0 if money is None else money,
    )  # fmt: skip
    members, forecast, (decided, proved, missed), followed_views = _decision(market, strategy, plan, held)
    wanted = np.zeros(len(market.names))
    wanted[members] = decided if getattr(strategy, "cash", False) else decided / decided.sum()
    # Whatever is held or wanted pays a share of the cost, so that it may be traded.
    touched = np.where((held != 0.0) | (wanted != 0.0), 1.0, 0.0) * (wanted != held).any()
    terms = terms_of(charge, market.returns, touched, 1.0 if money is None else money)
    if money is None and terms.power_impact.any():
        raise BadData(
            "market impact follows the portfolio's money, which weights do not say; give its value, or holdings in "
            "money or shares."
        )
    trade = _funded(wanted, held, terms)
    asked, lots = None, None
    if lot is not None or smallest > 0.0:
        lots = _in_lots(market, given, held, idle, money, held + trade, terms, lot, smallest, cash)
        assert money is not None
        assert market.last_prices is not None
        asked, trade = wanted, np.nan_to_num(market.last_prices) * lots.shares / money
        wanted = (held + trade) / (1.0 - terms.total(trade))
    cost = terms.each(trade)
    after = idle - float(trade.sum()) - float(cost.sum())
    return Today(
        date=str(market.dates[-1]),
        strategy=strategy.name,
        names=market.names,
        driving=tuple(market.names[i] for i in plan.driving),
        value=1.0 if money is None else money,
        held=held,
        wanted=wanted,
        trade=trade,
        costs=cost,
        cash=(idle, 0.0 if abs(after) <= ROUNDING else after),
        forecast=forecast,
        proved=proved,
        missed=missed,
        calendar=market.calendar,
        warnings=market.warnings,
        lots=lots,
        asked=asked,
        views=followed_views,
    )


def _funded(wanted: Floats, held: Floats, terms: TradeCost) -> Floats:
    """Return the trade, as fractions of the portfolio, after which the weights of what its own cost leaves are wanted.

    The cost c is the root of ``c = cost(wanted * (1 - c) - held)``: what is bought, what is sold, the cash before and
    after, and the cost of exactly these trades then add up.
    """

    def trade(paid: float) -> Floats:
        found: Floats = wanted * (1.0 - paid) - held
        return found

    def short(paid: float) -> float:
        return terms.total(trade(paid)) - paid

    if not short(0.0) > 0.0:
        return trade(0.0)
    if not short(1.0) < 0.0:  # NaN fails too
        raise BadData(
            f"the trade costs {terms.total(trade(0.0)):g} of the portfolio, and nothing is left of it; check the "
            "costs, and the volume and value if there is market impact."
        )
    return trade(float(brentq(short, 0.0, 1.0, xtol=1e-15, rtol=1e-14)))


def _least(strategy: Strategy, rules: Rules | None, n: int) -> tuple[Sequence[float], float]:
    """Return the least weights of assets and of cash; a strategy of a user's own says none and may hold any."""
    if isinstance(strategy, OwnStrategy):
        return [-math.inf] * n, -math.inf
    if rules is None:
        return [getattr(strategy, "lower", 0.0)] * n, 0.0
    return rules.lower, 0.0 if rules.cash is None else rules.cash[0]


def _decision(
    market: Market, strategy: Strategy, plan: ForecastPlan, held: Floats
) -> tuple[Mask, Forecast | None, Decision, ViewPosterior | None]:
    """Return the universe after the last close, its forecast spread over all, what is decided of it, and the views."""
    last = len(market.dates) - 1
    # Where the table is shorter than the window, the forecaster says what is missing.
    members = market.universe(last, plan.window if len(market.dates) >= plan.window else 1)
    with threadpool_limits(1):  # as in the backtest: the last digits depend on the number of threads
        forecast, spread = None, None
        if strategy.needs != "nothing":
            some_plan, some, _ = plan.among(market, members, last + 1, strategy.needs)
            some_plan.require_regimes(some, strategy.needs)
            forecast = some_plan.forecaster(strategy.needs, strategy.horizon).fit(some.returns).predict()
            spread = spread_over(forecast, members)
        policy = begun(strategy, market.of(members), last)
        try:
            decision = policy.decide(last, market.returns[last][members], forecast, held[members].copy())
        except SolverFailure:
            if spread is None or not (still := np.flatnonzero(np.diagonal(spread.covariance[0]) <= 0.0)).size:
                raise
            names = ", ".join(market.names[i] for i in still)
            raise BadData(
                f"{names} did not move in the periods {strategy.name} decides on, up to {market.dates[last]}, and "
                "without variance there is no share of risk; leave it out, or use a longer --window."
            ) from None
    followed = getattr(policy, "posterior", None)
    return (
        members,
        spread,
        decision._replace(weights=np.asarray(decision.weights, dtype=np.float64)),
        followed,
    )


def _in_lots(
    market: Market,
    given: Holdings,
    held: Floats,
    idle: float,
    money: float | None,
    target: Floats,
    terms: TradeCost,
    lot: int | None,
    smallest: float,
    cash: bool,
) -> LotPlan:
    """Return the nearest plan of lots to a target in weights."""
    if market.last_prices is None:
        raise BadData("lots need prices, and this is a table of returns; give a table of prices.")
    if money is None:
        raise BadData("lots follow the portfolio's money, which weights do not say; give its value.")
    if not cash:
        raise BadData(
            "whole lots leave money over that buys none, and costs are paid from it; allow it to stay in cash "
            "(cash=True, on the command line --cash)."
        )
    prices = market.last_prices
    here = np.flatnonzero(np.isfinite(prices))
    some = TradeCost(terms.half_spread[here], terms.power_impact[here], terms.asymmetry[here])
    if given.unit == "shares":
        shares = np.array([given.amounts.get(name, 0.0) for name in market.names])
    else:
        shares = held * money / prices
    found = nearest_lots(
        prices[here], shares[here], idle * money, target[here] * money, some,
        lot=1 if lot is None else lot, smallest=smallest,
    )  # fmt: skip
    shares = np.zeros(len(prices))
    shares[here] = found.shares
    return replace(found, shares=shares)
