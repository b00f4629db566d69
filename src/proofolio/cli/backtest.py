"""``proofolio backtest``: what the strategies would have earned."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from proofolio.backtesting.experiments import cost_sensitivity, crisis_figures
from proofolio.backtesting.market import Market
from proofolio.backtesting.rules import Rules
from proofolio.backtesting.solver_comparison import compare_solvers
from proofolio.backtesting.strategies import keeping_cash
from proofolio.backtesting.tasks import TaskRunner
from proofolio.cli.market_options import (
    account_asked,
    cash_option,
    costs_asked,
    market_asked,
    market_options,
    obeying,
    plan_asked,
    rules_asked,
    span_rows,
    strategies_asked,
    strategy_options,
)
from proofolio.cli.models import names_in
from proofolio.cli.output import GOOD, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData
from proofolio.report.backtest import LESS_NEEDED, backtest_page, figures_table, span_text
from proofolio.report.files import make_folder, write_document, write_page
from proofolio.studies.backtests import BacktestResult, record_of

__all__ = ["PIECES", "backtest_command"]


REPORT, FIGURES, PIECES = "report.html", "figures.json", "pieces"
EXPERIMENTS = ("costs", "crises", "sca")
EXAMPLE = """
\b
Examples:
  proofolio backtest prices.csv
  proofolio backtest returns.csv --returns --risk-free RF --regime-assets VTI,TLT --strategies all --jobs 2
  proofolio backtest prices.csv --strategies fix-mix,mpo,mpo-rp --test 2015-01-01: --experiment costs
"""


@click.command("backtest", epilog=EXAMPLE)
@market_options
@click.option(
    "--strategies",
    metavar="NAMES",
    help="Of buy-and-hold:ASSET, fix-mix, spo, mpo, spo-rp, mpo-rp, erc, regime-erc; with -no-hmm after a name the "
    "forecasts without regimes; with views market, views, views-static:C, views-placebo; or all. By default "
    "fix-mix,mpo,mpo-rp,regime-erc; under --rules those that can obey; with views fix-mix,market,views",
)
@strategy_options
@click.option(
    "--train", metavar="FROM:TO", help="Dates known before the first trade; all of them by default."
)
@click.option("--test", metavar="FROM:TO", help="Dates traded; all after the window, or --train, by default.")
@cash_option
@click.option(
    "--rebalance",
    type=click.Choice(["daily", "weekly", "monthly"]),
    default="daily",
    show_default=True,
    help="When to trade; daily is every row of the table.",
)
@click.option(
    "--experiment",
    "experiments",
    multiple=True,
    type=click.Choice(EXPERIMENTS),
    help="Also: costs of 1 to 150 bp, crises, or SCA against SLSQP; repeatable.",
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler instead of processes here.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("proofolio-backtest"),
    show_default=True,
    metavar="DIR",
    help="Folder of the report, and of finished tasks: what is found there is not computed again.",
)
@click.option(
    "--csv",
    "tables",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also write figures, wealth, weights and trades there, as CSV.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def backtest_command(out: Path, tables: Path | None, as_json: bool, **given: Any) -> int:
    """Trade strategies period by period over a table of prices, and report what they earned.

    The table is wide: dates in the first column, oldest first, then a column an asset. Forecasts are made once
    a period and shared. An interrupted run goes on where it was when it is called again.
    """
    with stdout_kept_free():
        result = _run(out, given)

    files = [out / REPORT, out / FIGURES, *(result.to_csv(tables) if tables else [])]
    document = result.document()
    document["files"] = [str(file) for file in files]
    write_page(files[0], backtest_page(result))
    write_document(files[1], document)
    if as_json:
        print_document(document)
    else:
        say(f"{result.source}: {result.context.market.calendar}, {span_text(result.context)}\n")
        figures_table(result).show(answer_console(), LESS_NEEDED)
        for sentence in result.warnings:
            say(f"\nwarning: {sentence}")
        say(f"\nReport: {files[0]} ({result.seconds:.0f} s in all)")
    return GOOD


def _run(out: Path, given: dict[str, Any]) -> BacktestResult:
    began = time.perf_counter()
    market = market_asked(given)
    market, start, stop = _traded_span(market, given)
    plan = plan_asked(given, market)
    costs, rules = costs_asked(given, market), rules_asked(given, market)
    strategies = strategies_asked(given, names_in(given["strategies"] or _usual(rules, given)), market)
    if given["cash"]:
        strategies = keeping_cash(strategies)
    strategies, plan = obeying(given, rules, strategies, plan, costs, market, start - 1)
    make_folder(out, (REPORT, FIGURES))
    with CountProgress(progress_console(), "backtest") as progress:
        runner = TaskRunner(given["jobs"], out / PIECES, given["scheduler"], progress)
        result = record_of(
            market,
            strategies,
            costs,
            plan,
            start=start,
            stop=stop,
            rebalance=given["rebalance"],
            runner=runner,
            began=began,
            account=account_asked(given),
            source=Path(given["table"]).name,
            options=_options(given, market, [market.names[i] for i in plan.driving]),
        )
        asked = given["experiments"]
        solvers = (
            compare_solvers(market, plan, start=start, stop=stop, progress=progress) if "sca" in asked else []
        )
    return replace(
        result,
        seconds=time.perf_counter() - began,
        costs_tried=cost_sensitivity(result.context, result.runs) if "costs" in asked else {},
        crises=crisis_figures(result.context, result.runs) if "crises" in asked else [],
        solvers=solvers,
    )


def _usual(rules: Rules | None, given: dict[str, Any]) -> str:
    """Return the strategies where none is named: of the usual ones, those that can obey the rules; those of views."""
    if given["views_file"] is not None or given["sentences"]:
        return "fix-mix,market,views"
    if rules is None or not rules.restricts:
        return "fix-mix,mpo,mpo-rp,regime-erc"
    return "mpo" if rules.shorts or rules.cash is not None or rules.counted else "mpo,mpo-rp,regime-erc"


def _traded_span(market: Market, given: dict[str, Any]) -> tuple[Market, int, int]:
    """Return the market from the training span on, and the rows traded.

    Where the end of ``--train`` is left out, it is the window's, or the day before ``--test`` begins.
    """
    total, window = len(market.dates), given["window"]
    known, until = span_rows(market, given["train"], "--train", 0, total)
    ends = bool(given["train"]) and not given["train"].endswith(":")
    first = max(until if ends else known + window, window)
    start, stop = span_rows(market, given["test"], "--test", min(first, total), total)
    if start >= stop:
        raise BadData(
            f"no period is left to trade after --train {given['train']} and the window of {window} periods, since the "
            f"table ends on {market.dates[-1]}; end --train earlier or use a smaller --window."
        )
    if ends and start < until:
        raise BadData(
            f"--test begins on {market.dates[start]}, within --train, which ends on {market.dates[until - 1]}; "
            "what is traded must come after what was known; begin --test later."
        )
    if start - known < window:
        raise BadData(
            f"{start - known} periods are known before the first trade on {market.dates[start]}, fewer than the window "
            f"of {window}; begin later or use a smaller --window."
        )
    return market.since(known), start - known, stop - known


def _options(given: dict[str, Any], market: Market, driving: list[str]) -> dict[str, str]:
    return {
        "regime assets": ", ".join(driving),
        "calendar": str(market.calendar),
        "window": f"{given['window']} periods",
        "regimes": str(given["K"]),
        "refitted every": f"{given['refit']} periods",
        "periods weighed by": "probabilities" if given["soft"] else "labels",
        "hysteresis": f"{given['hysteresis']:g}",
        "covariance": given["covariance"],
        "risk-free": " as ".join(filter(None, (given["risk_free"], given["risk_free_as"]))),
        "cost": f"{given['cost_bps']:g} bp"
        + (f", impact {given['impact']:g}" if given["impact"] else "")
        + (f", those in {given['costs'].name}" if given["costs"] else ""),
        "value": f"{account_asked(given).value:g}",
        "borrowing": f"{given['borrow_bps']:g} bp a year, margin {given['margin_bps']:g} bp",
        "cash": "spo and mpo may keep it" if given["cash"] else "none is kept",
        "horizon": f"{given['horizon']} periods",
        "gamma risk": f"{given['gamma_risk']:g}",
        "gamma trade": f"{given['gamma_trade']:g}",
        "kappa": f"{given['kappa']:g}",
        "rules": "none" if given["rules"] is None else given["rules"].name,
        "features": "none" if given["features"] is None else given["features"].name,
        "rebalance": given["rebalance"],
        "seed": str(given["seed"]),
    }
