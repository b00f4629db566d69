"""The strategies that ship: one declaration each, and their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.backtesting.control_strategy import ControlStrategy
from proofolio.backtesting.market import Market
from proofolio.backtesting.policy import Decision, Needs, Policy, Strategy
from proofolio.backtesting.rules import Rules
from proofolio.backtesting.view_strategies import HoldMarket, ViewControl
from proofolio.errors import BadData, NoPlan, SolverFailure, did_you_mean
from proofolio.forecasts.calendars import DAILY
from proofolio.forecasts.forecast import Forecast
from proofolio.forecasts.views.stated_views import Views
from proofolio.models.portfolio.mean_variance import MeanVariance
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.regime_equal_risk import RegimeEqualRisk
from proofolio.models.portfolio.risk_budgeting import equal_risk
from proofolio.models.portfolio.risk_parity import RiskParity
from proofolio.models.portfolio.way_back import way_back

__all__ = [
    "NAMES",
    "WITHOUT",
    "BuyAndHold",
    "EqualRiskContributions",
    "FixMix",
    "MeanVarianceControl",
    "RegimeBudgets",
    "RiskParityControl",
    "keeping_cash",
    "require_followed",
    "strategies_named",
    "strategies_of",
]


WITHOUT = "-no-hmm"
ALLOWED = 1e-6  # a plan that misses its rules by more is not traded
PROVED = (
    "certified-optimal",
    "verified-optimal",
)  # statuses of a solution that more than a solver's word is for
SINGULAR = 1e-12  # smallest eigenvalue over the largest
FOLLOWING = ("views", "views-static", "views-placebo")  # of views that are given
VIEW_NAMES = ("market", *FOLLOWING)
NAMES = ("buy-and-hold", "fix-mix", "spo", "mpo", "spo-rp", "mpo-rp", "erc", "regime-erc", "control")


@dataclass(frozen=True)
class BuyAndHold:
    """All of it in one asset, bought at the first close at which it can be held; no answer where it cannot.

    Before it begins the first holdings, 1/n of the assets there are, are kept, and those closes are counted as without
    an answer. When it ends, what it was paid out for stays in cash.
    """

    asset: str
    name: str = "buy-and-hold"
    needs: Needs = field(default="nothing", init=False)
    horizon: int = field(default=1, init=False)

    @property
    def assets(self) -> tuple[str, ...]:
        """What it names."""
        return (self.asset,)

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on the assets there are; see `ReadsMarket`."""
        if self.asset not in market.names:
            return _Nothing(f"{self.asset} cannot be held")
        return _Constant(np.eye(len(market.names))[market.names.index(self.asset)])

    def start(self, history: Floats) -> Policy:
        """Refuse: an array has no names."""
        raise BadData(f"{self.name} looks for {self.asset} by its name; give it to `simulate`.")


@dataclass(frozen=True)
class FixMix:
    """The same share of every asset, ``w_i = 1/n``."""

    name: str = "fix-mix"
    needs: Needs = field(default="nothing", init=False)
    horizon: int = field(default=1, init=False)

    def start(self, history: Floats) -> Policy:
        """Begin; no past is needed."""
        n = history.shape[1]
        return _Constant(np.full(n, 1.0 / n))


@dataclass(frozen=True)
class MeanVarianceControl:
    """The first move of `proofolio.models.MeanVariance` over the horizon; SPO with one period, MPO with more.

    With `cash`, the rest may be kept in cash, whose forecast is the risk-free rate of the period that ends at the
    close: it costs nothing to trade, has no risk, and is not owed.
    """

    name: str = "mpo"
    horizon: int = 5
    gamma_risk: float = 5.0
    gamma_trade: float = 0.01
    lower: float = 0.0
    upper: float = 1.0
    needs: Needs = "regimes"
    cash: bool = False
    rules: Rules | None = None

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on a market; see `ReadsMarket`."""
        if self.rules is not None:
            return self._under(self.rules, market)
        if not self.cash:
            return self.start(market.history(row))
        n = len(market.names)
        lower, upper = np.append(np.full(n, self.lower), 0.0), np.append(np.full(n, self.upper), 1.0)
        return _CashPolicy(self._model(n + 1, lower, upper, cash=n), market)

    def start(self, history: Floats) -> Policy:
        """Set the quadratic program up once."""
        _require_no_names(self.name, self.rules)
        if self.cash:
            raise BadData(f"{self.name} keeps cash at the risk-free rate of a market; give it to `simulate`.")
        return _MeanVariancePolicy(self._model(history.shape[1], self.lower, self.upper))

    def _under(self, rules: Rules, market: Market) -> Policy:
        try:
            plans = rules.plan_set(market.names, self.horizon, self.cash)
        except BadData as error:  # of the assets there are now
            return _Nothing(f"the rules leave no plan: {error}")
        costs = rules.trade_cost(market.names, self.cash)
        model = MeanVariance(
            plans.n, self.horizon, gamma_risk=self.gamma_risk, gamma_trade=1.0, plan_set=plans,
            half_spread=self.gamma_trade + costs.half_spread, power_impact=costs.power_impact,
            asymmetry=costs.asymmetry,
        )  # fmt: skip
        return _CashPolicy(model, market) if self.cash else _MeanVariancePolicy(model)

    def _model(self, n: int, lower: ArrayLike, upper: ArrayLike, cash: int | None = None) -> MeanVariance:
        return MeanVariance(
            n,
            self.horizon,
            gamma_risk=self.gamma_risk,
            gamma_trade=self.gamma_trade,
            lower=lower,
            upper=upper,
            cash=cash,
        )


@dataclass(frozen=True)
class RiskParityControl:
    """The first move of `proofolio.models.RiskParity` over the horizon; SPO-RP with one period, MPO-RP with more."""

    name: str = "mpo-rp"
    horizon: int = 5
    gamma_trade: float = 0.01
    lower: float = 0.0
    upper: float = 1.0
    needs: Needs = "regimes"
    starts: str = "erc"
    rules: Rules | None = None

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on a market; see `ReadsMarket`."""
        if self.rules is None:
            return self.start(market.history(row))
        try:
            plans = self.rules.plan_set(market.names, self.horizon)
        except BadData as error:  # of the assets there are now
            return _Nothing(f"the rules leave no plan: {error}")
        model = RiskParity(plans.n, self.horizon, gamma_trade=self.gamma_trade, plan_set=plans)
        return _RiskParityPolicy(model, self.starts)

    def start(self, history: Floats) -> Policy:
        """Set the model up once."""
        _require_no_names(self.name, self.rules)
        model = RiskParity(
            history.shape[1], self.horizon, gamma_trade=self.gamma_trade, lower=self.lower, upper=self.upper
        )
        return _RiskParityPolicy(model, self.starts)


@dataclass(frozen=True)
class EqualRiskContributions:
    """Equal risk contributions under tomorrow's covariance; under rules, the weights nearest to them.

    Nearest means the least sum of squares of the contributions less 1/n: `RiskParity` for one period, trades free.
    """

    name: str = "erc"
    needs: Needs = "regimes"
    horizon: int = field(default=1, init=False)
    rules: Rules | None = None

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on a market; see `ReadsMarket`."""
        if self.rules is None:
            return self.start(market.history(row))
        return RiskParityControl(self.name, 1, 0.0, needs=self.needs, rules=self.rules).begin(market, row)

    def start(self, history: Floats) -> Policy:
        """Begin; no past is needed."""
        _require_no_names(self.name, self.rules)
        return _EqualRiskPolicy()


@dataclass(frozen=True)
class RegimeBudgets:
    """Risk budgets that follow each asset's Sharpe ratio in the regimes; see `proofolio.models.RegimeEqualRisk`.

    `persistence` lets a regime that is soon left count less, `volatility_damping` an asset of a wild cluster.
    Under rules, the weights whose risk contributions are nearest to the budgets, as of `EqualRiskContributions`.
    """

    name: str = "regime-erc"
    kappa: float = 0.5
    clip: float = 1.0
    persistence: float = 0.0
    volatility_damping: float = 0.0
    clusters: int = 3
    periods_per_year: float = DAILY.periods_per_year
    needs: Needs = field(default="regimes", init=False)
    horizon: int = field(default=1, init=False)
    rules: Rules | None = None

    def begin(self, market: Market, row: int) -> Policy:
        """Begin on a market; see `ReadsMarket`."""
        if self.rules is None:
            return self.start(market.history(row))
        try:
            plans = self.rules.plan_set(market.names, 1)
        except BadData as error:  # of the assets there are now
            return _Nothing(f"the rules leave no plan: {error}")
        return _RegimeBudgetsPolicy(self._model(), plans)

    def start(self, history: Floats) -> Policy:
        """Begin; no past is needed."""
        _require_no_names(self.name, self.rules)
        return _RegimeBudgetsPolicy(self._model())

    def _model(self) -> RegimeEqualRisk:
        return RegimeEqualRisk(
            self.kappa,
            clip=self.clip,
            periods_per_year=self.periods_per_year,
            persistence=self.persistence,
            volatility_damping=self.volatility_damping,
            clusters=self.clusters,
        )


@dataclass(frozen=True, eq=False)
class _Constant:
    weights: Floats

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        return Decision(self.weights)


@dataclass(frozen=True, eq=False)
class _Nothing:
    why: str

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        raise SolverFailure(f"after row {day}, {self.why}.")


class _MeanVariancePolicy:
    def __init__(self, model: MeanVariance) -> None:
        self._first = _first_of(model)

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        known = _given(forecast)
        return self._first(known.mean, known.covariance, holdings, 1.0 - float(holdings.sum()), day)


First = Callable[[Floats, Floats, Floats, float, int], Decision]


def _first_of(model: MeanVariance) -> First:
    """Return what finds the first move: from mean, covariance, holdings, what is uninvested, and the day.

    By the direct step, or where the rules have no such step by a mixed-integer solver, whose word is a proof only
    where the checks say so.
    """
    least = float(model.plan_set.lower[0].min())
    if model.direct:
        stepper = model.stepper()

        def direct(mean: Floats, covariance: Floats, held: Floats, uninvested: float, day: int) -> Decision:
            try:
                step = stepper.solve(mean, covariance, held, uninvested=uninvested)
            except NoPlan:
                return _step_back(model.plan_set, held, day)
            return _first_move(step.W[0], step.residuals.violation, step.ok, day, least)

        return direct

    def solved(mean: Floats, covariance: Floats, held: Floats, uninvested: float, day: int) -> Decision:
        found = model.solve(mean, covariance, held, uninvested=uninvested)
        if found.x is None:
            raise SolverFailure(f"after row {day}, no plan was found ({found.status}).")
        W = np.asarray(found["W"], dtype=np.float64)
        W = np.where(np.abs(W) <= ALLOWED, 0.0, W)  # a position that small is a solver's rounding
        start = np.append(held, uninvested)[: len(held)]
        missed = max(model.plan_set.violations(W, start).values())
        return _first_move(W[:, 0], missed, found.status in PROVED, day, least)

    return solved


class _CashPolicy:
    """Mean-variance over the assets and, last, cash."""

    def __init__(self, model: MeanVariance, market: Market) -> None:
        self._first, self._market = _first_of(model), market

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        known = _given(forecast)
        rate = np.full((known.H, 1), self._market.risk_free[day])
        covariance = np.pad(known.covariance, ((0, 0), (0, 1), (0, 1)))
        held = np.append(holdings, 1.0 - holdings.sum())
        whole, proved, missed = self._first(np.hstack([known.mean, rate]), covariance, held, 0.0, day)
        return Decision(whole[:-1], proved, missed)


class _RiskParityPolicy:
    def __init__(self, model: RiskParity, starts: str = "erc") -> None:
        self._stepper, self._plans = model.stepper(starts=starts), model.plan_set

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        covariance = _given(forecast).covariance
        try:
            with _unanswered(day, covariance):
                step = self._stepper.solve(covariance, holdings, uninvested=1.0 - float(holdings.sum()))
        except NoPlan:
            return _step_back(self._plans, holdings, day)
        missed = next(check.value for check in step.checks if check.name == "weights allowed")
        return _first_move(step.W[0], missed, step.ok, day)


class _EqualRiskPolicy:
    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        covariance = _given(forecast).covariance[0]
        with _unanswered(day, covariance):
            return Decision(equal_risk(covariance))


class _RegimeBudgetsPolicy:
    def __init__(self, model: RegimeEqualRisk, plans: PlanSet | None = None) -> None:
        self._model, self._plans = model, plans

    def decide(self, day: int, row: Floats, forecast: Forecast | None, holdings: Floats) -> Decision:
        known = _given(forecast)
        if known.probabilities is None or known.means is None or known.covariances is None:
            raise BadData("regime-erc needs forecasts with regimes, and these have none.")
        covariance = known.covariance[:1]
        q, means, covariances, P = known.probabilities[0], known.means, known.covariances, known.transition
        with _unanswered(day, covariance[0], covariances):
            if self._plans is None:
                return Decision(self._model.weights(q, means, covariances, P, covariance[0]))
            budgets = self._model.budgets(q, means, covariances, P)
        nearest = RiskParity(self._plans.n, 1, gamma_trade=0.0, budgets=budgets, plan_set=self._plans)
        one = replace(known, mean=known.mean[:1], covariance=covariance)
        return _RiskParityPolicy(nearest).decide(day, row, one, holdings)


@contextmanager
def _unanswered(day: int, *covariances: Floats) -> Iterator[None]:
    """Turn the refusal of a riskless forecast (an asset that did not move, say) into a day without an answer.

    What is refused for another reason stays an error.
    """
    try:
        yield
    except BadData as error:
        values = [np.linalg.eigvalsh(covariance) for covariance in covariances]
        if all((v[..., 0] > SINGULAR * v[..., -1]).all() for v in values):
            raise
        raise SolverFailure(f"after row {day}, {error}") from None


def _first_move(weights: Floats, missed: float, proved: bool, day: int, least: float = 0.0) -> Decision:
    """Return the decision, or raise SolverFailure for a plan that misses a rule or has a weight below the least."""
    if not (
        missed <= ALLOWED and weights.min() >= least - ALLOWED and abs(weights.sum() - 1.0) <= ALLOWED
    ):  # NaN fails too
        raise SolverFailure(f"the plan made after row {day} breaks its rules, and nothing is traded.")
    return Decision(weights, proved)


def _step_back(plans: PlanSet, held: Floats, day: int) -> Decision:
    """Return a step towards the rules from holdings out of which no trade keeps them all."""
    try:
        weights, missed = way_back(plans, held)
    except SolverFailure as error:
        raise SolverFailure(f"after row {day}, {error}.") from None
    # without a rule that is missed now, a later period's was: the step is allowed, and not proved to be the best
    return Decision(weights, proved=False, missed=missed)


def _require_no_names(name: str, rules: Rules | None) -> None:
    if rules is not None:
        raise BadData(
            f"{name} has rules for assets by name, and an array has no names; give it to `simulate`."
        )


def _given(forecast: Forecast | None) -> Forecast:
    if forecast is None:
        raise BadData("this strategy decides on forecasts, and none was given.")
    return forecast


def strategies_named(
    names: Sequence[str],
    assets: Sequence[str],
    *,
    horizon: int = 5,
    gamma_risk: float = 5.0,
    gamma_trade: float = 0.01,
    kappa: float = 0.5,
    periods_per_year: float = DAILY.periods_per_year,
    views: Views | ViewControl | None = None,
) -> tuple[Strategy, ...]:
    """Return the strategies called by their names on the command line.

    Parameters
    ----------
    names : sequence of str
        Of `NAMES`; ``buy-and-hold:ASSET`` names the asset, the first by default; ``-no-hmm`` after the name of
        a strategy that forecasts gives it the forecasts without regimes; ``all`` is every one of them.
    assets : sequence of str
    horizon : int
        Of mpo and mpo-rp.
    gamma_risk, gamma_trade, kappa : float
        Of the models.
    periods_per_year : float
        Of the market's calendar; regime-erc annualises by it.
    views : Views or ViewControl, optional
        What ``views``, ``views-placebo`` and ``views-static:C``, with confidence C, follow; ``market`` needs none.

    Raises
    ------
    BadData
        When a name is unknown; the message lists those there are.
    """
    wanted = [name for given in names for name in (_all() if given == "all" else (given,))]
    made = [
        _of_views(name, views)
        or _made(name, assets, horizon, gamma_risk, gamma_trade, kappa, periods_per_year)
        for name in dict.fromkeys(wanted)
    ]
    if not made:
        raise BadData(f"no strategy is named; choose from {', '.join(NAMES)} or all.")
    return tuple(made)


def keeping_cash(strategies: Sequence[Strategy], column: str | None = None) -> tuple[Strategy, ...]:
    """Return strategies with leave to keep cash, that of a column if named: spo and mpo, and the others as they are.

    Raises
    ------
    BadData
        When none of them can.
    """
    found = [replace(s, cash=True) if isinstance(s, MeanVarianceControl) else s for s in strategies]
    if not any(getattr(s, "cash", False) for s in found):
        raise BadData(
            f"none of {', '.join(s.name for s in strategies)} can keep cash: name spo or mpo, or a function of your "
            "own made with cash=True"
            + ("." if column is None else f"; for the returns of {column} as the risk-free rate alone, give ")
            + ("" if column is None else f"risk_free={column!r} instead.")
        )
    return tuple(found)


def strategies_of(
    given: Sequence[Strategy | str] | Strategy | str,
    assets: Sequence[str],
    periods_per_year: float = DAILY.periods_per_year,
    views: Views | ViewControl | None = None,
) -> tuple[Strategy, ...]:
    """Return strategies as they are, and those that are named, with their defaults; see `strategies_named`.

    Raises
    ------
    BadData
        When a name is unknown, or two strategies have the same name.
    """
    if isinstance(given, Sequence) and len(given) == 0:
        raise BadData(f"no strategy is named; choose from {', '.join(NAMES)} or all.")
    listed: Sequence[Any] = (
        [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    )
    for each in listed:
        if not isinstance(each, str) and not all(hasattr(each, part) for part in ("name", "needs", "start")):
            hint = "; wrap your function: pf.strategy(f)" if callable(each) else ""
            raise BadData(
                f"strategies are names like 'mpo' and what pf.strategy makes, and one is a {type(each).__name__}{hint}."
            )
    require_followed(views, [each for each in listed if isinstance(each, str)])
    found = [
        s
        for each in listed
        for s in (
            strategies_named([each], assets, periods_per_year=periods_per_year, views=views)
            if isinstance(each, str)
            else [each]
        )
    ]
    names = [strategy.name for strategy in found]
    if len(set(names)) < len(names):
        raise BadData(f"two strategies have the same name: {', '.join(names)}; name each its own way.")
    return tuple(found)


def require_followed(views: Views | ViewControl | None, names: Sequence[str]) -> None:
    """Refuse views where no strategy of these names follows them.

    Raises
    ------
    BadData
        Naming those that would.
    """
    if views is None or any(name.partition(":")[0] in FOLLOWING for name in names):
        return
    raise BadData(
        "views are given, and no strategy that is named follows them: name views, views-static:C or views-placebo, or "
        "leave the views out."
    )


def _all() -> tuple[str, ...]:
    forecasting = [name for name in NAMES[2:] if name not in ("regime-erc", "control")]
    return (*NAMES, *(name + WITHOUT for name in forecasting))


def _of_views(name: str, views: Views | ViewControl | None) -> Strategy | None:
    """Return the strategy of this name where it follows views or the market's weights, else None."""
    kind, _, share = name.partition(":")
    if kind not in VIEW_NAMES:
        return None
    if kind == "market" and not share:
        return HoldMarket()
    if views is None:
        raise BadData(
            f"strategy {name!r} follows views, and none are given: give views, a file of them or pf.Views."
        )
    base = ViewControl.of(views) if isinstance(views, Views) else views
    if kind == "views-static":
        try:
            confidence = float(share)
        except ValueError:
            raise BadData(
                f"{name}: write the confidence of every view after the colon, views-static:0.5."
            ) from None
        unsaid = tuple(replace(view, confidence=None) for view in base.views)
        return replace(base, views=unsaid, confidence=confidence, name=name)
    if share:
        raise BadData(f"{name}: only views-static takes a confidence after its name, views-static:0.5.")
    return replace(base, name=name, placebo=kind == "views-placebo")


def _made(
    name: str,
    assets: Sequence[str],
    horizon: int,
    gamma_risk: float,
    gamma_trade: float,
    kappa: float,
    periods_per_year: float,
) -> Strategy:
    kind, _, asset = name.partition(":")
    if kind == "buy-and-hold":
        if asset and asset not in assets:
            raise BadData(
                f"{name}: there is no asset {asset!r}{did_you_mean(asset, assets)}; the assets are {', '.join(assets)}."
            )
        return BuyAndHold(asset or assets[0], f"buy-and-hold:{asset or assets[0]}")
    kind = name.removesuffix(WITHOUT)
    needs: Needs = "history" if name.endswith(WITHOUT) else "regimes"
    single, multi = {"spo": 1, "spo-rp": 1}, {"mpo": horizon, "mpo-rp": horizon}
    if kind in ("spo", "mpo"):
        return MeanVarianceControl(name, (single | multi)[kind], gamma_risk, gamma_trade, needs=needs)
    if kind in ("spo-rp", "mpo-rp"):
        return RiskParityControl(name, (single | multi)[kind], gamma_trade, needs=needs)
    if kind == "erc":
        return EqualRiskContributions(name, needs)
    if name == "regime-erc":
        return RegimeBudgets(name, kappa, periods_per_year=periods_per_year)
    if name == "control":
        return ControlStrategy(name, horizon, gamma_risk, gamma_trade, periods_per_year=periods_per_year)
    if name == "fix-mix":
        return FixMix()
    hint = did_you_mean(name, (*_all(), *VIEW_NAMES))
    if name == "regime-erc" + WITHOUT:
        hint = "; regime-erc without regimes is erc-no-hmm"
    if name == "control" + WITHOUT:
        hint = "; control is about regimes and has no form without them"
    raise BadData(
        f"there is no strategy {name!r}{hint}; choose from {', '.join(NAMES)}, those that forecast also with "
        f"{WITHOUT} after the name, or all; or with views from {', '.join(VIEW_NAMES)}."
    )
