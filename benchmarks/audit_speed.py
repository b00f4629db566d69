"""How fast the audit is: rows per CPU second with certificates, and beside gdp.mbigm on the same model.

Every model given is audited, and so is a generated network design model; every verdict is certified, and every
certificate is read by the checker, fractions alone. Then two Pyomo models with disjunctions are handed to gdp.mbigm,
which solves a program of its own for every M, and to the audit, which is asked for the M's of the same disjunctions
written with a loose M; both must come to the same numbers. What gdp.mbigm computes is the column "certified M" (the
needed M of every row, with a proof). The whole audit does more: a verdict, a point, and whether a leak can matter.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pyomo.environ as pyo
from pyomo.gdp import Disjunct, Disjunction
from pyomo.gdp.plugins import multiple_bigm
from scipy import sparse

from benchmarks.record import Sheet, add_options, keep
from proofolio import Model, read_program
from proofolio.interfaces.opening import open_model
from proofolio.program.expression import apply_matrix
from proofolio.program.program import Program
from proofolio.verification.audit.auditing import Audit, audit
from proofolio.verification.audit.candidates import candidates
from proofolio.verification.audit.certificates import check_certificates, save_certificates
from proofolio.verification.audit.points import Search

REPEATS = 3
COLUMNS = ("model", "rows", "M", "certified M", "audit", "audit s", "LPs a verdict", "verdicts", "checked")
BESIDE = ("model", "M's", "gdp.mbigm", "M", "certified M", "audit", "same")


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


class Rates(NamedTuple):
    """Rows per CPU second of what an audit does, and what was found wrong with its answers."""

    bounds: float
    certified: float
    audit: float
    found: Audit
    wrong: str


def rates(program: Program) -> Rates:
    """Time the needed M's without and with certificates, and the whole audit; check every answer."""
    bounds = certified = whole = math.inf
    for _ in range(REPEATS):
        bounds = min(bounds, _spent(lambda: solved(program)))
        certified = min(certified, _spent(lambda: needed_big_m(program, True)))
        started = time.process_time()
        found = audit(program)
        whole = min(whole, time.process_time() - started)
    n = len(found.rows)
    return Rates(n / bounds, n / certified, n / whole, found, wrong_answers(found))


def _spent(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def solved(program: Program) -> list[float]:
    """Return what the linear program of every candidate reaches, as the solver says it."""
    bounding = Search(program)
    return [bounding.solve(c, c.off).value for c in candidates(program).asked]


def needed_big_m(program: Program, lp: bool) -> list[float]:
    """Return the M that every candidate needs, from intervals and linear programs, made exact."""
    bounding, found = Search(program), []
    for candidate in candidates(program).asked:
        finding = bounding.by_interval(candidate)
        if lp:
            bounding.by_lp(candidate, finding, math.inf)
        found.append(max(float(finding.top - candidate.tight), 0.0))
    return found


def wrong_answers(found: Audit) -> str:
    """Check every verdict by the checker of certificates alone; says what is wrong, if anything."""
    with TemporaryDirectory() as folder:
        save_certificates(found, folder)
        certificates = check_certificates(folder, found.opened.program)
    wrong = [f"{one.row}: {one.reason}" for one in certificates if not one.ok]
    if certificates.uncertified:
        wrong.append(f"{certificates.uncertified} rows have no certificate")
    if len(certificates) + certificates.uncertified != len(found.rows):
        wrong.append(f"{len(certificates)} certificates for {len(found.rows)} rows")
    return "; ".join(wrong[:3])


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


class Beside(NamedTuple):
    """Two ways to the M's of one model."""

    count: int
    theirs: float
    bounds: float
    certified: float
    audit: float
    same: bool


def mbigm_values(model: pyo.ConcreteModel) -> tuple[list[float], float]:
    """Transform a model by gdp.mbigm: its M's, and the CPU seconds of calculating them, not those of the rest."""
    seconds = 0.0
    calculate = multiple_bigm._calc_M

    def timed(*arguments: object) -> object:
        nonlocal seconds
        started = time.process_time()
        try:
            return calculate(*arguments)
        finally:
            seconds += time.process_time() - started

    multiple_bigm._calc_M = timed
    try:
        transformation = pyo.TransformationFactory("gdp.mbigm")
        transformation.apply_to(
            model, solver=pyo.SolverFactory("appsi_highs"), reduce_bound_constraints=False, threads=1
        )
    finally:
        multiple_bigm._calc_M = calculate
    return [max(float(upper), 0.0) for _, upper in transformation.get_all_M_values(model).values()], seconds


def beside_mbigm(build: Callable[[], pyo.ConcreteModel], lp: bool) -> Beside:
    """Compute the M's of one model by gdp.mbigm, and those of its gdp.bigm form by the audit.

    Of gdp.mbigm only the calculation of M's is timed, not the rest of the transformation.
    """
    theirs, theirs_seconds = mbigm_values(build())
    loose = build()
    pyo.TransformationFactory("gdp.bigm").apply_to(loose, bigM=1e4)
    opened = open_model(loose)
    tiers = ("interval", "lp") if lp else ("interval",)
    bounds = mine = whole = math.inf
    for _ in range(REPEATS):
        started = time.process_time()
        found = needed_big_m(opened.program, lp)
        mine = min(mine, time.process_time() - started)
        bounds = min(bounds, _spent(lambda: solved(opened.program))) if lp else mine
        whole = min(whole, _spent(lambda: audit(opened, tiers=tiers)))
    same = len(found) == len(theirs) and np.allclose(sorted(found), sorted(theirs), rtol=1e-6, atol=1e-6)
    certified = all(row.certified for row in audit(opened, tiers=tiers).rows)
    n = len(found)
    rates = (n / seconds for seconds in (theirs_seconds, bounds, mine, whole))
    return Beside(n, *rates, bool(same and certified))


def main(arguments: Sequence[str] = ()) -> int:
    """Run everything and return how many answers were wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="model files to audit as well")
    parser.add_argument("--arcs", type=int, default=600)
    parser.add_argument("--units", type=int, default=150)
    parser.add_argument("--periods", type=int, default=168)
    add_options(parser, "small models")
    options = parser.parse_args(arguments)
    if options.quick:
        options.arcs, options.units, options.periods = 120, 30, 24
    programs = {path: read_program(path) for path in options.models}
    programs[f"network design, {options.arcs} arcs"] = network_design(options.arcs)
    failed, lines, beside = 0, [], []
    for name, program in programs.items():
        r = rates(program)
        failed += bool(r.wrong)
        n = len(r.found.rows)
        speeds = (f"{v:.0f}" for v in (r.bounds, r.certified, r.audit))
        said = ", ".join(f"{v} {k}" for k, v in r.found.summary.items() if v)
        each = f"{r.found.search.solved / n:.2f}"
        lines.append((Path(name).name, str(n), *speeds, f"{n / r.audit:.2f}", each, said, r.wrong or "all"))
    for name, build, lp in (
        (f"{options.units} units", lambda: units(options.units), False),
        (f"plant, {options.periods} periods", lambda: disjunctions(options.periods), True),
    ):
        b = beside_mbigm(build, lp)
        failed += not b.same
        speeds = (f"{v:.0f} ({v / b.theirs:.0f} x)" for v in (b.bounds, b.certified, b.audit))
        beside.append((name, str(b.count), f"{b.theirs:.0f}", *speeds, "yes" if b.same else "NO"))
    sheets = [Sheet("Rows a CPU second", COLUMNS, lines), Sheet("M's a CPU second", BESIDE, beside)]
    keep("audit_speed", sheets, options)
    return failed


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
