"""The page of an audit: what was found, M against what is needed, the worst rows, and the points that are cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerLine2D
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from proofolio.report.audit_text import (
    ORDER,
    VERDICT_TEXTS,
    cut_off,
    leaking,
    needed_text,
    number,
    ratio_text,
    rows_table,
)
from proofolio.report.figures import (
    COLOURS,
    add_tips,
    chart_style,
    inline_svg,
    is_narrow,
    legend_beside,
    new_figure,
    shortened,
    without_frame,
)
from proofolio.report.page import chart, page, paragraph, section, tiles
from proofolio.verification.audit.auditing import Audit
from proofolio.verification.audit.verdicts import RowVerdict

__all__ = ["BINS", "audit_page", "needed_chart", "ratio_bin", "ratio_chart"]


DRAWN, LISTED, POINTS = 40, 100, 8  # rows in the chart, rows in the table, points that are cut off
NAMED = 12  # variables of such a point
LONGEST, LONGEST_NARROW = 27, 16  # characters of a row's name in the chart, on a wide and a narrow page
LARGEST_SPAN = 1e18  # of the chart's logarithmic axis
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


@chart_style
def needed_chart(rows: Sequence[RowVerdict]) -> Figure:
    """Draw M (a dot) and what is proved to be needed (between two dark marks) of some rows, on a log axis."""
    description = f"M against the proved needed M of {len(rows)} rows on a logarithmic axis, worst first"
    figure = new_figure("needed", description, height=0.75 + 0.225 * max(2, len(rows)))
    if is_narrow():
        figure.set_figheight(figure.get_figheight() + 0.6)  # for more lines of the legend
    axes = figure.add_subplot()
    first, last = _span(rows)
    for y, row in enumerate(rows):
        lo, hi = (min(max(value, first), last) for value in row.needed)
        known_lo, known_hi = row.needed[0] > 0, row.needed[1] < math.inf
        at, colour = min(max(row.big_m, first), last), COLOURS[VERDICT_TEXTS[row.verdict].colour]
        needs_none = known_hi and row.needed[1] <= 0
        if row.verdict == "forcing":
            said = "forced"
        else:
            # From what is needed to M: what is given away, or what is missing.
            near = hi if known_hi and at > hi else lo if known_lo and at < lo else at
            axes.hlines(y, min(near, at), max(near, at), color=colour, linewidth=2.2)
            said = "none needed" if needs_none else "unknown"
            if (known_hi or known_lo) and not needs_none:
                axes.hlines(y, lo, hi, color=COLOURS["muted"], alpha=0.4, linewidth=6)
                marks = [value for value, known in ((lo, known_lo), (hi, known_hi)) if known]
                axes.scatter(
                    marks,
                    [y] * len(marks),
                    marker="|",
                    s=75,
                    linewidth=2.6,
                    color=COLOURS["ink"],
                    label="needed",
                )
            if said == "unknown" and row.ratio is not None:
                said = f"× {ratio_text(row.ratio)}"
        axes.scatter([at], [y], s=52, color=colour, label=row.verdict, zorder=3)
        axes.text(1.02, y, said, transform=axes.get_yaxis_transform(), va="center")
        if row.safe is False:
            leaks: dict[str, Any] = {"color": COLOURS["bad"], "weight": "bold", "va": "center"}
            beside: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points"}
            axes.annotate("leaks", (1.02, y), (7 * mpl.rcParams["font.size"], 0), **beside, **leaks)
    axes.text(
        1.02, -1.0, "M / needed", transform=axes.get_yaxis_transform(), va="center", color=COLOURS["muted"]
    )
    axes.set_xscale("log")
    axes.set_xlim(first, last)
    decades = range(round(math.log10(first)), round(math.log10(last)) + 1)
    ticks = [10.0**k for k in decades][:: max(1, math.ceil(len(decades) / (4 if is_narrow() else 12)))]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(
        range(len(rows)), shortened([row.row for row in rows], LONGEST_NARROW if is_narrow() else LONGEST)
    )
    axes.grid(visible=False, axis="y")
    without_frame(axes)
    for name, row in zip(axes.get_yticklabels(), rows, strict=True):
        name.set_color(COLOURS["bad" if row.verdict == "invalid" or row.safe is False else "ink"])
    bands = [
        axes.axhspan(y - 0.5, y + 0.5, -0.4, 1.25, color="none", clip_on=False) for y in range(len(rows))
    ]
    for band in bands:
        band.set_in_layout(False)
    add_tips(bands, map(_tip, rows), bands=True)
    _key(figure, [v for v in ORDER if any(row.verdict == v for row in rows)])
    return figure


def _key(figure: Figure, present: Sequence[str]) -> None:
    marks: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 7.2}
    needed = Line2D(
        [0, 1], [0, 0], color=(COLOURS["muted"], 0.4), linewidth=6, marker="|", markersize=8.5,
        markeredgewidth=2.6, markeredgecolor=COLOURS["ink"],
    )  # fmt: skip
    dots = [Line2D([], [], color=COLOURS[VERDICT_TEXTS[verdict].colour], **marks) for verdict in present]
    figure.legend(
        [needed, *dots], ["M needed" if is_narrow() else "M needed: at least, and proved enough", *present],
        loc="outside upper left", ncols=2 if is_narrow() else 6, columnspacing=1.1,
        handletextpad=0.5, handlelength=1.5, borderpad=0.0,
        handler_map={needed: HandlerLine2D(marker_pad=0.0, numpoints=2)},
    )  # fmt: skip


def _span(rows: Sequence[RowVerdict]) -> tuple[float, float]:
    values = [v for row in rows for v in (row.big_m, *row.needed) if 0 < v < math.inf]
    low, high = min(values, default=1.0), max(values, default=1.0)
    first, last = 10.0 ** math.floor(math.log10(low) - 0.05), 10.0 ** math.ceil(math.log10(high) + 0.05)
    return max(first, last / LARGEST_SPAN), last


def _tip(row: RowVerdict) -> str:
    return (
        f"{row.row}, switched by {row.binary}: {row.verdict}\nM = {number(row.big_m)}, "
        f"needed {needed_text(row.needed)}\n{row.reason}"
    )


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


def audit_page(found: Audit) -> str:
    """Return the page of an audit; the same rows and verdicts give the same bytes."""
    rows = found.worst(max(DRAWN, LISTED))
    sides = f"{len(found.rows)} sides of {found.rows_total} rows that a binary may switch off"
    parts = [_headline(found), *map(paragraph, found.notes)]
    if rows:
        parts += [_needed(found, rows[:DRAWN]), _spread(found), _verdicts(found)]
        parts += [_points(found, rows), _rows(found, rows[:LISTED])]
    else:
        parts.append(section("No Big-M rows", paragraph("No row has a binary that may switch it off.")))
    return page(
        f"Big-M audit of {_name(found.model)}",
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
    ratios = [
        r.ratio for r in found.rows if r.verdict == "loose" and r.ratio is not None and r.ratio < math.inf
    ]
    share = 100 * sum(row.certified for row in found.rows) // max(1, len(found.rows))
    entries = [
        (
            str(summary["invalid"]),
            "invalid: a meant point is cut off",
            "bad" if summary["invalid"] else "good",
        ),
        (str(summary["unsafe"]), "unsafe: the row leaks", "bad" if summary["unsafe"] else "good"),
        (str(summary["loose"]), "looser than needed", ""),
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
            do = "" if text.do == "nothing" else f" To do: {text.do}."
            said.append(paragraph(f"{text.what[:1].upper()}{text.what[1:]}; {text.why}.{do}"))
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
