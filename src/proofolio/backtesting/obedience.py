"""Strategies and forecasts under rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from proofolio.backtesting.costs import Costs
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Strategy
from proofolio.backtesting.rules import Features, Rules
from proofolio.backtesting.strategies import (
    EqualRiskContributions,
    MeanVarianceControl,
    RegimeBudgets,
    RiskParityControl,
)
from proofolio.errors import BadData

__all__ = ["under_features", "under_rules"]

RISK_SHARES = RiskParityControl | EqualRiskContributions | RegimeBudgets


def under_rules(
    rules: Rules | None,
    strategies: Sequence[Strategy],
    plan: ForecastPlan,
    costs: Costs,
    market: Market,
    row: int,
    value: float,
) -> tuple[tuple[Strategy, ...], ForecastPlan]:
    """Return strategies that obey rules and hold the cash they allow, and the forecasts with their features.

    Each takes what it can read: costs of the plan are for mean-variance, the features of budgets for `RegimeBudgets`.

    Parameters
    ----------
    rules : Rules, optional
        Without them nothing changes.
    strategies, plan
    costs : Costs
        What is charged, where the rules take the plan's costs from it: as at the close of `row`.
    market : Market
    row : int
        The close of the first trade.
    value : float
        Money of the portfolio then.

    Raises
    ------
    BadData
        When a strategy cannot obey, by its name and the key.
    """
    if rules is None:
        return tuple(strategies), plan
    told = rules.told(costs, market, row, value)
    obeying = [_obeying(strategy, told) for strategy in strategies]
    return under_features(rules.features, obeying, plan)


def under_features(
    features: Features | None, strategies: Sequence[Strategy], plan: ForecastPlan
) -> tuple[tuple[Strategy, ...], ForecastPlan]:
    """Return strategies and forecasts with features.

    Raises
    ------
    BadData
        When the evidence is not one number a regime.
    """
    if features is None:
        return tuple(strategies), plan
    found = (replace(s, **features.of_budgets) if isinstance(s, RegimeBudgets) else s for s in strategies)
    return tuple(found), features.plan(plan)


def _obeying(strategy: Strategy, rules: Rules) -> Strategy:
    if isinstance(strategy, MeanVarianceControl):
        held = strategy.cash or rules.cash is not None
        if held and (rules.counted or rules.gross is not None):
            raise BadData(
                f"{rules.where}: {rules.counted or 'exposure.gross'} is kept without cash only, and {strategy.name} is "
                "asked to hold cash; leave out one of the two."
            )
        return replace(strategy, cash=held, rules=rules) if rules.restricts or rules.costs else strategy
    if not rules.restricts:
        return strategy
    if not isinstance(strategy, RISK_SHARES):
        raise BadData(
            f"{strategy.name} decides without reading rules and cannot obey {rules.where}; leave it out, or run it "
            "without them."
        )
    key = "weights.lower" if rules.shorts else "exposure" if rules.cash is not None else rules.counted
    if key is not None:
        why = {"weights.lower": "sell short", "exposure": "say how much cash to hold"}.get(
            key, "count positions"
        )
        raise BadData(
            f"{rules.where}: {strategy.name} cannot keep {key}, since risk shares do not {why}; spo and mpo can."
        )
    return replace(strategy, rules=rules)
