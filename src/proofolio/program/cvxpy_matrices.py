"""CVXPY expressions as matrices: row-major, in the user's own variables, parameters at their value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import cvxpy
import numpy as np
from cvxpy.atoms.affine.wraps import psd_wrap
from cvxpy.atoms.elementwise.power import Power
from cvxpy.lin_ops.lin_op import CONSTANT_ID
from cvxpy.reductions.inverse_data import InverseData
from cvxpy.utilities.coeff_extractor import CoeffExtractor
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram

__all__ = [
    "Affine",
    "affine_constraint",
    "affine_parts",
    "evaluated",
    "told",
    "unique_variables",
]

cp: Any = cvxpy  # its annotations cover a part of what it exports

Floats = NDArray[np.float64]
_BACKEND = "SCIPY"  # the one that takes arrays of every number of axes


class Affine(NamedTuple):
    """One affine expression: rows and columns in row-major order."""

    matrix: Any
    constant: Floats


def told(thing: Any) -> str:
    """Return the words by which an error names a CVXPY object."""
    words = " ".join(str(thing).split())
    return words if len(words) <= 80 else f"{words[:77]}..."


def unique_variables(expressions: Sequence[Any]) -> list[Any]:
    """Return the variables of expressions or constraints in order of first appearance."""
    return list({v.id: v for e in expressions for v in e.variables()}.values())


def evaluated(expression: Any) -> Any:
    """Return an expression with its parameters replaced by their values.

    Raises
    ------
    BadData
        For a parameter without a value, NaN or an infinity; the text names it.
    """
    if isinstance(expression, cp.Variable):
        return expression
    if not isinstance(expression, cp.Expression) or any(
        not isinstance(a, cp.Expression) for a in expression.args
    ):
        raise UnsupportedProgram(f"{told(expression)} is an optimisation inside a problem: write it out")
    if isinstance(expression, cp.Parameter):
        if expression.value is None:
            raise BadData(f"the parameter {expression.name()!r} has no value: give it one first")
        return _constant(expression)
    if isinstance(expression, cp.Constant):
        _constant(expression)
        return expression
    if isinstance(expression, Power) and expression.p.value == 1:
        return evaluated(expression.args[0])  # affine, but CVXPY has no matrix for it
    if isinstance(expression, cp.cumsum) and expression.variables():
        return _summed_up(expression)
    args = [evaluated(arg) for arg in expression.args]
    if all(new is old for new, old in zip(args, expression.args, strict=True)):
        return expression
    return expression.copy(args)


def _summed_up(expression: Any) -> Any:
    """Return a cumulative sum as a matrix product: CVXPY would give it an auxiliary variable."""
    arg = evaluated(expression.args[0])
    transposed = sparse.csc_array(expression._grad([np.empty(arg.shape)])[0])
    return cp.reshape(transposed.T @ cp.vec(arg, order="F"), expression.shape, order="F")


def _constant(expression: Any) -> Any:
    value: Any = expression.value
    if not np.all(np.isfinite(value.data if hasattr(value, "tocoo") else np.asarray(value))):
        raise BadData(f"{told(expression)} holds NaN or an infinity: give finite numbers")
    constant = cp.Constant(value)
    return psd_wrap(constant) if expression.attributes["PSD"] else constant


def affine_parts(expressions: Sequence[Any], variables: Sequence[Any]) -> list[Affine]:
    """Return the matrices of affine expressions over the columns of the variables, one after the other.

    CVXPY flattens column by column; rows and columns are put into row-major order here.
    """
    if not expressions:
        return []
    inverse: Any = InverseData
    _, offsets, width, shapes = inverse.get_var_offsets(list(variables))
    places = SimpleNamespace(
        var_offsets=offsets,
        x_length=width,
        var_shapes=shapes,
        param_shapes={},
        param_to_size={CONSTANT_ID: 1},
        param_id_map={CONSTANT_ID: 0},
    )
    sizes = [e.size for e in expressions]
    height = int(sum(sizes))
    try:
        extractor: Any = CoeffExtractor(places, _BACKEND)
        tensor = extractor.affine(list(expressions)).tocoo()
    except NotImplementedError:
        words = ", ".join(told(e) for e in expressions[:3])
        raise UnsupportedProgram(f"CVXPY has no matrix for an atom in {words}") from None
    column, row = np.divmod(tensor.coords[0].astype(np.int64), max(height, 1))
    new_row = _row_major([e.shape for e in expressions])
    new_column = np.append(_row_major([v.shape for v in variables]), width)
    whole = sparse.csr_array((tensor.data, (new_row[row], new_column[column])), shape=(height, width + 1))
    whole.sum_duplicates()
    whole.eliminate_zeros()
    constant = whole[:, [width]].toarray().ravel()
    matrix = whole[:, :width]
    ends = np.cumsum([0, *sizes])
    return [Affine(matrix[a:b], constant[a:b]) for a, b in pairwise(ends)]


def _row_major(shapes: Sequence[tuple[int, ...]]) -> NDArray[np.intp]:
    """Return the row-major place of each entry of arrays flattened column by column."""
    places = [np.empty(0, dtype=np.intp)]
    start = 0
    for shape in shapes:
        size = int(np.prod(shape, dtype=int))
        places.append(start + np.arange(size, dtype=np.intp).reshape(shape).ravel(order="F"))
        start += size
    return np.concatenate(places)


def affine_constraint(constraint: Any) -> tuple[Any, float, float] | None:
    """Return an elementwise constraint as ``lower <= expression <= upper``; None for cones and curved ones.

    A constant left side moves to the right, so that ``x >= 5`` is a row ``x >= 5`` again.
    """
    if isinstance(constraint, (cp.constraints.Equality, cp.constraints.Inequality)):
        left, right = (evaluated(arg) for arg in constraint.args)
        lower = 0.0 if isinstance(constraint, cp.constraints.Equality) else -np.inf
        turned = not left.variables()
        body = right - left if turned else left - right
        found = (body, 0.0, -lower) if turned else (body, lower, 0.0)
    elif isinstance(constraint, (cp.constraints.Zero, cp.constraints.NonNeg, cp.constraints.NonPos)):
        lower = -np.inf if isinstance(constraint, cp.constraints.NonPos) else 0.0
        upper = np.inf if isinstance(constraint, cp.constraints.NonNeg) else 0.0
        found = (evaluated(constraint.args[0]), lower, upper)
    else:
        return None
    return found if found[0].is_affine() else None
