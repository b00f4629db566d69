"""The whole form: a regime-switching problem written as a mixed-integer program, in one of its lowerings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from numpy.typing import ArrayLike

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.formulations.selected_costs import selected_cost
from proofolio.models.regime_switching.problem import RegimeProblem
from proofolio.program.builder import Bounder, Builder
from proofolio.verification.big_m.tiers import BOUNDERS

__all__ = ["LOWERINGS", "built_form", "read_lowering"]


# Each lowering with whether its rows hold an M.
LOWERINGS = {"hull": False, "big-m": True, "multiple-big-m": True, "indicator": False}


def read_lowering(
    problem: RegimeProblem, lowering: str | None, big_m: str | ArrayLike, bounders: Iterable[str]
) -> str:
    """Return the lowering to build: the one named, else the hull, or Big-M where the hull cannot be.

    `bounders` are the names of the tiers of bounds beside the interval's.

    Raises
    ------
    BadData
        For a lowering that does not exist, a `big_m` that is no tier, and one for a lowering without any M.
    UnsupportedProgram
        For a lowering that needs one regime a period where regimes are covered.
    """
    covered = problem.rules.covered is not None
    named = lowering is not None
    if lowering is None:
        lowering = "big-m" if covered or not problem.convex else "hull"
    if str(lowering) not in LOWERINGS:
        raise BadData(f"there is no lowering {lowering!r}: name one of {', '.join(LOWERINGS)}")
    if covered and lowering in ("hull", "multiple-big-m"):
        raise UnsupportedProgram(
            f"lowering {lowering!r} needs one regime a period, and covered allows several: use 'big-m' or "
            "'indicator'"
        )
    if isinstance(big_m, str):
        tiers = ["interval", *sorted(bounders), *["published"] * (lowering != "multiple-big-m")]
        if big_m not in tiers:
            raise BadData(f"big_m is {big_m!r}; give numbers, or one of {', '.join(map(repr, tiers))}")
    # the maxima of an indicator form may have an M of the published rule
    unused = not LOWERINGS[lowering] and not (
        lowering == "indicator" and problem.costs.maxima and isinstance(big_m, str) and big_m == "published"
    )
    if unused and not (isinstance(big_m, str) and big_m == "interval"):
        which = f"lowering {lowering!r}" if named else f"{lowering!r}, the lowering when none is named,"
        raise BadData(f"{which} has no M for big_m to set: name lowering 'big-m', or leave big_m out")
    return lowering


def built_form(
    problem: RegimeProblem,
    lowering: str | None = None,
    big_m: str | ArrayLike = "interval",
    bounders: Mapping[str, Bounder] | None = None,
) -> Builder:
    """Return the builder of the whole form; see `RegimeSwitching.model`."""
    bounders = BOUNDERS if bounders is None else bounders
    lowering = read_lowering(problem, lowering, big_m, bounders)
    n, T = problem.n, problem.T
    model = Builder("regime_switching", bounders)  # no checker: `solve` reports an M that cuts off
    W = model.variable("W", (n, T), problem.lower.T, problem.upper.T)
    Z = problem.rules.variable(model)
    problem.holdings.add(model, W)
    switching = problem.rules.add(model, Z)
    budget = problem.holdings.budget
    cost = selected_cost(
        model,
        "cost",
        Z,
        W.T,
        problem.costs,
        lowering=lowering,
        big_m=big_m,
        exact=problem.exact,
        budget=budget,
    )
    limits = problem.holdings.turnover_limit
    trading = problem.trading.add(model, W, limits, budget is not None)
    model.minimise(cost.sum() + trading + switching)
    return model
