"""``proofolio doctor``: versions, the solvers found, what each can do, and whether each works."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from proofolio.cli.output import BAD_NEWS, GOOD, complain, print_document, stdout_kept_free
from proofolio.cli.progress import answer_console
from proofolio.compiled import why_numpy
from proofolio.errors import ProofolioError
from proofolio.report.environment import machine, package_versions
from proofolio.report.table import Cell, Table
from proofolio.report.words import words_table

__all__ = ["doctor_command"]


TIME_LIMIT = 1.0  # seconds for each solver's test, which takes a hundredth of that
# Programs and solvers are imported within functions only: where a package is missing or broken, saying so is the job.
EXAMPLE = """
\b
Example:
  proofolio doctor
"""


@click.command("doctor", epilog=EXAMPLE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def doctor_command(as_json: bool) -> int:
    """Show versions, the solvers found and what each can do, and try each on a small program.

    The exit status is 1 when a package is missing or a solver fails its test.
    """
    with stdout_kept_free():
        packages = package_versions()
        solvers = _solvers()
        reason = why_numpy()
    missing = [name for name, version in packages.items() if version is None]
    broken = [entry for entry in solvers if not entry["ok"]]
    document = {
        "machine": machine(),
        "packages": packages,
        "compiled": reason is None,
        "features": list(_features()),
        "solvers": solvers,
        "ok": not missing and not broken,
    }
    if as_json:
        print_document(document)
    else:
        _print(document, "compiled by numba" if reason is None else f"by numpy ({reason})")
    for entry in broken:
        complain(f"{entry['name']} is broken: {entry['message']}")
    for name in missing:
        complain(f"the package {name} is missing; install it in this environment")
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


def _tried(entry: Any) -> dict[str, Any]:
    """Return what a solver is and whether it found the known optimum of a program of its hardest class."""
    from proofolio.solvers.solution import OPTIMAL
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
        ok = status in OPTIMAL and found is not None and abs(found - optimum) <= 1e-5
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


def _test(entry: Any) -> tuple[Any, float]:
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


def _print(document: Mapping[str, Any], loops: str) -> None:
    console = answer_console()
    solvers = document["solvers"]
    packages = [
        (name, version or ("missing", "bad"))
        for name, version in (*document["machine"].items(), *document["packages"].items())
    ]
    packages.append(("short loops", loops))
    rows: list[Sequence[Cell]] = [
        (feature, *("yes" if feature in entry["can"] else "-" for entry in solvers))
        for feature in document["features"]
    ]
    tests = [
        (f"{entry['status']} {entry['seconds']:.2f} s", "good" if entry["ok"] else "bad") for entry in solvers
    ]
    names = [f"{entry['name']} {entry['version'] or ''}".strip() for entry in solvers]
    console.print(Table(("made of", "version"), packages).terminal(console.width))
    console.print()
    console.print(Table(("solver can", *names), [*rows, ("test", *tests)]).terminal(console.width))
    console.print()
    console.print(words_table(entry["status"] for entry in solvers).terminal(console.width))
