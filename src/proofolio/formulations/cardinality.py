r"""At most k of several quantities may be nonzero, and at least some must be held.

Meaning: binaries :math:`z_i` with :math:`z_i = 0 \Rightarrow u_i = 0` and :math:`k_0 \le \sum_i z_i \le k`. With
:math:`k_0 = 0` this says in u alone that at most k entries are nonzero.

Lowering ``"big-m"``, with the box :math:`L \le u \le U` as the tightest M (Bienstock 1996):

.. math:: L_i z_i \le u_i \le U_i z_i, \qquad k_0 \le \sum_i z_i \le k

Lowering ``"indicator"`` (native, no M): :math:`z_i = 0 \Rightarrow u_i = 0`.

Lowering ``"sos1"`` (native, no M, k = 1 only): the quantities are one special ordered set, without a binary.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.formulations.exclusive import member_name
from proofolio.program.expression import Expression, as_expression
from proofolio.program.model import Model

__all__ = ["cardinality", "cardinality_meaning"]


def cardinality(
    model: Model, name: str, u: Any, most: int, *, least: int = 0, lowering: str = "big-m"
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
