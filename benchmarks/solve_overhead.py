"""What `solve` costs beside the solver itself: the same file, the same options, answers compared.

``python -m benchmarks solve_overhead [MODEL.mps ...] [--rounds N] [--solvers highs,scip] [--quick]``

Alone, a solver reads the file and solves it with the options that `solve` gives it. `solve` with ``confirm="none"``
reads it with this package's reader, solves it and checks the answer. The two take turns, each in the process both are
loaded in, and medians of CPU seconds are compared: wanted is at most 10 % and .1 s more than the solver alone. A second
table is of processes that have just begun, imports included; what is wanted there is a second of CPU time.

An answer counts where both have one objective and the point satisfies the model as HiGHS reads it. Where the numbers
of nodes differ the two searched differently, and the line says nothing of overhead.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import highspy
import numpy as np
import pyscipopt
from scipy import sparse

from benchmarks import certificates
from benchmarks.record import Sheet, add_options, keep
from proofolio import Model, Solution, solve, write_program
from proofolio.program.program import Program
from proofolio.solvers.scip.solver import CAUTIOUS

GAP, FEASIBLE = 1e-6, 2e-6  # twice the solvers' own tolerance: rows are scaled by their size
SHARE, SECONDS = 0.1, 0.1  # of the solver alone, and of CPU time: what is wanted
FIRST = 1.0  # CPU seconds of a process that has just begun
ROUNDS, QUICK_ROUNDS = 5, 2
COLUMNS = (
    "model", "rows", "columns", "solver", "nodes", "nodes alone", "alone s", "solve s", "more s", "more", "wanted",
    "met", "answer",
)  # fmt: skip
FRESH = ("what", "alone CPU s", "CPU s", "alone wall s", "wall s", "met")


class Alone(NamedTuple):
    """What a solver answers by itself."""

    objective: float
    nodes: int


def transport(sources: int = 60, sinks: int = 400, seed: int = 7) -> Program:
    """Goods from sources to sinks at a cost for each pair: a linear program with many columns and easy to solve."""
    rng = np.random.default_rng(seed)
    model = Model()
    x = model.variable("x", (sources, sinks), lower=0)
    demand = rng.integers(5, 50, sinks).astype(float)
    model.add("supply", x.sum(1) <= float(np.ceil(1.2 * demand.sum() / sources)))
    model.add("demand", x.sum(0) >= demand)
    model.minimise((rng.integers(1, 100, (sources, sinks)).astype(float) * x).sum())
    return model.freeze()


def assignments(size: int = 150, seed: int = 8) -> Program:
    """A permutation of least cost, as binaries: read and presolved at length, solved at the root."""
    model = Model()
    x = model.variable("x", (size, size), binary=True)
    model.add("row", x.sum(0) == 1)
    model.add("column", x.sum(1) == 1)
    cost = np.random.default_rng(seed).integers(1, 1000, (size, size)).astype(float)
    model.minimise((cost * x).sum())
    return model.freeze()


MODELS: Mapping[str, Callable[[], Program]] = {
    "lot sizing": certificates.lot_sizing,
    "fixed-charge network": certificates.fixed_charge_network,
    "facility location": certificates.facility_location,
    "covering": certificates.knapsacks,
    "unit commitment": certificates.unit_commitment,
    "assignment 150": assignments,
    "transport 60 by 400": transport,
    "transport 200 by 1000": lambda: transport(200, 1000),
}
QUICK = ("fixed-charge network", "transport 60 by 400")


def highs_alone(file: Path) -> Alone:
    """Let HiGHS read and solve a file with the options of `solve`."""
    highs = _highs(file)
    highs.run()
    return Alone(highs.getObjectiveValue(), max(0, int(highs.getInfo().mip_node_count)))


def scip_alone(file: Path) -> Alone:
    """Let SCIP read and solve a file with the options of `solve`."""
    model = pyscipopt.Model()
    model.hideOutput()
    model.readProblem(str(file))
    for name, value in ({"limits/gap": GAP, "parallel/maxnthreads": 1} | CAUTIOUS).items():
        model.setParam(name, value)
    model.optimize()
    return Alone(model.getObjVal(), model.getNTotalNodes())


SOLVERS: Mapping[str, Callable[[Path], Alone]] = {"highs": highs_alone, "scip": scip_alone}


def _highs(file: Path) -> highspy.Highs:
    highs = highspy.Highs()
    options = {"output_flag": False, "threads": 1, "random_seed": 0, "mip_rel_gap": GAP, "mip_abs_gap": 0.0}
    for name, value in options.items():
        highs.setOptionValue(name, value)
    highs.readModel(str(file))
    return highs


def wrong(file: Path, alone: Alone, answer: Solution) -> str:
    """Say what is wrong with an answer: its checks, its objective, or a row of the model as HiGHS reads it."""
    if not answer.ok or answer.x is None or answer.objective is None:
        return f"{answer.status}"
    if abs(alone.objective - answer.objective) > 2.0 * GAP * max(1.0, abs(alone.objective)):
        return f"{answer.objective:.9g}, alone {alone.objective:.9g}"
    model = _highs(file).getLp()
    values = answer.values
    x = np.array([values[name] for name in model.col_names_])
    kept = model.a_matrix_
    parts = (np.array(kept.value_), np.array(kept.index_), np.array(kept.start_))
    shape = (model.num_row_, model.num_col_)
    by_column = kept.format_ == highspy.MatrixFormat.kColwise
    matrix = sparse.csc_array(parts, shape=shape) if by_column else sparse.csr_array(parts, shape=shape)
    size = 1.0 + abs(matrix) @ np.abs(x)
    rows = _outside(matrix @ x, model.row_lower_, model.row_upper_) / size
    columns = _outside(x, model.col_lower_, model.col_upper_)
    whole = np.array(
        [kind == highspy.HighsVarType.kInteger for kind in model.integrality_] or [False] * x.size
    )
    fraction = np.abs(x - np.round(x))[whole]
    worst = max(0.0, *(float(part.max()) for part in (rows, columns, fraction) if part.size))
    return f"infeasible by {worst:.1e}" if worst > FEASIBLE else ""


def _outside(value: np.ndarray, lower: Sequence[float], upper: Sequence[float]) -> np.ndarray:
    return np.maximum(np.maximum(np.array(lower) - value, value - np.array(upper)), 0.0)


def line(name: str, file: Path, solver: str, rounds: int) -> tuple[Sequence[str], bool, bool]:
    """Time one solver on one file: the line, whether the answer is right, and whether the target is met."""
    alone, answer = (
        SOLVERS[solver](file),
        solve(file, solver, confirm="none"),
    )  # what is loaded once is loaded
    said = wrong(file, alone, answer)
    spent: tuple[list[float], list[float]] = ([], [])
    works = (lambda: SOLVERS[solver](file), lambda: solve(file, solver, confirm="none"))
    for turn in range(rounds):
        for k in (0, 1) if turn % 2 == 0 else (1, 0):
            started = time.process_time()
            works[k]()
            spent[k].append(time.process_time() - started)
    theirs, ours = median(spent[0]), median(spent[1])
    more, allowed = ours - theirs, SHARE * theirs + SECONDS
    same = alone.nodes == answer.nodes
    met = "other search" if not same else "yes" if more <= allowed else "NO"
    sizes = (str(answer.program.m), str(answer.program.n))
    times = (f"{theirs:.3f}", f"{ours:.3f}", f"{more:+.3f}", f"{more / theirs:+.0%}", f"{allowed:.3f}")
    cells = (name, *sizes, solver, str(answer.nodes), str(alone.nodes), *times, met, said or "the same")
    return cells, not said, met != "NO"


def fresh(name: str, file: Path, solver: str, rounds: int) -> list[Sequence[str]]:
    """Time processes that have just begun: the solver alone, `solve` from Python, and the command."""
    module = "highspy" if solver == "highs" else "pyscipopt"
    reading = (
        "m = highspy.Highs(); m.setOptionValue('output_flag', False); m.setOptionValue('threads', 1); "
        "m.setOptionValue('mip_rel_gap', 1e-6); m.readModel(sys.argv[1]); m.run()"
        if solver == "highs"
        else "m = pyscipopt.Model(); m.hideOutput(); m.readProblem(sys.argv[1]); m.optimize()"
    )
    ours = f"import sys, proofolio; proofolio.solve(sys.argv[1], {solver!r}, confirm='none')"
    command = ["-m", "proofolio", "solve", str(file), "--confirm", "none", "--solver", solver]
    runs = {
        "alone": ["-c", f"import sys, {module}; {reading}", str(file)],
        "solve": ["-c", ours, str(file)],
        "proofolio solve": command,
    }
    found: dict[str, list[tuple[float, float]]] = {what: [] for what in runs}
    for _ in range(rounds):
        for what, arguments in runs.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            wall = time.perf_counter() - started
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found[what].append((cpu, wall))
    middle = {what: [median(times) for times in zip(*pairs, strict=True)] for what, pairs in found.items()}
    alone, lines = middle["alone"], []
    for what in ("solve", "proofolio solve"):
        cpu, wall = middle[what]
        met = "yes" if cpu <= FIRST else "NO"
        numbers = (f"{v:.2f}" for v in (alone[0], cpu, alone[1], wall))
        lines.append((f"{what}, {name}, {solver}", *numbers, met))
    return lines


def main(arguments: Sequence[str] = ()) -> int:
    """Run everything and return how many answers were wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks solve_overhead")
    parser.add_argument("models", nargs="*", type=Path, help="linear model files as well")
    parser.add_argument("--rounds", type=int, help=f"runs of each side (default {ROUNDS})")
    parser.add_argument("--solvers", default="highs,scip", help="separated by commas (default: both)")
    add_options(parser, "two generated models, two rounds")
    asked = parser.parse_args(arguments)
    rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else ROUNDS)
    solvers = asked.solvers.split(",")
    lines, begun, failed, over, counted = [], [], 0, 0, 0
    with TemporaryDirectory() as folder:
        files = {file.name: file for file in asked.models} | generated(Path(folder), asked.quick)
        for name, file in files.items():
            for solver in solvers:
                cells, right, met = line(name, file, solver, rounds)
                lines.append(cells)
                failed += not right
                counted += cells[-2] != "other search"
                over += not met
                print("  ".join(cells), flush=True)
        first, file = next(iter(files.items()))
        for solver in solvers:
            begun += fresh(first, file, solver, rounds)
    notes = [
        f"{counted - over} of {counted} lines of one search are within {SHARE:.0%} and {SECONDS} s of the solver alone."
    ]
    sheets = [
        Sheet("CPU seconds: the solver alone, and solve with confirm=none", COLUMNS, lines),
        Sheet("A process that has just begun, imports included", FRESH, begun),
    ]
    keep("solve_overhead", sheets, asked, notes)
    return failed


def generated(folder: Path, quick: bool) -> dict[str, Path]:
    """Write the generated models to files."""
    files = {}
    for name in QUICK if quick else MODELS:
        files[name] = folder / f"{name.replace(' ', '_')}.mps"
        write_program(MODELS[name](), files[name])
    return files


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
