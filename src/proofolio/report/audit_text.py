"""An audit as text: what each verdict means, the table of rows, and what a terminal shows."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console

from proofolio.brief import first_few, number_of
from proofolio.report.table import STYLES, WIDE, Cell, Table
from proofolio.verification.audit.auditing import Audit
from proofolio.verification.audit.verdicts import RowVerdict
from proofolio.verification.audit.words import VERDICT_TEXTS, needed_text, number, ratio_text

__all__ = [
    "cut_off",
    "families",
    "larger_beside",
    "leaking",
    "rows_table",
    "show",
    "to_do",
]


WORST = 10  # rows in the terminal's table
SHOWN_POINTS = {"invalid": 3, "binding": 1}  # by verdict, how many points that are cut off the terminal names
SHOWN_LEAKS, SHOWN_DEAD, REASONS = 2, 3, 3
SHOWN_WRONG = 6  # rows that are wrong, by name, where rows are shown by families
NAMED = 6  # variables of a point that is cut off
SIDES, ASCII_SIDES = {"upper": "≤", "lower": "≥"}, {"upper": "<=", "lower": ">="}
SAFE: dict[bool | None, Cell] = {True: ("yes", "good"), False: ("NO", "bad"), None: "?"}


def cut_off(found: Audit, row: RowVerdict, named: int = NAMED) -> str:
    """Say what point a row cuts off: the columns of its body, others being in ``--json``."""
    candidate = next(c for r, (c, _) in zip(found.rows, found.judged, strict=True) if r is row)
    names, witness = found.opened.program.column_names, row.witness or {}
    body = [names[j] for j in candidate.columns.tolist() if names[j] in witness]
    point = ", ".join(f"{name} = {float(witness[name]):.6g}" for name in body[:named]) or "zero"
    more = f" and {len(body) - named} more" if len(body) > named else ""
    return (
        f"with {row.binary} = {row.off_value} it cuts off {point}{more}, "
        f"which needs M = {number(row.needed[0])} and not {number(row.big_m)}{_give(row)}"
    )


def _give(row: RowVerdict) -> str:
    """Say what M to give a row that is invalid, where more than the point needs or nothing is proved to be enough."""
    enough = row.suggested_big_m
    if row.verdict != "invalid" or (enough is not None and number(enough) == number(row.needed[0])):
        return ""
    if enough is None:
        return f"; give it at least {number(row.needed[0])}: no M is proved to be enough"
    return f"; {number(enough)} is proved to be enough"


def to_do(verdict: str, found: Audit, tightened: int | None = None) -> str:
    """Return what to do about the rows with a verdict, as a sentence, given how many rows have just been tightened."""
    do = VERDICT_TEXTS[verdict].do
    if verdict == "unsafe" and tightened:
        do = "audit the tightened model, and check solutions with `proofolio solve`"
    elif verdict == "unsafe" and not (found.summary["larger_than_needed"] and tightened is None):
        do = (
            "bound the variables so that a smaller M is enough, or use a native indicator, and check solutions with "
            "`proofolio solve`"
        )
    elif tightened is not None and verdict == "loose":
        do = "nothing"
    return "" if do == "nothing" else f" To do: {do}."


def larger_beside(found: Audit, tightened: int | None = None) -> str:
    """Say how many rows that are not called loose have an M larger than needed all the same."""
    beside = [row for row in found.rows if row.larger and row.verdict != "loose"]
    if not beside:
        return ""
    counts = Counter(row.verdict for row in beside)
    rows = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    ratios = [row.ratio for row in beside if row.ratio is not None and math.isfinite(row.ratio)]
    most = f", up to {ratio_text(max(ratios))} times as large" if ratios else ""
    lowers = "" if tightened is not None else ", and --tighten lowers it"
    return f"Larger than needed: the M of {rows} rows is, too{most}; it weakens the relaxation{lowers}."


def leaking(found: Audit, row: RowVerdict, named: int = NAMED) -> str:
    """Say what point a leak lets through, and what becomes of it once its integers are exact."""
    shown = row.leak_witness or {}
    candidate = next(c for r, (c, _) in zip(found.rows, found.judged, strict=True) if r is row)
    names, point = found.opened.program.column_names, shown["point"]
    body = [names[j] for j in candidate.columns.tolist() if names[j] in point]
    through = ", ".join(f"{name} = {float(point[name]):.6g}" for name in body[:named]) or "zero"
    at, on = float(point.get(row.binary, 0)), 1 - row.off_value
    rest = shown["rounded"]
    after = "nothing is feasible" if isinstance(rest, str) else f"it is {rest:.9g}"
    return (
        f"{row.binary} = {at:.9g} counts as {on} and lets {through} through, with objective "
        f"{shown['objective']:.9g}; with {row.binary} = {on} {after}"
    )


def families(rows: Sequence[RowVerdict]) -> list[tuple[RowVerdict, list[RowVerdict]]]:
    """Return the families of rows that stand worst first, each with its worst member."""
    found: dict[tuple[str, str], list[RowVerdict]] = {}
    for row in rows:
        found.setdefault((row.family, row.side), []).append(row)
    return [(members[0], members) for members in found.values()]


def _as_family(worst: RowVerdict, members: Sequence[RowVerdict]) -> RowVerdict:
    """Return the worst member with a name that says of how many it is the worst."""
    if len(members) == 1:
        return worst
    counts = Counter(row.verdict for row in members)
    mixed = ", ".join(f"{n} {verdict}" for verdict, n in counts.items()) if len(counts) > 1 else ""
    said = f"{worst.row}, worst of {len(members)} {worst.family}"
    return replace(worst, row=f"{said}: {mixed}" if mixed else said)


def rows_table(rows: Sequence[RowVerdict], sides: Mapping[str, str] = SIDES) -> Table:
    """Return a table with a line a row, in the order given."""
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
        "suggested",
        "bound",
    )
    cells: list[Sequence[Cell]] = [
        (
            row.row,
            row.binary,
            sides[row.side],
            number(row.big_m),
            needed_text(row.needed),
            ratio_text(row.ratio),
            (row.verdict, VERDICT_TEXTS[row.verdict].mark),
            f"{row.leak:.2g}",
            SAFE[row.safe],
            "" if row.suggested_big_m is None else number(row.suggested_big_m),
            f"{row.tier}{', certified' if row.certified else ''}",
        )
        for row in rows
    ]
    return Table(head, cells, (3, 4, 5, 7, 9))


# ------------------------------------------------------------------ on a terminal
def show(
    console: Console, model: str, found: Audit, extras: Mapping[str, Any], patterns: Sequence[str]
) -> None:
    """Print an audit; `extras` is what else was done, `patterns` what was declared."""

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, soft_wrap=True)

    sides = f"{number_of(len(found.rows), 'side')} that a binary may switch off"
    say(f"{model}: {number_of(found.rows_total, 'row')}, {sides}, {found.seconds:.2f} s")
    for note in found.notes:
        say(f"  {note}")
    if found.rows:
        say("")
        shown, more = _shown(found)
        console.print(_narrowed(rows_table(shown, ASCII_SIDES), console.width).terminal(console.width))
        if more:
            say(f"and {more}, none worse (--html and --json have them)")
        if len(found.rows) > WORST:
            for line in _wrong(found):
                say(line)
        _witnesses(say, found)
        say("")
        _verdicts(console, found, extras)
        if beside := larger_beside(found, extras.get("tightened", {}).get("rows")):
            say(beside)
        safe, unknown = sum(row.safe is True for row in found.rows), found.summary["safe_unknown"]
        if unknown:
            say(f"Leaks: {safe} safe, {found.summary['unsafe']} not safe, {unknown} not known.", "dim")
    _extras(say, found, extras)
    steps = list(_next(model, found, extras, patterns))
    if steps:
        say("\nNext:")
        for command, why in steps:
            say(f"  {command}")
            say(f"      {why}", "dim")


def _shown(found: Audit) -> tuple[list[RowVerdict], str]:
    """Return the rows of the table, by families where there are many, and what is left out."""
    if len(found.rows) <= WORST:
        return list(found.worst(WORST)), ""
    grouped = families(found.worst(len(found.rows)))
    left = len(grouped) - WORST
    return [_as_family(*family) for family in grouped[:WORST]], f"{left} more families" if left > 0 else ""


def _narrowed(table: Table, width: int) -> Table:
    """Return the columns that fit: on a narrow terminal the row's name, side and binary share one."""
    if width >= WIDE:
        return table.columns(range(10))
    rest = table.columns(range(3, 10))
    first = [f"{row[0]} {row[2]}\n{row[1]}" for row in table.rows]
    return Table(
        ["row\nbinary", *rest.head[:-1], "suggest"],
        [[name, *row] for name, row in zip(first, rest.rows, strict=True)],
        [1 + j for j in rest.numbers],
    )


def _witnesses(say: Any, found: Audit) -> None:
    """Say of the worst rows that cut what point they cut off, and of undecided ones why."""
    worst = found.worst(WORST)
    cutting = [
        row
        for verdict, most in SHOWN_POINTS.items()
        for row in _of(worst, verdict)[:most]
        if row.witness is not None
    ]
    reasons: dict[str, list[str]] = {}
    for row in _of(found.rows, "undecided"):
        reasons.setdefault(row.reason, []).append(row.row)
    leaks = [row for row in worst if row.leak_witness is not None][:SHOWN_LEAKS]
    dead = _of(worst, "dead")[:SHOWN_DEAD]
    if not (cutting or reasons or leaks or dead):
        return
    say("")
    for row in dead:
        say(f"{row.row}: {row.reason}")
    for row in leaks:
        say(f"{row.row}: {leaking(found, row)}")
    for row in cutting:
        say(f"{row.row}: {cut_off(found, row)}")
    for reason, rows in list(reasons.items())[:REASONS]:
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        say(f"{rows[0]}{more}: {reason}")


def _wrong(found: Audit) -> Iterator[str]:
    """Name the rows that are wrong, which a line for their family hides."""
    worst = found.worst(len(found.rows))
    for what, rows in (
        ("invalid", _of(worst, "invalid")),
        ("unsafe", [row for row in worst if row.safe is False]),
    ):
        left = len(rows) - SHOWN_WRONG
        if rows:
            more = f" and {left} more: --json or --html lists them" if left > 0 else ""
            yield f"{what}: {', '.join(row.row for row in rows[:SHOWN_WRONG])}{more}"


def _of(rows: Sequence[RowVerdict], verdict: str) -> list[RowVerdict]:
    return [row for row in rows if row.verdict == verdict]


def _verdicts(console: Console, found: Audit, extras: Mapping[str, Any]) -> None:
    summary, width = found.summary, min(console.width, 120) - 20
    tightened = extras["tightened"]["rows"] if "tightened" in extras else None
    for verdict, text in VERDICT_TEXTS.items():
        if not summary[verdict]:
            continue
        sentence = f"{text.what}; {text.why}.{to_do(verdict, found, tightened)}"
        lines = textwrap.wrap(sentence, width, break_long_words=False, break_on_hyphens=False)
        for k, line in enumerate(lines):
            if k == 0:
                console.print(f"{summary[verdict]:>6}  [{STYLES[text.mark]}]{verdict:<10}[/]  ", end="")
            else:
                console.print(" " * 20, end="")
            console.print(line, markup=False, soft_wrap=True)


def _extras(say: Any, found: Audit, extras: Mapping[str, Any]) -> None:
    raised = extras.get("tightened", extras).get("repaired", {})
    if raised:
        many = "1 invalid row has" if len(raised) == 1 else f"{len(raised)} invalid rows have"
        shown = first_few([f"{name}: M = {big_m:g}" for name, big_m in raised.items()], 6)
        say(
            f"\nRepaired: {many} an M that is proved to be enough ({shown}), and an audit of the new model finds none "
            "that is invalid."
        )
    if "tightened" in extras:
        done = extras["tightened"]
        say(f"\nTightened: {number_of(done['rows'], 'row')}, written to {', '.join(done['files'])}")
        if not done["rows"] and found.summary["larger_than_needed"]:
            say("Quadratic rows, and rows with two sides, which share one coefficient, keep their M's.")
        if done["invalid"]:
            some = "1 invalid row is" if done["invalid"] == 1 else f"{done['invalid']} invalid rows are"
            say(
                f"{some} left as in the model: give each the M that is needed there, and tighten that model, since "
                "the new M's are proved beside what such a row cuts off (--repair does so)."
            )
        if done.get("repaired") and done["undecided"]:
            say(f"{done['undecided']} rows of it are undecided: audit it with more time.")
    if "confirmed" in extras:
        done = extras["confirmed"]
        for when in ("before", "after"):
            answer = done[when]
            value = "no solution" if answer["objective"] is None else f"{answer['objective']:.10g}"
            say(
                f"{when.capitalize()}: {value}, {answer['status']}, {answer['seconds']:.2f} s, "
                f"{answer['nodes']} nodes ({answer['solver']})"
            )
        if done["same"]:
            say("The optimum is unchanged.")
        elif done["before"]["status"] in ("leaks", "infeasible-solution", "claim-wrong"):
            say("The answer before was wrong; the one after is the optimum.")
        elif done["same"] is None and done["equal"]:
            say("The optimum is unchanged as far as is known: an answer rests on one solver's word.")
        elif raised:
            say("The optimum has changed: an invalid row had cut it off.")
        else:
            say("The optimum has changed.")
    if "certificates" in extras:
        done = extras["certificates"]
        say(f"\nCertificates: {done['certified']} rows are certified, written to {done['file']}")
    if "solution" in extras:
        done = extras["solution"]
        failed = [c for c in done["checks"] if not c["ok"]]
        hold = f"{len(done['checks']) - len(failed)} of {len(done['checks'])} checks hold"
        say(f"\nSolution {done['file']}: {done['status']} ({hold})")
        for c in failed:
            detail = f"; {c['detail']}" if c["detail"] else ""
            say(f"  {c['name']}: {c['value']:.2g} where {c['tolerance']:.2g} is allowed{detail}")
    if "html" in extras:
        say(f"\nPage: {extras['html']}")


def _next(
    model: str, found: Audit, extras: Mapping[str, Any], patterns: Sequence[str]
) -> Iterator[tuple[str, str]]:
    summary = found.summary
    again = f"proofolio audit {shlex.quote(model)}"
    declared = "".join(f" --big-m {shlex.quote(pattern)}" for pattern in patterns)
    if summary["invalid"] and len(found.rows) > WORST and "html" not in extras:
        what = "every row with the M it needs: put the invalid ones right first, and audit again"
        yield f"{again}{declared} --html audit.html", what
    if summary["larger_than_needed"] and "tightened" not in extras:
        what = (
            "every M that is larger than needed lowered to one proved to be enough, solved before and after"
        )
        if summary["invalid"]:
            what += ", once the invalid rows are put right"
        yield f"{again}{declared} --tighten tighter.mps --confirm", what
    if extras.get("tightened", {}).get("rows") and "confirmed" not in extras:
        yield (
            f"{again}{declared} --tighten {extras['tightened']['files'][0]} --confirm",
            "solve before and after",
        )
    if summary["binding"] and not patterns:
        stems = {row.row: row.row.partition("[")[0] for row in _of(found.worst(len(found.rows)), "binding")}
        every = dict.fromkeys(f"{stem}*" if stem != row else row for row, stem in stems.items())
        yield (
            again + "".join(f" --big-m {shlex.quote(pattern)}" for pattern in [*every][:SHOWN_WRONG]),
            "if these rows are meant as Big-M: what cuts is then invalid",
        )
    if summary["undecided"] and any("time limit" in row.reason for row in found.rows):
        yield f"{again}{declared} --time-limit 600", "for the rows that were not reached"
    if any(row.safe is None for row in found.rows):
        yield f"{again}{declared} --meaningful 1", "which rows leak, if 1 is the smallest amount that matters"
    if summary["unsafe"] and not extras.keys() & {"solution", "confirmed"}:
        yield (
            f"proofolio solve {shlex.quote(model)}",
            "whether the answer still holds once its integers are exact",
        )
