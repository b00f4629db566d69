r"""A quantity that is a whole number of lots.

Meaning: :math:`u = q k` with k a whole number, q the size of a lot.

Lowering: the row itself, with the tightest bounds :math:`\lceil L / q \rceil \le k \le \lfloor U / q \rfloor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.program.expression import Expression, as_expression
from proofolio.program.model import Model

__all__ = ["round_lot", "round_lot_meaning"]

ROUNDING = 1e-9  # of a lot: 0.3 / 0.1 is 2.9999999999999996, and the row itself decides what is a multiple


def round_lot(model: Model, name: str, u: Any, lot: ArrayLike) -> Expression:
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
