r"""A quantity that is zero or lies between two limits.

Meaning: :math:`z = 0` and :math:`u = 0`, or :math:`z = 1` and :math:`\ell \le u \le h`.

Lowering ``"big-m"``, with the tightest limits the box :math:`L \le u \le U` allows, which is ideal:

.. math:: \max(\ell, L) z \le u \le \min(h, U) z

Lowering ``"indicator"`` (native): :math:`z = 1 \Rightarrow \ell \le u \le h` and :math:`z = 0 \Rightarrow u = 0`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.program.expression import Expression, as_expression, between
from proofolio.program.model import Model

__all__ = ["semicontinuous", "semicontinuous_meaning"]


def semicontinuous(
    model: Model,
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
        model.indicator(f"{name}_in", z, between(low, value, high))
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
