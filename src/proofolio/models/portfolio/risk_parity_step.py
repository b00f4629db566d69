"""One answer of the risk-parity program, and the checks it went through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from proofolio.arrays import Floats
from proofolio.models.portfolio.plan_set import FEASIBLE
from proofolio.models.portfolio.quadratic_step import Kkt, QuadraticStep, TradeMultipliers
from proofolio.models.portfolio.risk_parity_certificate import Certificate
from proofolio.models.portfolio.risk_parity_kernels import DEAD, KKT, NOT_ABOVE
from proofolio.models.portfolio.risk_parity_problem import RiskParityProblem
from proofolio.solvers.solution import Check

__all__ = ["DEAD", "Iteration", "Measured", "RiskParityStep", "checked_step", "first_order_gap", "measured"]


ABSOLUTE = 1.0  # the size that relative gaps refer to; here gaps are read as they are


class Iteration(NamedTuple):
    """One iteration of the successive convex approximation.

    Attributes
    ----------
    objective : float
        After it.
    step : float
        The part of the way to the subproblem's answer that was taken.
    moved : float
        The largest change of a weight.
    residual : float
        `first_order_gap` where it ended, with its own multipliers; NaN where it was not measured.
    kkt : float
        Violation or proven gap of the iteration's quadratic program, whichever is larger; NaN where there was none.
    """

    objective: float
    step: float
    moved: float
    residual: float
    kkt: float


@dataclass(frozen=True, eq=False)
class RiskParityStep:
    """Weights over H periods, and what is known of them.

    Attributes
    ----------
    W : ndarray, shape (H, n)
        The first row is the move to make now.
    objective, start_objective : float
        Here, and at the start whose every asset is held: each period's ERC, moved within bounds and limits.
    begun : {"erc", "holdings", "between", "equal", "group", "corner", "drawn", "neighbour", "revived", ...}
        Which start led here; or "given", or "search", which is the one for a certificate.
    contributions : ndarray, shape (H, n)
        Risk contributions.
    smallest_weight : float
        Of the assets with a budget.
    stationarity : float
        By no more than this any feasible point is better to first order (see `first_order_gap`).
    cannot_die : bool
        Whether the start lies so low that no descent from it can bring a weight to 0 (see `death_threshold`).
    dead : tuple of int
        Assets with a budget and weight 0 in some period.
    penalty_choice : tuple of int
        Those of them that were not held before, and that the cost of trading keeps out: where there are rules, the
        plan without them does not hold these either.
    rules_choice : tuple of int
        Those that bounds, groups or the turnover limit keep out: their upper bound is 0, or the plan without all
        these rules holds them.
    given_up : tuple of int
        Those of them that were held before and are sold to nothing, where the best end of many starts does so and none
        of the others is better: only with ``starts="all"``.
    alternative : float
        The best objective found with all dead assets, or one of them, held at a tenth of the ERC weight or more;
        infinite where no plan holds them, NaN where nothing is dead or a solver failed. The choices are only called
        so where it is not below the objective.
    iterations : tuple of Iteration
        Of the run that led here; the first entry is its start.
    checks : tuple of Check
    seconds : float
    solver, method : str
    starts, elsewhere : int
        How many starts were descended from, and from how many the descent ended at a worse plan.
    bound : float
        With ``certify=True``: no plan that keeps the rules has a lower objective, whatever starts are tried. NaN
        where it was not asked for.
    gap : float
        The objective, rounded up, less the bound.
    certified : bool
        Whether the gap is at most 1e-4 of the objective and 1e-9: then the plan is globally optimal within it.
    boxes : int
        How many the certificate took.
    """

    W: Floats
    objective: float
    start_objective: float
    begun: str
    contributions: Floats
    smallest_weight: float
    stationarity: float
    cannot_die: bool
    dead: tuple[int, ...]
    penalty_choice: tuple[int, ...]
    rules_choice: tuple[int, ...]
    given_up: tuple[int, ...]
    alternative: float
    iterations: tuple[Iteration, ...]
    checks: tuple[Check, ...]
    seconds: float
    solver: str
    method: str
    starts: int = 1
    elsewhere: int = 0
    bound: float = np.nan
    gap: float = np.nan
    certified: bool = False
    boxes: int = 0

    def __repr__(self) -> str:
        H, n = self.W.shape
        return f"RiskParityStep(n={n}, H={H}, objective={self.objective:g}, solver={self.solver!r}, ok={self.ok})"

    @classmethod
    def later(cls, W: Floats, finish: Callable[[], RiskParityStep]) -> RiskParityStep:
        """Return a step whose checks all hold; `finish` makes it with all the rest when that is first asked for."""
        step = cls.__new__(cls)
        vars(step).update(W=W, _finish=finish)
        return step

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Finish the step, if it is one for later, and return what was asked for."""
            finish = vars(self).get("_finish")
            if finish is None or name not in self.__dataclass_fields__:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            vars(self).update(vars(finish()))
            return vars(self)[name]

    def __getstate__(self) -> dict[str, Any]:
        """Return all fields: a copy, or a file, has no machine code behind it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def ok(self) -> bool:
        """Whether every check holds: allowed, stationary, not above the ERC start, no asset dead unexplained.

        Stationary is not globally best: the program is not convex, and where bounds, groups or a turnover limit
        hold, or trading costs, a better plan may exist beside the best of those that were descended to, unless the
        step is `certified`.
        """
        return "_finish" in vars(self) or all(check.ok for check in self.checks)


def first_order_gap(
    step: QuadraticStep,
    slope: Floats,
    w0: Floats,
    W: Floats,
    multipliers: TradeMultipliers,
    enough: float = -np.inf,
) -> float:
    r"""Bound by how much any feasible plan improves on W to first order; 0 where W is stationary.

    The objective with its smooth part made linear, :math:`s'V + \gamma \sum_t \|V_t - V_{t-1}\|_1`, is convex, and
    the multipliers bound it from below over all feasible plans by weak duality (see `QuadraticStep`).
    Poor multipliers make the bound large, never wrong.

    Parameters
    ----------
    step : QuadraticStep
        Its plan set and cost of trading.
    slope, W : ndarray, shape (H, n)
    w0 : ndarray, shape (n,)
    multipliers : TradeMultipliers
    enough : float
        A gap below which no better multipliers are looked for.
    """
    return _first_order(step, slope, w0, W, multipliers, enough).gap


def _first_order(
    step: QuadraticStep, slope: Floats, w0: Floats, W: Floats, multipliers: TradeMultipliers, enough: float
) -> Kkt:
    """Measure with the multipliers given, and with those that the weights ask for: the smaller gap is one too."""
    none = np.zeros((*slope.shape, slope.shape[1]))
    found = step.measure(-slope, none, w0, W, multipliers, ABSOLUTE).kkt
    if found.gap <= enough or multipliers.limit is not None or multipliers.groups is not None:
        return found
    asked = TradeMultipliers(_asked(step.cost, slope, w0, W, multipliers.s))
    return min(found, step.measure(-slope, none, w0, W, asked, ABSOLUTE).kkt, key=lambda kkt: kkt.gap)


def _asked(cost: Floats, slope: Floats, w0: Floats, W: Floats, s: Floats) -> Floats:
    r"""Return the multipliers of trades that weights ask for; a solver's are as inexact as its trades.

    Of an asset that is held :math:`slope_t + s_t - s_{t+1} = \nu_t`, so that :math:`s_t = \sum_{\tau \ge t}
    (\nu_\tau - slope_\tau)`, and of one that is traded :math:`s_t = \pm c`. The latter give the sums of
    :math:`\nu`; where nothing is traded, the given multipliers do.
    """
    ahead = np.cumsum(slope[::-1], axis=0)[::-1]
    u = np.diff(W, axis=0, prepend=w0[None])
    size = np.abs(u)
    total = size.sum(axis=1)
    known = (size * (ahead + cost * np.sign(u))).sum(axis=1) / np.where(total > 0.0, total, 1.0)
    level = np.where(total > 0.0, known, (ahead + s).mean(axis=1))
    return np.where((W > DEAD).all(axis=0), level[:, None] - ahead, s)


class Measured(NamedTuple):
    """What is recomputed of a plan from the raw data."""

    contributions: Floats
    stationarity: float
    missed: float
    objective: float
    smallest: float


def measured(
    program: RiskParityProblem,
    sigma: Floats,
    w0: Floats,
    W: Floats,
    multipliers: TradeMultipliers,
    tolerance: float,
) -> Measured:
    """Recompute what is claimed of a plan; no better multipliers are looked for than prove a gap of `tolerance`."""
    b = program.budgets
    m = np.matmul(sigma, W[..., None])[..., 0]
    part = W * m
    variance = part.sum(axis=1, keepdims=True)
    contributions = part / variance
    g = contributions - b
    # With g held, the derivative of sum g_i w_i m_i / w'm; every w_j is in its own product and in all m
    pulled = np.matmul(sigma, (g * W)[..., None])[..., 0]
    slope = g * m + pulled - 2.0 * (g * contributions).sum(axis=1, keepdims=True) * m
    slope *= 2.0 / variance
    found = _first_order(program.step, slope, w0, W, multipliers, tolerance)
    u = W - np.concatenate([w0[None], W[:-1]])
    objective = float((g * g).sum()) + float((np.abs(u) @ program.step.cost).sum())
    smallest = float(W[b > 0.0].min())
    return Measured(contributions, found.gap, found.violation, objective, smallest)


def checked_step(
    program: RiskParityProblem,
    w0: Floats,
    W: Floats,
    known: Measured,
    iterations: tuple[Iteration, ...],
    *,
    start_objective: float,
    alternative: float,
    unruled: Floats | None = None,
    begun: str,
    tolerance: float,
    solver: str,
    method: str,
    starts: int = 1,
    elsewhere: int = 0,
    certificate: Certificate | None = None,
    seconds: float,
) -> RiskParityStep:
    """Return the answer with its checks.

    Parameters
    ----------
    program : RiskParityProblem
    w0 : ndarray, shape (n,)
    W : ndarray, shape (H, n)
    known : Measured
        Of W.
    iterations : tuple of Iteration
    unruled : ndarray, shape (H, n), optional
        The weights without bounds, groups and limits, to tell what these keep out.
    start_objective, alternative, begun, tolerance, solver, method, starts, elsewhere, seconds
    certificate : Certificate, optional
        Of W.
    """
    stationarity, objective = known.stationarity, known.objective
    below = start_objective + NOT_ABOVE * max(1.0, start_objective) - objective
    holds = below >= 0.0 and stationarity <= tolerance
    looked = bool(alternative >= objective)  # NaN: not known
    dead: tuple[int, ...] = ()
    penalty = shut = given_up = lost = dead
    if known.smallest <= DEAD:
        dead, penalty, shut = _dead(program, W, w0, holds and looked, unruled)
        lost = tuple(i for i in dead if i not in {*penalty, *shut})
        given_up = lost if starts > 1 and holds and looked else ()
        lost = () if given_up else lost
    kkt = max((i.kkt for i in iterations if i.kkt == i.kkt), default=0.0)
    checks = (
        Check("weights allowed", known.missed <= FEASIBLE, known.missed, FEASIBLE),
        Check("quadratic programs solved", kkt <= KKT, kkt, KKT),
        Check("stationary", stationarity <= tolerance, stationarity, tolerance),
        Check("objective not above the ERC start's", below >= 0.0, max(0.0, -below), 0.0),
        Check("no asset dead", not lost, float(len(lost)), 0.0, _explained(penalty, shut, given_up, lost)),
    )
    bound, gap, certified, boxes = np.nan, np.nan, False, 0
    if certificate is not None:
        bound, boxes = certificate.bound, certificate.boxes
        gap = float(np.nextafter(certificate.value - bound, np.inf))
        certified = certificate.certified and known.missed <= FEASIBLE
    return RiskParityStep(
        W, objective, start_objective, begun, known.contributions, known.smallest, stationarity,
        start_objective < program.harmless, dead, penalty, shut, given_up, alternative, iterations, checks,
        seconds, solver, method, starts, elsewhere, bound, gap, certified, boxes,
    )  # fmt: skip


def _dead(
    program: RiskParityProblem, W: Floats, w0: Floats, explained: bool, unruled: Floats | None
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the dead assets, those that the cost of trading keeps out, and those that the rules keep out."""
    missing = (W <= DEAD) & (program.budgets > 0.0)
    if not missing.any():
        return (), (), ()
    dead = tuple(int(i) for i in np.flatnonzero(missing.any(axis=0)))
    upper = program.plan_set.upper
    closed = tuple(i for i in dead if np.all(upper[missing[:, i], i] <= DEAD))
    if not explained:
        return dead, (), closed
    # not held and never bought: what was sold down to nothing is not the cost of buying
    never = {i for i in dead if w0[i] <= DEAD and missing[:, i].all() and i not in closed}
    if program.plan_set.only_long:
        return dead, tuple(i for i in dead if i in never) if program.gamma_trade > 0.0 else (), closed
    if unruled is None:
        return dead, (), closed
    # what the rules keep out is held without them; what is missing without them too, the cost may keep out
    free = {i for i in dead if np.all(unruled[missing[:, i], i] > DEAD)}
    penalty = tuple(i for i in dead if i in never and i not in free) if program.gamma_trade > 0.0 else ()
    return dead, penalty, tuple(i for i in dead if i in free or i in closed)


def _explained(
    penalty: tuple[int, ...], shut: tuple[int, ...], given_up: tuple[int, ...], lost: tuple[int, ...]
) -> str:
    parts = []
    if penalty:
        parts.append(f"assets {list(penalty)} were not held, and buying them costs more than it is worth")
    if shut:
        parts.append(f"assets {list(shut)} are kept out by bounds, groups or the turnover limit")
    if given_up:
        parts.append(f"assets {list(given_up)} are given up: no start ended better with them held")
    if lost:
        parts.append(f"assets {list(lost)} have no weight and so no risk: a dead-asset trap")
    return "; ".join(parts)
