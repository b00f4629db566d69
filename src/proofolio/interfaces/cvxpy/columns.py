"""CVXPY variables as columns and affine expressions as matrices: bounds, integrality, names, row-major order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
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
from scipy import sparse

from proofolio.arrays import Floats, Integers, Mask
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.interfaces.cvxpy.sums import as_decimals

__all__ = [
    "Affine",
    "Box",
    "Names",
    "affine_constraint",
    "affine_parts",
    "declare",
    "evaluated",
    "foreign_attribute",
    "joined_boxes",
    "refuse_foreign",
    "shown",
    "unique_variables",
    "user_name",
    "variable_box",
    "with_posted",
]


cp: Any = cvxpy  # its annotations cover a part of what it exports

_BACKEND = "SCIPY"  # the one that takes arrays of every number of axes


class Affine(NamedTuple):
    """One affine expression: rows and columns in row-major order."""

    matrix: Any
    constant: Floats


def shown(thing: Any) -> str:
    """Return the text by which an error names a CVXPY object, not too long."""
    text = " ".join(str(thing).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


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
        raise UnsupportedProgram(f"{shown(expression)} is an optimisation inside a problem: write it out")
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
        raise BadData(f"{shown(expression)} holds NaN or an infinity: give finite numbers")
    constant = cp.Constant(value)
    return psd_wrap(constant) if expression.attributes["PSD"] else constant


def affine_parts(expressions: Sequence[Any], variables: Sequence[Any]) -> list[Affine]:
    """Return the matrices of affine expressions over the columns of the variables, one after the other.

    CVXPY flattens column by column; rows and columns are put into row-major order here.
    """
    if not expressions:
        return []
    whole = as_decimals(_read(expressions, variables), expressions, variables, _read)
    constant = whole[:, [whole.shape[1] - 1]].toarray().ravel()
    matrix = whole[:, :-1]
    ends = np.cumsum([0, *(e.size for e in expressions)])
    return [Affine(matrix[a:b], constant[a:b]) for a, b in pairwise(ends)]


def _read(expressions: Sequence[Any], variables: Sequence[Any]) -> Any:
    """Return CVXPY's matrix of affine expressions, its last column the constants."""
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
    height = int(sum(e.size for e in expressions))
    try:
        extractor: Any = CoeffExtractor(places, _BACKEND)
        tensor = extractor.affine(list(expressions)).tocoo()
    except NotImplementedError:
        some = ", ".join(shown(e) for e in expressions[:3])
        for variable in variables:
            refuse_foreign(variable)
        raise UnsupportedProgram(
            f"CVXPY has no matrix for an atom in {some}: write it with affine atoms of real variables"
        ) from None
    column, row = np.divmod(tensor.coords[0].astype(np.int64), max(height, 1))
    new_row = _row_major([e.shape for e in expressions])
    new_column = np.append(_row_major([v.shape for v in variables]), width)
    whole = sparse.csr_array((tensor.data, (new_row[row], new_column[column])), shape=(height, width + 1))
    whole.sum_duplicates()
    whole.eliminate_zeros()
    return whole


def _row_major(shapes: Sequence[tuple[int, ...]]) -> Integers:
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


class Box(NamedTuple):
    """Bounds and integrality of columns."""

    lower: Floats
    upper: Floats
    integer: Mask

    def part(self, which: Any) -> Box:
        """Return the box of some of the columns."""
        return Box(self.lower[which], self.upper[which], self.integer[which])


class Names:
    """Tells names apart that were given twice, by a number at the end."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def __call__(self, name: str) -> str:
        """Return the name, or the first numbered one that is free."""
        found, k = name, 2
        while found in self._taken:
            found, k = f"{name}_{k}", k + 1
        self._taken.add(found)
        return found


def user_name(position: int, variable: Any) -> str:
    """Return the name the user gave, or one by position: CVXPY's own changes from run to run."""
    name: str = variable.name()
    return f"var{position}" if name == f"var{variable.id}" else name


def foreign_attribute(variable: Any) -> str:
    """Return the attribute that no Program can express, or nothing."""
    names = ("complex", "imag", "hermitian", "PSD", "NSD")
    return next((name for name in names if variable.attributes[name]), "")


def refuse_foreign(variable: Any) -> None:
    """Refuse variables that no Program can express: complex, semidefinite and Hermitian ones."""
    foreign = foreign_attribute(variable)
    if foreign in ("complex", "imag", "hermitian"):
        raise UnsupportedProgram(
            f"variable {variable.name()!r} is {foreign}, and a Program has real columns only: write its real and "
            "its imaginary part as two real variables"
        )
    if foreign:
        raise UnsupportedProgram(
            f"variable {variable.name()!r} is {foreign}, and a Program has no semidefinite cones: solve it with "
            "CVXPY"
        )


def variable_box(variable: Any) -> Box:
    """Return bounds and integrality of a variable's entries, as its attributes say, in its shape.

    Raises
    ------
    UnsupportedProgram
        For complex, semidefinite and Hermitian variables.
    """
    attributes, shape = variable.attributes, variable.shape
    refuse_foreign(variable)
    lower, upper = np.full(shape, -np.inf), np.full(shape, np.inf)
    if attributes["nonneg"] or attributes["pos"]:
        lower = np.zeros(shape)
    if attributes["nonpos"] or attributes["neg"]:
        upper = np.zeros(shape)
    if attributes["bounds"] is not None:
        low, high = (_bound(variable, side) for side in attributes["bounds"])
        lower, upper = np.maximum(lower, low), np.minimum(upper, high)
    zero = _structural_zeros(variable)
    lower, upper = np.where(zero, 0.0, lower), np.where(zero, 0.0, upper)
    boolean, whole = (_marked(shape, index) for index in (variable.boolean_idx, variable.integer_idx))
    lower = np.where(boolean, np.maximum(lower, 0.0), lower)
    upper = np.where(boolean, np.minimum(upper, 1.0), upper)
    integer = boolean | whole
    return Box(np.where(integer, np.ceil(lower), lower), np.where(integer, np.floor(upper), upper), integer)


def joined_boxes(variables: Sequence[Any]) -> Box:
    """Return the box of all columns of the variables, in row-major order."""
    boxes = [variable_box(v) for v in variables]
    return Box(
        np.concatenate([np.empty(0), *(b.lower.ravel() for b in boxes)]),
        np.concatenate([np.empty(0), *(b.upper.ravel() for b in boxes)]),
        np.concatenate([np.empty(0, dtype=bool), *(b.integer.ravel() for b in boxes)]),
    )


def _bound(variable: Any, side: Any) -> Floats:
    value: Any = side.value if isinstance(side, cp.Expression) else side
    if value is None:
        raise BadData(f"a parameter in the bounds of {variable.name()!r} has no value: give it one first")
    dense = value.toarray() if hasattr(value, "toarray") else np.asarray(value, dtype=float)
    return np.broadcast_to(dense, variable.shape)


def _structural_zeros(variable: Any) -> Mask:
    if variable.attributes["diag"]:
        return ~np.eye(variable.shape[0], dtype=bool)
    zero = np.zeros(variable.shape, dtype=bool)
    if variable.sparse_idx is not None:
        zero[...] = True
        zero[variable.sparse_idx] = False
    return zero


def _marked(shape: tuple[int, ...], index: Any) -> Mask:
    marks = np.zeros(shape or (1,), dtype=bool)
    if len(index):
        marks[tuple(np.asarray(axis) for axis in index)] = True
    return marks.reshape(shape)


def with_posted(part: Affine, lower: Floats, upper: Floats, box: Box) -> tuple[Box, Mask]:
    """Take rows on a single column for bounds, and return the tighter box and which rows it now says.

    Only bounds that are exact as doubles are taken, and none that would leave a column without a value: such
    rows stay rows.
    """
    matrix = part.matrix
    single = np.flatnonzero(np.diff(matrix.indptr) == 1)
    column, factor = matrix.indices[matrix.indptr[single]], matrix.data[matrix.indptr[single]]
    low, high = lower[single] - part.constant[single], upper[single] - part.constant[single]
    exact = np.abs(factor) == 1.0
    for k in np.flatnonzero(~exact):
        exact[k] = all(_divides(float(factor[k]), side) for side in (float(low[k]), float(high[k])))
    column, factor, low, high, single = (part[exact] for part in (column, factor, low, high, single))
    low, high = np.where(factor > 0, low, high) / factor, np.where(factor > 0, high, low) / factor
    low, high = low + 0.0, high + 0.0
    new_low, new_high = box.lower.copy(), box.upper.copy()
    np.maximum.at(new_low, column, low)
    np.minimum.at(new_high, column, high)
    new_low = np.where(box.integer, np.ceil(new_low), new_low)
    new_high = np.where(box.integer, np.floor(new_high), new_high)
    crossed = new_low > new_high
    new_low, new_high = np.where(crossed, box.lower, new_low), np.where(crossed, box.upper, new_high)
    said = np.zeros(lower.size, dtype=bool)
    said[single[~crossed[column]]] = True
    return Box(new_low, new_high, box.integer), said


def _divides(factor: float, side: float) -> bool:
    if not np.isfinite(side):
        return True
    quotient = side / factor
    return bool(np.isfinite(quotient)) and Fraction(quotient) * Fraction(factor) == Fraction(side)


def declare(model: Any, name: str, shape: tuple[int, ...], box: Box) -> Any:
    """Add a block of columns, some of them integer, under a name made unique by a number at its end."""
    found, k = name, 2
    while not _nameable(model, found, shape):
        found, k = f"{name}_{k}", k + 1
    made = model.variable(found, shape, box.lower.reshape(shape), box.upper.reshape(shape))
    model._integer[-1] = box.integer.ravel().copy()
    return made


def _nameable(model: Any, name: str, shape: tuple[int, ...]) -> bool:
    container = name.partition("[")[0]
    clash = name in model._containers if shape else container != name and container in model._arrays
    return bool(name) and name not in model._names and not clash
