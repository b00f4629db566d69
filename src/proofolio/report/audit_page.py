"""The page of an audit: what was found, M against what is needed, the worst rows, and the points that are cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence

from proofolio.report.audit_charts import needed_chart, ratio_chart, short
from proofolio.report.page import Cell, chart, page, paragraph, section, table, tiles
from proofolio.report.verdict_words import WORDS, needed_words, number, ratio_words
from proofolio.verification.audit import Audit
from proofolio.verification.verdicts import RowVerdict

__all__ = ["audit_page"]

DRAWN, LISTED, POINTS, NAMED = 40, 100, 8, 12
SIDES = {"upper": "≤", "lower": "≥"}


def audit_page(found: Audit) -> str:
    """Return the page of an audit; the same rows and verdicts give the same bytes."""
    rows = found.worst(max(DRAWN, LISTED))
    words = f"{len(found.rows)} sides of {found.rows_total} rows that a binary may switch off"
    parts = [_headline(found), *map(paragraph, found.notes)]
    if rows:
        parts += [_needed(found, rows[:DRAWN]), _spread(found), _verdicts(found)]
        parts += [_points(found, rows), _rows(found, rows[:LISTED])]
    else:
        parts.append(section("No Big-M rows", paragraph("No row has a binary that may switch it off.")))
    return page(
        f"Big-M audit of {_name(found.model)}",
        f"{words}: for each, the M it has, the M it is proved to need, and what follows.",
        parts,
        "Made by “proofolio audit”. Needed: the most the row's body reaches beyond its limit, over everything else "
        "in the model, with the binary off. Safe: M times the solver's integrality tolerance stays below a "
        "thousandth of the smallest amount that matters.",
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
            needed_chart(rows),
            f"Log axis, {which}, worst first. The dot is the M in the model. The two marks are what a known point "
            "needs and what is proved to be enough; where they meet there is one mark. A dot to their right gives room "
            "away, a dot to their left cuts points off. Point at a row to read it.",
        ),
    )


def _spread(found: Audit) -> str:
    caption = "Every side that was judged. Point at a bar to read it."
    return section("The whole model", chart(ratio_chart(found.rows), caption))


def _verdicts(found: Audit) -> str:
    said = []
    for verdict, words in WORDS.items():
        count = found.summary[verdict]
        if count:
            mark = "bad" if verdict in ("invalid", "unsafe") else ""
            said.append(f"<h3 class='{mark}'>{count} {verdict}</h3>")
            do = "" if words.do == "nothing" else f" To do: {words.do}."
            said.append(paragraph(f"{words.what[:1].upper()}{words.what[1:]}; {words.why}.{do}"))
    return section("What was found", *said)


def _points(found: Audit, rows: Sequence[RowVerdict]) -> str:
    judged = {id(row): candidate for row, (candidate, _) in zip(found.rows, found.judged, strict=True)}
    names = found.opened.program.column_names
    said = []
    for row in [r for r in rows if r.witness is not None][:POINTS]:
        witness = row.witness or {}
        body = [names[j] for j in judged[id(row)].columns.tolist() if names[j] in witness]
        point = ", ".join(f"{name} = {float(witness[name]):.6g}" for name in body[:NAMED]) or "zero"
        more = f" and {len(body) - NAMED} more" if len(body) > NAMED else ""
        said.append(
            paragraph(
                f"`{row.row}` ({row.verdict}): with {row.binary} = {row.off_value} it cuts off {point}{more}, "
                f"which needs M = {number(row.needed[0])} and not {number(row.big_m)}."
            )
        )
    if not said:
        return ""
    lead = "Each satisfies everything else in the model, with its binary off; checked in exact arithmetic."
    return section("Points that are cut off", paragraph(lead), *said)


def _rows(found: Audit, rows: Sequence[RowVerdict]) -> str:
    cells: list[Sequence[Cell]] = [
        [
            short(row.row, 36),
            short(row.binary, 24),
            SIDES[row.side],
            number(row.big_m),
            needed_words(row.needed),
            ratio_words(row.ratio),
            (row.verdict, "bad" if row.verdict == "invalid" else ""),
            f"{row.leak:.2g}",
            {True: ("yes", "good"), False: ("no", "bad"), None: ("cannot say", "")}[row.safe],
            "" if row.suggested_big_m is None else number(row.suggested_big_m),
            f"{row.tier}{', certified' if row.certified else ''}",
        ]
        for row in rows
    ]
    head = (
        "row",
        "binary",
        "side",
        "M",
        "M needed",
        "ratio",
        "verdict",
        "leak",
        "safe",
        "suggested M",
        "bound",
    )
    rest = len(found.rows) - len(rows)
    more = paragraph(f"{rest} more rows, none worse, are in the chart above and in `--json`.") if rest else ""
    return section("The rows, worst first", table(head, cells, (3, 4, 5, 7, 9)), more)
