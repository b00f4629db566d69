"""Writing CVXPY: columns as native variables, and every block of rows as one constraint or few."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cvxpy
import numpy as np
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.errors import UnsupportedProgram
from proofolio.interfaces.cvxpy.columns import Box
from proofolio.program.program import Program, RowBlock
from proofolio.program.quadratic import Form, gathered_forms, split_forms
from proofolio.program.structure import is_positive_semidefinite, recognise_cones

__all__ = ["Natives", "native_constraints", "native_variable", "to_cvxpy"]


cp: Any = cvxpy  # its annotations cover a part of what it exports

_ABLE = "keep it a Program and solve it with proofolio.solve(program, solver='scip')"


def to_cvxpy(program: Program) -> Any:
    """Return a `cvxpy.Problem` with a native variable for each block, under its name and in its shape.

    Quadratic rows that are rotated cones are written as such (see `recognise_cones`). Rows of one block make one
    constraint for each kind of side they have, labelled with the block's name; their coefficients are the program's to the bit. ``problem.var_dict[name]`` finds a variable. CVXPY warns
    when it solves a problem with arrays of three axes; ``solve(canon_backend="SCIPY")`` keeps it quiet.

    Raises
    ------
    UnsupportedProgram
        For nonconvex objectives and rows, indicators and special ordered sets.
    """
    program = recognise_cones(program)
    box = Box(program.lower, program.upper, program.integer)
    variables = [
        native_variable(b.name, b.shape, box.part(slice(b.start, b.start + b.size)))
        for b in program.variables
    ]
    natives = Natives(variables)
    constraints = native_constraints(program, natives)
    expression = _objective(program, natives)
    used = {v.id for e in (expression, *constraints) for v in e.variables()}
    for variable in variables:
        if variable.id not in used:  # otherwise the problem would not know it
            expression = expression + 0.0 * cp.sum(variable)
    return cp.Problem(cp.Maximize(-expression) if program.maximise else cp.Minimize(expression), constraints)


def native_variable(name: str, shape: tuple[int, ...], box: Box) -> Any:
    """Return a CVXPY variable; entries that are integers in [0, 1] are boolean."""
    lower, upper, integer = box.lower.reshape(shape), box.upper.reshape(shape), box.integer.reshape(shape)
    binary = integer & (lower >= 0) & (upper <= 1)
    whole = integer & ~binary
    attributes: dict[str, Any] = {}
    for key, marked in (("boolean", binary), ("integer", whole)):
        if marked.all() and marked.size:
            attributes[key] = True
        elif marked.any():
            attributes[key] = tuple(np.nonzero(marked))
    told = binary & (lower == 0) & (upper == 1)
    low, high = np.where(told, -np.inf, lower), np.where(told, np.inf, upper)
    if np.any(np.isfinite(low)) or np.any(np.isfinite(high)):
        attributes["bounds"] = [low if shape else float(low), high if shape else float(high)]
    return cp.Variable(shape, name=name, **attributes)


class Natives:
    """The native variables that columns stand for, and expressions of them.

    Parameters
    ----------
    variables : sequence of cvxpy.Variable
        In column order; each stands for its entries in row-major order.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self.variables = list(variables)
        self._ends = np.cumsum([0, *(v.size for v in self.variables)])

    def affine(self, matrix: Any, constant: Floats | None, shape: tuple[int, ...]) -> Any:
        """Return ``matrix x + constant`` in a shape; CVXPY flattens column by column, so rows are turned."""
        count = matrix.shape[0]
        rows = np.arange(count).reshape(shape).ravel(order="F")
        turned = sparse.csc_array(sparse.csr_array(matrix)[rows])
        turned.sum_duplicates()
        turned.eliminate_zeros()
        used = np.unique(np.searchsorted(self._ends, np.unique(turned.tocoo().coords[1]), side="right") - 1)
        total: Any = None
        for k in used:
            variable = self.variables[k]
            order = np.arange(variable.size).reshape(variable.shape).ravel(order="F")
            part = turned[:, self._ends[k] + order]
            flat = variable if variable.ndim == 1 else cp.vec(variable, order="F")
            term = flat if _is_identity(part) else cp.Constant(part) @ flat
            total = term if total is None else total + term
        if total is None:
            return cp.Constant(np.zeros(shape) if constant is None else constant.reshape(shape))
        if constant is not None and np.any(constant):
            total = total + cp.Constant(constant.ravel()[rows])
        if shape == (count,):
            return total
        return cp.reshape(total, shape, order="F") if shape else total[0]

    def square(self, forms: Sequence[Form]) -> Any:
        """Return the sum of convex quadratic forms; None when there is none."""
        width = int(self._ends[-1])
        single = [f for f in forms if f.columns.size == 1]
        terms = []
        if single:
            entries = self.affine(_picked([f.columns[0] for f in single], width), None, (len(single),))
            terms.append(cp.Constant(np.array([f.matrix[0, 0] for f in single])) @ cp.square(entries))
        for form in forms:
            if form.columns.size > 1:
                entries = self.affine(_picked(form.columns, width), None, (form.columns.size,))
                terms.append(cp.quad_form(entries, form.matrix, assume_PSD=True))
        return sum(terms[1:], start=terms[0]) if terms else None


def _is_identity(part: Any) -> bool:
    n = part.shape[0]
    return bool(
        part.shape[1] == n
        and part.nnz == n
        and np.array_equal(part.indptr, np.arange(n + 1))
        and np.array_equal(part.indices, np.arange(n))
        and np.all(part.data == 1.0)
    )


def _picked(columns: Any, width: int) -> Any:
    count = len(columns)
    return sparse.csr_array((np.ones(count), np.asarray(columns), np.arange(count + 1)), shape=(count, width))


def _objective(program: Program, natives: Natives) -> Any:
    if not is_positive_semidefinite(program.P):
        raise UnsupportedProgram(f"CVXPY cannot express the nonconvex objective: {_ABLE}")
    expression = natives.affine(sparse.csr_array(program.q[None, :]), np.array([program.c]), ())
    square = natives.square(split_forms(program.P / 2.0))
    return expression if square is None else expression + square


def native_constraints(program: Program, natives: Natives) -> list[Any]:
    """Return the rows and cones of a program as native constraints.

    Raises
    ------
    UnsupportedProgram
        For nonconvex quadratic rows, indicators and special ordered sets.
    """
    if program.sos:
        raise UnsupportedProgram(
            f"CVXPY cannot express the special ordered set {program.sos[0].name!r}: {_ABLE}"
        )
    if len(program.indicators):
        name = program.indicators.blocks[0].name
        raise UnsupportedProgram(
            f"CVXPY cannot express the indicator {name!r}: write it with proofolio.implies, or {_ABLE}"
        )
    constraints: list[Any] = []
    for block in program.rows:
        sides = program.row_lower[block.rows], program.row_upper[block.rows]
        constraints += _rows(natives, block, program.A[block.rows], *sides)
    for block in program.quadratic.blocks:
        constraints += _quadratic_rows(program, natives, block)
    for block in program.cones.blocks:
        constraints += _cones(program, natives, block)
    return constraints


def _rows(natives: Natives, block: RowBlock, matrix: Any, lower: Floats, upper: Floats) -> Iterator[Any]:
    equal = lower == upper
    kinds = {
        "eq": equal,
        "le": ~equal & np.isfinite(upper),
        "ge": ~equal & np.isfinite(lower),
    }
    used = [kind for kind, which in kinds.items() if which.any()]
    for kind in used:
        which = np.flatnonzero(kinds[kind])
        whole = which.size == int(np.prod(block.shape, dtype=int))
        shape = block.shape if whole else (which.size,)
        body = natives.affine(matrix if which.size == lower.size else matrix[which], None, shape)
        side = (lower if kind == "ge" else upper)[which].reshape(shape)
        made = body == side if kind == "eq" else body <= side if kind == "le" else body >= side
        yield made.set_label(block.name if len(used) == 1 else f"{block.name}_{kind}")


def _quadratic_rows(program: Program, natives: Natives, block: RowBlock) -> Iterator[Any]:
    rows = program.quadratic
    for k, name in zip(range(block.start, block.start + block.size), block.element_names(), strict=True):
        form = gathered_forms(rows.forms[k], program.n)
        affine = natives.affine(rows.matrix[[k]], None, ())
        for sign, side in ((1.0, rows.upper[k]), (-1.0, -rows.lower[k])):
            if not np.isfinite(side):
                continue
            if not is_positive_semidefinite(sign * form):
                raise UnsupportedProgram(
                    f"CVXPY cannot express the nonconvex quadratic row {name!r}: {_ABLE}"
                )
            square = natives.square(split_forms(sign * form))
            body = sign * affine if square is None else sign * affine + square
            yield (body <= side).set_label(name)


def _cones(program: Program, natives: Natives, block: RowBlock) -> Iterator[Any]:
    """Yield the cones of a block, all of one length and kind at once, as ``|(t - z, 2 Y)| <= t + z``."""
    cones = program.cones
    pointer = cones.pointer[block.start : block.start + block.size + 1]
    lengths = np.diff(pointer)
    for length in np.unique(lengths):
        starts = pointer[:-1][lengths == length]
        count, k = starts.size, int(length) - 2
        inner = (starts[:, None] + 2 + np.arange(k)).ravel()
        t, z = cones.matrix[starts], cones.matrix[starts + 1]
        t0, z0 = cones.constant[starts], cones.constant[starts + 1]
        Y, Y0 = cones.matrix[inner], cones.constant[inner]
        if (t != z).nnz == 0 and np.array_equal(t0, z0):
            top, X = natives.affine(t, t0, (count,)), natives.affine(Y, Y0, (count, k))
        else:
            top = natives.affine(t + z, t0 + z0, (count,))
            first = natives.affine(t - z, t0 - z0, (count, 1))
            X = cp.hstack([first, natives.affine(2.0 * Y, 2.0 * Y0, (count, k))])
        yield cp.SOC(top, X, axis=1).set_label(block.name)
