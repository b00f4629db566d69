"""``proofolio solve``: solve a model, check the answer, and say both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from proofolio.cli.models import MAX_SIZE, load_model, read_values
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
from proofolio.errors import BadData, ContradictoryRows, ProofolioError, UnsupportedProgram
from proofolio.report.files import write_document
from proofolio.report.words import MEANINGS
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import INFEASIBLE, UNBOUNDED, Solution
from proofolio.verification.certified.confirming import CONFIRM
from proofolio.verification.checks.infeasibility import explain_infeasible
from proofolio.verification.checks.unboundedness import explain_unbounded
from proofolio.verification.solving import solve

__all__ = ["solve_command"]


AUTO = "auto"
SHOWN = 12
STOPPED_BY_USER = "userinterrupt"
SHOWN_ABOVE = 1e-6
EXPLAIN_SECONDS = 5.0
EXAMPLE = """
\b
Examples:
  proofolio solve model.mps --solver highs --gap 1e-4
  proofolio solve portfolio.py:build --solver scip --time-limit 60 --out plan.json
  proofolio solve package.models:monthly --start plan.json --json
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
    max_size: int,
    as_json: bool,
) -> int:
    """Solve MODEL and check the answer before it is believed.

    MODEL is an .mps or .lp file (also .gz), or FILE.py:FUNCTION or package.module:function for a function
    that returns a Pyomo model, a CVXPY problem or a proofolio Program.

    A model without a solution, or without a limit, is explained: which rows, bounds and integers cannot hold
    together, or along which direction nothing stops the objective.

    The exit status is 0 for a verified solution, 1 when there is none or it does not hold, and 2 for input
    that cannot be used.
    """
    settings: dict[str, Any] = {"gap": gap, "seed": seed, "threads": threads, "options": _options(options)}
    settings["confirm"] = confirm
    if time_limit is not None:
        settings["time_limit"] = time_limit
    if start is not None:
        settings["start"] = _start(start)
    if out is not None and not out.resolve().parent.is_dir():
        raise BadData(f"{out} cannot be written: its folder does not exist; choose another --out.")
    document: dict[str, Any] = {
        "model": model,
        "solver": solver,
        "solver_version": None,
        "status": "limit",
        "objective": None,
        "bound": None,
        "gap": None,
        "seconds": 0.0,
        "nodes": None,
        "checks": [],
        "values": None,
    }
    try:
        answer = _answer(model, solver, settings, document, max_size)
    except (UnsupportedProgram, ContradictoryRows) as error:
        unsupported = isinstance(error, UnsupportedProgram)
        document |= {"status": "unsupported" if unsupported else "infeasible", "message": str(error)}
        if as_json:
            print_document(document)
        complain(f"{model}: {error}")
        return BAD_INPUT if unsupported else BAD_NEWS
    if answer is None:
        if as_json:
            print_document(document)
        return INTERRUPTED
    document |= _found(answer)
    if out is not None:
        _write(out, document)
    if as_json:
        print_document(document)
    else:
        _print(document)
    if STOPPED_BY_USER in answer.message:  # SCIP takes Ctrl-C itself, and hands over what it has
        complain("interrupted: this is what was found until then")
        return INTERRUPTED
    return GOOD if answer.ok else BAD_NEWS


def _answer(
    spec: str, solver: str, settings: dict[str, Any], document: dict[str, Any], max_size: int
) -> Solution | None:
    """Load and solve; None after Ctrl-C, with what is known by then in the document."""
    named = None if solver == AUTO else solver
    if named is not None:
        if named not in SOLVERS:
            raise BadData(f"no solver is named {named!r}: there are {', '.join((AUTO, *sorted(SOLVERS)))}")
        document["solver_version"] = SOLVERS[named].version
    console = progress_console()
    with stdout_kept_free(), SolveProgress(console, f"{named or 'solver'} on {spec}") as progress:
        try:
            answer = solve(load_model(spec, max_size), named, progress=progress, **settings)
            document |= _explained(answer)
            return answer
        except KeyboardInterrupt:
            _interrupted(progress, document)
            return None


def _interrupted(progress: SolveProgress, document: dict[str, Any]) -> None:
    known = solve_line(progress.seconds, progress.objective, progress.bound)
    complain(f"interrupted after {known}")
    document |= {
        "objective": progress.objective,
        "bound": progress.bound,
        "seconds": progress.seconds,
        "message": "interrupted",
    }


def _explained(answer: Solution) -> dict[str, Any]:
    """Return why there is no solution, or no limit; nothing when that is not found out soon."""
    if answer.status not in (*INFEASIBLE, *UNBOUNDED):
        return {}
    with suppress(ProofolioError, KeyboardInterrupt):
        if answer.status in INFEASIBLE:
            return {"iis": explain_infeasible(answer.program, EXPLAIN_SECONDS).document}
        return {"ray": explain_unbounded(answer.program, EXPLAIN_SECONDS).document}
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
    write_document(out, {"status": document["status"], "values": document["values"]}, named=True)


def _print(document: Mapping[str, Any]) -> None:
    status, who = document["status"], f"{document['solver']} {document['solver_version']}"
    how = f", {document['method']}" if document["method"] else ""
    spent = f"{who}{how}, {document['seconds']:.2f} s"
    if document["values"] is None:
        known = "" if document["bound"] is None else f"; proven bound {document['bound']:.10g}"
        say(f"{status}: {MEANINGS[status]} ({spent}{known})")
        reason = document.get("iis") or document.get("ray")
        if reason:
            say(reason["sentence"])
        return
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
    values = {name: v for name, v in document["values"].items() if abs(v) > SHOWN_ABOVE}
    shown = ", ".join(f"{name} = {v:.6g}" for name, v in list(values.items())[:SHOWN])
    rest = f", and {len(values) - SHOWN} more (--out FILE writes all)" if len(values) > SHOWN else ""
    lines.append(("values", (shown + rest) if values else "all are zero"))
    for name, text in lines:
        say(f"{name:<10} {text}")


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
