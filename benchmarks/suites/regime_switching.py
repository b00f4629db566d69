"""The regime-switching program: every lowering and option, each answer checked against the declared data.

A Big-M that cuts points off, as the published bound can, is found there and not in the rows that were solved: the
answer then is a claim that did not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import proofolio as pf
from proofolio.benchmarking import Answer, problem
from proofolio.benchmarking.judgement import reached
from proofolio.models.regime_switching.cut_off import find_cut_off, unproved_big_m
from proofolio.models.regime_switching.methods.whole import max_term_checks
from proofolio.models.regime_switching.solution import raw_data_checks
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import OPTIMAL, Settings

LOWERINGS = ("hull", "big-m", "big-m lp", "published big-m", "multiple-big-m", "indicator")
BIG_M = {"big-m lp": ("big-m", "lp"), "published big-m": ("big-m", "published")}
SECONDS = 5.0
STOCKS = ["AAPL", "JNJ", "JPM", "KO", "XOM"]
R = 4


@dataclass(frozen=True, eq=False)
class Form:
    """A declared program in one of its lowerings."""

    program: pf.RegimeSwitching
    lowering: str

    def to_program(self) -> pf.Program:
        """Return the program in matrix form."""
        lowering, big_m = BIG_M.get(self.lowering, (self.lowering, "interval"))
        return self.program.to_program(lowering, big_m)

    def judge(self, answer: pf.Solution) -> tuple[str, str]:
        """Check an answer against the declared data: its costs, every rule, and whether M cuts off what is meant."""
        built, objective = answer.program, answer.objective or 0.0
        # what a solver left open may be slack in its costs
        spare = np.inf if answer.bound is None else max(objective - answer.bound, 0.0)
        checks = raw_data_checks(self.program, answer["W"], answer["Z"], answer["cost"], objective, spare)
        checks += max_term_checks(self.program, built, answer)
        deadline = Deadline.after(SECONDS)
        cut_off = find_cut_off(self.program, built, answer, deadline)
        proof = cut_off.checks if cut_off is not None else ()
        checks += (
            proof if not all(c.ok for c in proof) else unproved_big_m(self.program, built, False, deadline)
        )
        wrong = [c for c in checks if not c.ok and not np.isnan(c.value)]
        if wrong:
            return "claim-wrong", "; ".join(f"{c.name}: {c.detail or f'{c.value:.3g}'}" for c in wrong)
        unproved = [c.name for c in checks if np.isnan(c.value)]
        if unproved and answer.status in OPTIMAL:
            return "verified-feasible", f"not proved: {', '.join(unproved)}"
        return answer.status, ""


@problem(
    n=[3, 10],
    T=[5, 10],
    instance=[0, 1, 2],
    lowering=LOWERINGS,
    where=lambda n, T, instance, lowering: T == {3: 5, 10: 10}[n],
    quick=lambda n, T, instance, lowering: n == 3 and (instance == 0 or lowering == "hull"),
)
def published(n: int, T: int, instance: int, lowering: str) -> Form:
    """Return the published form of the program: nothing but the costs of the regimes, two of them with maxima."""
    return Form(pf.random_instance(n, T, R, instance), lowering)


@problem(
    n=[5, 20],
    T=[8, 20],
    cost=[0.02, 0.05],
    instance=[0, 1, 2],
    lowering=LOWERINGS,
    where=lambda n, T, cost, instance, lowering: T == {5: 8, 20: 20}[n],
    quick=lambda n, T, cost, instance, lowering: n == 5 and instance == 0 and lowering == "hull",
)
def coupled(n: int, T: int, cost: float, instance: int, lowering: str) -> Form:
    """Return a program in which turnover and changes of regime cost."""
    program = pf.random_instance(n, T, R, instance, varying=True, coupled=True, kappa=cost, sigma=cost)
    return Form(program, lowering)


@problem(R=[2, 3], T=[6, 12], lowering=LOWERINGS, quick=lambda R, T, lowering: (R, T) == (2, 6))
def market(R: int, T: int, lowering: str) -> Form:
    """Return a program of real prices."""
    prices = pf.load_prices()[STOCKS]
    program = pf.market_instance(prices, R=R, T=T, gamma=20.0, turnover_cost=0.001, switch_cost=1e-5)
    return Form(program, lowering)


@cache
def options() -> dict[str, dict[str, Any]]:
    """Return what the program can be asked for, option by option."""
    stay = np.eye(3, dtype=bool) | np.eye(3, k=1, dtype=bool) | np.eye(3, k=-2, dtype=bool)
    even = np.full(5, 0.2)
    return {
        "bounds": {"lower": -0.1, "upper": 0.5},
        "gross": {"lower": -0.5, "gross": 1.5},
        "net": {"net": (0.8, 1.0)},
        "groups": {"groups": [pf.Group([0, 2], upper=0.4)]},
        "cardinality": {"cardinality": 2},
        "minimum position": {"minimum_position": 0.2},
        "round lots": {"round_lots": 0.05},
        "path": {"path": [0, 0, 1, 1, 2]},
        "transitions": {"transitions": stay},
        "dwell": {"dwell": 2},
        "switches": {"max_switches": 1, "switch_cost": 0.01},
        "covered": {"covered": pf.Covered([0.5, 0.3, 0.2], 0.25)},
        "turnover": {"initial": even, "turnover_cost": 0.05, "turnover_limit": 0.5},
        "quadratic impact": {"initial": even, "quadratic_impact": 0.1},
        "power impact": {"initial": even, "power_impact": 0.1},
        "power impact by chords": {"initial": even, "power_impact": 0.1, "impact_pieces": 4},
        "exact maxima": {"exact": True},
    }


@problem(
    option=options(),
    lowering=("hull", "big-m", "multiple-big-m", "indicator"),
    where=lambda option, lowering: option != "covered" or lowering in ("big-m", "indicator"),
    quick=lambda option, lowering: lowering == "hull" or option == "covered",
)
def option(option: str, lowering: str) -> Form:
    """Return a small program with one of the options."""
    return Form(pf.random_instance(5, 5, 3, 7, varying=True, **options()[option]), lowering)


@problem(lowering=("big-m", "indicator"))
def indefinite(lowering: str) -> Form:
    """Return a program with an indefinite cost, which SCIP alone can solve."""
    drawn = pf.random_instance(4, 4, 3, 1, maxima=())
    Q = drawn.costs.Q[:, 0] - 0.3 * np.eye(4)
    return Form(pf.RegimeSwitching(Q, drawn.costs.c[:, 0], periods=4), lowering)


METHODS = {
    "auto": {},
    "separation": {"method": "separation"},
    "path": {"method": "path"},
    "whole-highs": {"method": "whole", "solver": "highs"},
    "whole-scip": {"solver": "scip", "lowering": "hull"},
}


@problem(
    solvers=tuple(METHODS),
    kind=["published", "coupled"],
    n=[10, 50],
    T=[10, 20],
    instance=[0, 1, 2],
    where=lambda kind, n, T, instance: T == {10: 10, 50: 20}[n],
    quick=lambda kind, n, T, instance: n == 10,
)
def method(kind: str, n: int, T: int, instance: int, solver: str) -> Any:
    """Solve the declared program by each of its methods: seconds are from the declaration to the checked answer."""
    tied = {"varying": True, "coupled": True, "kappa": 0.02, "sigma": 0.02} if kind == "coupled" else {}
    program = pf.random_instance(n, T, R, instance, **tied)

    def work(settings: Settings) -> Answer:
        known = {
            "time_limit": settings.time_limit,
            "gap": settings.gap,
            "seed": settings.seed,
            "progress": settings.progress,
        }
        found = program.solve(**METHODS[solver], **known)
        return answer_of(found)

    return work


def answer_of(found: pf.RegimeSolution) -> Answer:
    """Return a model's own checked answer as one of a benchmark."""
    failures = "; ".join(f"{c.name}: {c.detail or f'{c.value:.3g}'}" for c in found.failed)
    return Answer(
        found.status,
        found.objective,
        found.bound,
        allowance=1e-6 * max(1.0, abs(found.objective or 0.0)),
        nodes=found.nodes,
        method=found.method,
        version=found.version,
        # what was declared is checked where it is solved, inside the clock
        verify=lambda: (found.status, failures or found.message),
        reached=lambda: _reached(found),
    )


def _reached(found: pf.RegimeSolution) -> float | None:
    """Return the objective when the point satisfies the built program firmly, and that is the declared one."""
    if found.x is None or found.impact_error:
        return None
    return reached(found.program, found.x, Deadline.after(5.0))
