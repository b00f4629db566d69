"""Rules written as TOML, or given in Python as a dictionary of the same keys or as a `PlanSet`."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from proofolio.backtesting.rules import Features, GroupRule, Rules
from proofolio.errors import BadData, did_you_mean
from proofolio.forecasts.transformers import (
    AdaptiveTrend,
    Beside,
    Chain,
    DriftCorrection,
    LocalLevel,
    RunningMedian,
    Transformer,
    VolatilityNormalised,
)
from proofolio.models.portfolio.plan_set import PlanSet
from proofolio.models.portfolio.regime_equal_risk import RegimeEqualRisk
from proofolio.models.portfolio.trade_cost import TradeCost

__all__ = ["GivenRules", "features_of", "rules_example", "rules_of"]


GivenRules = Rules | PlanSet | Mapping[str, Any] | str | Path | None
SECTIONS = ("weights", "groups", "exposure", "trading", "positions", "costs", "features")
# Asked for elsewhere, and no rule of a plan: where it can be had.
ELSEWHERE = {
    "trading.smallest": "`proofolio trade --min-trade` and trades_today(smallest=...)",
    "positions.shares": "`proofolio trade --lots` and trades_today(lot=...)",
}
TRANSFORMERS: dict[
    str, type[AdaptiveTrend | DriftCorrection | LocalLevel | RunningMedian | VolatilityNormalised]
] = {
    "adaptive-trend": AdaptiveTrend,
    "drift-correction": DriftCorrection,
    "local-level": LocalLevel,
    "running-median": RunningMedian,
    "volatility-normalised": VolatilityNormalised,
}


# No rule allows a strategy so many times its portfolio; 5 is meant as 5 %.
PERCENTS = 5.0


class _Table:
    """A table of a rules file, read key by key; what is left unread is unknown."""

    def __init__(self, given: Any, where: str, path: str = "") -> None:
        if not isinstance(given, Mapping):
            raise BadData(
                f"{where}: {path or 'the whole'} is {given!r}; it must be a table of keys and values."
            )
        self.where, self.path, self._given = where, path, dict(given)

    def key(self, name: str) -> str:
        """Return how messages call a key."""
        return f"{self.where}: {self.path}.{name}" if self.path else f"{self.where}: {name}"

    def known(self, *names: str) -> None:
        """Refuse keys that do not exist."""
        for name in self._given:
            if name in names:
                continue
            full = f"{self.path}.{name}" if self.path else str(name)
            if full in ELSEWHERE:
                raise BadData(f"{self.key(name)} is no rule that a plan can keep; {ELSEWHERE[full]} can.")
            place = f"[{self.path}]" if self.path else "a rules file"
            raise BadData(
                f"{self.key(name)} is unknown{did_you_mean(name, names)}; {place} may have {', '.join(names)}."
            )

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def names(self) -> list[str]:
        """Return the keys there are."""
        return [str(name) for name in self._given]

    def table(self, name: str) -> _Table:
        """Return the table of this name; an empty one where there is none."""
        path = f"{self.path}.{name}" if self.path else name
        return _Table(self._given.get(name, {}), self.where, path)

    def value(self, name: str) -> Any:
        """Return what is there as it is, or None."""
        return self._given.get(name)

    def number(self, name: str, default: float, least: float = -math.inf, most: float = math.inf) -> float:
        """Return a number between two others."""
        if name not in self._given:
            return default
        value = self._given[name]
        good = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not (good and math.isfinite(value) and least <= value <= most):
            span = (
                ""
                if least == -math.inf
                else f" from {least:g}" + ("" if most == math.inf else f" to {most:g}")
            )
            raise BadData(f"{self.key(name)} is {value!r}; give a number{span}.")
        return float(value)

    def whole(self, name: str) -> int | None:
        """Return a whole number, 1 or more, or None."""
        if name not in self._given:
            return None
        value = self._given[name]
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise BadData(f"{self.key(name)} is {value!r}; give a whole number, 1 or more.")
        return int(value)

    def span(self, name: str) -> tuple[float, float] | None:
        """Return two limits, [low, high], or None."""
        if name not in self._given:
            return None
        value = self._given[name]
        pair = list(value) if isinstance(value, (list, tuple)) else []
        good = len(pair) == 2 and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in pair)
        if not (good and all(map(math.isfinite, pair)) and pair[0] <= pair[1]):
            raise BadData(f"{self.key(name)} is {value!r}; give two limits, [low, high].")
        return float(pair[0]), float(pair[1])

    def listed(self, name: str) -> list[Any]:
        """Return a list; an empty one where there is none."""
        value = self._given.get(name, [])
        if not isinstance(value, (list, tuple)):
            raise BadData(f"{self.key(name)} is {value!r}; give a list in brackets.")
        return list(value)


def rules_of(given: GivenRules, names: Sequence[str]) -> Rules | None:
    """Return rules for the assets of a table: as they are, of a file, a dictionary or a plan set.

    Parameters
    ----------
    given : Rules, PlanSet, mapping, str or Path, optional
        A path is one of a TOML file, see `rules_example`; a mapping has its keys. A plan set is of the assets in
        their order, with the same bounds and limits in every period.
    names : sequence of str

    Raises
    ------
    BadData
        Naming the file and the key: one that does not exist or has no value that it can have, an asset that is not
        there, rules that leave no plan, and those that no plan can keep.

    Examples
    --------
    >>> rules = rules_of({"weights": {"upper": 0.6}, "trading": {"turnover": 0.1}}, ["KO", "XOM"])
    >>> rules.upper, rules.turnover
    ((0.6, 0.6), 0.1)
    """
    if given is None or isinstance(given, Rules):
        return given
    if isinstance(given, PlanSet):
        rules = _of_plan_set(given, names)
    else:
        rules = _read(*_opened(given, "rules"), tuple(names))
    rules.require_plan()
    return rules


def features_of(given: Features | Mapping[str, Any] | str | Path | None) -> Features | None:
    """Return features as they are, or those of a TOML file or dictionary that has the section [features] alone.

    Raises
    ------
    BadData
        As `rules_of`.
    """
    if given is None or isinstance(given, Features):
        return given
    whole = _Table(*_opened(given, "features"))
    for name in whole.names():
        if name in SECTIONS and name != "features":
            raise BadData(f"{whole.key(name)} is a rule, and features are wanted; give the file as rules.")
    whole.known("features")
    return _features(whole.table("features"))


def _opened(given: Any, what: str) -> tuple[Any, str]:
    """Return the document, and what messages call it."""
    if isinstance(given, Mapping):
        return given, what
    if not isinstance(given, (str, Path)):
        raise BadData(
            f"{what} is a {type(given).__name__}; give a TOML file, a dictionary of its keys or a PlanSet."
        )
    try:
        return tomllib.loads(Path(given).read_text(encoding="utf-8-sig")), f"{given}"
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"{given} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadData(f"{given} is no TOML file: {error}.") from None


def _read(document: Any, where: str, names: tuple[str, ...]) -> Rules:
    whole = _Table(document, where)
    whole.known(*SECTIONS)
    lower, upper = _bounds(whole.table("weights"), names)
    groups = whole.table("groups")
    exposure, trading, positions = (whole.table(name) for name in ("exposure", "trading", "positions"))
    cash, gross = _exposure(exposure, lower)
    trading.known("turnover")
    positions.known("most", "smallest", "lot")
    if cash is not None and positions.names():
        raise BadData(
            f"{positions.key(positions.names()[0])} counts positions, and cash would be one of them; leave out "
            "positions, or exposure.cash and a net exposure other than [1, 1]."
        )
    lot = positions.number("lot", 0.0, 0.0, 1.0)
    half, power, asymmetry, as_charged = _costs(whole.table("costs"), names)
    rules = Rules(
        names=names,
        lower=lower,
        upper=upper,
        groups=tuple(_group(groups.table(name), name, names) for name in groups.names()),
        cash=cash,
        gross=gross,
        turnover=trading.number("turnover", math.inf, 0.0),
        most=positions.whole("most"),
        smallest=positions.number("smallest", 0.0, 0.0, 1.0),
        lot=lot or None,
        half_spread=half,
        power_impact=power,
        asymmetry=asymmetry,
        as_charged=as_charged,
        features=_features(whole.table("features")),
        where=where,
    )
    _require_fractions(rules, exposure)
    return rules


def _require_fractions(rules: Rules, exposure: _Table) -> None:
    """Refuse limits that are percents: beyond 1 where nothing is sold short or owed, beyond `PERCENTS` elsewhere."""
    owed = rules.cash is not None and rules.cash[0] < 0.0
    most = PERCENTS if rules.shorts or owed else 1.0
    given = [
        (f"weights: the upper bound of {n}", b, most) for n, b in zip(rules.names, rules.upper, strict=True)
    ]
    given += [
        (f"weights: the lower bound of {n}", b, most) for n, b in zip(rules.names, rules.lower, strict=True)
    ]
    for group in rules.groups:
        given += [
            (f"groups.{group.name}.lower", group.lower, most),
            (f"groups.{group.name}.upper", group.upper, most),
        ]
    for name in ("net", "cash"):
        given += [(f"exposure.{name}", limit, PERCENTS) for limit in exposure.span(name) or ()]
    given += [("exposure.gross", exposure.number("gross", 0.0), PERCENTS)]
    given += [("trading.turnover", rules.turnover, PERCENTS)]  # 2 is everything, bought and sold
    for key, limit, highest in given:
        if math.isfinite(limit) and (abs(limit) > highest or abs(limit) >= PERCENTS):
            raise BadData(
                f"{rules.where}: {key} is {limit:g}; give a fraction of the portfolio, 0.4 for 40 %."
            )


def _bounds(weights: _Table, names: tuple[str, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    weights.known("lower", "upper", "assets")
    usual = weights.number("lower", 0.0), weights.number("upper", 1.0)
    found = dict.fromkeys(names, usual)
    own = weights.table("assets")
    for name in own.names():
        _require_asset(own.key(name), name, names)
        table = own.table(name)
        table.known("lower", "upper")
        found[name] = table.number("lower", usual[0]), table.number("upper", usual[1])
    for name, (low, high) in found.items():
        if low > high:
            key = own.key(name) if name in own else weights.key("lower")
            raise BadData(
                f"{key} asks {name} for a weight from {low:g} to {high:g}; lower must not be above upper."
            )
    return tuple(b[0] for b in found.values()), tuple(b[1] for b in found.values())


def _group(table: _Table, name: str, names: tuple[str, ...]) -> GroupRule:
    table.known("assets", "lower", "upper")
    members = table.listed("assets")
    for member in members:
        _require_asset(table.key("assets"), member, names)
    if not members or len(set(members)) < len(members):
        raise BadData(f"{table.key('assets')} is {members!r}; list assets, each once.")
    low, high = table.number("lower", -math.inf), table.number("upper", math.inf)
    if low > high or (low, high) == (-math.inf, math.inf):
        raise BadData(
            f"{table.where}: {table.path} needs lower, upper or both, the first not above the second."
        )
    return GroupRule(name, tuple(members), low, high)


def _exposure(exposure: _Table, lower: tuple[float, ...]) -> tuple[tuple[float, float] | None, float | None]:
    """Return bounds of the cash, which net exposure leaves, and gross exposure where it does not follow from them."""
    exposure.known("net", "gross", "cash")
    net, cash = exposure.span("net"), exposure.span("cash")
    gross = exposure.number("gross", math.inf, 0.0)
    limits = (-math.inf, math.inf) if cash is None else cash
    if net is not None and (net != (1.0, 1.0) or cash is not None):
        limits = max(limits[0], 1.0 - net[1]), min(limits[1], 1.0 - net[0])
    long = min(lower) >= 0.0
    if long and math.isfinite(gross):  # the sum of the sizes is that of the weights
        if gross < 1.0 and limits == (-math.inf, math.inf):
            raise BadData(
                f"{exposure.key('gross')} is {gross:g} of weights that are not negative, so the rest is cash; allow it "
                "with cash = [low, high]."
            )
        if limits != (-math.inf, math.inf):
            limits = max(limits[0], 1.0 - gross), limits[1]
    if limits[0] > limits[1]:
        raise BadData(
            f"{exposure.where}: exposure.net, gross and cash contradict one another: what is not in assets is cash, so "
            "net and cash add up to 1; change one of them."
        )
    bounded = None if limits == (-math.inf, math.inf) else limits
    if long or not math.isfinite(gross):
        return bounded, None
    if bounded is not None:
        raise BadData(
            f"{exposure.key('gross')} of plans with shorts is kept without cash only; leave out cash and net, or bound "
            "shorts by weights.lower and groups."
        )
    return None, gross


def _costs(
    costs: _Table, names: tuple[str, ...]
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], bool]:
    """Return half-spreads, impacts of the power 3/2 and asymmetries as fractions, and whether as charged."""
    units = {"half_spread_bps": 1e-4, "power_impact": 1.0, "asymmetry_bps": 1e-4}
    costs.known("as_charged", *units, "assets")
    charged = costs.value("as_charged")
    if charged is not None and not isinstance(charged, bool):
        raise BadData(f"{costs.key('as_charged')} is {charged!r}; give true or false.")
    others = [name for name in costs.names() if name != "as_charged"]
    if charged and others:
        raise BadData(
            f"{costs.key('as_charged')} takes the costs that are charged, and {others[0]} gives others; give one of "
            "the two."
        )
    usual = {key: costs.number(key, 0.0) for key in units}
    found = {name: dict(usual) for name in names}
    own = costs.table("assets")
    for name in own.names():
        _require_asset(own.key(name), name, names)
        table = own.table(name)
        table.known(*units)
        found[name] = {key: table.number(key, usual[key]) for key in units}
    columns = [tuple(found[name][key] * unit for name in names) for key, unit in units.items()]
    for i, name in enumerate(names):
        try:
            TradeCost.of(1, *(column[i] for column in columns))
        except BadData as error:
            raise BadData(f"{costs.where}: costs of {name}: {error}") from None
    half, power, asymmetry = (column if any(column) else () for column in columns)
    return half, power, asymmetry, bool(charged)


def _features(table: _Table) -> Features:
    table.known("transformers", "evidence", "persistence", "volatility_damping", "clusters")
    evidence = tuple(table.listed("evidence"))
    if not all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and 0 < v < math.inf for v in evidence
    ):
        raise BadData(
            f"{table.key('evidence')} is {list(evidence)!r}; give a positive number for each regime."
        )
    steps = [_transformer(table, k, step) for k, step in enumerate(table.listed("transformers"))]
    found = Features(
        transformer=None if not steps else steps[0] if len(steps) == 1 else Chain(*steps),
        evidence=tuple(map(float, evidence)) or None,
        persistence=table.number("persistence", 0.0, 0.0) if "persistence" in table else None,
        volatility_damping=table.number("volatility_damping", 0.0, 0.0, 1.0)
        if "volatility_damping" in table
        else None,
        clusters=table.whole("clusters"),
        where=f"{table.where}: features",
    )
    RegimeEqualRisk(**found.of_budgets)  # refuses what the model would
    return found


def _transformer(features: _Table, k: int, given: Any) -> Transformer:
    """Return one step: a name, a table of a name and its arguments, or a list of steps that stand side by side."""
    where = f"{features.key('transformers')}, number {k + 1},"
    if isinstance(given, (list, tuple)) and given:
        return Beside(*(_transformer(features, k, part) for part in given))
    options = {"name": given} if isinstance(given, str) else given
    if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
        raise BadData(f'{where} is {given!r}; give {{ name = "drift-correction" }} and its arguments.')
    name = str(options["name"])
    if name not in TRANSFORMERS:
        raise BadData(
            f"{where} is {name!r}, which is none{did_you_mean(name, TRANSFORMERS)}; there are "
            f"{', '.join(TRANSFORMERS)}."
        )
    plain = TRANSFORMERS[name]()
    options = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items() if key != "name"}
    try:
        plain.set_params(**options)
    except (BadData, TypeError, ValueError) as error:
        raise BadData(f"{where} {name}: {str(error).removesuffix('.')}.") from None
    return plain


def _require_asset(key: str, name: Any, names: Sequence[str]) -> None:
    if name not in names:
        raise BadData(
            f"{key}: there is no asset {name!r}{did_you_mean(name, names)}; the assets are {', '.join(names)}."
        )


def _of_plan_set(plans: PlanSet, names: Sequence[str]) -> Rules:
    """Return the rules of a plan set whose periods are alike."""
    n = len(names)
    if plans.n != n:
        raise BadData(
            f"rules is a PlanSet of {plans.n} assets, and the table has {n}; make it of all, in their order."
        )
    if plans.cash is not None:
        raise BadData(
            'rules is a PlanSet with cash; give rules={"exposure": {"cash": [low, high]}, ...} instead.'
        )
    same = (plans.lower == plans.lower[0]).all() and (plans.upper == plans.upper[0]).all()
    if not same or (plans.turnover_limit != plans.turnover_limit[0]).any():
        raise BadData(
            "rules is a PlanSet whose periods differ; a backtest plans anew at every close: make them alike."
        )
    if plans.net != (1.0, 1.0):
        raise BadData(
            'rules is a PlanSet whose net exposure is not 1; give rules={"exposure": {"net": [low, high]}}.'
        )
    lots = plans.round_lots
    smallest = plans.minimum_position
    if (smallest != smallest[0]).any() or (lots is not None and (lots != lots[0]).any()):
        raise BadData(
            "rules is a PlanSet with lots or smallest positions of each asset's own; give one for all."
        )
    return Rules(
        names=tuple(names),
        lower=tuple(plans.lower[0].tolist()),
        upper=tuple(plans.upper[0].tolist()),
        groups=tuple(
            GroupRule(str(j), tuple(names[i] for i in group.members), group.lower, group.upper)
            for j, group in enumerate(plans.groups)
        ),
        gross=plans.gross if plans.gross_binds else None,
        turnover=float(plans.turnover_limit[0]),
        most=plans.cardinality,
        smallest=float(smallest[0]),
        lot=None if lots is None else float(lots[0]),
    )


def rules_example(names: Sequence[str] = ("KO", "XOM")) -> str:
    """Return a rules file with every key and what it means, for a table with two of these assets; it can be read."""
    first, second = [*names, "KO", "XOM"][:2]
    return EXAMPLE.replace("FIRST", first).replace("SECOND", second)


EXAMPLE = """\
# Rules of a portfolio, for `proofolio backtest`, `tune` and `trade`: --rules FILE. Weights are fractions of the
# portfolio; every section, and every key in it, may be left out. Replace FIRST and SECOND by assets of your table.

[weights]                       # of each asset
lower = 0.0                     # below 0: may be sold short (spo and mpo)
upper = 0.9

[weights.assets]                # of some assets, instead
"FIRST" = { lower = 0.02, upper = 0.85 }

[groups.core]                   # assets whose weights together lie between two limits; any name
assets = ["FIRST", "SECOND"]
lower = 0.1
upper = 1.0

# [exposure]                    # spo and mpo
# cash = [0.0, 0.2]             # the rest: it earns the risk-free rate and is traded for nothing
# net = [0.8, 1.0]              # sum of the weights of assets: 1 less the cash
# gross = 1.0                   # sum of their sizes

[trading]
turnover = 0.5                  # at one trade, bought and sold: 2 is everything sold and something else bought

# [positions]                   # spo and mpo, mixed-integer: slower, and without cash
# most = 10                     # assets held
# smallest = 0.02               # an asset is not held, or at least so much
# lot = 0.01                    # weights are multiples of it

[costs]                         # what the plans of spo and mpo are told, beside gamma_trade; it is not charged
half_spread_bps = 5.0           # basis points of what is traded
asymmetry_bps = 1.0             # what buying costs more and selling less
power_impact = 0.01             # times the trade to the power 3/2, a fraction of the portfolio
# as_charged = true             # instead of these: what --cost-bps, --costs, --impact charge at the first close

[costs.assets]                  # of some assets, instead
"SECOND" = { half_spread_bps = 8.0 }

[features]                      # what regimes are read from, and how far they are believed
transformers = [{ name = "drift-correction", half_life = 63.0 }]    # one after another; a list in it: side by side
evidence = [1.0, 2.0]           # a number a regime: leaving the calm one needs less evidence
persistence = 20.0              # periods; regime-erc: a regime that lasts so long counts half
volatility_damping = 0.5        # regime-erc: 0 to 1, how much less an asset of a wild cluster has its say
clusters = 3                    # of volatility
"""
