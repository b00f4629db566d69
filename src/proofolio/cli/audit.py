"""``proofolio audit``: whether the Big-M's of a model are enough, too large, or leak."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import click

from proofolio.brief import first_few
from proofolio.cli.models import MAX_SIZE, is_file, load_model, read_values
from proofolio.cli.output import BAD_NEWS, GOOD, INTERRUPTED, complain, print_document, say, stdout_kept_free
from proofolio.cli.progress import CountProgress, SolveProgress, answer_console, progress_console
from proofolio.cli.unanswered import unanswered
from proofolio.cli.watched import draft, start_clock, stop_clock
from proofolio.errors import BadData
from proofolio.interfaces.files.model_files import write_program
from proofolio.interfaces.opening import Opened, open_model
from proofolio.program.program import Program
from proofolio.report.audit_text import show
from proofolio.report.files import json_text, write_page
from proofolio.solvers.solution import OPTIMAL, VERIFIED, Solution
from proofolio.verification.audit.auditing import Audit, audit, rows_like
from proofolio.verification.audit.certificates import check_certificates, save_certificates
from proofolio.verification.audit.repairing import repaired
from proofolio.verification.audit.rewriting import TightenedRow
from proofolio.verification.audit.tightening import Confirmation, require_other_file, tightened
from proofolio.verification.audit.verdicts import VERDICTS
from proofolio.verification.checks.checking import check, status
from proofolio.verification.solving import solve

__all__ = ["audit_command"]


LATE = "time was up and a solver did not come back"
LEAST = 1e-3  # seconds of an audit whose limit went by while the model was read
SHOWN = 10  # certificates that fail, on the terminal
MODEL_SUFFIXES = (".mps", ".lp", ".mps.gz", ".lp.gz")
EXAMPLE = """
\b
Examples:
  proofolio audit model.mps
  proofolio audit model.mps --big-m 'link*' --html audit.html
  proofolio audit plan.py:build --tighten tighter.mps --confirm
  proofolio audit plan.py:build --big-m 'link*' --tighten repaired.mps --repair
  proofolio audit model.mps --solution plan.json
"""


@click.command("audit", epilog=EXAMPLE)
@click.argument("model")
@click.option(
    "--big-m",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Rows with these names, with or without [indices], are Big-M rows: one that cuts is invalid, not binding; "
    "repeatable.",
)
@click.option(
    "--tighten",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write the model with every M that is larger than needed lowered to one proved to be enough (.mps or .lp).",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Give invalid rows an M that is proved to be enough as well, before --tighten lowers the others.",
)
@click.option(
    "--in-place", is_flag=True, help="Let --tighten overwrite the model file that is read, or its name map."
)
@click.option(
    "--confirm",
    is_flag=True,
    help="Solve the model before and after tightening, each confirmed, and compare.",
)
@click.option(
    "--solution",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='Check a solution as well: JSON {"values": {name: number}}.',
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the certificates to a folder.",
)
@click.option(
    "--check",
    "checked",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Audit nothing: check certificates in a folder again, without a solver.",
)
@click.option("--time-limit", type=float, metavar="S", help="Stop after this many seconds.")
@click.option(
    "--meaningful", type=float, metavar="X", help="The smallest amount that matters in the rows' bodies."
)
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write a page with a chart.")
@click.option("--strict", is_flag=True, help="Count undecided rows and dead switches as bad news.")
@MAX_SIZE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def audit_command(
    model: str,
    patterns: tuple[str, ...],
    tighten: Path | None,
    repair: bool,
    in_place: bool,
    confirm: bool,
    solution: Path | None,
    certificates: Path | None,
    checked: Path | None,
    time_limit: float | None,
    meaningful: float | None,
    html: Path | None,
    strict: bool,
    max_size: int,
    as_json: bool,
) -> int:
    """Judge every row of MODEL that may be a Big-M row: enough, too large, too small, or leaking.

    MODEL is an .mps or .lp file (also .gz), or FILE.py:FUNCTION or package.module:function for a function
    that returns a Pyomo model, a CVXPY problem or a proofolio Program.

    The exit status is 0 when nothing is wrong, 1 when a row is invalid or leaks, or a solution given does
    not hold, and 2 for input that cannot be used. Ctrl-C shows what is known by then.
    """
    if checked is not None:
        return _check_saved(checked, model, patterns, as_json, max_size)
    for option, file in (("--tighten", tighten), ("--html", html)):
        _require_folder(option, file, MODEL_SUFFIXES if option == "--tighten" else ())
    if tighten is not None and not in_place:
        require_other_file(model, tighten)
    if repair and tighten is None and not confirm:
        raise BadData(
            "--repair changes the model that --tighten writes and --confirm solves: give one of them too"
        )
    if time_limit is not None and not time_limit > 0:  # before the clock, which would call it late
        raise BadData(f"time_limit is {time_limit}: give a positive number")
    values = read_values("--solution", solution) if solution is not None else None
    options = {
        "big_m": patterns or None,
        "time_limit": math.inf if time_limit is None else time_limit,
        "meaningful": meaningful,
    }
    extras: dict[str, Any] = {}
    with stdout_kept_free():
        found = _audited(model, patterns, options, max_size, as_json)
        way = _Way(tighten, repair and not found.interrupted, confirm and not found.interrupted, certificates)
        good = _followed(found, extras, way, options)
        if solution is not None and values is not None:
            good = _solution(found, solution, values, extras) and good
        if html is not None:
            # A page is seldom asked for, and matplotlib is slow to import.
            from proofolio.report.audit import audit_page

            write_page(html, audit_page(found, model), named=True)
            extras["html"] = str(html)
    if as_json:
        print_document(found.document() | {"model": model} | extras)
    else:
        show(answer_console(), model, found, extras, patterns)
    if found.interrupted:
        complain("interrupted: this is what was found until then")
        return INTERRUPTED
    doubtful = strict and found.summary["undecided"] + found.summary["dead"] > 0
    return BAD_NEWS if found.bad or doubtful or not good else GOOD


def _audited(
    model: str, patterns: Sequence[str], options: dict[str, Any], max_size: int, as_json: bool
) -> Audit:
    loaded = None if is_file(model) else load_model(model)  # a user's own code has no limit
    start_clock(options["time_limit"])
    began = time.perf_counter()
    if as_json:
        draft(json_text(_cut(model, LATE)), json_text(_cut(model, "interrupted")))
    opened = open_model(load_model(model, max_size) if loaded is None else loaded)
    _require_rows(opened, patterns)
    left = options["time_limit"]
    if left > 0:  # another one is refused by the audit, in words
        left = max(left - (time.perf_counter() - began), LEAST)
    with CountProgress(progress_console(), "audit", options["time_limit"]) as progress:
        found = audit(
            opened,
            known=_drafted_from(model) if as_json else None,
            progress=lambda tier, done, total: progress(f"{tier} bounds", done, total),
            **options | {"time_limit": left},
        )
    stop_clock()
    return found


def _drafted_from(model: str) -> Callable[[Audit], None]:
    """Leave what an audit has judged so far, for the case that this process has to be killed."""

    def known(found: Audit) -> None:
        judged = found.document() | {"model": model, "status": "limit"}
        draft(json_text(judged | {"message": LATE}), json_text(judged | {"message": "interrupted"}))

    return known


def _cut(model: str, message: str) -> dict[str, Any]:
    """Return the document of an audit that had to be stopped from outside: it has decided nothing."""
    nothing = dict.fromkeys((*VERDICTS, "unsafe", "safe_unknown", "larger_than_needed"), 0)
    return unanswered(["audit"], message) | {"model": model, "rows": [], "summary": nothing}


def _require_rows(opened: Opened, patterns: Sequence[str]) -> None:
    names = sorted(rows_like(opened.program, "*"))
    first = {name.partition("[")[0]: name for name in reversed(names)}
    for pattern in patterns:
        if not rows_like(opened.program, pattern):
            near = get_close_matches(pattern.partition("[")[0].strip("*"), first, 3)
            if not names:
                raise BadData(f"--big-m {pattern} matches no row of the model, which has none.")
            shown = first_few([first[stem] for stem in near] or names, of=len(names))
            its = "its only row is" if len(names) == 1 else "its rows are"
            raise BadData(
                f"--big-m {pattern} matches no row of the model: {its} {shown}, and * stands for anything."
            )


class _Way(NamedTuple):
    """What is to follow an audit."""

    tighten: Path | None
    repair: bool
    confirm: bool
    certificates: Path | None


def _followed(found: Audit, extras: dict[str, Any], way: _Way, options: dict[str, Any]) -> bool:
    """Tighten, confirm and save as asked, write the results into `extras`, and return whether they are good news."""
    if way.certificates is not None:
        file = save_certificates(found, way.certificates)
        extras["certificates"] = {"file": str(file), "certified": sum(row.certified for row in found.rows)}
    if way.tighten is None and not way.confirm:
        return True
    last, raised = _repaired(found, options) if way.repair else (found, {})
    program, rows = tightened(last)
    changes: dict[str, Any] = {"rows": len(rows), "invalid": last.summary["invalid"]}
    if way.repair:
        changes["repaired"] = {row.name: row.big_m for row in raised.values()}
        changes["undecided"] = last.summary["undecided"]
    if way.tighten is not None:
        extras["tightened"] = {
            "files": [str(file) for file in write_program(program, way.tighten)],
            **changes,
        }
    elif way.repair:
        extras["repaired"] = changes["repaired"]
    if not way.confirm:
        return True
    limit = None if options["time_limit"] == math.inf else options["time_limit"]
    extras["confirmed"], good = _confirmed(found.opened.program, program, limit)
    # what an invalid row had cut off may be better
    return good or (bool(raised) and bool(extras["confirmed"]["after"]["status"] in OPTIMAL))


def _repaired(found: Audit, options: dict[str, Any]) -> tuple[Audit, dict[int, TightenedRow]]:
    """Repair in what is left of the time."""
    left = options["time_limit"] - found.seconds
    start_clock(max(left, LEAST))
    last, raised = repaired(found, **options | {"time_limit": left})
    stop_clock()
    return last, raised


def _solution(found: Audit, file: Path, values: dict[str, float], extras: dict[str, Any]) -> bool:

    try:
        checks = check(found.opened.program, values)
    except BadData as error:
        raise BadData(f"--solution {file}: {error}") from None
    verdict = status(checks)
    extras["solution"] = {
        "file": str(file),
        "status": verdict,
        "checks": [asdict(one) for one in checks],
    }
    return verdict in VERIFIED


def _require_folder(option: str, file: Path | None, suffixes: Sequence[str] = ()) -> None:
    """Refuse, before any work is done, a file that could not be written after it."""
    if file is None:
        return
    if suffixes and not file.name.endswith(tuple(suffixes)):
        raise BadData(f"{option} {file} is not a model file: give a name that ends in {', '.join(suffixes)}.")
    if file.is_dir() or not file.resolve().parent.is_dir():
        why = "it is a folder" if file.is_dir() else "its folder does not exist"
        raise BadData(f"{option} {file} cannot be written: {why}; choose another file.")


def _confirmed(before: Program, after: Program, time_limit: float | None) -> tuple[dict[str, Any], bool]:
    """Solve two programs, and return how their optima compare and whether that is good news."""
    answers: list[Solution] = []
    for program, when in ((before, "before tightening"), (after, "after tightening")):
        with SolveProgress(progress_console(), f"confirm, {when}") as progress:
            start_clock(time_limit)
            answers.append(_solved(program, time_limit, progress))
            stop_clock()
    both = Confirmation(*answers)
    found = {
        "same": both.same,
        "equal": both.equal,
        "settled": both.settled,
        "before": _answer(both.before),
        "after": _answer(both.after),
        "faster": both.faster,
    }
    return found, both.after.ok and (both.equal or not both.before.ok)


def _solved(program: Program, time_limit: float | None, progress: Any) -> Solution:
    settings: dict[str, Any] = {} if time_limit is None else {"time_limit": time_limit}
    return solve(program, confirm="auto", progress=progress, **settings)


def _answer(answer: Solution) -> dict[str, Any]:
    return {
        "solver": f"{answer.solver} {answer.version}",
        "status": answer.status,
        "objective": answer.objective,
        "seconds": answer.seconds,
        "nodes": answer.nodes,
    }


def _check_saved(folder: Path, model: str, patterns: Sequence[str], as_json: bool, max_size: int) -> int:
    """Check the certificates in a folder against a model, in exact arithmetic and without a solver."""
    started = time.perf_counter()
    with stdout_kept_free():
        found = check_certificates(folder, load_model(model, max_size), big_m=patterns or None)
    wrong = [one for one in found if not one.ok]
    bad = bool(wrong) or (not found and found.uncertified > 0)  # then nothing at all is proved
    if as_json:
        keys = ("row", "side", "binary", "verdict", "ok", "reason")
        print_document(
            {
                "model": model,
                "certificates": [{key: getattr(one, key) for key in keys} for one in found],
                "summary": {
                    "hold": len(found) - len(wrong),
                    "fail": len(wrong),
                    "uncertified": found.uncertified,
                },
                "seconds": time.perf_counter() - started,
            }
        )
        return BAD_NEWS if bad else GOOD
    for one in wrong[:SHOWN]:
        say(f"fails  row {one.row}, {one.side} side, {one.binary} ({one.verdict}): {one.reason}")
    if len(wrong) > SHOWN:
        say(f"and {len(wrong) - SHOWN} more (--json has all)")
    verdicts = [one.verdict for one in found if one.ok]
    kinds = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    counted = f" ({kinds})" if kinds else ""
    say(f"{len(verdicts)} of {len(found)} certificates hold{counted}, checked without a solver.")
    if found.uncertified:
        say(f"{found.uncertified} more candidates have no certificate: nothing is proved of them.")
    return BAD_NEWS if bad else GOOD
