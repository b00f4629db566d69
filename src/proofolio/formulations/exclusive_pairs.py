"""Pairs of quantities of which at most one is nonzero, as native special ordered sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, as_expression, broadcast_to, stack

__all__ = ["as_variable", "exclusive", "member_name"]


def member_name(name: str, at: tuple[int, ...]) -> str:
    """Return the name of one entry's set, without the brackets that files and Pyomo quote.

    Examples
    --------
    >>> member_name("gap_set", (1, 2))
    'gap_set_1_2'
    """
    return "_".join([name, *map(str, at)])


def exclusive(model: Builder, name: str, a: Any, b: Any) -> None:
    """Let at most one of a and b be nonzero, entry by entry; both are arrays of variables."""
    left, right = as_expression(a), as_expression(b)
    for at in np.ndindex(left.shape):
        model.sos1(member_name(name, at), stack([left[at], right[at]]))


def as_variable(model: Builder, name: str, e: Any, shape: tuple[int, ...]) -> Expression:
    """Return a binary expression as an array of variables: itself, or one that is made equal to it."""
    wide = broadcast_to(e, shape)
    matrix = sparse.csr_array(wide.matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    single = np.all(np.diff(matrix.indptr) == 1) and np.all(matrix.data == 1.0)
    if single and not np.any(wide.constant):
        return wide
    made = model.variable(name, shape, binary=True)
    model.add(f"{name}_is", made == wide)
    return made
