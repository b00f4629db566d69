"""The maximum and the minimum of affine terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats, Mask
from proofolio.errors import BadData
from proofolio.formulations.big_m import BigM, Need, check_lowering, given, resolve
from proofolio.formulations.exclusive_pairs import exclusive
from proofolio.program.builder import Bounds, Builder
from proofolio.program.expression import Expression, Rows, broadcast_to, stack

__all__ = ["LOWERINGS", "SIDES", "extremum", "maximum", "maximum_meaning", "minimum", "minimum_meaning"]


SIDES = ("exact", "at_least", "at_most")
LOWERINGS = ("big-m", "six-row", "hull", "indicator", "sos1")


def extremum(
    model: Builder,
    construct: str,
    sign: int,
    name: str,
    terms: Sequence[Any] | Expression,
    side: str,
    lowering: str,
    big_m: str | ArrayLike,
    keep: bool = False,
) -> Expression:
    r"""Return the maximum (sign 1) or minimum (sign -1) of terms; arguments as for `maximum`.

    Both are written for :math:`w = \sigma v` and :math:`t_k = \sigma u_k`, so that :math:`w = \max_k t_k`, with
    :math:`\sigma = 1` for a maximum and :math:`\sigma = -1` for a minimum. See `maximum` for the lowerings.
    """
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

    def __init__(self, model: Builder, construct: str, sign: int, name: str, t: Expression) -> None:
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

    def choose(self, alive: Mask) -> None:
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


def _differences(model: Builder, t: Expression, k: int, tier: str = "") -> Floats:
    """Bound t_j - t_k from above for every other j; without a tier by the interval rule, infinite or not."""
    gaps = t[[j for j in range(t.shape[0]) if j != k]] - t[k]
    return model.bounds(gaps, tier, side="upper").upper if tier else model.interval(gaps).upper


def _alive(lower: Floats, upper: Floats) -> Mask:
    """Mark the terms that can win; of terms that tie everywhere one is kept."""
    best = np.where(lower == lower.max(axis=0), upper, -np.inf).argmax(axis=0)
    leading = np.arange(lower.shape[0]).reshape(-1, *[1] * (lower.ndim - 1)) == best
    alive: Mask = leading | (upper > lower.max(axis=0))
    return alive


def maximum(
    model: Builder,
    name: str,
    terms: Sequence[Any] | Expression,
    *,
    side: str = "exact",
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return :math:`v = \max_k u_k`, elementwise over the first axis of the terms.

    Meaning: :math:`v = \max_k u_k` (``side="exact"``), or one side of it: :math:`v \ge \max_k u_k`
    (``"at_least"``, convex: no binary), :math:`v \le \max_k u_k` (``"at_most"``).

    With :math:`u_k \in [L_k, U_k]` and one binary :math:`d_k` a term, :math:`\sum_k d_k = 1`:

    Lowering ``"big-m"``:

    .. math:: v \ge u_k, \qquad v \le u_k + M_k (1 - d_k), \qquad M_k \ge \max_{j \ne k} \max (u_j - u_k)

    Lowering ``"six-row"`` (the published rows: six when K = 2): the same with one M for all k, and with

    .. math:: u_j \le u_k + M (1 - d_k), \qquad j \ne k

    which follow from the others, in the relaxation too: they cost rows and cut nothing off.

    Lowering ``"hull"`` (Balas 1985), with copies :math:`y_{kj}` of :math:`u_j` in the case where k wins:

    .. math::
        u_j = \sum_k y_{kj}, \quad L_j d_k \le y_{kj} \le U_j d_k, \quad y_{kk} \ge y_{kj}, \quad v = \sum_k y_{kk}

    Lowering ``"indicator"`` (native, no M): :math:`d_k = 1 \Rightarrow v \le u_k`.

    Lowering ``"sos1"`` (native, no M): slacks :math:`s_k = v - u_k \ge 0`, of which at most one of :math:`(s_k, d_k)`
    is nonzero; of two terms at most one slack is, and there is no binary.

    A term that can never win is dropped; a term that always wins is returned as it is, and nothing is added.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; the binaries are ``{name}_chosen``, rows ``{name}_...``.
    terms : sequence of K expressions, or Expression of shape (K, ...)
        Affine terms; numbers are terms too.
    side : {"exact", "at_least", "at_most"}
        Which side of the equality is asked for.
    lowering : {"big-m", "six-row", "hull", "indicator", "sos1"}
        Unused for ``"at_least"``, which needs no binary.
    big_m : str or array_like
        A tier of bounds, ``"published"`` (one M for all terms, the sum of their largest sizes), or numbers
        that broadcast to (K, ...).
    keep : bool
        For numbers, where the model checks given M: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Returns
    -------
    Expression
        Of the terms' common shape: a variable, or the winning term itself where bounds decide.

    Raises
    ------
    UnboundedExpression
        When a term has no finite bounds and a binary is needed; the native lowerings ask for none.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: for K terms of shape S that may win, and nothing when one of them always wins:

    - ``side="at_least"``, any lowering: variables ``{name}`` (S); rows ``{name}_at_least`` (K, S).
    - ``"big-m"``: variables ``{name}`` (S), binaries ``{name}_chosen`` (K, S); rows ``{name}_one`` (S),
      ``{name}_at_least`` (K, S) where exact, ``{name}_at_most`` (K, S).
    - ``"six-row"``: the same, and rows ``{name}_wins_{k}`` (K - 1, S) for every k.
    - ``"indicator"``: as ``"big-m"``, with ``{name}_at_most`` (K, S) as implications.
    - ``"sos1"``: variables ``{name}`` (S), ``{name}_slack`` (K, S), binaries ``{name}_chosen`` (K, S); rows
      ``{name}_one`` (S), ``{name}_at_most`` (K, S); one ordered set for each term and entry. For K = 2: no
      binaries, no ``{name}_one``, and one set for each entry.
    - ``"hull"``: variables ``{name}`` (S), ``{name}_copies`` (K, K, S), binaries ``{name}_chosen`` (K, S); rows
      ``{name}_one`` (S), ``{name}_copies_lower`` and ``{name}_copies_upper`` (K, K, S), ``{name}_copies_sum`` (K, S),
      ``{name}_wins_{k}`` (K - 1, S) for every k, ``{name}_value`` (S).
    """
    return extremum(model, "maximum", 1, name, terms, side, lowering, big_m, keep)


def maximum_meaning(K: int, side: str = "exact") -> list[Callable[..., list[Any]]]:
    r"""Return the pieces of :math:`v = \max_k u_k`, in (u, v): one for each term that may win.

    Parameters
    ----------
    K : int
        The number of terms, along the first axis of u.
    side : {"exact", "at_least", "at_most"}
        The side asked of `maximum`, which gives the equality on any side where bounds decide the winner.
    """
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    if side == "at_least":
        return [lambda u, v: [v >= u]]

    def piece(k: int) -> Callable[..., list[Any]]:
        others = [j for j in range(K) if j != k]

        def wins(u: Any, v: Any) -> list[Any]:
            return [v == u[k], u[k] >= u[others]] if others else [v == u[k]]

        def below(u: Any, v: Any) -> list[Any]:
            return [v <= u[k]]

        return wins if side == "exact" else below

    return [piece(k) for k in range(K)]


def minimum(
    model: Builder,
    name: str,
    terms: Sequence[Any] | Expression,
    *,
    side: str = "exact",
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return :math:`v = \min_k u_k`, elementwise over the first axis of the terms.

    Meaning: :math:`v = \min_k u_k` (``side="exact"``), or one side of it: :math:`v \le \min_k u_k` (``"at_most"``,
    convex: no binary), :math:`v \ge \min_k u_k` (``"at_least"``).

    The lowerings are those of `maximum`, mirrored: Lowering ``"big-m"``

    .. math:: v \le u_k, \qquad v \ge u_k - M_k (1 - d_k), \qquad M_k \ge \max_{j \ne k} \max (u_k - u_j)

    A term that can never win is dropped; a term that always wins is returned as it is, and nothing is added.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; the binaries are ``{name}_chosen``, rows ``{name}_...``.
    terms : sequence of K expressions, or Expression of shape (K, ...)
    side : {"exact", "at_least", "at_most"}
    lowering : {"big-m", "six-row", "hull", "indicator", "sos1"}
        Unused for ``"at_most"``, which needs no binary.
    big_m : str or array_like
    keep : bool
        As for `maximum`.

    Returns
    -------
    Expression
        Of the terms' common shape: a variable, or the winning term itself where bounds decide.

    Raises
    ------
    UnboundedExpression
        When a term has no finite bounds and a binary is needed; the native lowerings ask for none.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: what `maximum` adds, with ``at_least`` and ``at_most`` exchanged in the names of rows.
    """
    return extremum(model, "minimum", -1, name, terms, side, lowering, big_m, keep)


def minimum_meaning(K: int, side: str = "exact") -> list[Callable[..., list[Any]]]:
    r"""Return the pieces of :math:`v = \min_k u_k`, in (u, v): one for each term that may win."""
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    if side == "at_most":
        return [lambda u, v: [v <= u]]

    def piece(k: int) -> Callable[..., list[Any]]:
        others = [j for j in range(K) if j != k]

        def wins(u: Any, v: Any) -> list[Any]:
            return [v == u[k], u[k] <= u[others]] if others else [v == u[k]]

        def above(u: Any, v: Any) -> list[Any]:
            return [v >= u[k]]

        return wins if side == "exact" else above

    return [piece(k) for k in range(K)]
