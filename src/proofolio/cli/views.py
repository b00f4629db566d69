"""``proofolio views``: what views would do today, and whether confidence from regimes has earned anything."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
import pandas as pd
from click.core import ParameterSource

from proofolio.backtesting.planted_regimes import planted_returns
from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.view_claims import claims
from proofolio.backtesting.view_experiment import (
    ViewDesign,
    ViewExperiment,
    horizon_differences,
    view_experiment,
)
from proofolio.backtesting.views_file import read_views
from proofolio.cli.market_options import VIEWS_EXAMPLE, views_file_option
from proofolio.cli.output import GOOD, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.errors import BadData
from proofolio.forecasts.prices import load_prices, read_prices, read_returns, simple_returns
from proofolio.forecasts.views.asset_regimes import AssetRegimes
from proofolio.forecasts.views.black_litterman import BlackLitterman
from proofolio.forecasts.views.confidences import Scale
from proofolio.forecasts.views.stated_views import Views
from proofolio.forecasts.views.view_posterior import ViewPosterior
from proofolio.report.files import make_folder, write_document, write_page
from proofolio.report.table import Table
from proofolio.report.views import (
    claims_table,
    differences_table,
    said_sentences,
    strategies_table,
    views_page,
)

__all__ = ["views_command"]

REPORT, FIGURES, PIECES = "views.html", "views.json", "pieces"
# What a file of views says itself.
IN_THE_FILE = ("confidence", "eta", "scale", "threshold", "half_life", "window")
EXAMPLE = """
\b
Examples:
  proofolio views prices.csv --view "AAPL - GE = 4 % a year" --view "XOM = 8 % a year (30 %)"
  proofolio views stocks --view "AAPL - GE = 4 % a year" --confidence 0.5
  proofolio views stocks --views views.toml
  proofolio views stocks --opposite-pairs 120 --jobs 2
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
    "--half-life", default=20.0, show_default=True, help="Days, of the volatilities that are shown."
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
@click.option("--shifts", default=19, show_default=True, type=click.IntRange(min=1), help="Placebos.")
@click.option(
    "--horizon",
    default="1",
    show_default=True,
    metavar="H[,H...]",
    help="Weeks that plans of the experiment look ahead, all with this week's forecast; with several, each beside 1, "
    "and beside 1 at gamma_trade / H.",
)
@click.option("--gamma-risk", default=1.25, show_default=True)
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
    help="CSV lines ASSET,weight of today.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("proofolio-views"),
    show_default=True,
    metavar="DIR",
    help="Folder of the experiment's report, and of finished tasks: what is found there is not computed again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def views_command(table: str | None, are_returns: bool, as_json: bool, **given: Any) -> int:
    """Say what views do to the expected returns of today, or try their confidences on the past.

    PRICES is a table of daily prices; `stocks` is the bundled one of 20 US stocks, `planted` draws returns whose
    regimes are known, and `planted-equal` such that say nothing about returns.
    """
    if given["claims_wanted"]:
        return _claims(table, given, as_json)
    if table is None:
        raise BadData("name a table of prices, or stocks, planted or planted-equal.")
    asked = [name for name in ("sentences", "views_file", "opposite_pairs") if given[name]]
    if len(asked) != 1:
        raise BadData("give --view TEXT (once or more), --views FILE or --opposite-pairs N, one of them.")
    with stdout_kept_free():
        returns, source = _returns(table, are_returns, given["seed"])
        if given["opposite_pairs"]:
            found = _experiment(returns, given)
        else:
            posterior = _posterior(returns, given)
    if not given["opposite_pairs"]:
        _answer(posterior, source, as_json)
        return GOOD
    out = given["out"]
    files = [out / REPORT, out / FIGURES]
    document = found.document() | {"source": source, "files": [str(file) for file in files]}
    command = shlex.join(["proofolio", *sys.argv[1:]])
    write_page(files[0], views_page(found, source, command))
    write_document(files[1], document)
    if as_json:
        print_document(document)
        return GOOD
    console = answer_console()
    say(
        f"{source}: {len(found.names)} assets, {found.decisions} weekly decisions; rule: {found.design.name}\n"
    )
    for shown in (differences_table(found), strategies_table(found)):
        console.print(shown.terminal(console.width))
        console.print()
    for sentence in (*said_sentences(found), "", found.sentence(), "", f"Report: {files[0]}"):
        say(sentence)
    return GOOD


def _claims(table: str | None, given: dict[str, Any], as_json: bool) -> int:
    if table is not None or any(given[name] for name in ("sentences", "views_file", "opposite_pairs")):
        raise BadData("--claims needs no table and no views: proofolio views --claims.")
    with stdout_kept_free():
        found = claims(given["seed"])
    if as_json:
        print_document({"claims": [claim.document() for claim in found]})
        return GOOD
    console = answer_console()
    console.print(claims_table(found).terminal(console.width))
    return GOOD


def _returns(table: str, are_returns: bool, seed: int) -> tuple[pd.DataFrame, str]:
    if table == "stocks" and not Path(table).exists():
        return simple_returns(load_prices()), "20 US stocks (bundled)"
    if table in ("planted", "planted-equal") and not Path(table).exists():
        values, _ = planted_returns(1700 + 5 * 264, seed=seed, equal_means=table == "planted-equal")
        dates = pd.bdate_range("2000-01-03", periods=len(values))
        return pd.DataFrame(values, index=dates, columns=["A", "B", "C", "D"]), f"{table}, seed {seed}"
    read = read_returns if are_returns else read_prices
    frame = read(table)
    return (frame if are_returns else simple_returns(frame)), Path(table).name


def _regimes(given: dict[str, Any]) -> AssetRegimes:
    return AssetRegimes(window=given["window"], threshold=given["threshold"], half_life=given["half_life"])


def _posterior(returns: pd.DataFrame, given: dict[str, Any]) -> ViewPosterior:
    market = _weights(given["market_weights"])
    if given["views_file"] is not None:
        _refuse_ignored(IN_THE_FILE)
        control = read_views(given["views_file"], [str(name) for name in returns.columns])
        return control.black_litterman(market).fit(returns).posterior(Views(control.named, control.views))
    views = Views.parse(given["sentences"], [str(name) for name in returns.columns])
    confidence: Any = given["confidence"] or "calibrated"
    with contextlib.suppress(ValueError):
        confidence = float(confidence)
    model = BlackLitterman(
        market,
        confidence=confidence,
        eta=given["eta"],
        scale=given["scale"] or "view",
        threshold=given["threshold"],
        regimes=_regimes(given),
    )
    return model.fit(returns).posterior(views)


def _refuse_ignored(names: Sequence[str]) -> None:
    """Refuse options that were given but are those of the file of views."""
    source = click.get_current_context().get_parameter_source
    for name in names:
        if source(name) is ParameterSource.COMMANDLINE:
            raise BadData(f"--{name.replace('_', '-')} is said by the file of --views; write it there.")


def _weights(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        return {name.strip(): float(weight) for name, weight in rows}
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadData(f"{path} must hold lines ASSET,weight and nothing else.") from None


def _experiment(returns: pd.DataFrame, given: dict[str, Any]) -> ViewExperiment:
    n = returns.shape[1]
    horizons = _horizons(given["horizon"])
    wanted = given["opposite_pairs"]
    if wanted != "all" and not (wanted.isdecimal() and int(wanted) >= 1):
        raise BadData(f"--opposite-pairs is {wanted!r}; give a number of pairs, or all.")
    design = ViewDesign(
        confidence=given["confidence"] or "sigmoid",
        eta=given["eta"],
        scale=given["scale"] or "published",
        yearly=given["yearly"],
        regimes=_regimes(given),
        pairs=n * (n - 1) // 2 if wanted == "all" else int(wanted),
        weeks=given["weeks"],
        shifts=given["shifts"],
        seed=given["seed"],
        horizon=horizons[0],
        gamma_risk=given["gamma_risk"],
        gamma_trade=given["gamma_trade"],
        half_spread=1e-4 * given["spread_bps"],
        impact=0.0 if given["no_impact"] else given["impact"],
        volume=given["volume"],
        value=given["value"],
    )
    out = given["out"]
    make_folder(out, (REPORT, FIGURES))
    with CountProgress(progress_console(), "views") as progress:
        runner = TaskRunner(given["jobs"], out / PIECES, None, progress)
        found = view_experiment(returns.to_numpy(), tuple(map(str, returns.columns)), design, runner)
        if len(horizons) == 1:
            return found
        return replace(found, horizons=horizon_differences(returns.to_numpy(), design, horizons, runner))


def _horizons(text: str) -> list[int]:
    wanted = [piece.strip() for piece in text.split(",")]
    if not all(piece.isdecimal() and int(piece) >= 1 for piece in wanted):
        raise BadData(f"--horizon is {text!r}; give weeks, 1 or more: 1 or 1,2,5.")
    return [int(piece) for piece in wanted]


def _answer(found: ViewPosterior, source: str, as_json: bool) -> None:
    views, assets = found.table(), found.assets()
    if as_json:
        print_document({"source": source, **found.document()})
        return
    console = answer_console()
    say(f"{source}: {len(found.mean)} assets, {found.periods:g} periods a year\n")
    for first, frame in (("view", views), ("asset", assets)):
        console.print(_table(first, frame).terminal(console.width))
        console.print()
    say(f"Surprise (Theil): {found.surprise['statistic']:.3g}, p = {found.surprise['p']:.2g}")
    if "r_hat (bp)" in views:
        say(
            "r_hat is what the regimes say, with its standard error; bp are basis points a day, age is in weeks."
        )


def _table(first: str, frame: pd.DataFrame) -> Table:
    def text(value: Any) -> str:
        return (
            ("yes" if value else "no")
            if isinstance(value, bool)
            else f"{value:.3g}"
            if value == value
            else ""
        )

    rows = [(str(name), *(text(value) for value in row)) for name, *row in frame.itertuples()]
    return Table((first, *frame.columns), rows, range(1, frame.shape[1] + 1))
