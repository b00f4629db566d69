"""What a user gives in Python, as the types that `backtesting` works with."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import pandas as pd

from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market, market_of, require_wide
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.errors import BadData, did_you_mean, shown_value

__all__ = ["market_given", "plan_given"]


def market_given(
    prices: Market | pd.DataFrame,
    risk_free: str | float,
    risk_free_as: RiskFreeAs | None,
    periods_per_year: float | None,
    cash: str | bool,
) -> Market:
    """Return the market in a table of prices; a column that is cash is no asset, and its returns are the rate.

    Raises
    ------
    BadData
        When there is no such column, it moves like no cash, or the risk-free rate is given as well.
    """
    if not isinstance(cash, str):
        if not isinstance(cash, bool):
            raise BadData(f"cash is {shown_value(cash)}; give the name of a column, True or False.")
        return market_of(prices, risk_free, risk_free_as, periods_per_year)
    if isinstance(prices, Market):
        raise BadData(f"cash is {cash!r}, a column of a table of prices; give such a table, or cash=True.")
    if risk_free != 0.0:
        raise BadData(
            f"cash is {cash!r}, whose returns are the risk-free rate; leave risk_free out, or give cash=True to keep "
            "cash at that rate."
        )
    require_wide(prices)
    if cash not in prices.columns:
        close = did_you_mean(cash, prices.columns)
        raise BadData(
            f"cash is {cash!r}, which is no column{close}; the columns are {', '.join(map(str, prices.columns))}."
        )
    return market_of(prices, cash, "price", periods_per_year)


def plan_given(
    function: Callable[..., Any], market: Market, plan: ForecastPlan | None, options: dict[str, Any]
) -> ForecastPlan:
    """Return a plan as it is, or the one of the options that a function took by name.

    Raises
    ------
    BadData
        For a plan and options at once, or an option that does not exist; it may be meant for the function itself.
    """
    if plan is None:
        return ForecastPlan.for_market(market, more_options=tuple(signature(function).parameters), **options)
    if options:
        raise BadData(
            f"{', '.join(options)} would change nothing beside a plan; set such options in the plan, or leave it out."
        )
    return plan
