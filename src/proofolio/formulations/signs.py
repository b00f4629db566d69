"""The positive part and the absolute value of a bounded quantity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.arrays import Floats
from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.exclusive_pairs import exclusive
from proofolio.formulations.extrema import LOWERINGS, SIDES, extremum, maximum_meaning
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, broadcast_to, stack

__all__ = ["absolute", "absolute_meaning", "positive_part", "positive_part_meaning", "signed_parts"]


def signed_parts(
    model: Builder, name: str, u: Expression, lowering: str, above: Expression | None = None
) -> tuple[Expression, Expression, Floats]:
    r"""Return the parts p, q of :math:`u = p - q`, :math:`p, q \ge 0`, :math:`p q = 0`, and a bound on p + q.

    Parameters
    ----------
    model : Model
    name : str
        Parts are called ``{name}_above`` and ``{name}_below``, the binary ``{name}_positive``.
    u : Expression
    lowering : {"hull", "sos1"}
        ``"hull"`` needs finite bounds of u.
    above : Expression, optional
        A variable to serve as p.
    """
    box = model.bounds(u) if lowering == "hull" else model.interval(u)
    low, high = np.maximum(-box.lower, 0.0), np.maximum(box.upper, 0.0)
    p = model.variable(f"{name}_above", u.shape, 0.0, high) if above is None else above
    q = model.variable(f"{name}_below", u.shape, 0.0, low)
    model.add(f"{name}_split", u == p - q)
    if lowering == "sos1":
        exclusive(model, f"{name}_set", p, q)
    else:
        positive = model.variable(f"{name}_positive", u.shape, binary=True)
        model.add(f"{name}_above_upper", p <= high * positive)
        model.add(f"{name}_below_upper", q <= low * (1 - positive))
    return p, q, np.maximum(low, high)


def absolute(
    model: Builder,
    name: str,
    u: Any,
    *,
    side: str = "exact",
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return v = abs(u), elementwise.

    Meaning: :math:`v = |u|` (``side="exact"``), or one side of it: :math:`v \ge |u|` (``"at_least"``, convex: no
    binary), :math:`v \le |u|` (``"at_most"``), with :math:`L \le u \le U`.

    Lowering ``"hull"``: the parts above and below zero, of which a binary d keeps one; ideal.

    .. math::
        u = p - q, \qquad v = p + q, \qquad 0 \le p \le U d, \qquad 0 \le q \le -L (1 - d)

    Lowering ``"sos1"`` (native): the same parts, of which at most one is nonzero, without a binary or a bound.
    Lowerings ``"big-m"``, ``"six-row"`` and ``"indicator"``: :math:`\max(u, -u)`, see `maximum`.

    Parameters
    ----------
    model : Model
    name : str
    u : Expression
    side : {"exact", "at_least", "at_most"}
    lowering : {"hull", "big-m", "six-row", "indicator", "sos1"}
        Unused for ``"at_least"``, which needs no binary.
    big_m : str or array_like
        As for `maximum`, whose terms are u and -u.
    keep : bool
        As for `maximum`.

    Returns
    -------
    Expression
        A variable, or u or -u itself where bounds decide the sign of every entry.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds and the lowering needs them.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: with S the shape of u, and nothing for an entry array whose sign bounds decide:

    - ``"hull"``: variables ``{name}`` (S), ``{name}_above`` (S), ``{name}_below`` (S), binaries ``{name}_positive``
      (S); rows ``{name}_split`` (S), ``{name}_above_upper`` (S), ``{name}_below_upper`` (S), ``{name}_value`` (S).
    - ``"sos1"``: the same without binaries and their rows ``..._upper``; one ordered set for each entry.
    - ``"big-m"``, ``"six-row"``, ``"indicator"``, and ``side="at_least"``: what `maximum` adds for two terms.
    """
    check_lowering("absolute", lowering, LOWERINGS)
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    value = as_expression(u)
    box = model.interval(value)
    decided = (box.lower >= 0).all() or (box.upper <= 0).all()
    if side == "at_least" or decided or lowering not in ("hull", "sos1"):
        own = "big-m" if side == "at_least" or decided else lowering
        return extremum(model, "absolute", 1, name, stack([value, -value]), side, own, big_m, keep)
    above, below, most = signed_parts(model, name, value, lowering)
    v = model.variable(name, value.shape, 0.0 if side == "exact" else -float("inf"), most)
    model.add(f"{name}_value", v == above + below if side == "exact" else v <= above + below)
    return v


def absolute_meaning(side: str = "exact") -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, v): u wins, or -u does."""
    pieces = maximum_meaning(2, side)
    return [lambda u, v, piece=piece: piece(stack([u, -u]), v) for piece in pieces]


def positive_part(
    model: Builder,
    name: str,
    u: Any,
    *,
    side: str = "exact",
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return v = max(u, 0), elementwise.

    Meaning: :math:`v = \max(u, 0)` (``side="exact"``), or one side of it: :math:`v \ge \max(u, 0)` (``"at_least"``,
    convex: no binary), :math:`v \le \max(u, 0)` (``"at_most"``), with :math:`L \le u \le U`.

    Lowering ``"hull"``: the parts above and below zero, of which a binary d keeps one; ideal.

    .. math:: u = v - q, \qquad 0 \le v \le U d, \qquad 0 \le q \le -L (1 - d)

    Lowering ``"sos1"`` (native): the same parts, of which at most one is nonzero, without a binary or a bound.
    Lowerings ``"big-m"``, ``"six-row"`` and ``"indicator"``: :math:`\max(u, 0)`, see `maximum`.

    Parameters
    ----------
    model : Model
    name : str
    u : Expression
    side : {"exact", "at_least", "at_most"}
    lowering : {"hull", "big-m", "six-row", "indicator", "sos1"}
        Unused for ``"at_least"``, which needs no binary.
    big_m : str or array_like
        As for `maximum`, whose terms are u and 0.
    keep : bool
        As for `maximum`.

    Returns
    -------
    Expression
        A variable, or u or 0 itself where bounds decide the sign of every entry.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds and the lowering needs them.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: with S the shape of u, and nothing where bounds decide the sign:

    - ``"hull"``: variables ``{name}`` (S), ``{name}_below`` (S), binaries ``{name}_positive`` (S); rows
      ``{name}_split`` (S), ``{name}_above_upper`` (S), ``{name}_below_upper`` (S). ``side="at_most"`` adds
      ``{name}_above`` (S) and rows ``{name}_value`` (S).
    - ``"sos1"``: the same without binaries and their rows ``..._upper``; one ordered set for each entry.
    - ``"big-m"``, ``"six-row"``, ``"indicator"``, and ``side="at_least"``: what `maximum` adds for two terms.
    """
    check_lowering("positive_part", lowering, LOWERINGS)
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    value = as_expression(u)
    box = model.interval(value)
    decided = (box.lower >= 0).all() or (box.upper <= 0).all()
    if side == "at_least" or decided or lowering not in ("hull", "sos1"):
        own = "big-m" if side == "at_least" or decided else lowering
        terms = stack([value, broadcast_to(0.0, value.shape)])
        return extremum(model, "positive_part", 1, name, terms, side, own, big_m, keep)
    most = np.maximum((model.bounds(value) if lowering == "hull" else box).upper, 0.0)
    if side == "exact":
        v = model.variable(name, value.shape, 0.0, most)
        signed_parts(model, name, value, lowering, v)
        return v
    v = model.variable(name, value.shape, -np.inf, most)
    above, _, _ = signed_parts(model, name, value, lowering)
    model.add(f"{name}_value", v <= above)
    return v


def positive_part_meaning(side: str = "exact") -> list[Callable[..., list[Any]]]:
    """Return the pieces, in (u, v): u wins, or 0 does."""
    pieces = maximum_meaning(2, side)
    return [lambda u, v, piece=piece: piece(stack([u, 0 * u]), v) for piece in pieces]
