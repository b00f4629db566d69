r"""Steps of the Riccati equations by their power series: exact up to the last term, for a few assets.

The equations are quadratic, so the terms of :math:`Q(s + h x) = \sum_k C_k x^k` follow one from the other,

.. math::
    (k + 1)\, C_{k+1} = h \Bigl( \mathcal L C_k - \sum_{j \le k} C_j E C_{k-j} / \eta + [k = 0]\, R \Bigr),

with :math:`\mathcal L` what is linear in Q. The last terms say how long a step may be (Jorba and Zou, "A software
package for the numerical integration of ODEs by means of high-order Taylor methods", 2005), and the series itself is
the solution between two steps.
"""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats
from proofolio.models.control.equations import Equations

__all__ = ["PowerSeries"]


ORDER = 20  # steps are then about .4 of the distance to the nearest singularity, and cost the least
RELATIVE = 1e-12  # of an entry, the last term of a step: values come out to about 1e-13
ABSOLUTE = 1e-14  # of the largest entry of what drives them
SAFE = 0.95  # of the longest step that the last terms allow
SHORTER = 8.0  # where a first guess of a step overflows
SMALLEST = 1e-13  # of the time: shorter steps mean that the solution ends there


class PowerSeries:
    """Q(s) for s from 0 to T, a step at a time.

    Parameters
    ----------
    equations : Equations
    start : ndarray, shape (m, n, n)
        At s = 0.
    T : float

    Attributes
    ----------
    s : float
        Where it stands.
    Q : ndarray, shape (m, n, n)
        There.
    failed : bool
        Whether the solution ends here: it grows without bound.
    """

    PATIENCE = 14  # steps after which it may have settled: a year at a usual speed takes 12

    def __init__(self, equations: Equations, start: Floats, T: float) -> None:
        self._equations, self._T = equations, T
        self._least = ABSOLUTE * max(float(np.abs(equations.R).max()), float(np.abs(start).max()), 1e-300)
        self._h = T / 4.0
        self._steps: list[tuple[float, float, Floats]] = []  # beginning, scale of its series, Q there
        self._last: tuple[float, Floats] | None = None  # beginning and terms of the series asked for last
        self.s, self.Q, self.failed = 0.0, start.copy(), False

    def step(self) -> None:
        """Go on by one step, or say that there is none."""
        terms, longest = self._terms()
        if longest is None or longest * self._h <= SMALLEST * self.s:
            self.failed = True
            return
        self._steps.append((self.s, self._h, self.Q))
        self._last = (self.s, terms)
        left = (self._T - self.s) / self._h
        if longest >= left * (1.0 - 1e-9):  # no sliver at the end
            self.s, x = self._T, left
        else:
            self.s, x = self.s + self._h * longest, longest
        self.Q = _sum(terms, x)
        self._h *= longest

    def at(self, s: float) -> tuple[Floats, Floats]:
        """Return Q and its change a unit of s, for an s that was passed."""
        i = int(
            np.clip(np.searchsorted([begin for begin, _, _ in self._steps], s, side="right") - 1, 0, None)
        )
        begin, h, Q = self._steps[i]
        if self._last is None or self._last[0] != begin:
            self._last = (begin, _series(self._equations, Q, h))
        terms = self._last[1]
        x = (s - begin) / h
        return _sum(terms, x), _sum(terms[1:] * np.arange(1, ORDER + 1)[:, None, None, None], x) / h

    def _terms(self) -> tuple[Floats, float | None]:
        """Return the series from here and the longest step in units of its scale, None where there is none."""
        size = np.abs(self.Q) * RELATIVE + self._least
        while self._h > SMALLEST * self.s:
            with np.errstate(over="ignore", invalid="ignore"):
                terms = _series(self._equations, self.Q, self._h)
                last, before = (float(np.abs(terms[k] / size).max()) for k in (-1, -2))
            if np.isfinite(last) and np.isfinite(before):
                allowed = [v ** (-1.0 / k) for v, k in ((last, ORDER), (before, ORDER - 1)) if v > 0.0]
                return terms, SAFE * min(allowed) if allowed else (self._T - self.s) / self._h
            self._h /= SHORTER
        return np.empty(0), None


def _series(e: Equations, Q: Floats, h: float) -> Floats:
    """Return the terms C_0 to C_ORDER, (ORDER + 1, m, n, n)."""
    m, d, n, p = e.m, e.d, Q.shape[-1], ORDER
    terms = np.empty((p + 1, m, n, n))
    # All products of a sum of C_j E C_(k-j) are one: the left factors side by side, the right ones from the last.
    left, right = np.empty((m, n, p * d)), np.empty((m, p * d, n))
    quadratic = np.empty((m, n, n))
    terms[0] = Q
    for k in range(p):
        now, following = terms[k], terms[k + 1]
        np.divide(now[:, :, :d], e.eta, out=left[:, :, k * d : (k + 1) * d])
        right[:, (p - 1 - k) * d : (p - k) * d] = now[:, :d]
        np.matmul(left[:, :, : (k + 1) * d], right[:, (p - 1 - k) * d :], out=quadratic)
        e.linear(now, out=following)
        following -= quadratic
        if k == 0:
            following += e.R
        following *= h / (k + 1)
    return terms


def _sum(terms: Floats, x: float) -> Floats:
    """Return the sum of terms times powers of x."""
    return np.asarray(np.tensordot(x ** np.arange(len(terms)), terms, 1))
