"""The regime-switching program: the published form, Pyomo.GDP, our lowerings and our own roads, in one run.

``python -m benchmarks regime_switching``, or ``python -m benchmarks regime_switching --quick``.
Each answer is checked against the raw data. Seconds include building, solving and checking.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

import proofolio as pf
from benchmarks.peers import Answer, gdp, published

LIMIT = 60.0
QUICK_LIMIT = 5.0
CHECKED = ("checked", "verified-optimal", "verified-feasible")


class Way(NamedTuple):
    """One line to be: a case, who solves it and how, and the seconds wanted (None: only reported)."""

    case: str
    name: str
    work: Callable[[], Any]
    target: float | None = None


class Run(NamedTuple):
    """One line of the table."""

    way: Way
    seconds: float
    cpu: float
    status: str
    objective: float | None
    gap: float | None


def ways(quick: bool) -> Iterator[Way]:
    """Yield the lines of the table, case by case, the published form first."""
    limit = QUICK_LIMIT if quick else LIMIT
    yield from _published(10, 10, limit, quick)
    yield from _published(50, 100, limit, quick)
    for n, T, cost, gap, target in (
        (20, 20, 0.05, 1e-4, 0.3),
        (50, 20, 0.02, 1e-4, 0.3),
        (50, 100, 0.02, 1e-4, 4.0),
    ):
        yield from _coupled(n, T, cost, gap, target, limit, quick and T == 100)
    for gap, target in ((1e-3, 10.0), (1e-4, 60.0)):
        yield from _coupled(50, 100, 0.05, gap, target, target, True)
    for n, T, target in ((50, 100, 0.2), (100, 250, 2.0)):
        program = pf.random_instance(n, T, 4)
        yield Way(f"build n={n} T={T} R=4", "matrix form", partial(_built, program.to_program), target)
    if not quick:
        program = pf.random_instance(50, 100, 4)
        yield Way("build n=50 T=100 R=4", "Pyomo", partial(_built, program.to_pyomo))
        yield Way("build n=50 T=100 R=4", "CVXPY", partial(_built, program.to_cvxpy))


def _published(n: int, T: int, limit: float, quick: bool) -> Iterator[Way]:
    case, program = f"published n={n} T={T} R=4", pf.random_instance(n, T, 4)
    small = n <= 10
    if small or not quick:
        yield Way(case, "published form, CVXPY, SCIP", partial(published, program, limit))
    for transformation in ("bigm", "hull", "mbigm") if small else ():
        if transformation == "mbigm" and quick:
            continue
        yield Way(case, f"Pyomo.GDP {transformation}, SCIP", partial(gdp, program, transformation, limit))
    for lowering in ("big-m", "hull"):
        for solver in ("scip", "highs"):
            if (small or (lowering == "hull" and not quick)) and not (quick and lowering == "big-m"):
                gap = 1e-6 if small else 1e-5
                yield _ours(
                    case, program, f"{lowering}, {solver}", gap, limit, solver=solver, lowering=lowering
                )
    if not small:
        varying = pf.random_instance(n, T, 4, varying=True)
        yield _ours(f"{case}, varying", varying, "hull, highs", 1e-5, limit, 3.0, method="cuts")
    yield _ours(case, program, "separation", 1e-6, limit, 0.02 if small else 0.1, method="separation")


def _coupled(
    n: int, T: int, cost: float, gap: float, target: float, limit: float, alone: bool
) -> Iterator[Way]:
    program = pf.random_instance(n, T, 4, varying=True, coupled=True, kappa=cost, sigma=cost)
    case = f"coupled n={n} T={T} {cost:g}, {gap:g}"
    for solver in () if alone else ("scip", "highs"):
        yield _ours(case, program, f"hull, {solver}", gap, limit, solver=solver, lowering="hull")
    yield _ours(case, program, "path", gap, limit, target, method="path")


def _ours(
    case: str,
    program: pf.RegimeSwitching,
    name: str,
    gap: float,
    limit: float,
    target: float | None = None,
    **how: Any,
) -> Way:
    return Way(case, name, partial(program.solve, gap=gap, time_limit=limit, **how), target)


def _built(build: Callable[[], Any]) -> Answer:
    build()
    return Answer("checked", None, None)


def _run(way: Way) -> Run:
    started, cpu = time.perf_counter(), _cpu()
    found = way.work()
    seconds, cpu = time.perf_counter() - started, _cpu() - cpu
    gap = None
    if found.objective is not None and found.bound is not None:
        gap = abs(found.objective - found.bound) / max(1e-10, abs(found.objective))
    return Run(way, seconds, cpu, found.status, found.objective, gap)


def _verdict(run: Run) -> str:
    """Say whether the target was met on the clock, or by the CPU alone where others kept the machine busy."""
    wanted = run.way.target
    if wanted is None:
        return ""
    unsolved = run.status == "verified-feasible"
    met = "met" if run.seconds <= wanted else "met (CPU)" if run.cpu <= wanted else "missed"
    return f"{wanted:g} {'missed' if unsolved else met}"


def _cpu() -> float:
    """Return the CPU seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


def main(arguments: tuple[str, ...] = ()) -> int:
    """Print the table; return the number of answers whose checks did not hold."""
    quick = "--quick" in arguments or "--quick" in sys.argv
    pf.random_instance(3, 2, 2).solve(
        method="cuts"
    )  # the first solve of a process pays for loading the solver
    table = Table("case", "way", "seconds", "CPU s", "target", "x published", "status", "objective", "gap")
    failed, reference, over = 0, 0.0, ""
    for way in ways(quick):
        run = _run(way)
        if way.name.startswith("published"):
            reference, over = run.seconds, ">" if run.objective is None else ""
        elif not way.case.startswith("published"):
            reference = 0.0
        failed += run.objective is not None and run.status not in CHECKED
        table.add_row(
            way.case,
            way.name,
            f"{run.seconds:.3f}",
            f"{run.cpu:.3f}",
            _verdict(run),
            f"{over}{reference / run.seconds:.0f}" if reference else "",
            run.status,
            "-" if run.objective is None else f"{run.objective:.9g}",
            "-" if run.gap is None else f"{run.gap:.1e}",
        )
        print(f"{way.case}: {way.name}: {run.seconds:.2f} s", file=sys.stderr)
    Console(width=160).print(table)
    print(f"largest memory of the run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return failed
