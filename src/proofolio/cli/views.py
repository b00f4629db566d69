"""``proofolio views``: what views would do today, and whether confidence from regimes has earned anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click
import pandas as pd

from proofolio.backtesting.planted_regimes import planted_returns
from proofolio.backtesting.view_claims import claims
from proofolio.backtesting.view_strategies import halving
from proofolio.backtesting.views_file import read_views
from proofolio.cli.ignored_options import options_given
from proofolio.cli.market_options import VIEWS_EXAMPLE, is_bundled, views_file_option
from proofolio.cli.output import GOOD, print_document, say, stdout_kept_free
from proofolio.cli.progress import answer_console
from proofolio.cli.view_options import (
    PLANTED,
    question_asked,
    refuse_for_views,
    refuse_unread,
    regimes_asked,
    share_of,
)
from proofolio.cli.view_trials import answer_trial, command_given, report_written, tried
from proofolio.errors import BadData
from proofolio.forecasts.prices import load_prices, read_prices, read_returns, simple_returns
from proofolio.forecasts.tables import from_where_all_have_begun
from proofolio.forecasts.views.black_litterman import BlackLitterman
from proofolio.forecasts.views.confidences import Scale
from proofolio.forecasts.views.stated_views import Views
from proofolio.forecasts.views.view_posterior import ViewPosterior
from proofolio.report.views import (
    claims_table,
    posterior_page,
    posterior_pictures,
    posterior_sentences,
    posterior_tables,
)

__all__ = ["views_command"]

STOCKS = "stocks"
LEAST = 60  # returns behind a covariance: fewer say next to nothing

EXAMPLE = """
\b
Examples:
  proofolio views prices.csv --view "AAPL - GE = 4 % a year" --view "XOM = 8 % a year (30 %)"
  proofolio views stocks --view "AAPL - GE = 4 % a year" --confidence 0.5
  proofolio views stocks --views views.toml
  proofolio views stocks --opposite-pairs 120 --jobs 2
  proofolio views stocks --frontier --jobs 2
  proofolio views returns.csv --returns --opposite-pairs all --confidence calibrated --shifts 19
  proofolio views planted --opposite-pairs all
  proofolio views --claims
"""


@click.command("views", epilog=EXAMPLE)
@click.argument("table", required=False, metavar="PRICES|stocks|planted|planted-equal")
@click.option("--returns", "are_returns", is_flag=True, help="The table holds simple returns, not prices.")
@click.option("--view", "sentences", multiple=True, metavar="TEXT", help='A view: "AAPL - GE = 4 % a year".')
@views_file_option("Views, how they are believed and their plan, as backtest and trade read them")
@VIEWS_EXAMPLE
@click.option(
    "--opposite-pairs",
    metavar="N|all",
    help="Instead of views of your own: N pairs of assets drawn at random, each in a window of its own and with both "
    "opposite views, beside placebos.",
)
@click.option(
    "--frontier",
    is_flag=True,
    help="The pairs at several risk aversions, 0.1,0.3,0.6,3 or those of --gamma-risk: return at equal risk, and the "
    "first half of the weeks beside the second. By default 40 pairs and 4 shifts.",
)
@click.option(
    "--claims",
    "claims_wanted",
    is_flag=True,
    help="Instead, and without PRICES: what the published library takes for granted, computed.",
)
@click.option(
    "--confidence",
    help="calibrated (the default), sigmoid, cdf, or a share like 0.5; for the experiment sigmoid by default.",
)
@click.option("--eta", default=1.0, show_default=True, help="Steepness of the sigmoid.")
@click.option(
    "--scale",
    type=click.Choice(get_args(Scale)),
    help="Of the sigmoid: view by default, published in the experiment.",
)
@click.option(
    "--threshold", default=0.975, show_default=True, help="Probability at which a regime is believed."
)
@click.option(
    "--half-life",
    type=float,
    metavar="DAYS",
    help="Let the days behind the covariance fade, and count half after so many; by default the last 360 count alike.",
)
@click.option(
    "--window",
    default=1700,
    show_default=True,
    type=click.IntRange(min=20),
    help="Days of each fit of regimes.",
)
@click.option(
    "--yearly", default=0.04, show_default=True, help="What each view of the experiment claims a year."
)
@click.option("--weeks", default=104, show_default=True, type=click.IntRange(min=2), help="Of each window.")
@click.option("--shifts", type=click.IntRange(min=1), help="Placebos; 19, and 4 with --frontier, by default.")
@click.option(
    "--horizon",
    default="1",
    show_default=True,
    metavar="H[,H...]",
    help="Weeks that plans of the experiment look ahead, all with this week's forecast; with several, each beside 1, "
    "and beside 1 at gamma_trade / H.",
)
@click.option(
    "--gamma-risk",
    metavar="GAMMA[,GAMMA...]",
    help="Risk aversion of plans, 1.25 by default; several for --frontier.",
)
@click.option("--gamma-trade", default=1.0, show_default=True, help="Multiple of the costs that plans see.")
@click.option("--spread-bps", default=2.5, show_default=True, help="Half of the spread, in basis points.")
@click.option("--impact", default=1.0, show_default=True, help="Coefficient of the 3/2-power cost.")
@click.option("--no-impact", is_flag=True, help="Leave it out.")
@click.option(
    "--volume", default=1e9, show_default=True, help="Money traded in each asset a day: an assumption."
)
@click.option("--value", default=1e6, show_default=True, help="Money invested.")
@click.option(
    "--market-weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV lines ASSET,weight: of today, in the experiment of the table's first day, from where they drift. By "
    "default equal on the first day.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("proofolio-views"),
    show_default=True,
    metavar="DIR",
    help="Folder of the report and its pictures (with --view only where it is given), and of finished tasks: what is "
    "found there is not computed again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def views_command(table: str | None, are_returns: bool, as_json: bool, **given: Any) -> int:
    """Say what views do to the expected returns of today, or try their confidences on the past.

    PRICES is a table of daily prices; `stocks` is the bundled one of 20 US stocks, `planted` draws returns whose
    regimes are known, and `planted-equal` such that say nothing about returns.
    """
    question = question_asked(table, given)
    bundled = table is not None and is_bundled(table, (STOCKS, *PLANTED))
    refuse_unread(question, bundled, table, given)
    if table is None:
        return _claims(given["seed"], as_json)
    with stdout_kept_free():
        returns, source, warnings = _returns(table, are_returns, given["seed"])
        market = _weights(given["market_weights"])
        if question == "experiment":
            trial = tried(returns, market, given)
        else:
            posterior = _posterior(returns, market, given)
    if question == "experiment":
        answer_trial(trial, source, warnings, given["out"], as_json)
    else:
        _answer(posterior, source, warnings, given["out"] if "out" in options_given() else None, as_json)
    return GOOD


def _claims(seed: int, as_json: bool) -> int:
    with stdout_kept_free():
        found = claims(seed)
    if as_json:
        print_document({"claims": [claim.document() for claim in found]})
        return GOOD
    console = answer_console()
    console.print(claims_table(found).terminal(console.width))
    return GOOD


def _returns(table: str, are_returns: bool, seed: int) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Return returns of every asset in every row, what they are called, and what was left out of the table."""
    if is_bundled(table):
        return simple_returns(load_prices()), "20 US stocks (bundled)", ()
    if is_bundled(table, PLANTED):
        values, _ = planted_returns(1700 + 5 * 264, seed=seed, equal_means=table == "planted-equal")
        dates = pd.bdate_range("2000-01-03", periods=len(values))
        return pd.DataFrame(values, index=dates, columns=["A", "B", "C", "D"]), f"{table}, seed {seed}", ()
    read = read_returns if are_returns else read_prices
    frame, left_out = from_where_all_have_begun(read(table, minimum_rows=2), table)
    count = len(frame) - (0 if are_returns else 1)
    if count < LEAST:
        because = " ".join(("", *left_out))
        raise BadData(
            f"{table}: {count} returns, and {LEAST} are needed behind a covariance; give a longer history.{because}"
        )
    returns = frame if are_returns else simple_returns(frame)
    name = Path(table).name
    return returns, f"{name} from {frame.index[0]:%Y-%m-%d} on" if left_out else name, left_out


def _posterior(
    returns: pd.DataFrame, market: dict[str, float] | None, given: dict[str, Any]
) -> ViewPosterior:
    if given["views_file"] is not None:
        control = read_views(given["views_file"], [str(name) for name in returns.columns])
        return control.black_litterman(market).fit(returns).posterior(Views(control.named, control.views))
    views = Views.parse(given["sentences"], [str(name) for name in returns.columns])
    refuse_for_views(views, given)
    confidence: Any = share_of(given["confidence"], "calibrated")  # which is checked there
    model = BlackLitterman(
        market,
        confidence=confidence,
        eta=given["eta"],
        scale=given["scale"] or "view",
        threshold=given["threshold"],
        regimes=regimes_asked(given),
        **halving(given["half_life"]),
    )
    return model.fit(returns).posterior(views)


def _weights(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        found = {name.strip(): float(weight) for name, weight in rows}
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadData(f"{path} must hold lines ASSET,weight and nothing else.") from None
    if len(found) < len(rows):
        raise BadData(f"{path} names an asset twice; give each asset one weight.")
    return found


def _answer(
    found: ViewPosterior, source: str, warnings: tuple[str, ...], out: Path | None, as_json: bool
) -> None:
    document = {"source": source, **found.document(), "warnings": warnings}
    files: list[str] = []
    if out is not None:
        page = posterior_page(found, source, command_given())
        files = report_written(out, page, document, posterior_pictures(found))
        document["files"] = files
    if as_json:
        print_document(document)
        return
    console = answer_console()
    say(f"{source}: {len(found.mean)} assets, {found.periods:g} periods a year\n")
    for table in posterior_tables(found):
        console.print(table.terminal(console.width))
        console.print()
    for sentence in (*posterior_sentences(found), *(f"warning: {warning}" for warning in warnings)):
        say(sentence)
    if files:
        say(f"Report: {files[0]}")
