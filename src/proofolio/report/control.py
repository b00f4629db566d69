"""The report of a control experiment: claims, tables, pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from proofolio.charts.figures import (
    COLOURS,
    chart_style,
    inline_svg,
    legend_beside,
    new_figure,
    plain_logarithms,
)
from proofolio.models.control.experiments import Experiment
from proofolio.report.page import chart, page, paragraph, section
from proofolio.report.table import Table

__all__ = ["claims_table", "control_page", "figures_table", "series_chart"]


DASHES = ("-", "--", ":", "-.")  # lines that cross are told apart without their colours too


def claims_table(found: Experiment) -> Table | None:
    """Return the claims, what came out and the verdict; None where there are none."""
    if not found.claims:
        return None
    rows = [
        (
            claim.claim,
            claim.finding,
            ("reproduced", "good") if claim.reproduced else ("not reproduced", "bad"),
        )
        for claim in found.claims
    ]
    return Table(("claim", "here", "verdict"), rows)


def figures_table(name: str, table: pd.DataFrame) -> Table:
    """Return a table of figures as text."""
    rows = [
        (str(index), *(_text(value) for value in row))
        for index, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return Table((str(table.index.name), *map(str, table.columns)), rows, range(1, 1 + table.shape[1]), name)


@chart_style
def series_chart(name: str, lines: pd.DataFrame) -> Figure:
    """Draw the columns of a table over its index; on a logarithmic axis where it covers a factor of 16 or more."""
    figure = new_figure(name.replace(" ", "-"), f"{name}: {', '.join(map(str, lines.columns))}", 3.2)
    axes = figure.add_subplot()
    for i, column in enumerate(lines.columns):
        axes.plot(
            lines.index, lines[column], color=COLOURS[f"s{i % 10}"], linestyle=DASHES[i % len(DASHES)], marker=".",
            label=str(column),
        )  # fmt: skip
    index = np.asarray(lines.index, dtype=float)
    if index.min() > 0.0 and index.max() / index.min() >= 16.0:
        axes.set_xscale("log")
        plain_logarithms(axes.xaxis)
    axes.set_xlabel(str(lines.index.name))
    axes.set_title(name)
    legend_beside(figure, axes)
    return figure


def control_page(found: Experiment) -> str:
    """Return the report as one page."""
    parts = []
    claims = claims_table(found)
    if claims is not None:
        parts.append(section("Claims", *(_claim(c.claim, c.finding, c.reproduced) for c in found.claims)))
    for name, table in found.tables.items():
        parts.append(section(name[:1].upper() + name[1:], figures_table("", table).html("dense")))
    for name, lines in found.series.items():
        parts.append(section(f"Picture: {name}", chart(inline_svg(series_chart(name, lines)))))
    return page(f"Control: {found.name}", found.assumed, parts, f"{found.command} ({found.seconds:.0f} s)")


def _claim(claim: str, finding: str, reproduced: bool) -> str:
    verdict = "Reproduced" if reproduced else "Not reproduced"
    return paragraph(f"{claim} {verdict}: {finding}", "good" if reproduced else "")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    number = float(value)
    return f"{number:.4g}"
