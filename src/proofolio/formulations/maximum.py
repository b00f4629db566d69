r"""The maximum of affine terms.

Meaning: :math:`v = \max_k u_k` (``side="exact"``), or one side of it: :math:`v \ge \max_k u_k`
(``"at_least"``, convex: no binary), :math:`v \le \max_k u_k` (``"at_most"``).

With :math:`u_k \in [L_k, U_k]` and one binary :math:`d_k` a term, :math:`\sum_k d_k = 1`:

Lowering ``"big-m"``:

.. math:: v \ge u_k, \qquad v \le u_k + M_k (1 - d_k), \qquad M_k \ge \max_{j \ne k} \max (u_j - u_k)

Lowering ``"six-row"`` (the published rows: six when K = 2): the same with one M for all k, and with

.. math:: u_j \le u_k + M (1 - d_k), \qquad j \ne k

which follow from the others, in the relaxation too: they cost rows and cut nothing off.

Lowering ``"hull"`` (Balas 1985), with copies :math:`y_{kj}` of :math:`u_j` in the case where k wins:

.. math::
    u_j = \sum_k y_{kj}, \quad L_j d_k \le y_{kj} \le U_j d_k, \quad y_{kk} \ge y_{kj}, \quad v = \sum_k y_{kk}

Lowering ``"indicator"`` (native, no M): :math:`d_k = 1 \Rightarrow v \le u_k`.

Lowering ``"sos1"`` (native, no M): slacks :math:`s_k = v - u_k \ge 0`, of which at most one of :math:`(s_k, d_k)`
is nonzero; of two terms at most one slack is, and there is no binary.

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

__all__ = ["maximum", "maximum_meaning"]


def maximum(
    model: Model,
    name: str,
    terms: Sequence[Any] | Expression,
    *,
    side: str = "exact",
    lowering: str = "big-m",
    big_m: str | ArrayLike = "interval",
    keep: bool = False,
) -> Expression:
    r"""Return :math:`v = \max_k u_k`, elementwise over the first axis of the terms.

    Parameters
    ----------
    model : Model
    name : str
        Name of the variable; the binaries are ``{name}_chosen``, rows ``{name}_...``.
    terms : sequence of K expressions, or Expression of shape (K, ...)
        Affine terms; numbers are terms too.
    side : {"exact", "at_least", "at_most"}
        Which side of the equality is asked for.
    lowering : {"big-m", "six-row", "hull", "indicator", "sos1"}
        Unused for ``"at_least"``, which needs no binary.
    big_m : str or array_like
        A tier of bounds, ``"published"`` (one M for all terms, the sum of their largest sizes), or numbers
        that broadcast to (K, ...).
    keep : bool
        For numbers, where a checker is plugged into the model: whether an M larger than proved to be needed
        stays as given; otherwise it is tightened.

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
    return extremum(model, "maximum", 1, name, terms, side, lowering, big_m, keep)


def maximum_meaning(K: int, side: str = "exact") -> list[Callable[..., list[Any]]]:
    r"""Return the pieces of :math:`v = \max_k u_k`, in (u, v): one for each term that may win.

    Parameters
    ----------
    K : int
        The number of terms, along the first axis of u.
    side : {"exact", "at_least", "at_most"}
        The side asked of `maximum`, which gives the equality on any side where bounds decide the winner.
    """
    if side not in SIDES:
        raise BadData(f"side is {side!r}; it must be one of {', '.join(SIDES)}")
    if side == "at_least":
        return [lambda u, v: [v >= u]]

    def piece(k: int) -> Callable[..., list[Any]]:
        others = [j for j in range(K) if j != k]

        def wins(u: Any, v: Any) -> list[Any]:
            return [v == u[k], u[k] >= u[others]] if others else [v == u[k]]

        def below(u: Any, v: Any) -> list[Any]:
            return [v <= u[k]]

        return wins if side == "exact" else below

    return [piece(k) for k in range(K)]
