r"""A charge that is due as soon as a quantity is not zero (a ticket fee).

Meaning: :math:`z = 0`, :math:`u = 0` and nothing is due, or :math:`z = 1` and :math:`F` is due. Minimised costs with
:math:`F > 0` take z = 0 wherever u = 0.

Lowering ``"big-m"``, with the box :math:`L \le u \le U` as the tightest M, which is ideal:

.. math:: L z \le u \le U z, \qquad \text{charge} = F z

Lowering ``"indicator"`` (native, no M): :math:`z = 0 \Rightarrow u = 0`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.formulations.big_m import check_lowering
from proofolio.program.expression import Expression, as_expression
from proofolio.program.model import Model

__all__ = ["fixed_charge", "fixed_charge_meaning"]


def fixed_charge(
    model: Model, name: str, u: Any, charge: ArrayLike, *, lowering: str = "big-m"
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
