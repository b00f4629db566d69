r"""A charge that is due as soon as a quantity is not zero (a ticket fee).

Meaning: :math:`z = 0`, :math:`u = 0` and nothing is due, or :math:`z = 1` and :math:`F` is due. Minimised costs with
:math:`F > 0` take z = 0 wherever u = 0.

Lowering ``"big-m"``, with the box :math:`L \le u \le U` as the tightest M, which is ideal:

.. math:: L z \le u \le U z, \qquad \text{charge} = F z

Lowering ``"indicator"`` (native, no M): :math:`z = 0 \Rightarrow u = 0`.

A quantity that is zero or lies between two limits.

Meaning: :math:`z = 0` and :math:`u = 0`, or :math:`z = 1` and :math:`\ell \le u \le h`.

Lowering ``"big-m"``, with the tightest limits the box :math:`L \le u \le U` allows, which is ideal:

.. math:: \max(\ell, L) z \le u \le \min(h, U) z

Lowering ``"indicator"`` (native): :math:`z = 1 \Rightarrow \ell \le u \le h` and :math:`z = 0 \Rightarrow u = 0`.

At most k of several quantities may be nonzero, and at least some must be held.

Meaning: binaries :math:`z_i` with :math:`z_i = 0 \Rightarrow u_i = 0` and :math:`k_0 \le \sum_i z_i \le k`. With
:math:`k_0 = 0` this says in u alone that at most k entries are nonzero.

Lowering ``"big-m"``, with the box :math:`L \le u \le U` as the tightest M (Bienstock 1996):

.. math:: L_i z_i \le u_i \le U_i z_i, \qquad k_0 \le \sum_i z_i \le k

Lowering ``"indicator"`` (native, no M): :math:`z_i = 0 \Rightarrow u_i = 0`.

Lowering ``"sos1"`` (native, no M, k = 1 only): the quantities are one special ordered set, without a binary.

A quantity that is a whole number of lots.

Meaning: :math:`u = q k` with k a whole number, q the size of a lot.

Lowering: the row itself, with the tightest bounds :math:`\lceil L / q \rceil \le k \le \lfloor U / q \rfloor`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.exclusive_pairs import member_name
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows, as_expression

__all__ = [
    "cardinality",
    "cardinality_meaning",
    "fixed_charge",
    "fixed_charge_meaning",
    "round_lot",
    "round_lot_meaning",
    "semicontinuous",
    "semicontinuous_meaning",
]


def semicontinuous(
    model: Builder,
    name: str,
    u: Any,
    lower: ArrayLike,
    upper: ArrayLike = np.inf,
    *,
    lowering: str = "big-m",
) -> Expression:
    """Let each entry of u be zero or between limits (a minimum position); return which.

    Parameters
    ----------
    model : Model
    name : str
        Name of the binaries; rows are ``{name}_lower``, ``{name}_upper`` (Big-M), ``{name}_in``, ``{name}_out``.
    u : Expression
    lower, upper : array_like
        Limits while z = 1, in the units of u; broadcast to its shape.
    lowering : {"big-m", "indicator"}

    Returns
    -------
    Expression
        The binaries z, of the shape of u.

    Raises
    ------
    UnboundedExpression
        When u has no finite bound on a side without a limit, for ``"big-m"``.
    BadData
        For limits that are NaN, cross, or do not broadcast.
    """
    check_lowering("semicontinuous", lowering, ("big-m", "indicator"))
    value = as_expression(u)
    try:
        low, high = (np.broadcast_to(np.asarray(side, float), value.shape) for side in (lower, upper))
    except (TypeError, ValueError):
        raise BadData(f"the limits of semicontinuous {name!r} must broadcast to {value.shape}") from None
    if not np.all(low <= high):
        raise BadData(f"the limits of semicontinuous {name!r} must be numbers with lower <= upper")
    box = model.interval(value)
    low, high = np.maximum(low, box.lower), np.minimum(high, box.upper)
    # a limit out of the box's reach: z stays 0
    reachable = low <= high
    z = model.variable(name, value.shape, upper=reachable.astype(float), binary=True)
    low, high = np.where(reachable, low, 0.0), np.where(reachable, high, 0.0)
    if lowering == "indicator":
        model.indicator(f"{name}_in", z, Rows(value, low, high))  # a limit may be infinite
        model.indicator(f"{name}_out", z, value == 0, when=0)
        return z
    for side, limit in (("lower", low), ("upper", high)):
        if not np.all(np.isfinite(limit)):
            model.bounds(value, side=side)  # names the variables that need a bound
    model.add(f"{name}_lower", value >= low * z)
    model.add(f"{name}_upper", value <= high * z)
    return z


def semicontinuous_meaning(lower: ArrayLike, upper: ArrayLike) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, z): out at zero, or in between finite limits."""
    return [
        lambda u, z: [z == 0, u == 0],
        lambda u, z: [z == 1, u >= np.asarray(lower, float), u <= np.asarray(upper, float)],
    ]


def cardinality(
    model: Builder, name: str, u: Any, most: int, *, least: int = 0, lowering: str = "big-m"
) -> Expression | None:
    """Hold at most `most` of the entries along the first axis of u; return which are held.

    Parameters
    ----------
    model : Model
    name : str
        Name of the binaries; rows are ``{name}_lower``, ``{name}_upper``, ``{name}_most``, ``{name}_least``.
    u : Expression, shape (n, ...)
    most : int
    least : int
        How many are to be marked as held; they may be zero (see `semicontinuous` for a minimum position).
    lowering : {"big-m", "indicator", "sos1"}

    Returns
    -------
    Expression or None
        The binaries, of the shape of u; None for ``"sos1"``, which has none.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds, for ``"big-m"``.
    BadData
        For numbers that are not 0 <= least <= most, or ``"sos1"`` with another most than 1.
    """
    check_lowering("cardinality", lowering, ("big-m", "indicator", "sos1"))
    value = as_expression(u)
    if value.ndim < 1:
        raise BadData(f"cardinality {name!r} counts along the first axis of u, which has none")
    if not (0 <= least <= most and int(most) == most and int(least) == least):
        raise BadData(f"cardinality {name!r} needs whole numbers 0 <= least <= most, not {least} and {most}")
    if lowering == "sos1":
        if most != 1 or least:
            raise BadData(f"cardinality {name!r}: one special ordered set lets one be nonzero: use most=1")
        for at in np.ndindex(value.shape[1:]):
            model.sos1(member_name(f"{name}_set", at), value[(slice(None), *at)])
        return None
    z = model.variable(name, value.shape, binary=True)
    if lowering == "indicator":
        model.indicator(f"{name}_out", z, value == 0, when=0)
    else:
        box = model.bounds(value)
        model.add(f"{name}_lower", value >= box.lower * z)
        model.add(f"{name}_upper", value <= box.upper * z)
    model.add(f"{name}_most", z.sum(0) <= most)
    if least:
        model.add(f"{name}_least", z.sum(0) >= least)
    return z


def cardinality_meaning(n: int, most: int) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in u of shape (n, ...): one for each choice of n - most entries that are zero."""
    return [
        lambda u, out=out: [u[i] == 0 for i in out]
        for out in map(list, combinations(range(n), max(n - most, 0)))
    ]


ROUNDING = 1e-9  # of a lot: 0.3 / 0.1 is 2.9999999999999996, and the row itself decides what is a multiple


def round_lot(model: Builder, name: str, u: Any, lot: ArrayLike) -> Expression:
    """Let u be whole numbers of lots; return how many.

    Parameters
    ----------
    model : Model
    name : str
        Name of the integers; the row is ``{name}_size``.
    u : Expression
        Affine and bounded.
    lot : array_like
        Size of a lot in the units of u, positive; broadcasts to its shape.

    Returns
    -------
    Expression
        The integers k, of the shape of u.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds.
    BadData
        For lots that are not positive and finite, or an entry whose bounds hold no multiple.
    """
    value = as_expression(u)
    try:
        size = np.broadcast_to(np.asarray(lot, float), value.shape)
    except (TypeError, ValueError):
        raise BadData(f"the lots of {name!r} must broadcast to {value.shape}") from None
    if not (np.all(np.isfinite(size)) and np.all(size > 0)):
        raise BadData(f"the lots of {name!r} must be finite and positive")
    box = model.bounds(value)
    low, high = np.ceil(box.lower / size - ROUNDING), np.floor(box.upper / size + ROUNDING)
    if np.any(low > high):
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(low > high)), low.shape))
        raise BadData(f"no multiple of the lot of {name!r} lies between the bounds of u at {at}")
    k = model.variable(name, value.shape, low, high, integer=True)
    model.add(f"{name}_size", value == size * k)
    return k


def round_lot_meaning(lot: ArrayLike, counts: range) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, k): one for each number of lots that a box allows."""
    size = np.asarray(lot, float)
    return [lambda u, k, count=count: [k == count, u == size * count] for count in counts]


def fixed_charge(
    model: Builder, name: str, u: Any, charge: ArrayLike, *, lowering: str = "big-m"
) -> Expression:
    """Return what is due: `charge` for every entry of u that is not zero.

    Parameters
    ----------
    model : Model
    name : str
        Name of the binaries; rows are ``{name}_lower`` and ``{name}_upper``, or ``{name}_out``.
    u : Expression
    charge : array_like
        In the units of the objective; broadcasts to the shape of u.
    lowering : {"big-m", "indicator"}

    Returns
    -------
    Expression
        charge * z, of the shape of u.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds, for ``"big-m"``.
    BadData
        For charges that are not finite or do not broadcast.
    """
    check_lowering("fixed_charge", lowering, ("big-m", "indicator"))
    value = as_expression(u)
    try:
        due = np.broadcast_to(np.asarray(charge, float), value.shape)
    except (TypeError, ValueError):
        raise BadData(f"the charges of {name!r} must broadcast to {value.shape}") from None
    if not np.all(np.isfinite(due)):
        raise BadData(f"the charges of {name!r} must be finite")
    if lowering == "indicator":
        z = model.variable(name, value.shape, binary=True)
        model.indicator(f"{name}_out", z, value == 0, when=0)
        return z * due
    box = model.bounds(value)
    z = model.variable(name, value.shape, binary=True)
    model.add(f"{name}_lower", value >= box.lower * z)
    model.add(f"{name}_upper", value <= box.upper * z)
    return z * due


def fixed_charge_meaning(charge: ArrayLike) -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, due): nothing moves and nothing is due, or the charge is."""
    due = np.asarray(charge, float)
    return [lambda u, v: [u == 0, v == 0], lambda u, v: [v == due + 0 * u]]
