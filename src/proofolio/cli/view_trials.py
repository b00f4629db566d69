"""Confidences tried on the past: the experiment with pairs of assets, from options to report."""

from __future__ import annotations

import math
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from proofolio.backtesting.tasks import TaskRunner
from proofolio.backtesting.view_experiment import ViewExperiment, horizon_differences, view_experiment
from proofolio.backtesting.view_frontier import GAMMA_RISKS, ViewFrontier, view_frontier
from proofolio.backtesting.view_trial import ViewDesign
from proofolio.charts.figures import picture
from proofolio.cli.market_options import numbers
from proofolio.cli.output import print_document, say
from proofolio.cli.progress import CountProgress, answer_console, progress_console
from proofolio.cli.view_options import regimes_asked
from proofolio.errors import BadData
from proofolio.forecasts.views.black_litterman import market_weights
from proofolio.report.files import make_folder, write_document, write_page, write_picture
from proofolio.report.views import (
    differences_table,
    frontier_page,
    frontier_pictures,
    frontier_sentences,
    frontier_table,
    said_sentences,
    strategies_table,
    views_page,
    views_pictures,
)

__all__ = ["answer_trial", "command_given", "report_written", "tried"]

REPORT, FIGURES, PIECES = "views.html", "views.json", "pieces"
PICTURES = ("posterior", "differences", "placebos", "confidences", "frontier")
GAMMA_RISK, SHIFTS = 1.25, 19
FRONTIER_PAIRS, FRONTIER_SHIFTS = "40", 4
OURS = (REPORT, FIGURES, *(f"{name}.svg" for name in PICTURES))


def tried(
    returns: pd.DataFrame, market: dict[str, float] | None, given: dict[str, Any]
) -> ViewExperiment | ViewFrontier:
    """Run the experiment, or follow the frontiers, that the options ask for."""
    values, names = returns.to_numpy(), tuple(map(str, returns.columns))
    horizons = _horizons(given["horizon"])
    risks = None if given["gamma_risk"] is None else numbers(given["gamma_risk"], "--gamma-risk")
    if not given["frontier"] and risks is not None and len(risks) != 1:
        raise BadData(
            f"--gamma-risk is {given['gamma_risk']!r}; give one number (several are for --frontier)."
        )
    design = _design(returns, market, given)
    if not given["frontier"]:
        design = replace(design, horizon=horizons[0], gamma_risk=GAMMA_RISK if risks is None else risks[0])
    out = given["out"]
    make_folder(out, OURS)
    with CountProgress(progress_console(), "views") as progress:
        runner = TaskRunner(given["jobs"], out / PIECES, None, progress)
        if given["frontier"]:
            return view_frontier(
                values, names, design, GAMMA_RISKS if risks is None else risks, horizons, runner
            )
        found = view_experiment(values, names, design, runner)
        if len(horizons) == 1:
            return found
        return replace(found, horizons=horizon_differences(values, design, horizons, runner))


def _design(returns: pd.DataFrame, market: dict[str, float] | None, given: dict[str, Any]) -> ViewDesign:
    n = returns.shape[1]
    wanted = FRONTIER_PAIRS if given["opposite_pairs"] is None else given["opposite_pairs"]
    if wanted != "all" and not (wanted.isdecimal() and int(wanted) >= 1):
        raise BadData(f"--opposite-pairs is {wanted!r}; give a number of pairs, or all.")
    if not 0.0 <= given["spread_bps"] < 5000.0:  # NaN fails too
        raise BadData(f"--spread-bps is {given['spread_bps']:g}; give basis points from 0 to 5000.")
    return ViewDesign(
        confidence="sigmoid" if given["confidence"] is None else given["confidence"],
        eta=given["eta"],
        scale=given["scale"] or "published",
        yearly=given["yearly"],
        regimes=regimes_asked(given),
        pairs=n * (n - 1) // 2 if wanted == "all" else int(wanted),
        weeks=given["weeks"],
        shifts=given["shifts"] or (FRONTIER_SHIFTS if given["frontier"] else SHIFTS),
        seed=given["seed"],
        gamma_trade=given["gamma_trade"],
        half_spread=1e-4 * given["spread_bps"],
        impact=0.0 if given["no_impact"] else given["impact"],
        volume=given["volume"],
        value=given["value"],
        half_life=given["half_life"],
        market=None if market is None else tuple(market_weights(market, returns).tolist()),
    )


def answer_trial(
    found: ViewExperiment | ViewFrontier, source: str, warnings: tuple[str, ...], out: Path, as_json: bool
) -> None:
    """Write the report and print the answer."""
    if isinstance(found, ViewFrontier):
        page, pictures = frontier_page(found, source, command_given()), frontier_pictures(found)
        tables, sentences = [frontier_table(found)], frontier_sentences(found)
    else:
        page, pictures = views_page(found, source, command_given()), views_pictures(found)
        tables, sentences = [differences_table(found), strategies_table(found)], said_sentences(found)
        sentences += ["", found.sentence()]
    document = found.document() | {"source": source, "warnings": warnings}
    files = report_written(out, page, document, pictures)
    if as_json:
        print_document(document | {"files": files})
        return
    console = answer_console()
    say(
        f"{source}: {len(found.names)} assets, {found.decisions} weekly decisions; rule: {found.design.name}\n"
    )
    for shown in tables:
        console.print(shown.terminal(console.width))
        console.print()
    said = [f"warning: {warning}" for warning in warnings]
    for sentence in (*sentences, *said, "", f"Report: {files[0]}"):
        say(sentence)


def report_written(out: Path, page: str, document: dict[str, Any], pictures: dict[str, Figure]) -> list[str]:
    """Write page, figures and pictures into a folder, and return where they are."""
    make_folder(out, OURS)
    files = [out / REPORT, out / FIGURES, *(out / f"{name}.svg" for name in pictures)]
    write_page(files[0], page)
    write_document(files[1], document | {"files": [str(file) for file in files]})
    for file, figure in zip(files[2:], pictures.values(), strict=True):
        write_picture(file, picture(figure))
    return [str(file) for file in files]


def command_given() -> str:
    """Return the command line as it was typed."""
    return shlex.join(["proofolio", *sys.argv[1:]])


def _horizons(text: str) -> list[int]:
    found = numbers(text, "--horizon")
    if not found or not all(1 <= H < math.inf and H == int(H) for H in found):  # NaN fails too
        raise BadData(f"--horizon is {text!r}; give weeks, 1 or more: 1 or 1,2,5.")
    return [int(H) for H in found]
