r"""The maximum of affine terms.

Meaning: :math:`v = \max_k u_k` (``side="exact"``), or one side of it: :math:`v \ge \max_k u_k`
(``"at_least"``, convex: no binary), :math:`v \le \max_k u_k` (``"at_most"``).

With :math:`u_k \in [L_k, U_k]` and one binary :math:`d_k` a term, :math:`\sum_k d_k = 1`:

Lowering ``"big-m"``:

.. math:: v \ge u_k, \qquad v \le u_k + M_k (1 - d_k), \qquad M_k \ge \max_{j \ne k} \max (u_j - u_k)

Lowering ``"hull"`` (Balas 1985), with copies :math:`y_{kj}` of :math:`u_j` in the case where k wins:

.. math::
    u_j = \sum_k y_{kj}, \quad L_j d_k \le y_{kj} \le U_j d_k, \quad y_{kk} \ge y_{kj}, \quad v = \sum_k y_{kk}

A term that can never win is dropped; a term that always wins is returned as it is, and nothing is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proofolio.errors import BadData
from proofolio.formulations.big_m import Need, check_lowering, given, resolve
from proofolio.program.expression import Expression, Rows, broadcast_to, stack
from proofolio.program.model import Bounds, Model

__all__ = ["maximum", "maximum_meaning"]

SIDES = ("exact", "at_least", "at_most")


def maximum(
    model: Model,
    name: str,
    terms: Sequence[Any] | Expression,
    *,
    side: str = "exact",
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return :math:`v = \max_k u_k`, elementwise over the first axis of the terms.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; the binaries are ``{name}_chosen``, rows ``{name}_...``.
    terms : sequence of K expressions, or Expression of shape (K, ...)
        Affine terms; numbers are terms too.
    side : {"exact", "at_least", "at_most"}
        Which side of the equality is asked for.
    lowering : {"big-m", "hull"}
        Unused for ``"at_least"``, which needs no binary.
    big_m : str or array_like
        A tier of bounds, ``"published"`` (one M for all terms, the sum of their largest sizes), or numbers
        that broadcast to (K, ...).
    keep : bool
        For numbers, where a checker is plugged into the model: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Returns
    -------
    Expression
        Of the terms' common shape: a variable, or the winning term itself where bounds decide.

    Raises
    ------
    UnboundedExpression
        When a term has no finite bounds and a binary is needed.
    InvalidBigM
        When numbers for M cut off a point, and a checker is plugged into the model.
    """
    check_lowering("maximum", lowering, ("big-m", "hull"))
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    u = stack(list(terms)) if not isinstance(terms, Expression) else terms
    if u.ndim < 1 or u.shape[0] < 1:
        raise BadData(f"maximum {name!r} needs at least one term along its first axis")
    box = model.interval(u)
    alive = _alive(box.lower, box.upper)
    winning = np.flatnonzero(alive.reshape(u.shape[0], -1).any(axis=1))
    numbers = big_m
    if not isinstance(big_m, str):
        numbers = given(big_m, u.shape)[winning]
    u, alive = u[winning], alive[winning]
    if u.shape[0] == 1:
        return u[0]
    shape = u.shape[1:]
    if side == "at_least":
        v = model.variable(name, shape, box.lower.max(axis=0), np.inf)
        model.add(f"{name}_at_least", v >= u)
        return v
    bounds = model.bounds(u)
    if lowering == "big-m":
        M = resolve(
            model, name, numbers, u.shape, lambda tier: _needed(model, u, tier), lambda: _published(model, u),
            lambda: _needs(u), keep,
        )  # fmt: skip
    least = bounds.lower.max(axis=0) if side == "exact" else -np.inf
    v = model.variable(name, shape, least, bounds.upper.max(axis=0))
    chosen = model.variable(f"{name}_chosen", u.shape, upper=alive.astype(float), binary=True)
    model.add(f"{name}_one", chosen.sum(0) == 1)
    if lowering == "hull":
        _hull(model, name, v, u, chosen, bounds, side)
        return v
    if side == "exact":
        model.add(f"{name}_at_least", v >= u)
    switch = model.switch("maximum", chosen, 1, M.value, M.tier, u.shape)
    model.add(f"{name}_at_most", v <= u + M.value * (1 - chosen), switch)
    return v


def _alive(lower: NDArray[np.float64], upper: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the terms that can win; of terms that tie everywhere one is kept."""
    best = np.where(lower == lower.max(axis=0), upper, -np.inf).argmax(axis=0)
    leading = np.arange(lower.shape[0]).reshape(-1, *[1] * (lower.ndim - 1)) == best
    alive: NDArray[np.bool_] = leading | (upper > lower.max(axis=0))
    return alive


def _needed(model: Model, u: Expression, tier: str) -> NDArray[np.float64]:
    K = u.shape[0]
    M = np.zeros(u.shape)
    for k in range(K):
        others = [j for j in range(K) if j != k]
        M[k] = model.bounds(u[others] - u[k], tier, side="upper").upper.max(axis=0)
    return M


def _needs(u: Expression) -> list[Need]:
    """Return u_j - u_k for every k at once, the j being the next term, the one after it, and so on."""
    K = u.shape[0]
    return [Need(u[(np.arange(K) + step) % K] - u) for step in range(1, K)]


def _published(model: Model, u: Expression) -> NDArray[np.float64]:
    bounds = model.bounds(u)
    total: NDArray[np.float64] = np.maximum(np.abs(bounds.lower), np.abs(bounds.upper)).sum(axis=0)
    return np.broadcast_to(np.nextafter(total, np.inf), u.shape)


def _hull(
    model: Model,
    name: str,
    v: Expression,
    u: Expression,
    chosen: Expression,
    bounds: Bounds,
    side: str,
) -> None:
    K, shape = u.shape[0], u.shape[1:]
    lower, upper = bounds
    case = chosen.reshape((K, 1, *shape))
    copies = model.variable(f"{name}_copies", (K, K, *shape), np.minimum(lower, 0), np.maximum(upper, 0))
    model.add(f"{name}_copies_lower", copies >= lower * broadcast_to(case, copies.shape))
    model.add(f"{name}_copies_upper", copies <= upper * broadcast_to(case, copies.shape))
    model.add(f"{name}_copies_sum", copies.sum(0) == u)
    winner = stack([copies[k, k] for k in range(K)])
    for k in range(K):
        others = [j for j in range(K) if j != k]
        rows: Rows = winner[k] >= copies[k][others]
        model.add(f"{name}_wins_{k}", rows)
    model.add(f"{name}_value", v == winner.sum(0) if side == "exact" else v <= winner.sum(0))


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
