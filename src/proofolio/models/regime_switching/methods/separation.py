r"""The method `separation`: without coupling the problem is R T small quadratic programs.

When nothing ties the periods together,

.. math::
    \min_{W, Z} \sum_t f_{r_t,t}(W_t) = \sum_t \min_r \min_{w \in \mathcal{W}_t} f_{r,t}(w),

and each inner minimum is the least over the convex pieces of f (see `proofolio.models.regime_switching.problem`).
R programs are enough where nothing varies from period to period. The lower bound is the sum of the least bounds of each
period, every one proved by convexity at the weights found (see `proofolio.solvers.quadratic.batch`). When time is up
the weights stay where they have come to, and what they prove is a lower bound still.

Lower bounds on what weights of limited gross exposure cost, by conditional gradients for all periods at once.

Weights that add up to 1 with :math:`\|w\|_1 \le L` are long (1 + L)/2 and short (L - 1)/2 at most, so the least of a
slope g over them is :math:`\tfrac{1 + L}{2} \min_i g_i - \tfrac{L - 1}{2} \max_i g_i`, and by convexity

.. math:: f(v) \ge f(w) + g'(v - w), \qquad g = 2Qw + c.

The best of these bounds over the steps is kept (Frank and Wolfe 1956; Jaggi 2013 for the bound).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import SolverFailure
from proofolio.models.regime_switching.problem import (
    Pieces,
    RegimeProblem,
    distinct_periods,
    within_budget,
)
from proofolio.models.regime_switching.solution import RegimeSolution, declared_answer
from proofolio.program.builder import Builder
from proofolio.program.expression import stack
from proofolio.solvers.continuous import solve_continuous
from proofolio.solvers.limits import Deadline
from proofolio.solvers.quadratic.batch import SimplexQPs, cheapest_point, convexity_defect
from proofolio.solvers.solution import Settings

__all__ = ["Separation", "least_costs", "least_with_gross"]


STEPS = 60
ROUNDING = 1e-15


def least_with_gross(pieces: Pieces, periods: int, gross: float, defect: float, deadline: Deadline) -> Floats:
    """Return lower bounds (D, periods) on pieces over weights that add up to 1 with a gross limit.

    Other bounds of the weights are left out, and convex maxima taken at their floors, which can only lower these.
    When the deadline has passed they are true but weak.

    Parameters
    ----------
    pieces : Pieces
    gross : float
        L, at least 1.
    defect : float
        What `convexity_defect` says of Q.
    """
    D, n = pieces.regime.size, pieces.Q.shape[-1]
    floors = np.array([sum(term.floor for term in terms) for terms in pieces.convex])
    c = np.broadcast_to(pieces.c, (D, periods, n))
    k = np.broadcast_to(pieces.k + floors[:, None], (D, periods))
    long, short = 0.5 * (gross + 1.0), 0.5 * (gross - 1.0)
    w = np.full((D, periods, n), 1.0 / n)
    least = np.full((D, periods), -np.inf)
    # |v - w| is at most 2 L
    margin = defect * 4.0 * gross**2
    for _ in range(STEPS):
        Qw = _times(pieces.Q, w)
        g = 2.0 * Qw + c
        towards = -w
        first, last = g.argmin(axis=2)[..., None], g.argmax(axis=2)[..., None]
        np.put_along_axis(towards, first, np.take_along_axis(towards, first, axis=2) + long, axis=2)
        np.put_along_axis(towards, last, np.take_along_axis(towards, last, axis=2) - short, axis=2)
        value, gain = ((Qw + c) * w).sum(axis=2) + k, (g * towards).sum(axis=2)
        size = gross * (np.abs(Qw).max(axis=2) + np.abs(c).max(axis=2)) + np.abs(k)
        least = np.maximum(least, value + np.minimum(gain, 0.0) - margin - 10.0 * n * ROUNDING * size)
        if deadline.passed:
            break
        bend = 2.0 * (towards * _times(pieces.Q, towards)).sum(axis=2)
        step = np.where(bend > 0.0, -gain / np.where(bend > 0.0, bend, 1.0), np.where(gain < 0.0, 1.0, 0.0))
        w = w + np.clip(step, 0.0, 1.0)[..., None] * towards
    return least


def _times(Q: Floats, w: Floats) -> Floats:
    """Return Q w for Q (D, S, n, n), S being 1 or the number of periods, and w (D, periods, n)."""
    if Q.shape[1] == 1:
        same: Floats = w @ Q[:, 0]
        return same
    each: Floats = np.matmul(Q, w[..., None])[..., 0]
    return each


class Separation:
    """The method `separation`: nothing ties the periods together, and all costs are convex up to concave maxima.

    Beside regimes and costs only bounds, a budget of 1 and a fixed path are known here.
    """

    name = "separation"

    def fits(self, problem: RegimeProblem) -> str | None:
        """Return why the problem does not fit; None where it does."""
        if problem.options:
            return f"separation does not know {', '.join(problem.options)}"
        if not problem.separable:
            return "the problem does not separate: turnover and switching costs tie its periods together"
        if convexity_defect(problem.costs.Q) is None:
            return "the problem does not separate into convex programs: Q is indefinite"
        return None

    def solve(self, problem: RegimeProblem, settings: Settings, deadline: Deadline) -> RegimeSolution:
        """Solve a problem that fits, period by period, and check the answer against the raw data."""
        weights, path, bound = _best_of_each_period(problem, deadline)
        # with maxima a solver of small programs bounds their pieces; otherwise gradients do, whatever found the weights
        proved = problem.pieces.quadratic
        return declared_answer(problem, weights, path, bound, settings, deadline, self.name, proved=proved)


def _best_of_each_period(problem: RegimeProblem, deadline: Deadline) -> tuple[Floats, Integers, float]:
    """Return weights (n, T), the path (T,), and the lower bound of a problem that separates."""
    defect = convexity_defect(problem.costs.Q)
    assert defect is not None
    T, S = problem.T, distinct_periods(problem)
    pieces = problem.pieces
    if problem.path is not None:
        pieces = _used(pieces, problem.path)
    W, bound = _minima(problem, pieces, S, defect, deadline)
    if S < T:
        W, bound = np.repeat(W, T, axis=1), np.repeat(bound, T, axis=1)
    value = np.array([problem.costs.value(W[d])[r] for d, r in enumerate(pieces.regime)])
    if problem.path is not None:
        off_path = pieces.regime[:, None] != problem.path
        value, bound = np.where(off_path, np.inf, value), np.where(off_path, np.inf, bound)
    best = value.argmin(axis=0)
    weights = W[best, np.arange(T)].T
    total = float(bound.min(axis=0).sum())
    return weights, pieces.regime[best], total


def least_costs(problem: RegimeProblem, deadline: Deadline) -> Floats | None:
    """Return lower bounds (R, T) on what each regime can cost in each period, whatever else is asked for.

    They are those of weights in their bounds that add up to 1, or of weights within the gross exposure. None where Q
    is indefinite, or where the weights may add up to something else.
    """
    defect = convexity_defect(problem.costs.Q)
    if defect is None or problem.holdings.net != (1.0, 1.0):
        return None
    pieces = problem.pieces
    S, gross = distinct_periods(problem), problem.holdings.gross
    half = deadline if gross is None else deadline.within(0.5 * deadline.left)
    _, bound = _minima(problem, pieces, S, defect, half)
    if gross is not None:
        bound = np.maximum(bound, least_with_gross(pieces, S, gross, defect, deadline))
    own = [bound[pieces.regime == r].min(axis=0) for r in range(problem.R)]
    return np.array(np.broadcast_to(np.array(own), (problem.R, problem.T)))


def _used(pieces: Pieces, path: Integers) -> Pieces:
    """Return the pieces of the regimes a fixed path visits."""
    kept = np.flatnonzero(np.isin(pieces.regime, path))
    return replace(
        pieces,
        regime=pieces.regime[kept],
        Q=pieces.Q[kept],
        c=pieces.c[kept],
        k=pieces.k[kept],
        convex=tuple(pieces.convex[d] for d in kept),
    )


def _minima(
    problem: RegimeProblem, pieces: Pieces, S: int, defect: float, deadline: Deadline
) -> tuple[Floats, Floats]:
    """Return the weights (D, S, n) and lower bounds (D, S) of every piece in every distinct period."""
    D, n = pieces.regime.size, problem.n
    lower, upper = problem.lower[:S], problem.upper[:S]
    k = np.broadcast_to(pieces.k, (D, S))
    W, bound = np.empty((D, S, n)), np.empty((D, S))
    plain = np.array([not terms for terms in pieces.convex])
    if plain.any():
        family = SimplexQPs(pieces.Q[plain], lower, upper, defect)
        c = np.broadcast_to(pieces.c[plain], (int(plain.sum()), S, n))
        found, _, least = family.minimise(c, deadline=deadline)
        W[plain], bound[plain] = found, least + k[plain]
    for d in np.flatnonzero(~plain):
        for t in range(S):
            solve = _at_a_vertex if deadline.passed else _with_maxima
            W[d, t], bound[d, t] = solve(problem, pieces, int(d), t, defect, deadline)
    return W, bound


def _at_a_vertex(
    problem: RegimeProblem, pieces: Pieces, d: int, t: int, defect: float, deadline: Deadline
) -> tuple[Floats, float]:
    r"""Return the cheapest vertex w for the slopes, and the bound that convexity proves there.

    .. math::
        f(v) \ge f(w) + g'(v - w),\qquad g = 2Qw + c + \sum_{j:\ \alpha_j'w + \beta_j > \phi_j} \alpha_j

    where g is a subgradient, and the least of its right-hand side over the weights is a knapsack's.
    """
    Q, c, k = (part[d, min(t, part.shape[1] - 1)] for part in (pieces.Q, pieces.c, pieces.k))
    lower, upper = problem.lower[t], problem.upper[t]
    w = cheapest_point(c, lower, upper)
    g = 2.0 * Q @ w + c
    value = float(w @ Q @ w + c @ w + k)
    size = float(np.abs(g).max() + np.abs(c).max() + abs(k))
    for term in pieces.convex[d]:
        reached = float(term.alpha @ w + term.beta)
        value += max(reached, term.floor)
        g = g + term.alpha if reached > term.floor else g
        size += float(np.abs(term.alpha).max() + abs(term.beta) + abs(term.floor))
    least = float(g @ (cheapest_point(g, lower, upper) - w))
    spread = upper - lower
    return w, value + min(least, 0.0) - defect * float(spread @ spread) - ROUNDING * problem.n * size


def _with_maxima(
    problem: RegimeProblem, pieces: Pieces, d: int, t: int, defect: float, deadline: Deadline
) -> tuple[Floats, float]:
    """Solve one piece in one period with its convex maxima as epigraph rows."""
    Q, c, k = (part[d, min(t, part.shape[1] - 1)] for part in (pieces.Q, pieces.c, pieces.k))
    model = Builder()
    w = model.variable("w", problem.n, problem.lower[t], problem.upper[t])
    model.add("budget", w.sum() == 1)
    total = model.quadratic(Q, w) + (c * w).sum() + float(k)
    for j, term in enumerate(pieces.convex[d]):
        least, most = term.reach(problem.lower[t], problem.upper[t])
        reached = model.variable(f"max_{j}", lower=float(least), upper=float(most))
        model.add(
            f"max_{j}_at_least", reached >= stack([w @ term.alpha + term.beta, term.floor + 0.0 * w[0]])
        )
        total = total + reached
    model.minimise(total)
    answer = solve_continuous(model.freeze(), Settings().until(deadline))
    if answer.x is None or answer.bound is None:
        if deadline.passed:
            return _at_a_vertex(problem, pieces, d, t, defect, deadline)
        raise SolverFailure(f"{answer.solver} could not solve period {t} in regime {pieces.regime[d]}")
    w_t = within_budget(answer["w"][None], problem.lower[t], problem.upper[t])[0]
    return w_t, float(answer.bound)
