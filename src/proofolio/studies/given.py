"""What a user gives in Python, as the types that `backtesting` works with."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from proofolio.backtesting.costs import Costs, LinearCost
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.errors import BadData

__all__ = ["costs_given", "plan_given"]


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


def costs_given(costs: Costs | None, cost_bps: float) -> Costs:
    """Return a model of costs as it is, or the linear one of basis points.

    Raises
    ------
    BadData
        For a number where a model belongs, or basis points out of range.
    """
    if costs is None:
        try:
            rate = float(cost_bps) / 1e4
        except (TypeError, ValueError):
            raise BadData(f"cost_bps is {cost_bps!r}; give basis points of what is traded.") from None
        if not 0.0 <= rate < 0.5:  # NaN fails too
            raise BadData(f"cost_bps is {cost_bps:g}; give basis points of what is traded, from 0 to 5000.")
        return LinearCost(rate)
    if not hasattr(costs, "at"):
        raise BadData(
            f"costs is {costs!r}; give a model of costs, or basis points of what is traded as cost_bps=10."
        )
    return costs
