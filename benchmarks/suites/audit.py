"""The audit: what tightening an M buys, how long verdicts take, and what an M too large does to an answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import proofolio as pf
from proofolio.benchmarking import Answer, problem


@problem(arcs=[20, 40, 60], lowering=["as given", "tightened"], quick=lambda arcs, lowering: arcs == 20)
def network_design(arcs: int, lowering: str) -> pf.Program:
    """Return the design of a network whose links are ten times looser than they need to be, or audited before."""
    from benchmarks.audit_speed import network_design

    program = network_design(arcs)
    return program if lowering == "as given" else pf.tighten(program)


@problem(M=[1e2, 1e4, 1e6, 1e8], quick=lambda M: M <= 1e4)
def sites(M: float) -> pf.Model:
    """Return a fixed-charge program with M in its links: from 1e6 on a solver's tolerance lets goods through."""
    rng = np.random.default_rng(5)
    unit = rng.uniform(1, 3, (6, 3)).round(6)
    fixed = rng.uniform(30, 50, 6).round(6)
    demand = rng.uniform(9, 12, 3).round(6)
    model = pf.Model("sites")
    x = model.variable("x", (6, 3), lower=0)
    y = model.variable("y", 6, binary=True)
    model.add("demand", x.sum(0) >= demand)
    model.add("open", x.sum(1) <= M * y)
    model.minimise((unit * x).sum() + (fixed * y).sum())
    return model


@problem(solvers=("audit", "audit-lp"), arcs=[60, 120, 240], quick=lambda arcs: arcs == 60)
def verdicts(arcs: int, solver: str) -> Callable[[], Answer]:
    """Audit a network design; each verdict is checked against the exact checker, unclocked."""
    from benchmarks.audit_speed import network_design, wrong_answers

    program = network_design(arcs)
    tiers = {"audit": None, "audit-lp": ("interval", "lp")}[solver]

    def work() -> Answer:
        found = pf.audit(program) if tiers is None else pf.audit(program, tiers=tiers)

        def verify() -> tuple[str, str]:
            wrong = wrong_answers(found)
            return ("claim-wrong" if wrong else "verified-optimal"), wrong

        # the sum of what is proved to be needed
        total = float(sum(row.needed[1] for row in found.rows))
        return Answer("verified-feasible", total, total, allowance=1e-6 * total, verify=verify)

    return work


@problem(solvers=("gdp-mbigm", "audit"), units=[10, 20, 40], quick=lambda units: units == 10)
def disjunctions(units: int, solver: str) -> Callable[[], Answer]:
    """Find the M's of a model with disjunctions, by gdp.mbigm and by the audit of its Big-M form."""
    import pyomo.environ as pyo

    from benchmarks.audit_speed import units as model_of

    def work() -> Answer:
        model = model_of(units)
        if solver == "audit":
            pyo.TransformationFactory("gdp.bigm").apply_to(model, bigM=1e4)
            found = pf.audit(model, tiers=("interval",))
            return _sum(units, [row.needed[1] for row in found.rows])
        transformation = pyo.TransformationFactory("gdp.mbigm")
        highs = pyo.SolverFactory("appsi_highs")
        transformation.apply_to(model, solver=highs, reduce_bound_constraints=False, threads=1)
        return _sum(
            units, [max(float(upper), 0.0) for _, upper in transformation.get_all_M_values(model).values()]
        )

    return work


def _sum(units: int, needed: list[float]) -> Answer:
    """Return the sum of the M's; they are checked, unclocked, against those that follow from the bounds by hand."""
    total = float(sum(needed))

    def verify() -> tuple[str, str]:
        from benchmarks.audit_speed import units as model_of

        x = model_of(units).x
        exact = sum(x[i, 0].ub + 2 * x[i, 1].ub - 9 + 3 * x[i, 2].ub - 8 for i in range(units))
        if total < exact * (1 - 1e-6):
            return "claim-wrong", f"the M's add up to {total:.9g}, and {exact:.9g} is needed"
        return ("verified-optimal" if total <= exact * (1 + 1e-6) else "verified-feasible"), ""

    return Answer("verified-feasible", total, total, allowance=1e-6 * total, verify=verify)
