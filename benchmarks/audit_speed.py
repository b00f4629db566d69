"""How fast the audit is: rows per second with certificates, and beside gdp.mbigm on the same model.

    python benchmarks/audit_speed.py [MODEL.mps ...] [--arcs N] [--units N] [--periods N]

Every model given is audited, and so is a generated network design model. Then two Pyomo models with
disjunctions are handed to gdp.mbigm, which solves a program of its own for every M, and to the audit, which
is asked for the M's of the same disjunctions written with a loose M; both must come to the same numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import pyomo.environ as pyo
from pyomo.gdp import Disjunct, Disjunction
from scipy import sparse

from proofolio import Model, read_program
from proofolio.program import apply_matrix
from proofolio.program.program import Program
from proofolio.verification.audit import audit
from proofolio.verification.opened import open_model


def network_design(arcs: int, seed: int = 1) -> Program:
    """One commodity sent through arcs that must be opened, with flows that only their balance bounds."""
    rng = np.random.default_rng(seed)
    nodes = max(3, arcs // 6)
    chords = arcs - nodes + 1
    start = rng.integers(0, nodes - 1, chords)
    tail = np.concatenate([np.arange(nodes - 1), start])
    # always onward: without cycles the supply bounds every flow
    head = np.concatenate(
        [np.arange(1, nodes), np.minimum(start + 1 + rng.integers(0, 12, chords), nodes - 1)]
    )
    supply = np.concatenate([[nodes - 1.0], np.full(nodes - 1, -1.0)])
    every = np.arange(arcs)
    balance = sparse.csr_array(
        (np.repeat([1.0, -1.0], arcs), (np.concatenate([tail, head]), np.concatenate([every, every]))),
        shape=(nodes, arcs),
    )
    model = Model(f"network design, {arcs} arcs")
    x, y = model.variable("x", arcs, lower=0), model.variable("y", arcs, binary=True)
    model.add("balance", apply_matrix(balance, x) == supply)
    model.add("open", x <= 10.0 * nodes * y)
    model.minimise((rng.integers(1, 9, arcs) * x).sum() + (rng.integers(20, 90, arcs) * y).sum())
    return model.freeze()


def report(program: Program, name: str) -> None:
    """Audit once to warm up, then for the clock."""
    audit(program)
    wall, cpu = time.perf_counter(), time.process_time()
    found = audit(program)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    certified = sum(row.certified for row in found.rows)
    verdicts = ", ".join(f"{v} {k}" for k, v in found.summary.items() if v)
    n = len(found.rows)
    print(
        f"{name}: {n} rows, {certified} certified, {wall:.3f} s, {n / wall:.0f} rows/s, {n / cpu:.0f}/CPU s"
    )
    print(f"    {verdicts}")
    asked = [
        (c, f)
        for c, f in found.judged
        if f.tier == "lp" and f.multipliers is not None and f.top != float("-inf")
    ]
    if asked:
        started = time.process_time()
        for candidate, _ in asked:
            answer = found.bounding.solve(candidate, candidate.off)
            found.bounding.prove(candidate, candidate.off, answer)
        spent = time.process_time() - started
        print(f"    needed M with certificate alone: {len(asked) / spent:.0f} rows a CPU second")


def disjunctions(periods: int, seed: int = 2) -> pyo.ConcreteModel:
    """A plant that runs in one of two modes, each with its limits in every period."""
    rng = np.random.default_rng(seed)
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(periods), bounds=(0, 20))
    ramp, cap = rng.integers(2, 6, (2, periods)).tolist(), rng.integers(8, 15, (2, periods)).tolist()
    model.mode = Disjunct([0, 1])
    for k in (0, 1):
        mode = model.mode[k]
        mode.ramp = pyo.Constraint(
            range(1, periods),
            rule=lambda _, t, k=k: model.x[t] - (0.5 + 0.25 * k) * model.x[t - 1] <= ramp[k][t],
        )
        mode.pair = pyo.Constraint(
            range(1, periods), rule=lambda _, t, k=k: model.x[t] + (1 + k) * model.x[t - 1] <= cap[k][t]
        )
    model.choose = Disjunction(expr=[model.mode[0], model.mode[1]])
    return model


def units(count: int, seed: int = 3) -> pyo.ConcreteModel:
    """Units with two modes each that limit different amounts: boxes alone say what their M's must be."""
    rng = np.random.default_rng(seed)
    model = pyo.ConcreteModel()
    every = range(count)
    top = rng.integers(10, 30, (count, 3)).tolist()
    model.x = pyo.Var(every, range(3), bounds=lambda _, i, j: (0, top[i][j]))
    model.mode = Disjunct(every, [0, 1])
    for i in every:
        model.mode[i, 0].limit = pyo.Constraint(expr=model.x[i, 0] + 2 * model.x[i, 1] <= 9)
        model.mode[i, 1].limit = pyo.Constraint(expr=3 * model.x[i, 2] - model.x[i, 0] <= 8)
    model.choose = Disjunction(every, rule=lambda m, i: [m.mode[i, 0], m.mode[i, 1]])
    return model


def beside_mbigm(name: str, build: Callable[[], pyo.ConcreteModel], tiers: tuple[str, ...]) -> None:
    """Compute the M's of one model by gdp.mbigm and by the audit of its gdp.bigm form."""
    model = build()
    transformation = pyo.TransformationFactory("gdp.mbigm")
    started = time.process_time()
    transformation.apply_to(
        model, solver=pyo.SolverFactory("appsi_highs"), reduce_bound_constraints=False, threads=1
    )
    theirs_seconds = time.process_time() - started
    theirs = [max(float(upper), 0.0) for _, upper in transformation.get_all_M_values(model).values()]
    loose = build()
    pyo.TransformationFactory("gdp.bigm").apply_to(loose, bigM=1e4)
    opened = open_model(loose)
    started = time.process_time()
    found = audit(opened, tiers=tiers)
    seconds = time.process_time() - started
    mine = [max(row.needed[1], 0.0) for row in found.rows]
    agree = len(mine) == len(theirs) and np.allclose(sorted(mine), sorted(theirs), rtol=1e-6, atol=1e-6)
    each, rate = len(theirs) / theirs_seconds, len(mine) / seconds
    print(f"{name}, tiers {', '.join(tiers)}")
    print(f"    gdp.mbigm: {len(theirs)} M in {theirs_seconds:.2f} CPU s: {each:.0f} a second")
    print(
        f"    audit:     {len(mine)} M in {seconds:.3f} CPU s: {rate:.0f} a second, {rate / each:.0f} times"
    )
    print(
        f"    certified: {sum(row.certified for row in found.rows)}; same numbers: {'yes' if agree else 'NO'}"
    )
    if not agree:
        sys.exit(1)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="model files to audit as well")
    parser.add_argument("--arcs", type=int, default=600)
    parser.add_argument("--units", type=int, default=150)
    parser.add_argument("--periods", type=int, default=96)
    options = parser.parse_args()
    for path in options.models:
        report(read_program(path), path)
    report(network_design(options.arcs), f"network design, {options.arcs} arcs")
    beside_mbigm("units with two modes", lambda: units(options.units), ("interval",))
    beside_mbigm("a plant with two modes", lambda: disjunctions(options.periods), ("interval", "lp"))


if __name__ == "__main__":
    main()
