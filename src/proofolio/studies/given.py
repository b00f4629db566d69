"""What a user gives in Python, as the types that `backtesting` works with."""

from __future__ import annotations

from proofolio.backtesting.costs import Costs, LinearCost
from proofolio.errors import BadData

__all__ = ["costs_given"]


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
