r"""The largest or smallest of affine terms: the rows behind `maximum` and `minimum`.

Both are written for :math:`w = \sigma v` and :math:`t_k = \sigma u_k`, so that :math:`w = \max_k t_k`, with
:math:`\sigma = 1` for a maximum and :math:`\sigma = -1` for a minimum. See `maximum` for the lowerings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.big_m import BigM, Need, check_lowering, given, resolve
from proofolio.formulations.exclusive import exclusive
from proofolio.program.expression import Expression, Rows, broadcast_to, stack
from proofolio.program.model import Bounds, Model

__all__ = ["LOWERINGS", "SIDES", "extremum"]

SIDES = ("exact", "at_least", "at_most")
LOWERINGS = ("big-m", "six-row", "hull", "indicator", "sos1")
Floats = NDArray[np.float64]


def extremum(
    model: Model,
    construct: str,
    sign: int,
    name: str,
    terms: Sequence[Any] | Expression,
    side: str,
    lowering: str,
    big_m: str | ArrayLike,
    keep: bool = False,
) -> Expression:
    """Return the maximum (sign 1) or minimum (sign -1) of terms; arguments as for `maximum`."""
    check_lowering(construct, lowering, LOWERINGS)
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    u = stack(list(terms)) if not isinstance(terms, Expression) else terms
    if u.ndim < 1 or u.shape[0] < 1:
        raise BadData(f"{construct} {name!r} needs at least one term along its first axis")
    box = model.interval(sign * u)
    alive = _alive(box.lower, box.upper)
    winning = np.flatnonzero(alive.reshape(u.shape[0], -1).any(axis=1))
    numbers = big_m
    if not isinstance(big_m, str):
        numbers = given(big_m, u.shape)[winning]
    u, alive = u[winning], alive[winning]
    if u.shape[0] == 1:
        return u[0]
    rows = _Extremum(model, construct, sign, name, u if sign > 0 else -u)
    convex = side == ("at_least" if sign > 0 else "at_most")
    if convex:
        rows.variable(box.lower.max(axis=0), np.inf)
        rows.above()
        return rows.v
    native = lowering in ("indicator", "sos1")
    bounds = model.interval(rows.t) if native else model.bounds(rows.t)
    exact = side == "exact"
    if lowering in ("big-m", "six-row"):  # before any variable is made: numbers may be refused
        M = rows.constants(numbers, keep, one=lowering == "six-row")
    rows.variable(bounds.lower.max(axis=0) if exact else -np.inf, bounds.upper.max(axis=0))
    if lowering == "sos1" and len(winning) == 2:
        rows.slacks(exact)
        exclusive(model, f"{name}_set", rows.slack[0], rows.slack[1])
        return rows.v
    rows.choose(alive)
    if lowering == "hull":
        rows.hull(bounds, exact)
        return rows.v
    if lowering == "sos1":
        rows.slacks(exact)
        exclusive(model, f"{name}_set", rows.slack, rows.chosen)
        return rows.v
    if exact:
        rows.above()
    if lowering == "indicator":
        model.indicator(f"{name}_{rows.weak}", rows.chosen, rows.w <= rows.t)
    else:
        rows.big_m(M, ordered=lowering == "six-row")
    return rows.v


class _Extremum:
    """The rows of w = max_k t_k, by name."""

    def __init__(self, model: Model, construct: str, sign: int, name: str, t: Expression) -> None:
        self.model, self.construct, self.sign, self.name, self.t = model, construct, sign, name, t
        self.strong, self.weak = ("at_least", "at_most") if sign > 0 else ("at_most", "at_least")

    def variable(self, lower: ArrayLike, upper: ArrayLike) -> None:
        """Add v, where w = sign v lies between the bounds."""
        low, high = np.asarray(lower, float), np.asarray(upper, float)
        ends = (low, high) if self.sign > 0 else (-high, -low)
        self.v = self.model.variable(self.name, self.t.shape[1:], *ends)
        self.w = self.v if self.sign > 0 else -self.v

    def above(self) -> None:
        """Add w >= t_k."""
        self.model.add(f"{self.name}_{self.strong}", self.w >= self.t)

    def choose(self, alive: NDArray[np.bool_]) -> None:
        """Add one binary a term, of which one is chosen."""
        self.chosen = self.model.variable(
            f"{self.name}_chosen", self.t.shape, upper=alive.astype(float), binary=True
        )
        self.model.add(f"{self.name}_one", self.chosen.sum(0) == 1)

    def slacks(self, exact: bool) -> None:
        """Add s_k >= 0 with w = t_k + s_k (or at most)."""
        gap = np.stack([(_differences(self.model, self.t, k)).max(axis=0) for k in range(self.t.shape[0])])
        self.slack = self.model.variable(f"{self.name}_slack", self.t.shape, 0.0, np.maximum(gap, 0.0))
        reached = self.t + self.slack
        self.model.add(f"{self.name}_{self.weak}", self.w == reached if exact else self.w <= reached)

    def constants(self, numbers: str | ArrayLike, keep: bool, one: bool) -> BigM:
        """Return M_k, or one M for all k where asked."""
        shape = self.t.shape
        if one and not isinstance(numbers, str):  # the largest is the one that is used
            numbers = np.broadcast_to(np.asarray(numbers, float).max(axis=0), shape)
        M = resolve(self.model, self.name, numbers, shape, self._needed, self._published, self._needs, keep)
        return M._replace(value=np.broadcast_to(M.value.max(axis=0), shape)) if one else M

    def big_m(self, M: BigM, ordered: bool) -> None:
        """Add w <= t_k + M_k (1 - d_k), and the order of the terms where asked."""
        t, model, value = self.t, self.model, M.value
        switch = model.switch(self.construct, self.chosen, 1, value, M.tier, t.shape)
        model.add(f"{self.name}_{self.weak}", self.w <= t + value * (1 - self.chosen), switch)
        if not ordered:
            return
        for k in range(t.shape[0]):
            others = [j for j in range(t.shape[0]) if j != k]
            off = broadcast_to(1 - self.chosen[k], (len(others), *t.shape[1:]))
            wins = model.switch(
                self.construct, self.chosen[k], 1, value[others], M.tier, (len(others), *t.shape[1:])
            )
            model.add(f"{self.name}_wins_{k}", t[others] - t[k] <= value[others] * off, wins)

    def _needed(self, tier: str) -> Floats:
        return np.stack(
            [_differences(self.model, self.t, k, tier).max(axis=0) for k in range(self.t.shape[0])]
        )

    def _needs(self) -> list[Need]:
        """Return t_j - t_k for every k at once, the j being the next term, the one after it, and so on."""
        K = self.t.shape[0]
        return [Need(self.t[(np.arange(K) + step) % K] - self.t) for step in range(1, K)]

    def _published(self) -> Floats:
        bounds = self.model.bounds(self.t)
        total: Floats = np.maximum(np.abs(bounds.lower), np.abs(bounds.upper)).sum(axis=0)
        return np.broadcast_to(np.nextafter(total, np.inf), self.t.shape)

    def hull(self, bounds: Bounds, exact: bool) -> None:
        """Add copies of every term in the case where each of them wins."""
        model, name, t = self.model, self.name, self.t
        K, shape = t.shape[0], t.shape[1:]
        lower, upper = bounds
        case = self.chosen.reshape((K, 1, *shape))
        copies = model.variable(f"{name}_copies", (K, K, *shape), np.minimum(lower, 0), np.maximum(upper, 0))
        model.add(f"{name}_copies_lower", copies >= lower * broadcast_to(case, copies.shape))
        model.add(f"{name}_copies_upper", copies <= upper * broadcast_to(case, copies.shape))
        model.add(f"{name}_copies_sum", copies.sum(0) == t)
        winner = stack([copies[k, k] for k in range(K)])
        for k in range(K):
            others = [j for j in range(K) if j != k]
            rows: Rows = winner[k] >= copies[k][others]
            model.add(f"{name}_wins_{k}", rows)
        model.add(f"{name}_value", self.w == winner.sum(0) if exact else self.w <= winner.sum(0))


def _differences(model: Model, t: Expression, k: int, tier: str = "") -> Floats:
    """Bound t_j - t_k from above for every other j; without a tier by the interval rule, infinite or not."""
    gaps = t[[j for j in range(t.shape[0]) if j != k]] - t[k]
    return model.bounds(gaps, tier, side="upper").upper if tier else model.interval(gaps).upper


def _alive(lower: Floats, upper: Floats) -> NDArray[np.bool_]:
    """Mark the terms that can win; of terms that tie everywhere one is kept."""
    best = np.where(lower == lower.max(axis=0), upper, -np.inf).argmax(axis=0)
    leading = np.arange(lower.shape[0]).reshape(-1, *[1] * (lower.ndim - 1)) == best
    alive: NDArray[np.bool_] = leading | (upper > lower.max(axis=0))
    return alive
