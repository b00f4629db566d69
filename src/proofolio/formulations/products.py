"""The product of a binary and a bounded quantity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from proofolio.formulations.big_m import Need, check_lowering, named, resolve
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, broadcast_to, common_shape

__all__ = ["product", "product_meaning"]


def product(
    model: Builder,
    name: str,
    b: Any,
    u: Any,
    *,
    lowering: str = "hull",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return a variable :math:`v = b\,u`, elementwise.

    Meaning: :math:`v = b\,u`, with :math:`b \in \{0, 1\}` and :math:`L \le u \le U`.

    Lowering ``"hull"`` (McCormick 1976; the convex hull of the two cases):

    .. math::
        L b \le v \le U b, \qquad u - U (1 - b) \le v \le u - L (1 - b)

    Lowering ``"binary"`` (Fortet 1960), for a u that is binary itself: three rows, the same convex hull:

    .. math:: 0 \le v \le 1, \qquad v \le b, \qquad v \le u, \qquad v \ge b + u - 1

    Lowering ``"big-m"`` (the published four rows, with one M):

    .. math::
        -M b \le v \le M b, \qquad u - M (1 - b) \le v \le u + M (1 - b), \qquad M \ge \max(|L|, |U|)

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; rows are called ``{name}_...``.
    b : Expression
        Binary (a variable, or one minus one).
    u : Expression
        Affine and bounded; broadcasts against b.
    lowering : {"hull", "big-m", "binary"}
    big_m : str or array_like
        For ``"big-m"``: a tier of bounds, ``"published"`` (here the interval tier), or numbers.
    keep : bool
        For numbers, where the model checks given M: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

    Returns
    -------
    Expression
        Of the common shape of b and u.

    Raises
    ------
    UnboundedExpression
        When u has no finite bounds.
    BadData
        When b is not binary, or u is not for ``"binary"``.
    InvalidBigM
        When numbers for M cut off a point, and the model checks given M.

    Notes
    -----
    Adds: with S the common shape of b and u:

    - ``"hull"`` and ``"big-m"``: variables ``{name}`` (S); rows ``{name}_on_lower``, ``{name}_on_upper``,
      ``{name}_same_lower``, ``{name}_same_upper``, each (S).
    - ``"binary"``: variables ``{name}`` (S); rows ``{name}_first``, ``{name}_second``, ``{name}_both``, each (S).
    """
    check_lowering("product", lowering, ("hull", "big-m", "binary"))
    on, u = as_expression(b), as_expression(u)
    shape = common_shape(on.shape, u.shape)
    model.check_binary(f"the factor b of product {name!r}", on)
    if lowering == "binary":
        model.check_binary(f"the factor u of product {name!r}", u)
        v = model.variable(name, shape, 0.0, 1.0)
        model.add(f"{name}_first", v <= on)
        model.add(f"{name}_second", v <= u)
        model.add(f"{name}_both", v >= on + u - 1)
        return v
    tier = big_m if isinstance(big_m, str) and big_m != "published" else "interval"
    before = len(model.proofs)
    bounds = model.bounds(u, tier)
    named(model, name, before)
    L, U = np.broadcast_to(bounds.lower, shape), np.broadcast_to(bounds.upper, shape)
    size = np.maximum(np.abs(L), np.abs(U))
    if lowering == "big-m":
        wide = broadcast_to(u, shape)
        M = resolve(
            model, name, big_m, shape, lambda _: size, lambda: size, lambda: [Need(wide), Need(-wide)], keep
        )
    v = model.variable(name, shape, np.minimum(L, 0.0), np.maximum(U, 0.0))
    if lowering == "hull":
        model.add(f"{name}_on_lower", v >= L * on)
        model.add(f"{name}_on_upper", v <= U * on)
        model.add(f"{name}_same_lower", v >= u - U * (1 - on))
        model.add(f"{name}_same_upper", v <= u - L * (1 - on))
        return v
    off_rows = model.switch("product", on, 0, M.value, M.tier, shape)
    on_rows = model.switch("product", on, 1, M.value, M.tier, shape)
    model.add(f"{name}_on_lower", v >= -M.value * on, off_rows)
    model.add(f"{name}_on_upper", v <= M.value * on, off_rows)
    model.add(f"{name}_same_lower", v >= u - M.value * (1 - on), on_rows)
    model.add(f"{name}_same_upper", v <= u + M.value * (1 - on), on_rows)
    return v


def product_meaning() -> list[Callable[..., list[Any]]]:
    """Return the pieces of v = b u, in (b, u, v): off with v = 0, and on with v = u."""
    return [lambda b, u, v: [b == 0, v == 0], lambda b, u, v: [b == 1, v == u]]
