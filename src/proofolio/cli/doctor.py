"""``proofolio doctor``: versions, the solvers found, what each can do, and whether each works."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from proofolio.cli.output import BAD_NEWS, GOOD, complain, print_document, stdout_kept_free
from proofolio.errors import ProofolioError

if TYPE_CHECKING:
    from proofolio.program.program import Program
    from proofolio.solvers.capabilities import SolverEntry

__all__ = ["doctor_command"]


TIME_LIMIT = 1.0
EXAMPLE = """
\b
Example:
  proofolio doctor
"""


@click.command("doctor", epilog=EXAMPLE, short_help="Show versions and solvers, and try each solver.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def doctor_command(as_json: bool) -> int:
    """Show versions, the solvers found and what each can do, and try each on a small program.

    The exit status is 1 when a package is missing or a solver fails its test.
    """
    from proofolio.report.environment import machine, package_versions

    with stdout_kept_free():
        packages = package_versions()
        solvers = _solvers()
    missing = [name for name, version in packages.items() if version is None]
    broken = [entry for entry in solvers if not entry["ok"]]
    document = {
        "machine": machine(),
        "packages": packages,
        "features": list(_features()),
        "solvers": solvers,
        "ok": not missing and not broken,
    }
    if as_json:
        print_document(document)
    else:
        _print(document)
    for entry in broken:
        complain(f"{entry['name']} is broken: {entry['message']}")
    for name in missing:
        complain(f"the package {name} is missing: install it in this environment")
    return GOOD if document["ok"] else BAD_NEWS


def _features() -> tuple[str, ...]:
    from proofolio.program.structure import FEATURES

    return FEATURES


def _solvers() -> list[dict[str, Any]]:
    try:
        from proofolio.solvers.capabilities import SOLVERS
    except (ImportError, OSError) as error:
        return [
            {
                "name": "solvers",
                "version": None,
                "can": [],
                "status": "missing",
                "seconds": 0.0,
                "ok": False,
                "message": f"{error}",
            }
        ]
    return [_tried(entry) for entry in SOLVERS.values()]


def _tried(entry: SolverEntry) -> dict[str, Any]:
    """Return what a solver is and whether it found the known optimum of a program of its hardest class."""
    from proofolio.verification.solving import solve_program

    program, optimum = _test(entry)
    started = time.perf_counter()
    status, message, ok = "failed", "", False
    try:
        answer = solve_program(program, entry.name, time_limit=TIME_LIMIT)
    except ProofolioError as error:
        message = str(error)
    except Exception as error:  # noqa: BLE001  # a broken binary may raise anything, and saying so is the job
        message = f"{type(error).__name__}: {error}"
    else:
        status, found = answer.status, answer.objective
        ok = status == "verified-optimal" and found is not None and abs(found - optimum) <= 1e-5
        failed = ", ".join(check.name for check in answer.failed)
        message = (
            "" if ok else f"it found {found} where {optimum} is right ({status}{failed and ': ' + failed})"
        )
    return {
        "name": entry.name,
        "version": entry.version,
        "can": sorted(entry.can),
        "status": status,
        "seconds": time.perf_counter() - started,
        "ok": ok,
        "message": message,
    }


def _test(entry: SolverEntry) -> tuple[Program, float]:
    """Return the smallest portfolio question in a solver's reach, and its optimum.

    Hold two of three assets, variances 1, 2 and 4: two thirds and one third, variance 2/3. Without integers
    hold all three (4/7), and without curvature the one that costs least (1).
    """
    from proofolio.program.builder import Builder

    model = Builder("self-test")
    curved, discrete = "quadratic-objective" in entry.can, "integer" in entry.can
    w = model.variable("w", 3, 0.0, 1.0)
    model.add("budget", w.sum() == 1)
    if discrete:
        held = model.variable("held", 3, binary=True)
        model.add("only_if_held", w <= held)
        model.add("two_at_most", held.sum() <= 2)
    if not curved:
        model.minimise(w[0] + 2 * w[1] + 4 * w[2])
        return model.freeze(), 1.0
    model.minimise(model.quadratic([[1, 0, 0], [0, 2, 0], [0, 0, 4]], w))
    return model.freeze(), 2 / 3 if discrete else 4 / 7


def _print(document: Mapping[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from proofolio.cli.output import answer_console

    console = answer_console()
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for name, value in (*document["machine"].items(), *document["packages"].items()):
        facts.add_row(name, escape(value) if value else "[red]missing[/red]")
    console.print(facts)
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="bold")
    table.add_column("solver can")
    for entry in document["solvers"]:
        table.add_column(f"{entry['name']} {entry['version'] or ''}".strip())
    for feature in document["features"]:
        table.add_row(feature, *("yes" if feature in entry["can"] else "-" for entry in document["solvers"]))
    table.add_row(
        "test",
        *(
            f"[{'green' if entry['ok'] else 'red'}]{entry['status']}[/] {entry['seconds']:.2f} s"
            for entry in document["solvers"]
        ),
    )
    console.print(table)
