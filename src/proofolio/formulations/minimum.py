r"""The minimum of affine terms.

Meaning: :math:`v = \min_k u_k` (``side="exact"``), or one side of it: :math:`v \le \min_k u_k` (``"at_most"``,
convex: no binary), :math:`v \ge \min_k u_k` (``"at_least"``).

The lowerings are those of `maximum`, mirrored: Lowering ``"big-m"``

.. math:: v \le u_k, \qquad v \ge u_k - M_k (1 - d_k), \qquad M_k \ge \max_{j \ne k} \max (u_k - u_j)

A term that can never win is dropped; a term that always wins is returned as it is, and nothing is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import ArrayLike

from proofolio.errors import BadData
from proofolio.formulations.extremum import SIDES, extremum
from proofolio.program.expression import Expression
from proofolio.program.model import Model

__all__ = ["minimum", "minimum_meaning"]


def minimum(
    model: Model,
    name: str,
    terms: Sequence[Any] | Expression,
    *,
    side: str = "exact",
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return :math:`v = \min_k u_k`, elementwise over the first axis of the terms.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; the binaries are ``{name}_chosen``, rows ``{name}_...``.
    terms : sequence of K expressions, or Expression of shape (K, ...)
    side : {"exact", "at_least", "at_most"}
    lowering : {"big-m", "six-row", "hull", "indicator", "sos1"}
        Unused for ``"at_most"``, which needs no binary.
    big_m : str or array_like
    keep : bool
        As for `maximum`.

    Returns
    -------
    Expression
        Of the terms' common shape: a variable, or the winning term itself where bounds decide.

    Raises
    ------
    UnboundedExpression
        When a term has no finite bounds and a binary is needed; the native lowerings ask for none.
    InvalidBigM
        When numbers for M cut off a point, and a checker is plugged into the model.
    """
    return extremum(model, "minimum", -1, name, terms, side, lowering, big_m, keep)


def minimum_meaning(K: int, side: str = "exact") -> list[Callable[..., list[Any]]]:
    r"""Return the pieces of :math:`v = \min_k u_k`, in (u, v): one for each term that may win."""
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    if side == "at_most":
        return [lambda u, v: [v <= u]]

    def piece(k: int) -> Callable[..., list[Any]]:
        others = [j for j in range(K) if j != k]

        def wins(u: Any, v: Any) -> list[Any]:
            return [v == u[k], u[k] <= u[others]] if others else [v == u[k]]

        def above(u: Any, v: Any) -> list[Any]:
            return [v >= u[k]]

        return wins if side == "exact" else above

    return [piece(k) for k in range(K)]
