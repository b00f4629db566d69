"""The regime-switching program: the published form, Pyomo.GDP, our lowerings and our own methods, in one run.

``python -m benchmarks regime_switching [--quick] [--json FILE] [--markdown FILE]``

Each answer is checked against the raw data, and an answer worse than the best bound that another method proved is
called wrong. Seconds include building, solving and checking; "x published" is the time of the published form over
that of the line, with ">" where the published form found nothing in its time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

import proofolio as pf
from benchmarks.peers import STOPPED, Answer, gdp, published
from proofolio.processes import one_blas_thread
from proofolio.solvers.limits import NEVER
from proofolio.solvers.outer_approximation.cutting_planes import CuttingPlanes
from proofolio.solvers.outer_approximation.lifted import lift
from proofolio.solvers.outer_approximation.reductions import substitute
from proofolio.solvers.solution import OPTIMAL, VERIFIED, Settings

LIMIT = 60.0
QUICK_LIMIT = 5.0
# What the published form is given where it finds nothing, seconds.
PATIENCE = 120.0
AGREE = 1e-6
COLUMNS = ("case", "method", "seconds", "CPU s", "target", "x published", "status", "objective", "gap")
PACKAGES = ("proofolio", "highspy", "pyscipopt", "cvxpy", "pyomo", "numpy", "scipy")
PUBLISHED = "published form, CVXPY, SCIP"
CHECKED = ("checked", *VERIFIED, STOPPED)
SOLVED = ("checked", *OPTIMAL)
MEMORY = 2000.0  # MB wanted for the largest program to start


class Method(NamedTuple):
    """One line to be: a case, who solves it and how, and the seconds wanted (None: only reported)."""

    case: str
    name: str
    work: Callable[[], Any]
    target: float | None = None


class Run(NamedTuple):
    """One line of the table."""

    method: Method
    seconds: float
    cpu: float
    status: str
    objective: float | None
    bound: float | None

    @property
    def gap(self) -> float | None:
        """The relative gap, where there is a bound."""
        if self.objective is None or self.bound is None:
            return None
        return abs(self.objective - self.bound) / max(1e-10, abs(self.objective))


def methods(quick: bool) -> Iterator[Method]:
    """Yield the lines of the table, case by case, the published form first."""
    limit = QUICK_LIMIT if quick else LIMIT
    yield from _published(3, 5, limit, quick)
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
    program = pf.random_instance(50, 100, 4)
    yield Method("build n=50 T=100 R=4", "matrix form", partial(_built, program.to_program), 0.2)
    if not quick:
        yield Method("build n=50 T=100 R=4", "Pyomo", partial(_built, program.to_pyomo))
        yield Method("build n=50 T=100 R=4", "CVXPY", partial(_built, program.to_cvxpy))
    large = pf.random_instance(100, 250, 4)
    yield Method("start n=100 T=250 R=4", "matrix form, hull, highs", partial(_started, large), 2.0)


def _published(n: int, T: int, limit: float, quick: bool) -> Iterator[Method]:
    case, program = f"published n={n} T={T} R=4", pf.random_instance(n, T, 4)
    small = n <= 10
    if small or not quick:
        yield Method(case, PUBLISHED, partial(published, program, limit if small else PATIENCE))
    for transformation in ("bigm", "hull", "mbigm") if small or not quick else ():
        if transformation == "mbigm" and quick and n > 3:
            continue
        yield Method(case, f"Pyomo.GDP {transformation}, SCIP", partial(gdp, program, transformation, limit))
    for lowering in ("big-m", "multiple-big-m", "indicator", "hull"):
        for solver in ("scip", "highs"):
            if solver == "highs" and lowering == "indicator":
                continue
            if (n <= 3 or lowering == "hull") if quick else (small or lowering == "hull"):
                gap = 1e-6 if small else 1e-5
                how = {"solver": solver, "lowering": lowering}
                if not (quick and not small):
                    yield _ours(case, program, f"{lowering}, {solver}", gap, limit, **how)
    if not small:
        varying = pf.random_instance(n, T, 4, varying=True)
        yield _ours(f"{case}, varying", varying, "hull, highs", 1e-5, limit, 3.0, solver="highs")
    yield _ours(case, program, "separation", 1e-6, limit, 0.02 if small else 0.1, method="separation")


def _coupled(
    n: int, T: int, cost: float, gap: float, target: float, limit: float, alone: bool
) -> Iterator[Method]:
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
) -> Method:
    return Method(case, name, partial(program.solve, gap=gap, time_limit=limit, **how), target)


def _built(build: Callable[[], Any]) -> Answer:
    build()
    return Answer("checked", None, None)


def _started(program: pf.RegimeSwitching) -> Answer:
    """Do all that comes before HiGHS's first iteration, in a process of its own, and tell what memory it took."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_begin, args=(program, send))
    child.start()
    megabytes = receive.recv()
    child.join()
    status = f"{megabytes:.0f} MB" if megabytes <= MEMORY else "too large"
    return Answer(status, None, None)


def _begin(program: pf.RegimeSwitching, send: Any) -> None:
    with one_blas_thread():
        CuttingPlanes(substitute(lift(program.to_program("hull"))).lifted, Settings(), NEVER)
    send.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _run(method: Method) -> Run:
    started, cpu = time.perf_counter(), _cpu()
    found = method.work()
    seconds, cpu = time.perf_counter() - started, _cpu() - cpu
    return Run(method, seconds, cpu, found.status, found.objective, found.bound)


def _cpu() -> float:
    """Return the CPU seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


def _verdict(run: Run) -> str:
    """Say whether the target was met on the clock, or by the CPU alone where others kept the machine busy."""
    wanted = run.method.target
    if wanted is None:
        return ""
    met = "met" if run.seconds <= wanted else "met (CPU)" if run.cpu <= wanted else "missed"
    return f"{wanted:g} {met if run.status in SOLVED or run.status.endswith('MB') else 'missed'}"


def judged(runs: Sequence[Run]) -> list[Run]:
    """Call an answer wrong that another method's checked answer of the same case refutes.

    A bound above the best checked objective is no bound, and an objective called optimal, but above the best one
    by more than its own gap, is none.
    """
    best: dict[str, float] = {}
    for run in runs:
        if run.objective is not None and run.status in CHECKED:
            best[run.method.case] = min(run.objective, best.get(run.method.case, run.objective))
    verdicts = []
    for run in runs:
        known = best.get(run.method.case)
        if known is not None and run.objective is not None and run.status in CHECKED:
            allowed = AGREE * max(1.0, abs(known))
            if run.bound is not None and run.bound > known + allowed:
                run = run._replace(status="wrong: its bound is above a checked objective")
            elif run.status in SOLVED and run.objective > known + allowed + (run.gap or 0) * abs(known):
                run = run._replace(status="wrong: not optimal")
        verdicts.append(run)
    return verdicts


def rows(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of the table as text."""
    slow = {run.method.case: run for run in runs if run.method.name == PUBLISHED}
    for run in runs:
        reference = slow.get(run.method.case)
        ratio = ""
        if reference is not None:
            over = ">" if reference.objective is None else ""
            ratio = f"{over}{reference.seconds / run.seconds:.3g}"
        yield (
            run.method.case,
            run.method.name,
            f"{run.seconds:.3f}",
            f"{run.cpu:.3f}",
            _verdict(run),
            ratio,
            run.status,
            "-" if run.objective is None else f"{run.objective:.9g}",
            "-" if run.gap is None else f"{run.gap:.1e}",
        )


def markdown(runs: Sequence[Run]) -> str:
    """Return the table with the machine and versions that made it."""
    lines = ["# Regime switching: every method, one run", "", _machine(), ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(runs)]
    return "\n".join(lines) + "\n"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, one thread; "
        f"Python {platform.python_version()}; {packages}."
    )


def _record(run: Run) -> dict[str, Any]:
    return {
        "case": run.method.case,
        "method": run.method.name,
        "target": run.method.target,
        "seconds": round(run.seconds, 4),
        "cpu": round(run.cpu, 4),
        "status": run.status,
        "objective": run.objective,
        "bound": run.bound,
        "gap": run.gap,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the number of answers whose checks did not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks regime_switching", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out what takes more than seconds")
    parser.add_argument("--json", type=Path, help="write the records to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    asked = parser.parse_args(arguments)
    # the first solve of a process pays for loading the solver
    pf.random_instance(3, 2, 2).solve(method="whole")
    runs = []
    for method in methods(asked.quick):
        runs.append(_run(method))
        print(f"{method.case}: {method.name}: {runs[-1].seconds:.2f} s", file=sys.stderr)
    runs = judged(runs)
    table = Table(*COLUMNS)
    for row in rows(runs):
        table.add_row(*row)
    Console(width=180).print(table)
    if asked.json is not None:
        record = {"machine": _machine(), "runs": [_record(run) for run in runs]}
        asked.json.write_text(json.dumps(record, indent=1) + "\n")
    if asked.markdown is not None:
        asked.markdown.write_text(markdown(runs))
    return sum(run.objective is not None and run.status not in CHECKED for run in runs)


if __name__ == "__main__":
    sys.exit(min(main(), 1))
