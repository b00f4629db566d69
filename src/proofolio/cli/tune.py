"""``proofolio tune``: a grid on a training span, then the choice on the test span, once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from proofolio.backtesting.strategies import RiskParityControl, keeping_cash
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.tuning import (
    GAMMA_RISKS,
    GAMMA_TRADES,
    HORIZONS,
    Grid,
    Rule,
    grid_of,
    tunable,
    tuned,
)
from proofolio.cli.ignored_options import refuse_options
from proofolio.cli.market_options import (
    account_asked,
    cash_option,
    costs_asked,
    market_asked,
    market_options,
    numbers,
    obeying,
    plan_asked,
    refuse_unread_forecasts,
    rules_asked,
    span_rows,
    views_asked,
)
from proofolio.cli.output import GOOD, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData
from proofolio.report.files import make_folder, write_document, write_page
from proofolio.report.tuning import LESS_NEEDED, best_table, compared_table, tuning_page, walk_table
from proofolio.studies.tunings import TuningResult, shown

__all__ = ["tune_command"]


REPORT, FIGURES, PIECES = "tuning.html", "tuning.json", "pieces"
SHOWN = 10  # trials on the terminal
EXAMPLE = """
\b
Examples:
  proofolio tune prices.csv --train :2018-12-31 --test 2019-01-01:
  proofolio tune prices.csv --grid published --max-turnover 2 --jobs 2
  proofolio tune prices.csv --strategy mpo-rp --horizon 1,5,15 --gamma-trade 1e-4,1e-3 --jobs 2
  proofolio tune prices.csv --scheduler tcp://192.0.2.1:8786
"""


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values)


@click.command("tune", epilog=EXAMPLE)
@market_options
@click.option(
    "--strategy",
    metavar="NAME",
    help="mpo, mpo-rp, these with -no-hmm, control, or of views views, views-static:C; mpo by default, and views where "
    "such are given.",
)
@click.option(
    "--grid",
    type=click.Choice(["default", "published"]),
    default="default",
    show_default=True,
    help="Lists that are not given: ours, or the 6 x 6 x 12 of the paper.",
)
@click.option("--horizon", metavar="LIST", help=f"Periods ahead: {_listed(HORIZONS)} by default.")
@click.option("--gamma-risk", metavar="LIST", help=f"Risk aversions: {_listed(GAMMA_RISKS)} by default.")
@click.option("--gamma-trade", metavar="LIST", help=f"Trade aversions: {_listed(GAMMA_TRADES)} by default.")
@click.option(
    "--train",
    metavar="FROM:TO",
    help="Dates traded while choosing; by default the first half of those after the window.",
)
@click.option("--test", metavar="FROM:TO", help="Dates traded once, with the choice; the rest by default.")
@click.option(
    "--choose", type=click.Choice(["sharpe", "return", "calmar"]), default="sharpe", show_default=True
)
@click.option(
    "--max-turnover",
    type=float,
    metavar="RATE",
    help="Choose among those that trade at most this a year: 2 is the whole portfolio bought and sold once.",
)
@click.option(
    "--max-drawdown", type=float, metavar="SHARE", help="Choose among those that fall by at most this: 0.2."
)
@click.option(
    "--walk-forward",
    metavar="LOOK_BACK:STEP",
    help="Also run over both spans, choosing anew every STEP periods by the last LOOK_BACK: 500:60.",
)
@cash_option
@click.option(
    "--rebalance",
    type=click.Choice(["daily", "weekly", "monthly"]),
    default="daily",
    show_default=True,
    help="When to trade; daily is every row of the table.",
)
@click.option("--jobs", default=1, show_default=True, help="Processes.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler instead of processes here.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("proofolio-tuning"),
    show_default=True,
    metavar="DIR",
    help="Folder of the report, and of finished tasks: what is found there is not computed again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def tune_command(out: Path, as_json: bool, **given: Any) -> int:
    """Try every combination of horizon, risk aversion and trade aversion, choose, and judge the choice.

    The grid sees the training span only; what is chosen then runs on the test span, once.
    """
    with stdout_kept_free():
        result = _run(out, given)
    files = [out / REPORT, out / FIGURES]
    document = result.document() | {"files": [str(file) for file in files]}

    write_page(files[0], tuning_page(result))
    write_document(files[1], document)
    if as_json:
        print_document(document)
    else:
        say(f"{result.source}: {result.market.calendar}\n{result.dated()}\n")
        console = answer_console()
        for table in (best_table(result, SHOWN), compared_table(result), walk_table(result)):
            if table is not None:
                table.show(console, LESS_NEEDED)
                console.print()
        for sentence in result.verdict():
            say(sentence)
        for sentence in result.warnings:
            say(f"warning: {sentence}")
        say("")
        say(f"Report: {files[0]} ({result.seconds:.0f} s in all)")
    return GOOD


def _run(out: Path, given: dict[str, Any]) -> TuningResult:
    market = market_asked(given)
    total, window = len(market.dates), given["window"]
    train = span_rows(market, given["train"], "--train", window, window + (total - window) // 2)
    test = span_rows(market, given["test"], "--test", train[1], total)
    if train[0] < window:
        raise BadData(
            f"--train begins on {market.dates[train[0]]}, with {train[0]} periods before it, fewer than the window of "
            f"{window}; begin on {market.dates[window]} or later, or use a smaller --window."
        )
    if test[0] < train[1]:
        raise BadData(
            f"--test begins on {market.dates[test[0]]}, within --train, which ends on {market.dates[train[1] - 1]}; "
            "what was used to choose cannot judge the choice; begin --test later."
        )
    named = grid_of(given["grid"])
    grid = Grid(
        tuple(_horizons(given["horizon"])) if given["horizon"] else named.horizons,
        numbers(given["gamma_risk"], "--gamma-risk") if given["gamma_risk"] else named.gamma_risks,
        numbers(given["gamma_trade"], "--gamma-trade") if given["gamma_trade"] else named.gamma_trades,
    )
    rule = Rule(given["choose"], given["max_turnover"], given["max_drawdown"])
    walk = _walk(given["walk_forward"])
    plan, costs = plan_asked(given, market), costs_asked(given, market)
    views = views_asked(given, market)
    name = given["strategy"] or ("mpo" if views is None else "views")
    candidate: Any = tunable(name, market.names, views)
    refuse_unread_forecasts([candidate])
    if isinstance(candidate, RiskParityControl):
        why = f"is of mpo, control and views, and {candidate.name} has no risk aversion; leave it out"
        refuse_options(["gamma_risk"], why)
    if given["cash"]:
        (candidate,) = keeping_cash([candidate])
    (candidate,), plan = obeying(
        given, rules_asked(given, market), [candidate], plan, costs, market, train[0] - 1
    )
    make_folder(out, (REPORT, FIGURES))
    with CountProgress(progress_console(), "tune") as progress:
        found = tuned(
            market,
            candidate,
            grid,
            plan,
            costs,
            account=account_asked(given),
            train=train,
            test=test,
            rule=rule,
            rebalance=given["rebalance"],
            runner=TaskRunner(given["jobs"], out / PIECES, given["scheduler"], progress),
            walk=walk,
            source=Path(given["table"]).name,
        )
    return shown(found)


def _walk(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    back, colon, step = text.partition(":")
    if not (colon and back.isdecimal() and step.isdecimal() and int(back) >= 2 and int(step) >= 1):
        raise BadData(
            f"--walk-forward is {text!r}; give periods to look back on and between choices, like 500:60."
        )
    return int(back), int(step)


def _horizons(text: str) -> list[int]:
    found = numbers(text, "--horizon")
    if not all(1 <= h < math.inf and h == int(h) for h in found):  # NaN fails too
        raise BadData(f"--horizon is {text!r}; give whole periods, 1 or more, separated by commas.")
    return [int(h) for h in found]
