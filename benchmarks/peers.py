"""The regime-switching program as others write it: the published form in CVXPY, and Pyomo.GDP's transformations."""

from __future__ import annotations

import itertools
import multiprocessing
import warnings
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.solver.common.factory import SolverFactory
from pyomo.gdp import Disjunct, Disjunction

import proofolio as pf
from proofolio.models.regime_switching.solution import raw_data_checks

STOPPED = "checked, not optimal in time"


class Answer(NamedTuple):
    """What came back: an objective that survived the checks against the raw data, or why there is none."""

    status: str
    objective: float | None
    bound: float | None


def published(program: pf.RegimeSwitching, time_limit: float) -> Answer:
    """Solve the published Big-M form through CVXPY and SCIP."""
    problem = program.to_cvxpy("big-m", "published")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CVXPY warns of what SCIP's interface does with its own options
        try:
            problem.solve(solver=cp.SCIP, scip_params={"limits/time": time_limit})
        except cp.error.SolverError:
            return Answer("none within the limit", None, None)
    found = {v.name(): v.value for v in problem.variables()}
    if found["W"] is None:
        return Answer(f"none within the limit ({problem.status})", None, None)
    answer = _checked(program, found["W"], found["Z"], None)
    stopped = answer.status == "checked" and problem.status != cp.OPTIMAL
    return answer._replace(status=STOPPED) if stopped else answer


def gdp(program: pf.RegimeSwitching, transformation: str, time_limit: float) -> Answer:
    """Solve the disjunctive model through a transformation of Pyomo.GDP and SCIP, in a process of its own.

    The transformations have no time limit of their own, and `mbigm` solves a global program for every pair.
    """
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    child = context.Process(target=_send_gdp, args=(send, program, transformation, time_limit))
    child.start()
    send.close()
    try:
        answer: Answer = (
            receive.recv() if receive.poll(1.5 * time_limit) else Answer("not built in time", None, None)
        )
    except EOFError:
        answer = Answer("failed", None, None)
    child.kill()
    child.join()
    return answer


def _send_gdp(send: Any, *arguments: Any) -> None:
    send.send(solve_gdp(*arguments))


def solve_gdp(program: pf.RegimeSwitching, transformation: str, time_limit: float) -> Answer:
    """Solve the disjunctive model as `gdp` does, in this process: what transforms it has no time limit then."""
    model = gdp_model(program)
    own = {"solver": pyo.SolverFactory("scip_direct")} if transformation == "mbigm" else {}
    pyo.TransformationFactory(f"gdp.{transformation}").apply_to(model, **own)
    solver = SolverFactory("scip_direct")
    result = solver.solve(
        model,
        time_limit=time_limit,
        rel_gap=1e-6,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
    )
    if result.incumbent_objective is None:
        return Answer("none within the limit", None, result.objective_bound)
    result.solution_loader.load_vars()
    n, T, R = program.n, program.T, program.R
    W = np.array([[pyo.value(model.W[i, t]) for t in range(T)] for i in range(n)])
    chosen = np.array(
        [
            [pyo.value(model.case[d, t].binary_indicator_var) for t in range(T)]
            for d in range(len(model.regime))
        ]
    )
    Z = np.array([chosen[[d for d, s in enumerate(model.regime) if s == r]].sum(axis=0) for r in range(R)])
    return _checked(program, W, Z, result.objective_bound)


def gdp_model(program: pf.RegimeSwitching) -> Any:
    """Return the disjunctive model: one disjunct for each regime and choice of its concave maxima."""
    n, T = program.n, program.T
    model = pyo.ConcreteModel()
    model.W = pyo.Var(range(n), range(T), bounds=lambda _, i, t: (program.lower[t, i], program.upper[t, i]))
    size = float(
        2 * np.abs(program.costs.Q).sum(axis=(2, 3)).max() + np.abs(program.costs.c).sum(axis=-1).max() + 1
    )
    model.cost = pyo.Var(range(T), bounds=(-size, size))
    model.budget = pyo.Constraint(range(T), rule=lambda m, t: sum(m.W[i, t] for i in range(n)) == 1)
    cases = []
    for r in range(program.R):
        own = [term for term in program.costs.maxima if term.regime == r and term.sign < 0]
        cases += [
            (r, dict(zip(own, wins, strict=True)))
            for wins in itertools.product((True, False), repeat=len(own))
        ]
    model.regime = [r for r, _ in cases]
    model.case = Disjunct(range(len(cases)), range(T))
    for (d, (r, wins)), t in itertools.product(enumerate(cases), range(T)):
        w = [model.W[i, t] for i in range(n)]
        Q = program.costs.Q[r, min(t, program.costs.Q.shape[1] - 1)]
        c = program.costs.c[r, min(t, program.costs.c.shape[1] - 1)]
        k = program.costs.k[r, min(t, program.costs.k.shape[1] - 1)]
        body = (
            sum(Q[i, j] * w[i] * w[j] for i in range(n) for j in range(n))
            + sum(c[i] * w[i] for i in range(n))
            + k
        )
        rows = [0.0]
        for term in program.costs.maxima:
            if term.regime == r:
                inner = sum(float(term.alpha[i]) * w[i] for i in range(n) if term.alpha[i]) + term.beta
                if term.sign < 0:
                    body = body - (inner if wins[term] else term.floor)
                else:
                    rows = [base + part for base in rows for part in (inner, term.floor)]
        block = model.case[d, t]
        block.rows = pyo.ConstraintList()
        for row in rows:
            block.rows.add(model.cost[t] >= body + row)
    model.one = Disjunction(range(T), rule=lambda m, t: [m.case[d, t] for d in range(len(cases))])
    model.total = pyo.Objective(expr=sum(model.cost[t] for t in range(T)))
    return model


def _checked(program: pf.RegimeSwitching, W: Any, Z: Any, bound: float | None) -> Answer:
    """Recompute costs and objective at the answer's weights and rounded regimes, and check the rest."""
    path = np.round(Z).argmax(axis=0)
    cost = program.costs.value(W.T)[path, np.arange(program.T)]
    objective = program.objective(W, path)
    failed = [c.name for c in raw_data_checks(program, W, Z, cost, objective) if not c.ok]
    return Answer("checked" if not failed else f"fails: {', '.join(failed)}", objective, bound)
