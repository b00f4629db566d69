"""A quantity as the difference of its parts above and below zero, of which one is zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proofolio.formulations.exclusive import exclusive
from proofolio.program.expression import Expression
from proofolio.program.model import Model

__all__ = ["signed_parts"]


def signed_parts(
    model: Model, name: str, u: Expression, lowering: str, above: Expression | None = None
) -> tuple[Expression, Expression, NDArray[np.float64]]:
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
