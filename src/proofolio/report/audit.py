"""The page of an audit: what was found, M against what is needed, the worst rows, and the points that are cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from proofolio.charts.figures import (
    COLOURS,
    add_tips,
    chart_style,
    inline_svg,
    is_narrow,
    legend_beside,
    new_figure,
    without_frame,
)
from proofolio.report.audit_text import cut_off, larger_beside, leaking, rows_table, to_do
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.verification.audit.auditing import Audit
from proofolio.verification.audit.chart import needed_chart
from proofolio.verification.audit.verdicts import RowVerdict
from proofolio.verification.audit.words import ORDER, VERDICT_TEXTS

__all__ = ["BINS", "audit_page", "ratio_bin", "ratio_chart"]


DRAWN, LISTED, POINTS = 40, 100, 8  # rows in the chart, rows in the table, points that are cut off
NAMED = 12  # variables of such a point
# M over what is needed: the bars of the second chart, and where those between 1 and "above" end.
BINS = (
    "below 1",
    "1 to 1.01",
    "to 2",
    "to 10",
    "to 100",
    "to 1e3",
    "to 1e6",
    "above",
    "none needed",
    "unknown",
)
ENDS = (1.01, 2.0, 10.0, 100.0, 1e3, 1e6)


def ratio_bin(row: RowVerdict) -> int:
    """Return the place in `BINS` of a row's M over what is needed."""
    if row.verdict in ("binding", "invalid"):
        return 0
    if row.verdict in ("undecided", "forcing", "dead") or row.ratio is None:
        return len(BINS) - 1
    if row.ratio == math.inf:
        return len(BINS) - 2
    return 1 + sum(row.ratio > end for end in ENDS)


@chart_style
def ratio_chart(rows: Sequence[RowVerdict]) -> Figure:
    """Draw how many rows have which M over what is needed, coloured by verdict."""
    counts = {verdict: [0] * len(BINS) for verdict in ORDER}
    for row in rows:
        counts[row.verdict][ratio_bin(row)] += 1
    figure = new_figure("ratios", "How many rows have which M over what is needed", height=2.6)
    axes = figure.add_subplot()
    below = [0] * len(BINS)
    for verdict, own in counts.items():
        if not any(own):
            continue
        colour = COLOURS[VERDICT_TEXTS[verdict].colour]
        bars = axes.bar(range(len(BINS)), own, 0.74, below, color=colour, label=verdict)
        add_tips(bars, [f"{n} {verdict}, M over needed: {name}" for n, name in zip(own, BINS, strict=True)])
        below = [b + n for b, n in zip(below, own, strict=True)]
    for k, total in enumerate(below):
        if total:
            axes.annotate(str(total), (k, total), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks(range(len(BINS)), BINS, rotation=90 if is_narrow() else 0)
    axes.set_xlabel("M over what is needed")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    axes.margins(x=0.02, y=0.12)
    without_frame(axes)
    legend_beside(figure, axes, squares=True)
    return figure


def audit_page(found: Audit, model: str | None = None) -> str:
    """Return the page of an audit, titled with the model as it was asked for, or with its name.

    The same rows and verdicts give the same bytes.
    """
    rows = found.worst(max(DRAWN, LISTED))
    sides = f"{len(found.rows)} sides of {found.rows_total} rows that a binary may switch off"
    parts = [_headline(found), *map(paragraph, found.notes)]
    if rows:
        parts += [_needed(found, rows[:DRAWN]), _spread(found), _verdicts(found)]
        parts += [_points(found, rows), _rows(found, rows[:LISTED])]
    else:
        parts.append(section("No Big-M rows", paragraph("No row has a binary that may switch it off.")))
    return page(
        f"Big-M audit of {_name(model or found.model)}",
        f"{sides}: for each, the M it has, the M it is proved to need, and what follows.",
        parts,
        "Made by “proofolio audit”. Needed: the most the row's body reaches beyond its limit, over all else "
        "in the model, with the binary off. Safe: no point that solvers accept, with the binary within their "
        "integrality tolerance of its on-value, is better than exact ones; NO where one is known that is; ? where "
        "neither is shown.",
    )


def _name(model: str) -> str:
    return model.replace("\\", "/").rpartition("/")[2] or "a model"


def _headline(found: Audit) -> str:
    summary = found.summary
    ratios = [r.ratio for r in found.rows if r.larger and r.ratio is not None and r.ratio < math.inf]
    share = 100 * sum(row.certified for row in found.rows) // max(1, len(found.rows))
    entries = [
        (
            str(summary["invalid"]),
            "invalid: a meant point is cut off",
            "bad" if summary["invalid"] else "good",
        ),
        (str(summary["unsafe"]), "unsafe: the row leaks", "bad" if summary["unsafe"] else "good"),
        (str(summary["larger_than_needed"]), "looser than needed", ""),
        (f"{max(ratios):.3g}" if ratios else "none", "largest M over what is needed", ""),
        (f"{share}%", "of the verdicts are certified in exact arithmetic", ""),
    ]
    return tiles(entries)


def _needed(found: Audit, rows: Sequence[RowVerdict]) -> str:
    which = f"the worst {len(rows)} of {len(found.rows)}" if len(rows) < len(found.rows) else "all rows"
    return section(
        "M against what is needed",
        chart(
            inline_svg(needed_chart(rows)),
            f"Log axis, {which}, worst first. The dot is the M in the model. The two marks are what a known point "
            "needs and what is proved to be enough; where they meet there is one mark. A dot to their right gives room "
            "away, a dot to their left cuts points off. Point at a row to read it.",
        ),
    )


def _spread(found: Audit) -> str:
    caption = "Every side that was judged. Point at a bar to read it."
    return section("The whole model", chart(inline_svg(ratio_chart(found.rows)), caption))


def _verdicts(found: Audit) -> str:
    said = []
    for verdict, text in VERDICT_TEXTS.items():
        count = found.summary[verdict]
        if count:
            mark = "bad" if verdict in ("invalid", "unsafe") else ""
            said.append(f"<h3 class='{mark}'>{count} {verdict}</h3>")
            said.append(
                paragraph(f"{text.what[:1].upper()}{text.what[1:]}; {text.why}.{to_do(verdict, found)}")
            )
    if beside := larger_beside(found):
        said.append(paragraph(beside))
    return section("What was found", *said)


def _points(found: Audit, rows: Sequence[RowVerdict]) -> str:
    said = [
        paragraph(f"`{row.row}` ({row.verdict}): {cut_off(found, row, NAMED)}.")
        for row in [r for r in rows if r.witness is not None][:POINTS]
    ]
    leaks = [
        paragraph(f"`{row.row}`: {leaking(found, row, NAMED)}.")
        for row in [r for r in rows if r.leak_witness is not None][:POINTS]
    ]
    parts = ""
    if leaks:
        lead = "Each satisfies the model to the tolerances that solvers use by default; checked in exact arithmetic."
        parts = section("Points that leak", paragraph(lead), *leaks)
    if not said:
        return parts
    lead = "Each satisfies everything else in the model, with its binary off; checked in exact arithmetic."
    return section("Points that are cut off", paragraph(lead), *said) + parts


def _rows(found: Audit, rows: Sequence[RowVerdict]) -> str:
    rest = len(found.rows) - len(rows)
    more = paragraph(f"{rest} more rows, none worse, are in the chart above and in `--json`.") if rest else ""
    return section("The rows, worst first", rows_table(rows).html("names"), more)
