"""Curves over many runs: performance profiles, and what was solved within a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from proofolio.errors import BadData

__all__ = ["Curve", "performance_profile", "share_at", "solved_within"]


Curve = tuple[tuple[float, float], ...]
"""Steps: from each abscissa on, the share beside it."""
Times = Mapping[str, Sequence["float | None"]]


def performance_profile(times: Times) -> dict[str, Curve]:
    r"""Return the share of problems each solver solves within :math:`\tau` times the fastest solver's time.

    .. math:: \rho_s(\tau) = \frac1{|P|} \,\bigl|\{p : t_{p,s} \le \tau \min_{s'} t_{p,s'}\}\bigr|

    A problem that nobody solved stays in P and is solved by nobody; solvers that tie for the fastest share it
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
