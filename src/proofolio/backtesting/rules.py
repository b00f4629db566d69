"""Rules by the names of assets: what a strategy may hold and trade, what its plan is told of costs, what it reads.

They are the same for a backtest, a tuning and the trades of today, and become a `PlanSet` of the assets there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from proofolio.arrays import Floats
from proofolio.backtesting.costs import Costs, terms_of
from proofolio.backtesting.forecasts import ForecastPlan
from proofolio.backtesting.market import Market
from proofolio.errors import BadData
from proofolio.forecasts.transformers.transformer import Transformer
from proofolio.models.portfolio.plan_set import FEASIBLE, Group, PlanSet
from proofolio.models.portfolio.trade_cost import TradeCost
from proofolio.program.builder import Builder
from proofolio.verification.solving import solve

__all__ = ["Features", "GroupRule", "Rules"]


PerAsset = tuple[float, ...]  # one for each name of the rules; empty for nothing


@dataclass(frozen=True)
class GroupRule:
    """Assets, by name, whose weights together lie between two limits."""

    name: str
    assets: tuple[str, ...]
    lower: float = -np.inf
    upper: float = np.inf

    def __str__(self) -> str:
        """Say the limits, as text."""
        if self.lower == -np.inf:
            return f"at most {self.upper:g}"
        return f"at least {self.lower:g}" if self.upper == np.inf else f"{self.lower:g} to {self.upper:g}"


@dataclass(frozen=True)
class Features:
    """What is read from returns before anything is decided; None leaves a thing as it is.

    Attributes
    ----------
    transformer, evidence : optional
        `features` and `evidence` of `ForecastPlan`.
    persistence, volatility_damping : float, optional
    clusters : int, optional
        Of `proofolio.models.portfolio.regime_equal_risk.RegimeEqualRisk`.
    where : str
        What messages call the place they come from.
    """

    transformer: Transformer | None = None
    evidence: tuple[float, ...] | None = None
    persistence: float | None = None
    volatility_damping: float | None = None
    clusters: int | None = None
    where: str = "features"

    @property
    def of_forecasts(self) -> bool:
        """Whether the forecasts change."""
        return self.transformer is not None or self.evidence is not None

    @property
    def of_budgets(self) -> dict[str, Any]:
        """What regime-erc is told, by name."""
        given = {n: getattr(self, n) for n in ("persistence", "volatility_damping", "clusters")}
        return {name: value for name, value in given.items() if value is not None}

    def plan(self, plan: ForecastPlan) -> ForecastPlan:
        """Return a plan of forecasts with these features.

        Raises
        ------
        BadData
            When the evidence is not one number a regime.
        """
        if self.evidence is not None and len(self.evidence) != plan.K:
            raise BadData(
                f"{self.where}: evidence has {len(self.evidence)} numbers for {plan.K} regimes; give one a regime."
            )
        plan = plan if self.transformer is None else replace(plan, features=self.transformer)
        return plan if self.evidence is None else replace(plan, evidence=self.evidence)


@dataclass(frozen=True)
class Rules:
    """What every trade leads to obeys; made by `proofolio.backtesting.rules_file.rules_of`.

    Attributes
    ----------
    names : tuple of str
        All assets of the market.
    lower, upper : tuple of float
        Bounds of each.
    groups : tuple of GroupRule
    cash : (float, float), optional
        Bounds of the cash; None where a strategy holds none unless it asks for it.
    gross : float, optional
    turnover : float
        Limit of what is bought and sold at a trade.
    most : int, optional
        Positions.
    smallest : float
        Size of a position that is not zero.
    lot : float, optional
        Weights are multiples of it.
    half_spread, power_impact, asymmetry : tuple of float
        What the plan is told of the cost of trading, see `TradeCost`; empty for nothing.
    as_charged : bool
        Whether that is to be taken from what is charged, see `told`.
    features : Features
    where : str
        What messages call the place they come from.
    """

    names: tuple[str, ...]
    lower: PerAsset
    upper: PerAsset
    groups: tuple[GroupRule, ...] = ()
    cash: tuple[float, float] | None = None
    gross: float | None = None
    turnover: float = np.inf
    most: int | None = None
    smallest: float = 0.0
    lot: float | None = None
    half_spread: PerAsset = ()
    power_impact: PerAsset = ()
    asymmetry: PerAsset = ()
    as_charged: bool = False
    features: Features = field(default_factory=Features)
    where: str = "rules"

    @property
    def counted(self) -> str | None:
        """The key of a rule that is mixed-integer, or None."""
        keys = {"most": self.most, "smallest": self.smallest or None, "lot": self.lot}
        return next((f"positions.{key}" for key, value in keys.items() if value is not None), None)

    @property
    def shorts(self) -> bool:
        """Whether an asset may be sold short."""
        return min(self.lower) < 0.0

    @property
    def costs(self) -> bool:
        """Whether the plan is told what trading costs."""
        return self.as_charged or any(map(any, (self.half_spread, self.power_impact, self.asymmetry)))

    @property
    def restricts(self) -> bool:
        """Whether anything is asked for beyond long-only weights that add up to 1."""
        return bool(
            any(self.lower) or min(self.upper) < 1.0 or self.groups or self.cash is not None or self.counted
            or self.gross is not None or np.isfinite(self.turnover)
        )  # fmt: skip

    def plan_set(self, assets: Sequence[str], periods: int, cash: bool = False) -> PlanSet:
        """Return the plans of some of the assets, in their order, and of cash, last, where it is held.

        Raises
        ------
        BadData
            When they leave no weights.
        """
        place = {name: i for i, name in enumerate(self.names)}
        here = [place[name] for name in assets]
        lower, upper = np.array(self.lower)[here], np.array(self.upper)[here]
        position = {name: i for i, name in enumerate(assets)}
        groups = []
        for rule in self.groups:
            members = [position[name] for name in rule.assets if name in position]
            if members:
                groups.append(Group(members, rule.lower, rule.upper))
            elif rule.lower > 0.0:
                raise BadData(f"no asset of {self.where}: groups.{rule.name} can be held")
        n = len(assets)
        if cash:
            low, high = (0.0, 1.0) if self.cash is None else self.cash
            lower, upper, n = np.append(lower, low), np.append(upper, high), n + 1
        return PlanSet(
            n, periods, lower, upper, groups=groups, cardinality=self.most, minimum_position=self.smallest,
            round_lots=self.lot, gross=self.gross, turnover_limit=self.turnover, cash=n - 1 if cash else None,
        )  # fmt: skip

    def trade_cost(self, assets: Sequence[str], cash: bool = False) -> TradeCost:
        """Return what the plan is told of the costs of some of the assets, and of cash, which costs nothing."""
        here = [self.names.index(name) for name in assets]

        def some(values: PerAsset) -> Floats:
            found = np.array(values)[here] if values else np.zeros(len(here))
            return np.append(found, 0.0) if cash else found

        return TradeCost.of(
            len(here) + cash, some(self.half_spread), some(self.power_impact), some(self.asymmetry)
        )

    def told(self, charged: Costs, market: Market, row: int, value: float) -> Rules:
        """Return the same rules with the costs that are charged at the close of a row, where that is asked for.

        Nothing after that close is read. Later closes are charged by their own volatility and value; the plan keeps
        these. An asset without two returns by then is told of no impact.
        """
        if not self.as_charged:
            return self
        known = market.returns[: row + 1]
        enough = (
            np.isfinite(known[max(0, len(known) - charged.memory) :] if charged.memory else known).sum(axis=0)
            > 1
        )
        terms = terms_of(charged, known, enough.astype(float), value)
        return replace(
            self,
            as_charged=False,
            half_spread=tuple(terms.half_spread.tolist()),
            power_impact=tuple(terms.power_impact.tolist()),
            asymmetry=tuple(terms.asymmetry.tolist()),
        )

    def require_plan(self) -> None:
        """Refuse rules that contradict one another, whatever is held, by the keys of those that do.

        Raises
        ------
        BadData
        """
        low, high = sum(self.lower), sum(self.upper)
        least, most = (0.0, 0.0) if self.cash is None else self.cash
        if low + least > 1.0 + FEASIBLE:
            raise BadData(
                f"{self.where}: the lower bounds of weights{' and exposure' if least else ''} add up to "
                f"{low + least:.6g}, and there is 1 to hold; lower them."
            )
        if high + most < 1.0 - FEASIBLE:
            raise BadData(
                f"{self.where}: the upper bounds of weights{' and exposure' if most else ''} add up to "
                f"{high + most:.6g}, and there is 1 to hold; raise them, or allow cash in exposure."
            )
        free = replace(self, turnover=np.inf, groups=(), most=None, smallest=0.0, lot=None, gross=None)
        for k, group in enumerate(self.groups):
            inside = [i for i, name in enumerate(self.names) if name in group.assets]
            reach = sum(self.lower[i] for i in inside), sum(self.upper[i] for i in inside)
            asked = f"{self.where}: groups.{group.name} asks for {group}"
            if reach[0] > group.upper + FEASIBLE or reach[1] < group.lower - FEASIBLE:
                raise BadData(
                    f"{asked}, and the bounds of its assets allow {reach[0]:.6g} to {reach[1]:.6g}; change one of them."
                )
            some = replace(free, groups=self.groups[: k + 1])
            if not some.plan_set(self.names, 1, self.cash is not None).reachable(self._nothing):
                others = ", ".join(f"groups.{g.name}" for g in self.groups[:k])
                raise BadData(
                    f"{asked}, which no weights meet together with weights, exposure{' and ' if others else ''}{others}"
                    "; change one of them."
                )
        plans = self.plan_set(self.names, 1, self.cash is not None)
        if (plans.mixed_integer or plans.gross_binds) and not _has_plan(plans.unlimited()):
            key = self.counted or "exposure.gross"
            raise BadData(
                f"{self.where}: {key} leaves no weights together with the other rules, whatever is held; loosen it."
            )

    @property
    def _nothing(self) -> Floats:
        return np.zeros(len(self.names) + (self.cash is not None))


def _has_plan(plans: PlanSet) -> bool:
    """Return whether a solver finds the set not to be empty; one that gives up proves nothing."""
    model = Builder("rules")
    W = model.variable("W", (plans.n, plans.periods), plans.lower.T, plans.upper.T)
    plans.add(model, W)
    model.minimise(0.0 * W.sum())
    return "infeasible" not in solve(model.freeze()).status.removesuffix("-solution")
