"""Does a Big-M cut off points the model is meant to allow? A search for the point that shows it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np

from proofolio.arrays import Floats
from proofolio.errors import ProofolioError
from proofolio.models.regime_switching.form import built_form
from proofolio.models.regime_switching.problem import Pieces, RegimeProblem
from proofolio.models.regime_switching.rules import cheapest_allowed
from proofolio.program.program import Program, Switch
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.quadratic.batch import SimplexQPs, cheapest_point, convexity_defect
from proofolio.solvers.solution import Check, Settings, Solution
from proofolio.verification.big_m.tiers import bounders_until
from proofolio.verification.checks.checking import LIMIT

__all__ = ["CutOff", "find_cut_off", "unproved_big_m"]


BEYOND = 1e-9
SECONDS = 10.0
UNPROVED = ("published", "given")


@dataclass(frozen=True, eq=False)
class CutOff:
    r"""What was found about the M of the cost rows :math:`\mathrm{cost}_t \ge f_r - M(1 - Z_r)`.

    Attributes
    ----------
    regime, other, period : int
        The row ``cost_at_least[regime, period]`` and the active regime `other` under which it binds.
    weights : ndarray, shape (n,)
        Feasible weights at which f_regime - f_other exceeds M.
    big_m, needed : float
        M as built, and f_regime - f_other at the weights: a lower bound on the M needed.
    objective : float or None
        Objective of a feasible path better than the solver's proven bound, if one was found.
    checks : tuple of Check
    """

    regime: int
    other: int
    period: int
    weights: Floats
    big_m: float
    needed: float
    objective: float | None
    checks: tuple[Check, ...]


def find_cut_off(
    problem: RegimeProblem, built: Program, answer: Solution, deadline: Deadline = NEVER
) -> CutOff | None:
    """Look for a feasible point cut off by an M that is not proved to be enough (published, or given).

    Candidates are the vertices of each period's weight set in the coordinate directions and each regime's
    own minimiser; a better objective is sought along each period's cheapest regime. A program with options that
    this search does not know is left to `unproved_big_m`. Minimisers that there is no time for are replaced by
    vertices, and a check named ``time limit`` says so.
    """
    switch = _cost_switch(built)
    if switch is None or switch.tier not in UNPROVED or problem.options:
        return None
    M = switch.big_m.reshape(problem.R, problem.T)
    worst: tuple[float, int, int, int, Floats] | None = None
    minimisers, finished = _minimisers(problem, deadline)
    for t in _distinct_periods(problem):
        points = [*_vertices(problem.lower[t], problem.upper[t]), *minimisers[:, t]]
        f = _values(problem, np.array(points), t)
        for r in range(problem.R):
            for s in range(problem.R):
                beyond = f[r] - f[s] - M[r, t]
                at = int(beyond.argmax())
                if r != s and (worst is None or beyond[at] > worst[0]):
                    worst = (float(beyond[at]), r, s, t, points[at])
    if worst is None:
        return None
    beyond, r, s, t, w = worst
    size = BEYOND * max(1.0, float(M[r, t]))
    sufficient = Check(
        "M",
        beyond <= size,
        max(beyond, 0.0),
        size,
        ""
        if beyond <= size
        else f"cost_at_least[{r},{t}] has M = {M[r, t]:.6g} but f_{r} - f_{s} reaches {M[r, t] + beyond:.6g} "
        f"at weights {np.array2string(w, precision=3)}",
    )
    checks = [sufficient]
    better = None
    if not sufficient.ok and answer.bound is not None:
        reached = _best_known(problem, minimisers, deadline)
        allowed = 1e-6 * max(abs(answer.bound), 1e-9)
        better = reached if reached < answer.bound - allowed else None
        said = (
            ""
            if better is None
            else f"{reached:.6g} is feasible, and the program as built says {answer.bound:.6g}"
        )
        checks.append(
            Check("optimum not cut off", better is None, max(answer.bound - reached, 0.0), allowed, said)
        )
    if not finished:
        checks.append(
            Check(LIMIT, False, float("nan"), 0.0, "no time was left for each regime's best weights")
        )
    return CutOff(r, s, t, w, float(M[r, t]), float(M[r, t] + beyond), better, tuple(checks))


def unproved_big_m(
    problem: RegimeProblem, built: Program, pairs_given: bool, deadline: Deadline = NEVER
) -> tuple[Check, ...]:
    """Say whether bounds by intervals or linear programs prove an M that was published or given to be enough.

    Where they do not, the check is undecided (NaN): a smaller M may do, and the answer may then claim no more
    than to be feasible. Numbers given for multiple Big-M (`pairs_given`) are never proved here.
    """
    if pairs_given:
        said = "nothing proves the numbers given for multiple Big-M to be enough: big_m='interval' is proved"
        return (Check("M", False, float("nan"), 0.0, said),)
    asked = {name: switch for name, switch in _switches(built).items() if switch.tier in UNPROVED}
    if not asked:
        return ()
    for tier in ("interval", "lp"):
        proved = _switches(built_form(problem, "big-m", tier, bounders_until(deadline)).freeze())
        checks = [_enough(name, switch, proved.get(name), tier) for name, switch in asked.items()]
        worst = max(checks, key=lambda c: np.inf if np.isnan(c.value) else c.value)
        if worst.ok:
            break
    return (worst,)


def _enough(name: str, switch: Switch, proved: Switch | None, tier: str) -> Check:
    if proved is None or switch.big_m.shape != proved.big_m.shape:
        return Check("M", False, float("nan"), 0.0, f"nothing proves the M of {name} to be enough")
    beyond = proved.big_m - switch.big_m
    size = BEYOND * max(1.0, float(np.abs(proved.big_m).max()))
    i = int(beyond.argmax())
    if beyond[i] <= size:
        return Check("M", True, max(float(beyond[i]), 0.0), size)
    said = (
        f"row {i} of {name} has M = {switch.big_m[i]:.6g}, which nothing proves to be enough: "
        f"{proved.big_m[i]:.6g} is (big_m={tier!r})"
    )
    return Check("M", False, float("nan"), size, said)


def _switches(built: Program) -> dict[str, Switch]:
    blocks = (*built.rows, *built.quadratic.blocks)
    return {block.name: block.switch for block in blocks if block.switch is not None}


def _cost_switch(built: Program) -> Switch | None:
    for block in (*built.rows, *built.quadratic.blocks):
        if block.switch is not None and block.switch.construct == "selected_cost":
            return block.switch
    return None


def _distinct_periods(problem: RegimeProblem) -> range:
    same = (
        not problem.costs.varies
        and np.ptp(problem.lower, axis=0).max() == np.ptp(problem.upper, axis=0).max() == 0
    )
    return range(1 if same else problem.T)


def _vertices(lower: Floats, upper: Floats) -> list[Floats]:
    """Return, for each asset, the weights with as much of it as possible, then of the next ones."""
    n = lower.size
    found = []
    for first in range(n):
        w = lower.copy()
        rest = 1.0 - w.sum()
        for i in (first + np.arange(n)) % n:
            step = min(rest, upper[i] - lower[i])
            w[i] += step
            rest -= step
        found.append(w)
    return found


def _values(problem: RegimeProblem, points: Floats, t: int) -> Floats:
    """Return f of every regime in period t at points (m, n): shape (R, m)."""
    one = problem.costs._replace(
        Q=problem.costs.Q[:, [t if problem.costs.Q.shape[1] > 1 else 0]],
        c=problem.costs.c[:, [t if problem.costs.c.shape[1] > 1 else 0]],
        k=problem.costs.k[:, [t if problem.costs.k.shape[1] > 1 else 0]],
    )
    return one.value(points)


def _minimisers(problem: RegimeProblem, deadline: Deadline) -> tuple[Floats, bool]:
    """Return each regime's own best weights in each period, shape (R, T, n), and whether time sufficed."""
    alone, defect = problem.uncoupled(), convexity_defect(problem.costs.Q)
    pieces = None if defect is None else alone.pieces
    if pieces is not None and pieces.quadratic:
        return _of_pieces(alone, pieces, deadline), not deadline.passed
    found = [_weights(alone.with_path(np.full(problem.T, r)), deadline) for r in range(problem.R)]
    return np.array(found), not deadline.passed


def _of_pieces(problem: RegimeProblem, pieces: Pieces, deadline: Deadline) -> Floats:
    """Return the same of convex quadratic costs, from the small programs they separate into."""
    D, T, n = pieces.regime.size, problem.T, problem.n
    family = SimplexQPs(pieces.Q, problem.lower, problem.upper)
    W, value, _ = family.minimise(np.broadcast_to(pieces.c, (D, T, n)), deadline=deadline)
    value = value + pieces.k
    own = [np.flatnonzero(pieces.regime == r) for r in range(problem.R)]
    return np.array([W[d[value[d].argmin(axis=0)], np.arange(T)] for d in own])


def _weights(fixed: RegimeProblem, deadline: Deadline) -> Floats:
    """Solve a program whose path is fixed; where that fails, any feasible weights will do for a search."""
    with contextlib.suppress(ProofolioError):
        built = built_form(fixed, "hull").freeze() if deadline.left else None
        limited = Settings().until(deadline.within(SECONDS))
        answer = None if built is None else SOLVERS["highs"].solve(built, limited)
        if built is not None and answer is not None and answer.x is not None:
            weights: Floats = answer.x[built.columns("W")].T
            return weights
    return cheapest_point(np.zeros_like(fixed.lower), fixed.lower, fixed.upper)


def _best_known(problem: RegimeProblem, minimisers: Floats, deadline: Deadline) -> float:
    """Return the objective along the path that is cheapest when each regime keeps its own best weights."""
    phi = np.array([problem.costs.value(minimisers[r])[r] for r in range(problem.R)])
    cheapest = cheapest_allowed(problem.rules, phi)
    assert cheapest is not None  # no rule is in use that could forbid every path
    path = cheapest[0].argmax(axis=0)
    W = _weights(problem.with_path(path), deadline).T
    return problem.objective(W, path)
