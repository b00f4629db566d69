r"""The absolute value of a bounded quantity.

Meaning: :math:`v = |u|` (``side="exact"``), or one side of it: :math:`v \ge |u|` (``"at_least"``, convex: no
binary), :math:`v \le |u|` (``"at_most"``), with :math:`L \le u \le U`.

Lowering ``"hull"``: the parts above and below zero, of which a binary d keeps one; ideal.

.. math::
    u = p - q, \qquad v = p + q, \qquad 0 \le p \le U d, \qquad 0 \le q \le -L (1 - d)

Lowering ``"sos1"`` (native): the same parts, of which at most one is nonzero, without a binary or a bound.
Lowerings ``"big-m"``, ``"six-row"`` and ``"indicator"``: :math:`\max(u, -u)`, see `maximum`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.extremum import LOWERINGS, SIDES, extremum
from proofolio.formulations.maximum import maximum_meaning
from proofolio.formulations.signed_parts import signed_parts
from proofolio.program.expression import Expression, as_expression, stack
from proofolio.program.model import Model

__all__ = ["absolute", "absolute_meaning"]


def absolute(
    model: Model,
    name: str,
    u: Any,
    *,
    side: str = "exact",
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    """Return v = abs(u), elementwise.

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
        When numbers for M cut off a point, and a checker is plugged into the model.
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
