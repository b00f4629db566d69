"""``proofolio solve``: solve a model, check the answer, and say both."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from proofolio.cli.models import MAX_SIZE, is_file, load_model, read_values
from proofolio.cli.output import (
    BAD_INPUT,
    BAD_NEWS,
    GOOD,
    INTERRUPTED,
    complain,
    print_document,
    say,
    stdout_kept_free,
)
from proofolio.cli.progress import SolveProgress, progress_console, solve_line
from proofolio.cli.unanswered import unanswered
from proofolio.cli.watched import draft, start_clock, stop_clock
from proofolio.errors import BadData, ContradictoryRows, ProofolioError, UnsupportedProgram
from proofolio.interfaces.opening import open_model
from proofolio.report.files import json_text, write_document
from proofolio.report.words import MEANINGS
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import INFEASIBLE, UNBOUNDED, VERIFIED, Solution, read_settings
from proofolio.verification.certified.confirming import CONFIRM
from proofolio.verification.certified.saving import check_certificate, save_certificate
from proofolio.verification.checks.infeasibility import explain_infeasible
from proofolio.verification.checks.unboundedness import explain_unbounded
from proofolio.verification.solving import solve_known
from proofolio.watching import LATE

__all__ = ["solve_command"]


AUTO = "auto"
PROVED = ("certified-optimal", "verified-optimal")
SHOWN = 12
STOPPED_BY_USER = "userinterrupt"
SHOWN_ABOVE = 1e-6
EXPLAIN_SECONDS, LEAST_EXPLAINING = 5.0, 0.01
LIMIT = "limit"
EXAMPLE = """
\b
Examples:
  proofolio solve model.mps --solver highs --gap 1e-4
  proofolio solve portfolio.py:build --solver scip --time-limit 60 --out plan.json
  proofolio solve package.models:monthly --start plan.json --json
  proofolio solve model.mps --confirm certificate --certificates model.json
  proofolio solve model.mps --check model.json
"""


@click.command("solve", epilog=EXAMPLE)
@click.argument("model")
@click.option(
    "--solver",
    default=AUTO,
    show_default=True,
    metavar="auto|highs|scip",
    help="Which solver is used; auto takes the first that can take the model.",
)
@click.option("--time-limit", type=float, metavar="S", help="Stop after this many seconds.")
@click.option(
    "--gap", type=float, default=1e-6, show_default=True, metavar="G", help="Stop at this relative gap."
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the solver's own; repeatable.",
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="The solver's random seed.")
@click.option(
    "--threads", type=int, default=1, show_default=True, metavar="N", help="Threads the solver may use."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the values found as JSON."
)
@click.option(
    "--start", type=click.Path(path_type=Path), metavar="FILE", help="Start from the values in a JSON file."
)
@click.option(
    "--confirm",
    type=click.Choice(CONFIRM),
    default="auto",
    show_default=True,
    help="What an optimum has to rest on: a proof in exact arithmetic (certificate), a second run that finds nothing "
    "better (second), the first of these that succeeds soon (auto), or one solver's word (none).",
)
@click.option(
    "--certificates",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what proves the answer: JSON, or VIPR where FILE ends in .vipr.",
)
@click.option(
    "--check",
    "checked",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Solve nothing: check the certificate in a JSON file against MODEL again, without a solver.",
)
@click.option(
    "--strict", is_flag=True, help="Count solver-optimal and verified-feasible as bad news: exit status 1."
)
@MAX_SIZE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def solve_command(
    model: str,
    solver: str,
    time_limit: float | None,
    gap: float,
    options: tuple[str, ...],
    seed: int,
    threads: int,
    out: Path | None,
    start: Path | None,
    confirm: str,
    certificates: Path | None,
    checked: Path | None,
    strict: bool,
    max_size: int,
    as_json: bool,
) -> int:
    """Solve MODEL and check the answer before it is believed.

    MODEL is an .mps or .lp file (also .gz), or FILE.py:FUNCTION or package.module:function for a function
    that returns a Pyomo model, a CVXPY problem or a proofolio Program.

    A model without a solution, or without a limit, is explained: which rows, bounds and integers cannot hold
    together, or along which direction nothing stops the objective.

    What the answer rests on is its status: certified-optimal is proved in exact arithmetic, verified-optimal by
    a second run or by multipliers, solver-optimal is one solver's word; --confirm chooses.

    The exit status is 0 for a solution whose checks hold, 1 when there is none or it does not hold (with --strict
    also for solver-optimal and verified-feasible), and 2 for input that cannot be used.
    """
    if checked is not None:
        if certificates is not None:
            raise BadData("--certificates writes a certificate and --check reads one: give one of the two")
        return _check_saved(checked, model, as_json, max_size)
    settings: dict[str, Any] = {"gap": gap, "seed": seed, "threads": threads, "options": _options(options)}
    if time_limit is not None:
        settings["time_limit"] = time_limit
    if start is not None:
        settings["start"] = _start(start)
    for option, file in (("--out", out), ("--certificates", certificates)):
        if file is not None and (file.is_dir() or not file.resolve().parent.is_dir()):
            why = "it is a folder" if file.is_dir() else "its folder does not exist"
            raise BadData(f"{file} cannot be written: {why}; choose another {option}.")
    document = unanswered(["solve"], "") | {
        "model": model,
        "solver": solver,
        "status": LIMIT,
        "seconds": 0.0,
        "checks": [],
        "claims": [],
    }
    try:
        answer = _answer(model, solver, confirm, settings, document, max_size, as_json, out)
    except (UnsupportedProgram, ContradictoryRows) as error:
        unsupported = isinstance(error, UnsupportedProgram)
        document |= {"status": "unsupported" if unsupported else "infeasible", "message": str(error)}
        if as_json:
            print_document(document)
        complain(f"{model}: {error}")
        return BAD_INPUT if unsupported else BAD_NEWS
    if answer is None:
        if out is not None:
            write_document(out, _kept(document), named=True)
        if as_json:
            print_document(document)
        return INTERRUPTED
    document |= _found(answer)
    if certificates is not None:
        document["certificates"] = _save(certificates, answer)
    if out is not None:
        _write(out, document)
    if as_json:
        print_document(document)
    else:
        _print(document)
    if STOPPED_BY_USER in answer.message:  # SCIP takes Ctrl-C itself, and hands over what it has
        complain("interrupted: this is what was found until then")
        return INTERRUPTED
    good = PROVED if strict else VERIFIED
    return GOOD if answer.status in good else BAD_NEWS


def _save(file: Path, answer: Solution) -> str | None:
    """Write the certificate of an answer; None, and a sentence, where there is none."""
    if answer.certificate is None:
        complain(
            f"{file} was not written: the answer is {answer.status}, and no exact proof stands behind it"
        )
        return None
    return str(save_certificate(answer, file))


def _check_saved(file: Path, model: str, as_json: bool, max_size: int) -> int:
    """Check the certificate in a file against a model, in exact arithmetic and without a solver."""
    started = time.perf_counter()
    with stdout_kept_free():
        found = check_certificate(file, load_model(model, max_size))
    numbers = {
        name: None if value is None else float(value)
        for name, value in (("objective", found.objective), ("bound", found.bound), ("gap", found.gap))
    }
    if as_json:
        values = {name: float(v) for name, v in found.values.items()}
        seconds = time.perf_counter() - started
        print_document(
            {"model": model, "check": str(file), "says": found.says, "ok": found.ok, **numbers}
            | {"values": values, "nodes": found.nodes, "seconds": seconds}
        )
        return GOOD if found.ok else BAD_NEWS
    if not found.ok:
        say(f"The certificate does not prove that {model} is {found.says}.")
        return BAD_NEWS
    reached = ""
    if found.says == "optimal":
        reached = (
            f"{numbers['objective']:.10g} is reached, and nothing is better than {numbers['bound']:.10g}"
        )
        reached += f", a gap of {numbers['gap']:.1e}" if found.gap else ""
    what = {
        "optimal": reached,
        "infeasible": "no point satisfies the model",
        "unbounded": "the objective has no limit",
    }[found.says]
    say(f"The certificate holds: {what} ({found.nodes} nodes, checked in fractions without a solver).")
    return GOOD


def _answer(
    spec: str,
    solver: str,
    confirm: str,
    given: dict[str, Any],
    document: dict[str, Any],
    max_size: int,
    as_json: bool,
    out: Path | None,
) -> Solution | None:
    """Load and solve; None after Ctrl-C, with what is known by then in the document."""
    named = None if solver == AUTO else solver
    if named is not None:
        if named not in SOLVERS:
            raise BadData(f"no solver is named {named!r}: there are {', '.join((AUTO, *sorted(SOLVERS)))}")
        document["solver_version"] = SOLVERS[named].version
    limit = read_settings(given).time_limit
    console = progress_console()
    with stdout_kept_free(), SolveProgress(console, f"{named or 'solver'} on {spec}") as progress:

        def files(known: dict[str, Any]) -> dict[str, str]:
            return {} if out is None else {str(out.absolute()): json_text(_kept(known)) + "\n"}

        def drafted(answer: Solution | None = None) -> None:
            """Leave what is known for the case that this process has to be killed."""
            if answer is not None:
                known = document | _found(answer)
                text = _text(known, as_json)
                draft(text, text, GOOD if answer.ok else BAD_NEWS, files(known))
                return
            known = document | _seen(progress)
            late = known | {
                "seconds": limit + LATE,
                "message": "time was up and the solver did not come back",
            }
            cut = known | {"message": "interrupted"}
            draft(_text(late, as_json), _text(cut, as_json) if as_json else "", files=files(known))

        def news(seconds: float, objective: float | None, bound: float | None) -> None:
            progress(seconds, objective, bound)
            drafted()

        try:
            loaded = None if is_file(spec) else load_model(spec)  # a user's own code has no limit
            document["startup_seconds"] = start_clock(limit)
            deadline = Deadline.after(limit)
            drafted()
            opened = open_model(load_model(spec, max_size) if loaded is None else loaded)
            settings = read_settings(given | {"progress": news}).until(deadline)
            answer = solve_known(deadline, opened.program, named, confirm, settings, drafted)
            if answer.x is None:
                drafted(answer)
            document |= _explained(answer, deadline)
            stop_clock()
            return answer
        except KeyboardInterrupt:
            _interrupted(progress, document)
            return None


def _text(document: Mapping[str, Any], as_json: bool) -> str:
    return json_text(document) if as_json else "\n".join(_lines(document))


def _seen(progress: SolveProgress) -> dict[str, Any]:
    return {"objective": progress.objective, "bound": progress.bound, "seconds": progress.seconds}


def _interrupted(progress: SolveProgress, document: dict[str, Any]) -> None:
    known = solve_line(progress.seconds, progress.objective, progress.bound)
    complain(f"interrupted after {known}")
    document |= _seen(progress) | {"message": "interrupted"}


def _explained(answer: Solution, deadline: Deadline) -> dict[str, Any]:
    """Return why there is no solution, or no limit; nothing when that is not found out soon."""
    if answer.status not in (*INFEASIBLE, *UNBOUNDED):
        return {}
    seconds = min(EXPLAIN_SECONDS, deadline.left)
    if seconds < LEAST_EXPLAINING:
        return {}
    with suppress(ProofolioError, KeyboardInterrupt):
        if answer.status in INFEASIBLE:
            return {"iis": explain_infeasible(answer.program, seconds).document}
        return {"ray": explain_unbounded(answer.program, seconds).document}
    return {}


def _found(answer: Solution) -> dict[str, Any]:
    both = answer.objective is not None and answer.bound is not None
    return {
        "solver": answer.solver,
        "solver_version": answer.version,
        "status": answer.status,
        "objective": answer.objective,
        "bound": answer.bound,
        "gap": answer.gap if both else None,
        "seconds": answer.seconds,
        "nodes": answer.nodes,
        "checks": [asdict(check) for check in answer.checks],
        "values": answer.values if answer.x is not None else None,
        "method": answer.method,
        "message": answer.message,
        "confirm_seconds": answer.confirm_seconds,
        "certified": answer.certified,
        "exactly_infeasible": answer.exactly_infeasible,
        "claims": [{**asdict(claim), "sentence": str(claim)} for claim in answer.claims],
    }


def _write(out: Path, document: Mapping[str, Any]) -> None:
    if document["values"] is None:
        complain(f"{out} was not written: there is no solution to write")
        return
    write_document(out, _kept(document), named=True)


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what --out writes."""
    return {"status": document["status"], "values": document["values"]}


def _print(document: Mapping[str, Any]) -> None:
    for line in _lines(document):
        say(line)


def _lines(document: Mapping[str, Any]) -> list[str]:
    status, who = document["status"], f"{document['solver']} {document['solver_version'] or ''}".rstrip()
    how = f", {document['method']}" if document.get("method") else ""
    startup = document["startup_seconds"]
    confirmed = document.get("confirm_seconds")
    confirming = f", confirmed in {confirmed:.2f} s" if confirmed else ""
    spent = f"{who}{how}, {document['seconds']:.2f} s{confirming}" + (
        f" after {startup:.2f} s of start-up" if startup is not None and status == LIMIT else ""
    )
    if document["values"] is None:
        known = "" if document["bound"] is None else f"; proven bound {document['bound']:.10g}"
        if document["objective"] is not None:
            known += f"; best objective {document['objective']:.10g}"
        reason = document.get("iis") or document.get("ray")
        said = f"{status}: {MEANINGS[status]} ({spent}{known})"
        return [said, *([reason["sentence"]] if reason else [])]
    said = f"{status}: {MEANINGS[status]} ({spent}, {document['nodes']} nodes)"
    lines = [("status", said), ("objective", f"{document['objective']:.10g}")]
    if document["bound"] is not None:
        lines.append(("bound", f"{document['bound']:.10g}, gap {document['gap']:.1e}"))
    lines += [("refuted", claim["sentence"]) for claim in document["claims"]]
    failed = [check for check in document["checks"] if not check["ok"]]
    lines.append(("checks", f"{len(document['checks']) - len(failed)} of {len(document['checks'])} hold"))
    lines += [
        (
            "failed",
            f"{c['name']}: {_measured(c)}{c['detail']}".rstrip("; "),
        )
        for c in failed
    ]
    nonzero = {name: v for name, v in document["values"].items() if v != 0.0}
    values = {name: v for name, v in nonzero.items() if abs(v) > SHOWN_ABOVE} or nonzero
    shown = ", ".join(f"{name} = {v:.6g}" for name, v in list(values.items())[:SHOWN])
    rest = f", and {len(values) - SHOWN} more (--out FILE writes all)" if len(values) > SHOWN else ""
    lines.append(("values", (shown + rest) if values else "all are zero"))
    return [f"{name:<10} {text}" for name, text in lines]


def _measured(found: Mapping[str, Any]) -> str:
    if math.isnan(found["value"]):
        return ""
    return f"{found['value']:.2g} where {found['tolerance']:.2g} is allowed; "


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for entry in given:
        key, equals, text = entry.partition("=")
        if not equals or not key.strip():
            raise BadData(
                f"--option {entry} is not of the form KEY=VALUE; write, say, --option time_limit=60."
            )
        found[key.strip()] = _value(text.strip())
    return found


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _start(path: Path) -> dict[str, float]:
    """Return the values of a JSON file ``{"values": {name: number}}``; names it leaves out are free."""
    values = read_values("--start", path)
    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise BadData(f"--start {path} gives {name!r} the value {value!r}; it must be a finite number")
    return {name: float(value) for name, value in values.items()}
