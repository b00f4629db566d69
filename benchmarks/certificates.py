"""Certified optima on models of public size: how many, what they cost, and how large their certificates are.

Six generators, each after a family of public instances, and any model files that are named. Every line solves, asks for
a certificate within the larger of ten times the solve and 30 seconds, and has the checker, fractions alone, read it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.record import Sheet, add_options, keep
from proofolio import Model, check_certificate, read_program, save_certificate, solve
from proofolio.program.program import Program
from proofolio.solvers.limits import Deadline
from proofolio.verification.certified.optimum import certify

COLUMNS = (
    "model", "columns", "integers", "rows", "status", "solve s", "certificate s", "nodes", "cuts",
    "JSON bytes", "VIPR bytes", "checker s",
)  # fmt: skip
GAP = 1e-6
TIMES, LEAST = 10.0, 30.0  # of the solve, and seconds


def lot_sizing(items: int = 6, periods: int = 12, seed: int = 1) -> Program:
    """Several items with setups and stock on one machine, capacity shared (after gesa2 and the lot-sizing library)."""
    rng = np.random.default_rng(seed)
    model = Model()
    shape = (items, periods)
    x, s = model.variable("x", shape, lower=0), model.variable("s", shape, lower=0)
    y = model.variable("y", shape, binary=True)
    demand = rng.integers(5, 30, shape).astype(float)
    capacity = float(np.ceil(1.35 * demand.sum() / periods)) + 3.0 * items
    for i in range(items):
        for t in range(periods):
            before = s[i, t - 1] if t else 0
            model.add(f"balance[{i},{t}]", before + x[i, t] == demand[i, t] + s[i, t])
            model.add(f"setup[{i},{t}]", x[i, t] <= capacity * y[i, t])
    for t in range(periods):
        model.add(f"capacity[{t}]", sum(x[i, t] + 3 * y[i, t] for i in range(items)) <= capacity)
    setups, stock = rng.integers(40, 120, shape).astype(float), rng.integers(1, 5, shape).astype(float)
    model.minimise((setups * y).sum() + (stock * s).sum())
    return model.freeze()


def fixed_charge_network(nodes: int = 14, arcs: int = 60, seed: int = 2) -> Program:
    """One commodity through arcs that must be opened (after egout and the fixed-charge networks)."""
    rng = np.random.default_rng(seed)
    model = Model()
    tails = np.concatenate([np.arange(nodes - 1), rng.integers(0, nodes, arcs - nodes + 1)])
    heads = np.concatenate([np.arange(1, nodes), rng.integers(0, nodes, arcs - nodes + 1)])
    heads = np.where(heads == tails, (heads + 1) % nodes, heads)
    demand = rng.integers(2, 12, nodes).astype(float)
    demand[0] = -demand[1:].sum()
    x, y = model.variable("x", arcs, lower=0), model.variable("y", arcs, binary=True)
    for v in range(nodes):
        into = sum(x[a] for a in range(arcs) if heads[a] == v)
        out = sum(x[a] for a in range(arcs) if tails[a] == v)
        model.add(f"balance[{v}]", into - out == demand[v])
    total = float(demand[1:].sum())
    for a in range(arcs):
        model.add(f"open[{a}]", x[a] <= total * y[a])
    model.minimise(
        (rng.integers(1, 6, arcs).astype(float) * x).sum()
        + (rng.integers(30, 90, arcs).astype(float) * y).sum()
    )
    return model.freeze()


def facility_location(sites: int = 12, customers: int = 20, seed: int = 3) -> Program:
    """Capacitated facilities, a site serves shares of demands (after the Beasley instances)."""
    rng = np.random.default_rng(seed)
    model = Model()
    demand = rng.integers(5, 35, customers).astype(float)
    capacity = rng.integers(60, 140, sites).astype(float)
    x = model.variable("x", (sites, customers), 0, 1)
    y = model.variable("y", sites, binary=True)
    cost = np.round(demand * rng.uniform(1, 10, (sites, customers)), 1)
    for k in range(customers):
        model.add(f"served[{k}]", x[:, k].sum() == 1)
    for i in range(sites):
        model.add(f"capacity[{i}]", (demand * x[i, :]).sum() <= capacity[i] * y[i])
    model.minimise((cost * x).sum() + (rng.integers(200, 500, sites).astype(float) * y).sum())
    return model.freeze()


def assignment(agents: int = 6, jobs: int = 24, seed: int = 4) -> Program:
    """Jobs to agents whose time is limited, every job once (generalised assignment, type C)."""
    rng = np.random.default_rng(seed)
    model = Model()
    use = rng.integers(5, 25, (agents, jobs)).astype(float)
    cost = rng.integers(10, 50, (agents, jobs)).astype(float)
    x = model.variable("x", (agents, jobs), binary=True)
    for k in range(jobs):
        model.add(f"done[{k}]", x[:, k].sum() == 1)
    room = np.floor(0.8 * use.sum(axis=1) / agents)
    for i in range(agents):
        model.add(f"time[{i}]", (use[i] * x[i, :]).sum() <= float(room[i]))
    model.minimise((cost * x).sum())
    return model.freeze()


def unit_commitment(units: int = 5, hours: int = 24, seed: int = 5) -> Program:
    """Units that start, ramp and stay up for some hours, to meet a load with reserve."""
    rng = np.random.default_rng(seed)
    model = Model()
    shape = (units, hours)
    on, start = model.variable("on", shape, binary=True), model.variable("start", shape, binary=True)
    p = model.variable("p", shape, lower=0)
    high = rng.integers(60, 160, units).astype(float)
    low = np.floor(0.35 * high)
    shapes = 0.55 + 0.3 * np.sin(np.arange(hours) / 24 * 2 * np.pi - 1.5)
    load = np.round(high.sum() * shapes)
    for u in range(units):
        for t in range(hours):
            model.add(f"least[{u},{t}]", p[u, t] >= low[u] * on[u, t])
            model.add(f"most[{u},{t}]", p[u, t] <= high[u] * on[u, t])
            if t:
                model.add(f"starts[{u},{t}]", start[u, t] >= on[u, t] - on[u, t - 1])
                model.add(f"ramp[{u},{t}]", p[u, t] - p[u, t - 1] <= float(np.ceil(0.6 * high[u])))
            model.add(f"up[{u},{t}]", start[u, max(t - 3, 0) : t + 1].sum() <= on[u, t])
    for t in range(hours):
        model.add(f"load[{t}]", p[:, t].sum() == float(load[t]))
        model.add(f"reserve[{t}]", (high * on[:, t]).sum() >= float(np.ceil(1.1 * load[t])))
    cost, fixed = (
        rng.integers(10, 40, (units, 1)).astype(float),
        rng.integers(200, 600, (units, 1)).astype(float),
    )
    begins = rng.integers(300, 900, (units, 1)).astype(float)
    model.minimise((cost * p).sum() + (fixed * on).sum() + (begins * start).sum())
    return model.freeze()


def knapsacks(rows: int = 4, columns: int = 60, seed: int = 6) -> Program:
    """A covering of several needs by whole things (multi-dimensional knapsack and covering)."""
    rng = np.random.default_rng(seed)
    model = Model()
    use = rng.integers(5, 60, (rows, columns)).astype(float)
    x = model.variable("x", columns, binary=True)
    for i in range(rows):
        model.add(f"need[{i}]", (use[i] * x).sum() >= float(np.ceil(0.25 * use[i].sum())))
    model.minimise(((use.mean(axis=0) + rng.integers(0, 20, columns)).round() * x).sum())
    return model.freeze()


MODELS: dict[str, Callable[[], Program]] = {
    "lot sizing": lot_sizing,
    "fixed-charge network": fixed_charge_network,
    "facility location": facility_location,
    "generalised assignment": assignment,
    "unit commitment": unit_commitment,
    "covering": knapsacks,
}


def line(name: str, program: Program) -> tuple[Sequence[str], bool, bool]:
    """Solve, certify and check one model: the line, whether it is certified, and whether the checker agrees."""
    started = time.process_time()
    answer = solve(program, confirm="none", time_limit=120.0)
    spent = time.process_time() - started
    started = time.process_time()
    outcome = certify(program, answer.x, GAP, Deadline.after(max(TIMES * spent, LEAST)), 100_000)
    proving = time.process_time() - started
    sizes = (str(program.n), str(int(program.integer.sum())), str(program.m))
    certificate = outcome.certificate
    if certificate is None:
        said = f"{outcome.status}: {outcome.reason}"
        return (
            (name, *sizes, said, f"{spent:.2f}", f"{proving:.2f}", str(outcome.nodes), *["-"] * 4),
            False,
            True,
        )
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("certificate.json", "certificate.vipr")]
        for file in files:
            save_certificate(replace(answer, certificate=certificate), file)
        bytes_of = [file.stat().st_size for file in files]
        started = time.process_time()
        holds = check_certificate(files[0], program).ok
        checking = time.process_time() - started
    value, claimed = float(certificate.value or 0), answer.objective or 0.0
    same = abs((-value if program.maximise else value) - claimed) <= GAP * abs(claimed)
    cells = (f"{spent:.2f}", f"{proving:.2f}", str(len(certificate.nodes)), str(len(certificate.cuts)))
    said = "certified" if holds else "NO PROOF"
    return (name, *sizes, said, *cells, *map(str, bytes_of), f"{checking:.2f}"), holds, holds and same


def main(arguments: Sequence[str] = ()) -> int:
    """Run everything and return how many certificates were wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, help="model files as well")
    add_options(parser, "two of the six")
    options = parser.parse_args(arguments)
    programs: dict[str, Program] = {path.name: read_program(path) for path in options.models}
    chosen = list(MODELS)[:2] if options.quick else list(MODELS)
    programs |= {name: MODELS[name]() for name in chosen}
    lines, certified, wrong = [], 0, 0
    for name, program in programs.items():
        cells, holds, right = line(name, program)
        lines.append(cells)
        certified += holds
        wrong += not right
        print("  ".join(cells), flush=True)
    share = f"{certified} of {len(lines)} certified; CPU seconds; the checker read every certificate."
    keep("certificates", [Sheet("Certified optima", COLUMNS, lines)], options, [share])
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
