"""Peers, each on its own terms, side by side: seconds are from the data to the answer, building and all.

Whatever a peer returns is checked against the data here; its claim of optimality is taken as it is, and judged by the
others' points.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import proofolio as pf
from benchmarks.suites.regime_switching import answer_of
from proofolio.benchmarking import Answer, problem
from proofolio.errors import UnsupportedProgram
from proofolio.models.regime_switching.solution import raw_data_checks
from proofolio.solvers.solution import Settings

R = 4
OURS = {
    "proofolio": {},
    "proofolio-hull-highs": {"method": "whole", "solver": "highs"},
    "proofolio-hull-scip": {"solver": "scip", "lowering": "hull"},
}
GDP = {f"gdp-{name}-scip": name for name in ("bigm", "hull")}
MBIGM = "gdp-mbigm-scip"
# Small enough for a warm-up by the slowest of them.
WARM = {"n": 2, "T": 2}
# What the tolerances of conic solvers leave open on daily variances.
NEAR = 1e-3
PUBLISHED = "published-cvxpy-scip"
# SCIP's own tolerances lend rows 1e-6, which was worth up to 4e-6 of these objectives: peers stand on their own terms.
PEERS_OWN = 1e-5


@problem(
    solvers=(PUBLISHED, *GDP, *OURS),
    n=[3, 10],
    T=[5, 10],
    instance=[0, 1, 2, 3, 4],
    where=lambda n, T, instance: T == {3: 5, 10: 10}[n] and (n == 3 or instance < 3),
    quick=lambda n, T, instance: n == 3 and instance < 3,
    warm=WARM | {"instance": 0},
)
def regime_switching(n: int, T: int, instance: int, solver: str) -> Callable[[Settings], Answer]:
    """Solve the regime-switching program as published, by Pyomo.GDP, and here."""
    program = pf.random_instance(n, T, R, instance)
    if solver in OURS:
        return lambda settings: answer_of(program.solve(**OURS[solver], **_known(settings)))
    if solver == PUBLISHED:
        return lambda settings: _published(program, settings)
    return lambda settings: _gdp(program, GDP[solver], settings)


@problem(solvers=(MBIGM, *OURS), n=[3], T=[5], quick=lambda n, T: False, warm=WARM)
def multiple_big_m(n: int, T: int, solver: str) -> Callable[[Settings], Answer]:
    """Solve it by gdp.mbigm, which has no limit of its own and solves a global program for every pair."""
    program = pf.random_instance(n, T, R)
    if solver in OURS:
        return lambda settings: answer_of(program.solve(**OURS[solver], **_known(settings)))
    return lambda settings: _gdp(program, "mbigm", settings)


def _known(settings: Settings) -> dict[str, Any]:
    return {"time_limit": settings.time_limit, "gap": settings.gap, "seed": settings.seed}


def _published(program: pf.RegimeSwitching, settings: Settings) -> Answer:
    """Solve the published Big-M form, with its own bound on M, through CVXPY and SCIP."""
    import cvxpy as cp

    model = program.to_cvxpy("big-m", "published")
    asked = {
        "limits/time": settings.time_limit,
        "limits/gap": settings.gap,
        "randomization/randomseedshift": settings.seed,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CVXPY warns of what SCIP's interface does with its own options
        try:
            model.solve(solver=cp.SCIP, scip_params=asked)
        except cp.error.SolverError as error:
            return Answer("limit", message=str(error))
    found = {v.name(): v.value for v in model.variables()}
    if found["W"] is None:
        return Answer("limit", message=f"CVXPY says {model.status}")
    # CVXPY calls an answer inaccurate whether time or the gap ended it; what SCIP itself said it hands on
    ended = (model.solver_stats.extra_stats or {}).get("scip_status")
    return _held(program, found["W"], found["Z"], None, ended in ("optimal", "gaplimit"), settings.gap)


def _gdp(program: pf.RegimeSwitching, transformation: str, settings: Settings) -> Answer:
    """Solve the disjunctive model by a transformation of Pyomo.GDP, and SCIP."""
    import pyomo.environ as pyo
    from pyomo.contrib.solver.common.factory import SolverFactory

    from benchmarks.peers import gdp_model

    model = gdp_model(program)
    own = {"solver": pyo.SolverFactory("scip_direct")} if transformation == "mbigm" else {}
    pyo.TransformationFactory(f"gdp.{transformation}").apply_to(model, **own)
    result = SolverFactory("scip_direct").solve(
        model,
        time_limit=settings.time_limit,
        rel_gap=settings.gap,
        solver_options={"randomization/randomseedshift": settings.seed},
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
    )
    if result.incumbent_objective is None:
        return Answer("limit", bound=result.objective_bound)
    result.solution_loader.load_vars()
    W = np.array([[pyo.value(model.W[i, t]) for t in range(program.T)] for i in range(program.n)])
    chosen = np.array(
        [
            [pyo.value(model.case[d, t].binary_indicator_var) for t in range(program.T)]
            for d in range(len(model.regime))
        ]
    )
    own_cases = [[d for d, s in enumerate(model.regime) if s == r] for r in range(program.R)]
    Z = np.array([chosen[cases].sum(axis=0) for cases in own_cases])
    optimal = "convergenceCriteriaSatisfied" in str(result.termination_condition)
    return _held(program, W, Z, result.objective_bound, optimal)


def _held(
    program: pf.RegimeSwitching, W: Any, Z: Any, bound: float | None, optimal: bool, gap: float = 0.0
) -> Answer:
    """Recompute costs and objective at an answer's weights and rounded regimes; the rest is checked unclocked."""
    path = np.round(Z).argmax(axis=0)
    cost = program.costs.value(W.T)[path, np.arange(program.T)]
    objective = program.objective(W, path)
    if bound is None and optimal:  # CVXPY hands no bound on: SCIP claims at least as much
        bound = objective - gap * abs(objective)

    def verify() -> tuple[str, str]:
        failed = [c.name for c in raw_data_checks(program, W, Z, cost, objective) if not c.ok]
        if failed:
            return "claim-wrong", f"fails: {', '.join(failed)}"
        return ("solver-optimal" if optimal else "verified-feasible"), ""

    allowance = PEERS_OWN * max(1.0, abs(objective))
    return Answer("verified-feasible", objective, bound, allowance=allowance, verify=verify)


@problem(solvers=("skfolio", "proofolio-highs"), assets=[5, 10, 20], quick=lambda assets: assets == 5)
def minimum_variance(assets: int, solver: str) -> Callable[[Settings], Answer]:
    """Find the long-only weights of least variance of the bundled prices."""
    solve = _skfolio() if solver == "skfolio" else None
    prices = pf.load_prices().iloc[:, :assets]
    returns = prices.pct_change().dropna()
    covariance = np.cov(returns.to_numpy().T)

    def work(settings: Settings) -> Answer:
        w = _ours(covariance, settings) if solve is None else solve(returns)
        variance = float(w @ covariance @ w)
        # the tangent at w lies below a convex function, and its least value over the weights is at a corner
        slope = 2 * covariance @ w
        bound = variance + float(slope.min() - slope @ w)

        def verify() -> tuple[str, str]:
            if abs(w.sum() - 1) > 1e-6 or w.min() < -1e-6:
                return "claim-wrong", f"weights add up to {w.sum():.9g}, the least is {w.min():.3g}"
            near = variance - bound <= NEAR * variance
            return ("verified-optimal" if near else "verified-feasible"), ""

        firm = variance if abs(w.sum() - 1) <= 1e-8 and w.min() >= -1e-8 else None
        allowance = NEAR * variance
        return Answer("verified-feasible", variance, bound, allowance=allowance, verify=verify, reached=firm)

    return work


def _skfolio() -> Callable[[Any], Any]:
    try:
        from skfolio.optimization import MeanRisk
    except ImportError:
        raise UnsupportedProgram("skfolio is not installed: pip install skfolio") from None
    return lambda returns: np.asarray(MeanRisk().fit(returns).weights_)


def _ours(covariance: Any, settings: Settings) -> Any:
    n = len(covariance)
    model = pf.Model("minimum variance")
    w = model.variable("w", n, 0.0, 1.0)
    model.add("budget", w.sum() == 1)
    model.minimise(model.quadratic(covariance, w))
    return pf.solve(model, solver="highs", confirm="none", time_limit=settings.time_limit)["w"]
