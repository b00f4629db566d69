"""What is measured of a run, and the means over many: gaps, the primal-dual integral, shifted means, PAR10."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["berthold_gap", "gap", "par10", "primal_dual_integral", "shift_for", "shifted_geometric_mean"]


History = Sequence[tuple[float, "float | None", "float | None"]]
QUICK_SHIFT, LONG_SHIFT = 0.01, 1.0
LONG = 1.0


def gap(objective: float | None, bound: float | None) -> float:
    """Return ``|p - d| / max(1e-10, |p|)``; infinite where one of the two is missing.

    Examples
    --------
    >>> gap(2.0, 1.0), gap(None, 1.0)
    (0.5, inf)
    """
    if objective is None or bound is None:
        return math.inf
    return abs(objective - bound) / max(1e-10, abs(objective))


def berthold_gap(objective: float | None, bound: float | None) -> float:
    r"""Return the gap between 0 and 1 that the primal-dual integral is made of.

    .. math:: \gamma(p, d) = |p - d| / \max(|p|, |d|)

    0 when both are equal, and 1 when one is missing or their signs differ (Berthold, Measuring the impact of
    primal heuristics, Operations Research Letters 41, 2013).

    Examples
    --------
    >>> berthold_gap(4.0, 3.0), berthold_gap(1.0, -1.0), berthold_gap(0.0, 0.0), berthold_gap(1.0, None)
    (0.25, 1.0, 0.0, 1.0)
    """
    if objective is None or bound is None or not (math.isfinite(objective) and math.isfinite(bound)):
        return 1.0
    if objective == bound:
        return 0.0
    if objective * bound < 0:
        return 1.0
    return min(1.0, abs(objective - bound) / max(abs(objective), abs(bound)))


def primal_dual_integral(history: History, seconds: float) -> float:
    r"""Return :math:`\int_0^T \gamma(p(t), d(t))\,dt`, in seconds: p and d stay as they are until the next news.

    Before the first news the gap is 1, so the integral lies between 0 (solved at once) and T (nothing found).

    Parameters
    ----------
    history : sequence of (seconds, objective or None, bound or None)
        In the order of time; what lies after `seconds` is left out.
    seconds : float
        T.

    Examples
    --------
    >>> primal_dual_integral([(1.0, 4.0, 2.0), (3.0, 4.0, 4.0)], 10.0)
    2.0
    """
    total, before, height = 0.0, 0.0, 1.0
    for at, objective, bound in history:
        now = min(max(at, before), seconds)
        total += height * (now - before)
        before, height = now, berthold_gap(objective, bound)
    return total + height * max(seconds - before, 0.0)


def shifted_geometric_mean(values: Iterable[float], shift: float) -> float:
    r"""Return :math:`\exp(\frac1n \sum_k \log(v_k + s)) - s`; NaN of nothing.

    Examples
    --------
    >>> round(shifted_geometric_mean([1.0, 9.0], 1.0), 6)
    3.472136
    """
    found = list(values)
    if not found:
        return math.nan
    return math.exp(math.fsum(math.log(v + shift) for v in found) / len(found)) - shift


def par10(seconds: Iterable[float | None], limits: Iterable[float]) -> float:
    """Return the mean seconds, in which a run that was not solved (None) counts ten times its limit.

    Examples
    --------
    >>> par10([2.0, None], [10.0, 10.0])
    51.0
    """
    counted = [10.0 * limit if v is None else v for v, limit in zip(seconds, limits, strict=True)]
    return math.fsum(counted) / len(counted) if counted else math.nan


def shift_for(seconds: Iterable[float]) -> float:
    """Return the shift of the geometric mean: 10 ms where everything solved took under a second, and 1 s elsewhere.

    A shift far above the times would make an arithmetic mean of the geometric one.

    Examples
    --------
    >>> shift_for([0.004, 0.9]), shift_for([0.004, 20.0])
    (0.01, 1.0)
    """
    return QUICK_SHIFT if max(seconds, default=0.0) < LONG else LONG_SHIFT
