"""What is measured of runs, and what many runs amount to.

Of one run: the gap and the primal-dual integral. Of many: shifted geometric means, PAR10, ratios of times with a
bootstrap interval, performance profiles, and the share solved within a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from proofolio.errors import BadData

__all__ = [
    "Curve",
    "Ratio",
    "berthold_gap",
    "gap",
    "par10",
    "performance_profile",
    "primal_dual_integral",
    "ratio_of",
    "share_at",
    "shift_for",
    "shifted_geometric_mean",
    "solved_within",
]


History = Sequence[tuple[float, "float | None", "float | None"]]
Curve = tuple[tuple[float, float], ...]
"""Steps: from each abscissa on, the share beside it."""
Times = Mapping[str, Sequence["float | None"]]
# Seconds that a geometric mean adds to every time: 10 ms where everything solved took under LONG seconds, else 1 s.
# A shift far above the times would make an arithmetic mean of the geometric one.
QUICK_SHIFT, LONG_SHIFT = 0.01, 1.0
LONG = 1.0
# Seconds that a ratio adds to both times: below a millisecond a ratio measures the clock.
RATIO_SHIFT = 0.001
# The bootstrap: how many samples, the level of the interval, and the fewest cases that are given one.
DRAWS = 2000
LEVEL = 0.95
FEWEST = 3
# The absolute value below which an objective counts as zero in a relative gap, as in HiGHS and SCIP.
LEAST_OBJECTIVE = 1e-10


def gap(objective: float | None, bound: float | None) -> float:
    """Return ``|p - d| / max(1e-10, |p|)``; infinite where one of the two is missing.

    Examples
    --------
    >>> gap(2.0, 1.0), gap(None, 1.0)
    (0.5, inf)
    """
    if objective is None or bound is None:
        return math.inf
    return abs(objective - bound) / max(LEAST_OBJECTIVE, abs(objective))


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


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios.

    Attributes
    ----------
    value : float
    low, high : float or None
        The 95 % interval; None with fewer than three cases.
    runs, cases, models : int
        The cases of one model are alike, so that an interval over cases of few models is narrower than it should be.
    """

    value: float
    low: float | None
    high: float | None
    runs: int
    cases: int
    models: int

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 1."""
        return self.low is not None and self.low > 1.0

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 1."""
        return self.high is not None and self.high < 1.0


def ratio_of(
    pairs: Mapping[str, Sequence[tuple[float, float]]],
    models: Mapping[str, str] | None = None,
    shift: float = RATIO_SHIFT,
) -> Ratio | None:
    r"""Return the geometric mean of :math:`(a + s) / (b + s)` over pairs of times; None without any.

    The bootstrap draws whole cases, with all their seeds and shuffles, since those of one case are alike; a case
    counts by the number of its pairs. The draws are always the same ones.

    Parameters
    ----------
    pairs : mapping from cases to pairs (a, b) in seconds
    models : mapping, optional
        The model that a case is made by; by default each case has its own.
    shift : float
        s, in seconds.

    Examples
    --------
    >>> found = ratio_of({"one": [(2.0, 1.0)], "two": [(2.0, 1.0)], "three": [(2.0, 1.0)]}, shift=0.0)
    >>> round(found.value, 9), round(found.low, 9), round(found.high, 9)
    (2.0, 2.0, 2.0)
    """
    names = sorted(name for name, found in pairs.items() if found)
    if not names:
        return None
    sums = np.array(
        [math.fsum(math.log((a + shift) / (b + shift)) for a, b in pairs[name]) for name in names]
    )
    counts = np.array([len(pairs[name]) for name in names], dtype=float)
    value = math.exp(float(sums.sum() / counts.sum()))
    runs, cases = int(counts.sum()), len(names)
    of = len(set(names) if models is None else {models[name] for name in names})
    if cases < FEWEST:
        return Ratio(value, None, None, runs, cases, of)
    drawn = np.random.default_rng(0).integers(0, cases, (DRAWS, cases))
    means = np.exp(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(value, float(low), float(high), runs, cases, of)


def performance_profile(times: Times) -> dict[str, Curve]:
    r"""Return the share of problems each solver solves within :math:`\tau` times the fastest solver's time.

    .. math:: \rho_s(\tau) = \frac1{|P|} \,\bigl|\{p : t_{p,s} \le \tau \min_{s'} t_{p,s'}\}\bigr|

    A problem that no solver solved stays in P; solvers that tie for the fastest share it
    (Dolan and More, Benchmarking optimization software with performance profiles, Mathematical Programming 91,
    2002).

    Parameters
    ----------
    times : mapping from solvers to seconds, problem by problem
        None where the answer was not verified. Seconds must be positive.

    Examples
    --------
    >>> performance_profile({"a": [1.0, 2.0], "b": [2.0, None]})
    {'a': ((1.0, 1.0),), 'b': ((2.0, 0.5),)}
    """
    count = _count(times)
    best = [
        min((t for row in times.values() if (t := row[k]) is not None), default=math.inf)
        for k in range(count)
    ]
    return {
        name: _steps([t / best[k] for k, t in enumerate(row) if t is not None], count)
        for name, row in times.items()
    }


def solved_within(times: Times) -> dict[str, Curve]:
    """Return the share of problems each solver solves within t seconds; arguments as for `performance_profile`.

    Examples
    --------
    >>> solved_within({"a": [1.0, 2.0], "b": [3.0, None]})
    {'a': ((1.0, 0.5), (2.0, 1.0)), 'b': ((3.0, 0.5),)}
    """
    count = _count(times)
    return {name: _steps([t for t in row if t is not None], count) for name, row in times.items()}


def share_at(curve: Curve, value: float) -> float:
    """Return the height of a curve.

    Examples
    --------
    >>> share_at(((1.0, 0.5), (2.0, 1.0)), 1.5), share_at((), 9.0)
    (0.5, 0.0)
    """
    return max((share for at, share in curve if at <= value), default=0.0)


def _count(times: Times) -> int:
    counts = {len(row) for row in times.values()}
    if len(counts) > 1:
        raise BadData("every solver needs one time for each problem, None where it was not solved")
    for name, row in times.items():
        if any(t is not None and not t > 0 for t in row):
            raise BadData(f"the times of {name} must be positive seconds")
    return counts.pop() if counts else 0


def _steps(values: Sequence[float], count: int) -> Curve:
    found: dict[float, float] = {}
    for k, value in enumerate(sorted(values)):
        found[value] = (k + 1) / count
    return tuple(found.items())
