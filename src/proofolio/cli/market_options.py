"""What `backtest`, `tune` and `trade` have in common: the table, the regimes, the strategies, the costs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, get_args

import click

from proofolio.backtesting.account import Account
from proofolio.backtesting.costs import Costs, LinearCost, SpreadAndImpact
from proofolio.backtesting.forecasts import ForecastPlan, usual_window
from proofolio.backtesting.market import Market
from proofolio.backtesting.obedience import under_features, under_rules
from proofolio.backtesting.policy import Strategy
from proofolio.backtesting.risk_free import RiskFreeAs
from proofolio.backtesting.rules import Features, Rules
from proofolio.backtesting.rules_file import features_of, rules_example, rules_of
from proofolio.backtesting.strategies import WITHOUT, RegimeBudgets, require_followed, strategies_named
from proofolio.backtesting.view_strategies import ViewControl
from proofolio.backtesting.views_file import EXAMPLE_VIEWS, views_of
from proofolio.cli.cost_table import read_costs
from proofolio.cli.ignored_options import refuse_options
from proofolio.cli.models import names_in
from proofolio.cli.output import say
from proofolio.errors import BadData
from proofolio.forecasts.prices import load_prices
from proofolio.forecasts.table_files import read_table
from proofolio.forecasts.tables import Resample, Table, resampled
from proofolio.forecasts.views.stated_views import Views

__all__ = [
    "VIEWS_EXAMPLE",
    "account_asked",
    "costs_asked",
    "features_asked",
    "is_bundled",
    "market_asked",
    "market_options",
    "numbers",
    "obeying",
    "plan_asked",
    "refuse_unread_forecasts",
    "rules_asked",
    "span_rows",
    "strategies_asked",
    "strategy_options",
    "views_asked",
    "views_file_option",
]


PREFERRED = ("VTI", "TLT")
# Parameters of strategies, and which of these read them.
READ_BY = {
    "horizon": ("mpo", "mpo-rp", "control"),
    "gamma_risk": ("spo", "mpo", "control"),
    "gamma_trade": ("spo", "mpo", "spo-rp", "mpo-rp", "control"),
    "kappa": ("regime-erc",),
}
FORECASTING = ("regime_assets", "K", "refit", "soft", "hysteresis", "covariance")


def _print_example(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(rules_example().rstrip())
        context.exit()


def _print_views_example(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(EXAMPLE_VIEWS.rstrip())
        context.exit()


def views_file_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return ``--views FILE``."""
    return click.option(
        "--views",
        "views_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"{what}: TOML, see --views-example.",
    )


VIEWS_EXAMPLE = click.option(
    "--views-example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_views_example,
    help="Print a file of views with every key, and nothing else.",
)

_OPTIONS = (
    click.argument("table", metavar="PRICES.csv|stocks"),
    click.option(
        "--returns", "are_returns", is_flag=True, help="The table holds simple returns, not prices."
    ),
    click.option(
        "--risk-free",
        default="0",
        show_default=True,
        metavar="COLUMN|RATE",
        help="A column (then no asset), or a yearly rate like 0.02.",
    ),
    click.option(
        "--risk-free-as",
        type=click.Choice(get_args(RiskFreeAs)),
        help="What that column holds; as the table by default: prices, or with --returns rates a period.",
    ),
    click.option(
        "--periods-per-year",
        type=float,
        metavar="N",
        help="Rows a year, 252, 365, 52, 12 or 4 as the dates show by default.",
    ),
    click.option(
        "--resample",
        type=click.Choice(get_args(Resample)),
        help="Keep the last price of each day, week or month; returns are compounded.",
    ),
    click.option(
        "--day-first/--month-first",
        default=None,
        help="What 03/02/2020 begins with, where no row of the file tells.",
    ),
    click.option(
        "--decimal-comma/--decimal-point",
        default=None,
        help="What 1,234 is, where no cell of the file tells.",
    ),
    click.option(
        "--regime-assets",
        metavar="NAMES",
        help="Columns the hidden Markov model is fitted to; VTI,TLT where there are such, else the first two.",
    ),
    click.option(
        "--window",
        type=click.IntRange(min=1),
        help="Periods the forecasts look back on; eight years by default: 2000 days, 413 weeks or 95 months.",
    ),
    click.option(
        "--regimes",
        "K",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="Regimes of the hidden Markov model.",
    ),
    click.option(
        "--refit", type=click.IntRange(min=1), default=1, show_default=True, help="Periods between its fits."
    ),
    click.option("--soft", is_flag=True, help="Weigh periods by the regimes' probabilities, not by labels."),
    click.option(
        "--hysteresis", default=0.0, show_default=True, help="Probability a new regime needs to be believed."
    ),
    click.option(
        "--covariance",
        type=click.Choice(["sample", "ewma", "ledoit-wolf"]),
        default="sample",
        show_default=True,
        help="Estimator, in each regime and without regimes.",
    ),
    click.option(
        "--cost-bps", default=10.0, show_default=True, help="Cost in basis points of what is traded."
    ),
    click.option(
        "--costs",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Costs of their own: CSV, asset and some of cost_bps, asymmetry_bps (what buying costs more than selling, "
        "halved), impact, volume; the options are those of the others.",
    ),
    click.option("--impact", default=0.0, help="Coefficient of 3/2-power market impact; with --volume."),
    click.option(
        "--volume",
        type=float,
        metavar="MONEY",
        help="Money traded in each asset in one period, for --impact.",
    ),
    click.option(
        "--value",
        type=float,
        metavar="MONEY",
        help="Of the portfolio when it begins; a million for a backtest. `trade` takes it for holdings in weights.",
    ),
    click.option(
        "--borrow-bps",
        default=0.0,
        show_default=True,
        help="What is sold short pays in a backtest, in basis points a year.",
    ),
    click.option(
        "--margin-bps",
        default=0.0,
        show_default=True,
        help="What money owed pays in a backtest above the risk-free rate, in basis points a year.",
    ),
    click.option(
        "--rules",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Rules that every trade obeys, TOML: bounds, groups, exposure, cash, turnover; costs the plan sees.",
    ),
    click.option(
        "--rules-example",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_print_example,
        help="Print a rules file with every key, and nothing else.",
    ),
    views_file_option("What the strategies views, views-static:C and views-placebo follow"),
    click.option(
        "--view",
        "sentences",
        multiple=True,
        metavar="TEXT",
        help='Instead: a view, "AAPL - GE = 4 % a year"; repeatable.',
    ),
    VIEWS_EXAMPLE,
    click.option(
        "--features",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The section [features] of a rules file on its own: transformers, evidence, persistence, clusters.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Of the random starts of the fits.",
    ),
)


_STRATEGY_OPTIONS = (
    click.option(
        "--horizon",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        help="Periods ahead that mpo and mpo-rp plan.",
    ),
    click.option("--gamma-risk", default=5.0, show_default=True, help="Risk aversion of spo and mpo."),
    click.option(
        "--gamma-trade", default=0.01, show_default=True, help="Trade aversion of the planning strategies."
    ),
    click.option("--kappa", default=0.5, show_default=True, help="How far regime-erc leans on the regimes."),
)


def market_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the table and the common options to a command; they arrive as keywords."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


cash_option = click.option(
    "--cash",
    is_flag=True,
    help="spo and mpo may keep cash: it earns the risk-free rate, and moving it is free.",
)


def strategy_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the parameters of strategies to a command; they arrive as keywords."""
    for option in reversed(_STRATEGY_OPTIONS):
        command = option(command)
    return command


def is_bundled(table: str, names: Sequence[str] = ("stocks",)) -> bool:
    """Return whether a table is named that comes with the package, and no file is called so."""
    return table in names and not Path(table).is_file()


def market_asked(given: dict[str, Any], spare: int = 3) -> Market:
    """Return the market in the file, whose periods are the window's and at least `spare` more.

    Where no window is given, eight years of the table's calendar are put into `given`.

    Raises
    ------
    BadData
        Naming the file, the column and the date, or the option.
    """
    path, are_returns, rate = Path(given["table"]), given["are_returns"], _rate(given["risk_free"])
    if given["risk_free_as"] and not isinstance(rate, str):
        raise BadData(
            f"--risk-free-as is what a column holds, and --risk-free is {rate:g}, a yearly rate; name the column."
        )
    if is_bundled(given["table"]):
        of_files = ("are_returns", "day_first", "decimal_comma")
        refuse_options(of_files, "is about a file, and stocks is none; leave it out")
        table = Table(load_prices())
    else:
        table = read_table(path, day_first=given["day_first"], decimal_comma=given["decimal_comma"])
    if given["resample"]:
        of_rates = isinstance(rate, str) and given["risk_free_as"] == "period-rate" and rate
        table = resampled(table, given["resample"], f"{path}", compounded=are_returns or of_rates)
    if len(table.frame) < (2 if are_returns else 3):
        what = "returns" if are_returns else "prices"
        raise BadData(
            f"{path}: {len(table.frame)} lines of {what} leave nothing to trade on; give a longer history."
        )
    market = Market.from_table(
        table,
        rate,
        are_returns=are_returns,
        risk_free_as=given["risk_free_as"],
        periods_per_year=given["periods_per_year"],
        where=f"{path}",
    )
    if given["window"] is None:
        given["window"] = usual_window(market.calendar)
    count, dates = len(market.dates), market.dates
    if count < given["window"] + spare:
        more = " and some periods to trade" if spare else ""
        raise BadData(
            f"{path}: {count} returns, {market.calendar}, from {dates[0]} to {dates[-1]} are fewer than the window of "
            f"{given['window']}{more}; give a longer history or a smaller --window."
        )
    return market


def _rate(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def plan_asked(given: dict[str, Any], market: Market) -> ForecastPlan:
    """Return the forecasts asked for."""
    if given["regime_assets"]:
        driving = tuple(market.column(name) for name in names_in(given["regime_assets"]))
    elif all(name in market.names for name in PREFERRED):
        driving = tuple(market.column(name) for name in PREFERRED)
    else:
        driving = tuple(range(min(2, len(market.names))))
    return ForecastPlan(
        driving=driving,
        window=given["window"],
        K=given["K"],
        refit=given["refit"],
        weighting="soft" if given["soft"] else "labels",
        hysteresis=given["hysteresis"],
        covariance=given["covariance"],
        seed=given["seed"],
    )


def rules_asked(given: dict[str, Any], market: Market) -> Rules | None:
    """Return the rules in the file asked for."""
    return rules_of(given["rules"], market.names)


def features_asked(
    given: dict[str, Any], rules: Rules | None, strategies: Sequence[Strategy], plan: ForecastPlan
) -> tuple[tuple[Strategy, ...], ForecastPlan]:
    """Return strategies and forecasts with the features in the file asked for.

    Raises
    ------
    BadData
        When the rules have features too, or those asked for change nothing.
    """
    features = features_of(given["features"])
    if features is None:
        return tuple(strategies), plan
    if rules is not None and rules.features != Features(where=rules.features.where):
        raise BadData(f"{rules.where} has features, and --features gives others; give one of the two.")
    regimes = [s for s in strategies if s.needs == "regimes"]
    if not regimes or not (features.of_forecasts or any(isinstance(s, RegimeBudgets) for s in regimes)):
        names = ", ".join(s.name for s in strategies)
        raise BadData(
            f"{features.where} of {given['features']} change nothing for {names}; leave --features out."
        )
    return under_features(features, strategies, plan)


def obeying(
    given: dict[str, Any],
    rules: Rules | None,
    strategies: Sequence[Strategy],
    plan: ForecastPlan,
    costs: Costs,
    market: Market,
    row: int,
) -> tuple[tuple[Strategy, ...], ForecastPlan]:
    """Return strategies under the rules and with the features asked for, first asked at the close of a row."""
    found, plan = under_rules(rules, strategies, plan, costs, market, row, account_asked(given).value)
    return features_asked(given, rules, found, plan)


def strategies_asked(given: dict[str, Any], names: list[str], market: Market) -> tuple[Strategy, ...]:
    """Return the strategies of these names, with the parameters given.

    Raises
    ------
    BadData
        For a name that is none, or an option that none of them reads.
    """
    views = views_asked(given, market)
    require_followed(views, names)
    made = strategies_named(
        names,
        market.names,
        horizon=given["horizon"],
        gamma_risk=given["gamma_risk"],
        gamma_trade=given["gamma_trade"],
        kappa=given["kappa"],
        periods_per_year=market.calendar.periods_per_year,
        views=views,
    )
    _refuse_unread(given, made)
    return made


def _refuse_unread(given: dict[str, Any], strategies: Sequence[Strategy]) -> None:
    """Refuse options of which one may think that the strategies of views read them, and none does."""
    if not any(isinstance(strategy, ViewControl) for strategy in strategies):
        return
    kinds = {strategy.name.removesuffix(WITHOUT) for strategy in strategies}
    for option, readers in READ_BY.items():
        if not kinds & set(readers):
            why = f"is of {', '.join(readers)}; the plan of views has its own, in the file of --views; leave it out"
            refuse_options([option], why)
    if "sca" not in given.get("experiments", ()):
        refuse_unread_forecasts(strategies)


def refuse_unread_forecasts(strategies: Sequence[Strategy]) -> None:
    """Refuse options of forecasts where views are followed and no strategy reads forecasts.

    Raises
    ------
    BadData
        Naming the option.
    """
    if any(isinstance(s, ViewControl) for s in strategies) and all(s.needs == "nothing" for s in strategies):
        refuse_options(
            FORECASTING,
            "is about forecasts, which strategies of views do not read (their regimes are those of each asset, see "
            "--views-example); leave it out",
        )


def views_asked(given: dict[str, Any], market: Market) -> Views | ViewControl | None:
    """Return the views of the file or the sentences given, or None."""
    if given["views_file"] is not None and given["sentences"]:
        raise BadData("--views and --view are both given; write the views into the file, or leave it out.")
    if given["sentences"]:
        return Views.parse(given["sentences"], market.names)
    return views_of(given["views_file"], market.names)


def costs_asked(given: dict[str, Any], market: Market) -> Costs:
    """Return what trades are charged."""
    rate = given["cost_bps"] / 1e4
    if not 0.0 <= rate < 0.5:  # NaN fails too
        raise BadData(
            f"--cost-bps is {given['cost_bps']:g}; give basis points of what is traded, from 0 to 5000."
        )
    if given["costs"] is not None:
        otherwise = {
            "cost_bps": given["cost_bps"],
            "asymmetry_bps": 0.0,
            "impact": given["impact"],
            "volume": given["volume"],
        }
        return read_costs(given["costs"], market.names, otherwise)
    if given["impact"] == 0:
        if given["volume"] is not None:
            raise BadData("--volume is of use to --impact alone; give --impact, or leave --volume out.")
        return LinearCost(rate)
    if given["volume"] is None:
        raise BadData("--impact needs --volume, the money traded in each asset in one period.")
    return SpreadAndImpact(rate, given["impact"], given["volume"])


def account_asked(given: dict[str, Any]) -> Account:
    """Return the money, and what shorts and money owed pay."""
    value = 1e6 if given["value"] is None else given["value"]
    return Account(value, given["borrow_bps"] / 1e4, given["margin_bps"] / 1e4)


def span_rows(market: Market, text: str | None, option: str, first: int, stop: int) -> tuple[int, int]:
    """Return the rows of a span ``FROM:TO`` of dates, both included; an empty side is `first` or `stop`.

    Raises
    ------
    BadData
        When it is no span, or holds no date of the table.
    """
    if not text:
        return first, stop
    from_, colon, to = text.partition(":")
    if not (colon and all(_is_date(side) for side in (from_, to) if side)):
        raise BadData(
            f"{option} is {text!r}; give dates like 2015-01-01:2019-12-31, or with one side left out."
        )
    dates = market.dates
    start = market.row(from_) if from_ else first
    end = market.row(to) + (to in dates.astype(str)) if to else stop
    if start < end:
        return start, end
    if from_ and not to and start < len(dates):
        raise BadData(
            f"{option} {text} begins on {dates[start]}, after {dates[end - 1]}, where it ends when no end is given; "
            "give both dates."
        )
    if to and not from_ and 0 < end and start < len(dates):
        raise BadData(
            f"{option} {text} ends on {dates[end - 1]}, before {dates[start]}, where it begins when no beginning is "
            "given; give a later end, or both dates."
        )
    raise BadData(f"{option} {text} holds no date of the table, whose dates are {dates[0]} to {dates[-1]}.")


def _is_date(text: str) -> bool:
    # numpy alone would read 20071231 as a year, 2008-02 as the first of February, and "now".
    try:
        return re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and bool(
            date.fromisoformat(text)
        )
    except ValueError:
        return False


def numbers(text: str, option: str) -> tuple[float, ...]:
    """Return the numbers commas separate.

    Raises
    ------
    BadData
        When one is none.
    """
    try:
        return tuple(float(number) for number in names_in(text))
    except ValueError:
        raise BadData(f"{option} is {text!r}; give numbers separated by commas.") from None
