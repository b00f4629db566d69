"""An audit on the terminal: the worst rows, one line a verdict, and what to type next."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from proofolio.report.verdicts import WORDS, needed_words, number, ratio_words

if TYPE_CHECKING:
    from rich.console import Console

    from proofolio.verification.audit.auditing import Audit
    from proofolio.verification.audit.verdicts import RowVerdict

__all__ = ["show"]


WORST = 10
TOLD = {"invalid": 3, "binding": 1}
REASONS = 3
NAMED = 6
SIDES = {"upper": "<=", "lower": ">="}


def show(model: str, found: Audit, extras: Mapping[str, Any], patterns: Sequence[str]) -> None:
    """Print an audit; `extras` is what else was done, `patterns` what was declared."""
    from proofolio.cli.output import answer_console

    console = answer_console()

    def say(words: str) -> None:
        console.print(words, markup=False, soft_wrap=True)

    said = f"{model}: {found.rows_total} rows, {len(found.rows)} sides that a binary may switch off"
    say(f"{said}, {found.seconds:.2f} s")
    for note in found.notes:
        say(f"  {note}")
    if found.rows:
        say("")
        _table(console, found.worst(WORST))
        if len(found.rows) > WORST:
            say(f"and {len(found.rows) - WORST} more, none worse (--html and --json have them)")
        _witnesses(say, found)
        say("")
        _verdicts(console, found.summary)
    _extras(say, extras)
    steps = list(_next(model, found, extras, patterns))
    if steps:
        say("\nNext:")
        for command, why in steps:
            console.print(f"  {command}", markup=False, soft_wrap=True)
            console.print(f"      {why}", style="dim", markup=False, soft_wrap=True)


def _table(console: Console, rows: Sequence[RowVerdict]) -> None:
    from rich.markup import escape
    from rich.table import Table

    wide = console.width >= 100
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style="bold")
    table.add_column("row" if wide else "row\nbinary", overflow="fold")
    if wide:
        table.add_column("binary", overflow="fold")
        table.add_column("side", no_wrap=True)
    for name in ("M", "M needed", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("leak", justify="right", no_wrap=True)
    table.add_column("safe", no_wrap=True)
    table.add_column("suggested" if wide else "suggest", justify="right", no_wrap=True)
    for row in rows:
        name, binary, side = escape(row.row), escape(row.binary), SIDES[row.side]
        table.add_row(
            *((name, binary, side) if wide else (f"{name} {side}\n[dim]{binary}[/]",)),
            number(row.big_m),
            needed_words(row.needed),
            ratio_words(row.ratio),
            f"[{WORDS[row.verdict].terminal}]{row.verdict}[/]",
            f"{row.leak:.2g}",
            {True: "yes", False: "[bold red]NO[/]", None: "?"}[row.safe],
            "" if row.suggested_big_m is None else number(row.suggested_big_m),
        )
    console.print(table)


def _witnesses(say: Any, found: Audit) -> None:
    """Say of the worst rows that cut what point they cut off, and of undecided ones why."""
    worst = found.worst(WORST)
    cutting = [
        row for verdict, most in TOLD.items() for row in _of(worst, verdict)[:most] if row.witness is not None
    ]
    reasons: dict[str, list[str]] = {}
    for row in _of(found.rows, "undecided"):
        reasons.setdefault(row.reason, []).append(row.row)
    if not cutting and not reasons:
        return
    say("")
    for row in cutting:
        say(_cut_off(found, row))
    for reason, rows in list(reasons.items())[:REASONS]:
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        say(f"{rows[0]}{more}: {reason}")


def _of(rows: Sequence[RowVerdict], verdict: str) -> list[RowVerdict]:
    return [row for row in rows if row.verdict == verdict]


def _cut_off(found: Audit, row: RowVerdict) -> str:
    """Say what point a row cuts off: the columns of its body, others being in --json."""
    candidate = next(c for r, (c, _) in zip(found.rows, found.judged, strict=True) if r is row)
    names, witness = found.opened.program.column_names, row.witness or {}
    body = [names[j] for j in candidate.columns.tolist() if names[j] in witness]
    shown = [f"{name} = {float(witness[name]):.6g}" for name in body[:NAMED]]
    point = ", ".join(shown) + (", ..." if len(body) > NAMED else "") or "zero"
    return (
        f"{row.row}: with {row.binary} = {row.off_value} it cuts off {point}, "
        f"which needs M = {number(row.needed[0])} and not {number(row.big_m)}"
    )


def _verdicts(console: Console, summary: Mapping[str, int]) -> None:
    width = min(console.width, 120) - 20
    for verdict, words in WORDS.items():
        if not summary[verdict]:
            continue
        do = f" To do: {words.do}." if words.do != "nothing" else ""
        sentence = f"{words.what}; {words.why}.{do}"
        lines = textwrap.wrap(sentence, width, break_long_words=False, break_on_hyphens=False)
        for k, line in enumerate(lines):
            if k == 0:
                console.print(f"{summary[verdict]:>6}  [{words.terminal}]{verdict:<10}[/]  ", end="")
            else:
                console.print(" " * 20, end="")
            console.print(line, markup=False, soft_wrap=True)


def _extras(say: Any, extras: Mapping[str, Any]) -> None:
    if "tightened" in extras:
        done = extras["tightened"]
        say(f"\nTightened: {done['rows']} rows, written to {', '.join(done['files'])}")
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
        else:
            say("The optimum has changed.")
    if "certificates" in extras:
        done = extras["certificates"]
        say(f"\nCertificates: {done['certified']} rows are certified, written to {done['file']}")
    if "solution" in extras:
        done = extras["solution"]
        failed = [c for c in done["checks"] if not c["ok"]]
        held = f"{len(done['checks']) - len(failed)} of {len(done['checks'])} checks hold"
        say(f"\nSolution {done['file']}: {done['status']} ({held})")
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
    if summary["loose"] and "tightened" not in extras:
        what = "every loose M replaced by the one proved to be enough, solved before and after"
        yield f"{again}{declared} --tighten tighter.mps --confirm", what
    if "tightened" in extras and "confirmed" not in extras:
        yield (
            f"{again}{declared} --tighten {extras['tightened']['files'][0]} --confirm",
            "solve before and after",
        )
    if summary["binding"] and not patterns:
        first = _of(found.worst(len(found.rows)), "binding")[0]
        stem = first.row.partition("[")[0]
        pattern = f"{stem}*" if stem != first.row else first.row
        yield (
            f"{again} --big-m {shlex.quote(pattern)}",
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
