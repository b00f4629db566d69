"""The page of an audit: what was found, M against what is needed, the worst rows, and the points that are cut off.

The pictures of an audit: M against what is needed, row by row, and how loose the whole model is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from proofolio.report.page import Cell, chart, page, paragraph, section, table, tiles
from proofolio.report.svg import Scale, bar, element, figure, grid_lines, label, legend, log_ticks, ticks
from proofolio.report.verdicts import ORDER, WORDS, needed_words, number, ratio_words
from proofolio.verification.audit.auditing import Audit
from proofolio.verification.audit.verdicts import RowVerdict

__all__ = ["BINS", "audit_page", "needed_chart", "ratio_bin", "ratio_chart", "short"]


WIDTH, LEFT, RIGHT = 980.0, 215.0, 825.0
STEP, TOP = 22.0, 62.0
LONGEST = 27
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


def short(name: str, longest: int = LONGEST) -> str:
    """Return a name cut in the middle to a length that fits.

    Examples
    --------
    >>> short("balance[north,2031,winter]", 15)
    'balance…,winter]'
    """
    half = longest // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-(longest - half - 1) - 1 :]}"


# -------------------------------------------------------------- M against needed
def needed_chart(rows: Sequence[RowVerdict]) -> str:
    """Draw M (a dot) and what is proved to be needed (between two dark marks) of some rows, on a log axis."""
    first, last = _span(rows)
    x = Scale(first, last, LEFT, RIGHT, log=True)
    bottom = TOP + STEP * len(rows)
    decades = log_ticks(first, last)
    thin = max(1, math.ceil(len(decades) / 12))
    marks = [(x(v), f"{v:g}") for k, v in enumerate(decades) if k % thin == 0]
    present = [v for v in ORDER if any(row.verdict == v for row in rows)]
    parts = [
        _key(present),
        grid_lines(marks, TOP - 8, bottom, vertical=True),
        label(RIGHT + 18, TOP - 14, "M / needed", class_="axis"),
    ]
    parts += [_row(row, x, TOP + STEP * (k + 0.5), first, last) for k, row in enumerate(rows)]
    words = f"M against the proved needed M of {len(rows)} rows on a logarithmic axis, worst first"
    return figure(WIDTH, bottom + 30, words, *parts)


def _key(present: Iterable[str]) -> str:
    parts, place = [], 0.0
    parts.append(bar(place, 14.5, 22.0, 8.0, "between"))
    parts += [bar(end, 12.5, 4.0, 12.0, "needed") for end in (place, place + 18)]
    parts.append(label(place + 29, 23, "M needed: at least, and proved enough", class_="key"))
    place += 290
    parts.append(label(place, 23, "M:", class_="key"))
    place += 22
    for verdict in present:
        parts.append(element("circle", cx=place + 6, cy=18.5, r=5.5, class_=WORDS[verdict].series))
        parts.append(label(place + 17, 23, verdict, class_="key"))
        place += 34 + 6.8 * len(verdict)
    return "".join(parts)


def _span(rows: Sequence[RowVerdict]) -> tuple[float, float]:
    values = [v for row in rows for v in (row.big_m, *row.needed) if 0 < v < math.inf]
    low, high = min(values, default=1.0), max(values, default=1.0)
    first, last = 10.0 ** math.floor(math.log10(low) - 0.05), 10.0 ** math.ceil(math.log10(high) + 0.05)
    return max(first, last * 1e-18), last


def _row(row: RowVerdict, x: Scale, y: float, first: float, last: float) -> str:
    lo, hi = row.needed

    def place(value: float) -> float:
        return x(min(max(value, first), last))

    series = WORDS[row.verdict].series
    known_hi, known_lo = hi < math.inf, lo > 0
    left, right = place(lo) if known_lo else x(first), place(hi) if known_hi else x(last)
    at = place(row.big_m)
    parts = [label(LEFT - 12, y + 4, short(row.row), anchor="end", class_="bad" if _is_bad(row) else None)]
    # the way from what is needed to M: what is given away, or what is missing
    forced = row.verdict == "forcing"
    near = None if forced else right if known_hi and at > right else left if known_lo and at < left else None
    if near is not None:
        parts.append(bar(min(near, at), y - 1.5, abs(at - near), 3.0, series))
    nothing = known_hi and hi <= 0
    if not forced and (known_hi or known_lo) and not nothing:
        parts.append(bar(left, y - 4, right - left, 8.0, "between"))
        ends = ((left, known_lo), (right, known_hi))
        parts += [bar(end - 2, y - 6, 4.0, 12.0, "needed") for end, known in ends if known]
    parts.append(element("circle", cx=at, cy=y, r=5.5, class_=series))
    said = "forced" if forced else "none needed" if nothing else "unknown"
    if said == "unknown" and row.ratio is not None:
        said = f"× {ratio_words(row.ratio)}"
    parts.append(label(RIGHT + 18, y + 4, said, class_="mono"))
    if row.safe is False:
        parts.append(label(WIDTH, y + 4, "leaks", anchor="end", class_="bad strong"))
    parts.append(bar(0.0, y - STEP / 2, WIDTH, STEP, "hover", _tip(row)))
    return "".join(parts)


def _is_bad(row: RowVerdict) -> bool:
    return row.verdict == "invalid" or row.safe is False


def _tip(row: RowVerdict) -> str:
    return (
        f"{row.row}, switched by {row.binary}: {row.verdict}\nM = {number(row.big_m)}, "
        f"needed {needed_words(row.needed)}\n{row.reason}"
    )


# ------------------------------------------------------------------- how loose all
def ratio_bin(row: RowVerdict) -> int:
    """Return the place in `BINS` of a row's M over what is needed."""
    if row.verdict in ("binding", "invalid"):
        return 0
    if row.verdict in ("undecided", "forcing") or row.ratio is None:
        return len(BINS) - 1
    if row.ratio == math.inf:
        return len(BINS) - 2
    return 1 + sum(row.ratio > end for end in ENDS)


def ratio_chart(rows: Sequence[RowVerdict]) -> str:
    """Draw how many rows have which M over what is needed, coloured by verdict."""
    count = [dict.fromkeys(ORDER, 0) for _ in BINS]
    for row in rows:
        count[ratio_bin(row)][row.verdict] += 1
    most = max(1, *(sum(one.values()) for one in count))
    height, left, wide = 190.0, 60.0, 76.0
    y = Scale(0.0, float(most), height + 20, 20.0)
    counts = [int(v) for v in ticks(0.0, float(most)) if v == int(v)]
    parts = [grid_lines([(y(v), str(v)) for v in counts], left, left + wide * len(BINS))]
    for k, (name, own) in enumerate(zip(BINS, count, strict=True)):
        x, total = left + wide * k + 10, 0
        for verdict, n in own.items():
            if n:
                tip = f"{n} {verdict}, M over needed: {name}"
                high = y(total) - y(total + n)
                parts.append(bar(x, y(total + n), wide - 20, high, WORDS[verdict].series, tip))
                total += n
        if total:
            parts.append(label(x + wide / 2 - 10, y(total) - 5, str(total), anchor="middle", class_="mono"))
        parts.append(label(x + wide / 2 - 10, height + 38, name, anchor="middle", class_="axis"))
    middle = left + wide * len(BINS) / 2
    parts.append(label(middle, height + 60, "M over what is needed", anchor="middle", class_="axis"))
    shown = [v for v in ORDER if any(own[v] for own in count)]
    parts.append(legend([(WORDS[v].series, v) for v in shown], left + wide * len(BINS) + 20, 24.0))
    return figure(WIDTH, height + 70, "How many rows have which M over what is needed", *parts)


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
