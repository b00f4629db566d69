"""Reading CVXPY: a problem as a program, one to one in the user's own variables and affine constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cvxpy
import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.arrays import Mask
from proofolio.errors import BadData, UnsupportedProgram
from proofolio.interfaces.cvxpy.canonical import Canonical, ConeItem, RowItem, Squares
from proofolio.interfaces.cvxpy.columns import (
    Affine,
    Names,
    affine_parts,
    declare,
    evaluated,
    joined_boxes,
    refuse_foreign,
    shown,
    unique_variables,
    user_name,
    with_posted,
)
from proofolio.program.builder import Builder
from proofolio.program.expression import Expression, Rows
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic, split_forms

__all__ = ["CvxpyReading", "from_cvxpy", "read_cvxpy"]


cp: Any = cvxpy  # its annotations cover a part of what it exports


@dataclass(frozen=True, eq=False)
class CvxpyReading:
    """A program read from a CVXPY problem, and the way back.

    Attributes
    ----------
    program : Program
    problem : cvxpy.Problem
        The user's problem.
    variables : tuple of (cvxpy.Variable, int)
        The user's variables and the first column of each.
    """

    program: Program
    problem: Any
    variables: tuple[tuple[Any, int], ...]

    def load(self, x: ArrayLike) -> None:
        """Set the values of the user's variables from a point of the program's columns."""
        point = np.asarray(x, dtype=float)
        if point.shape != (self.program.n,):
            raise BadData(f"the point has shape {point.shape}; the program has {self.program.n} columns")
        for variable, start in self.variables:
            variable.save_value(point[start : start + variable.size].reshape(variable.shape).copy())


def from_cvxpy(problem: Any) -> Program:
    """Return the program of a CVXPY problem; see `read_cvxpy`."""
    return read_cvxpy(problem).program


def read_cvxpy(problem: Any) -> CvxpyReading:
    r"""Read a DCP problem whose cones are linear, quadratic and second-order, integers included.

    Each `cvxpy.Variable` becomes a block of columns in row-major order under its name (``var0``, ``var1``...
    in order of appearance when it has none), and affine constraints become rows on those columns, named
    by their label or ``constraint0``, ``constraint1``... Constraints on a single variable entry become
    bounds. Sums of squares and quadratic forms are kept as quadratic functions; other convex atoms go through
    CVXPY's own canonicalisation and bring columns ``aux0``, ``aux1``... with them. A cone
    :math:`\|Y\|_2 \le t` is read as the rotated cone :math:`\sum Y^2 \le t\,t`. Parameters count at
    their value.

    Raises
    ------
    UnsupportedProgram
        For problems that are not DCP, and for exponential, power and semidefinite cones; the text names
        the constraint or atom.
    BadData
        For something that is no problem, parameters without values, NaN and infinities.
    """
    if not isinstance(problem, cp.Problem):
        raise BadData(f"{type(problem).__name__} is no CVXPY problem: give a cvxpy.Problem")
    for variable in problem.variables():
        refuse_foreign(variable)
    canonical = Canonical()
    maximise = isinstance(problem.objective, cp.Maximize)
    expression = -problem.objective.expr if maximise else problem.objective.expr
    expression = evaluated(expression)
    if not expression.is_convex():
        raise UnsupportedProgram(f"the objective is not DCP: {shown(problem.objective)}")
    objective = canonical.objective(expression)
    for k, constraint in enumerate(problem.constraints):
        canonical.constraint(constraint.label or f"constraint{k}", constraint)
    reader = _Reader(problem, canonical, objective)
    program = reader.program(maximise)
    return CvxpyReading(program, problem, reader.user_columns())


class _Reader:
    """Matrices of everything collected, and the program made of them.

    Columns stand in the order user's variables, auxiliary ones, those that squares define, placeholders.
    """

    def __init__(self, problem: Any, canonical: Canonical, objective: Any) -> None:
        self.rows, self.cones, squares = canonical.rows, canonical.cones, canonical.squares
        defined = [s for s in squares if s.definition is not None]
        expressions = [
            objective,
            *(row.expression for row in self.rows),
            *(part for cone in self.cones for part in (cone.t, cone.X)),
            *(s.definition for s in defined),
        ]
        self.user = problem.variables()
        known = {
            v.id for v in (*self.user, *(s.placeholder for s in squares), *(s.variable for s in defined))
        }
        self.aux = [
            v for v in unique_variables([*expressions, *(s.variable for s in squares)]) if v.id not in known
        ]
        self.columns = [
            *self.user,
            *self.aux,
            *(s.variable for s in defined),
            *(s.placeholder for s in squares),
        ]
        ends = np.cumsum([0, *(v.size for v in self.columns)])
        self.start = {v.id: int(a) for v, a in zip(self.columns, ends[:-1], strict=True)}
        self.width = int(ends[-1])
        parts = iter(affine_parts(expressions, self.columns))
        self.objective = next(parts)
        self.row_parts = [next(parts) for _ in self.rows]
        self.cone_parts = [(next(parts), next(parts)) for _ in self.cones]
        found = [next(parts) if s.definition is not None else None for s in squares]
        self.squares = Squares(squares, found, self.start, self.width)
        kept = [s.variable for s in self.squares.kept]
        self.blocks = [*self.user, *self.aux, *kept]
        places = [self.start[v.id] + np.arange(v.size) for v in self.blocks]
        self.survivors = np.concatenate([np.empty(0, dtype=np.intp), *places]).astype(np.intp)

    def user_columns(self) -> tuple[tuple[Any, int], ...]:
        """Return the user's variables and their first columns."""
        return tuple((v, self.start[v.id]) for v in self.user)

    def program(self, maximise: bool) -> Program:
        """Build the model and freeze it."""
        model = Builder("cvxpy")
        said = self._declare(model)
        for row, part, bounds in zip(self.rows, self.row_parts, said, strict=True):
            if self.squares.curved(part):
                self._add_quadratic(model, row, part)
            else:
                self._add_linear(model, row, part, bounds)
        for square in self.squares.kept:
            shape, part = square.variable.shape, self.squares.definition(square)
            body = self._expression(model, part, shape)
            model.add(self.names("aux_definition"), Rows(body, np.zeros(shape), np.zeros(shape)))
        self._add_symmetry(model)
        for cone, (t, X) in zip(self.cones, self.cone_parts, strict=True):
            self._add_cone(model, cone, t, X)
        linear, form = self.squares.resolved(self.objective, 0)
        model.minimise(self._expression(model, linear, ()))
        model._maximise = maximise
        form = form[self.survivors][:, self.survivors]
        return replace(model.freeze(), P=sparse.csc_array(form * 2.0))

    def _declare(self, model: Builder) -> list[Mask]:
        """Give every block its columns; return which rows their bounds now say."""
        linear = [not self.squares.curved(part) for part in self.row_parts]
        sizes = [part.constant.size for part in self.row_parts]
        whole = Affine(
            _stacked([part.matrix for part in self.row_parts], self.width),
            np.concatenate([np.empty(0), *(part.constant for part in self.row_parts)]),
        )
        lower = np.repeat(
            [r.lower if flat else -np.inf for r, flat in zip(self.rows, linear, strict=True)], sizes
        )
        upper = np.repeat(
            [r.upper if flat else np.inf for r, flat in zip(self.rows, linear, strict=True)], sizes
        )
        box, said = with_posted(whole, lower, upper, joined_boxes(self.columns))
        for k, variable in enumerate(self.blocks):
            a = self.start[variable.id]
            name = user_name(k, variable) if k < len(self.user) else f"aux{k - len(self.user)}"
            declare(model, name, variable.shape, box.part(slice(a, a + variable.size)))
        self.names = Names(model._names)
        return [said[a:b] for a, b in pairwise(np.cumsum([0, *sizes]).tolist())]

    def _expression(self, model: Builder, part: Affine, shape: tuple[int, ...]) -> Expression:
        matrix = sparse.csr_array(part.matrix[:, self.survivors])
        return Expression(matrix, part.constant.reshape(shape), model)

    def _add_linear(self, model: Builder, row: RowItem, part: Affine, said: Mask) -> None:
        shape, matrix = row.expression.shape, part.matrix
        if said.any():  # rows without columns and without sides are not kept
            matrix = sparse.diags_array((~said).astype(float), format="csr") @ matrix
        body = self._expression(model, Affine(matrix, part.constant), shape)
        lower = np.where(said, -np.inf, row.lower).reshape(shape)
        upper = np.where(said, np.inf, row.upper).reshape(shape)
        model.add(self.names(row.name), Rows(body, lower, upper))

    def _add_quadratic(self, model: Builder, row: RowItem, part: Affine) -> None:
        shape = row.expression.shape
        pairs = [self.squares.resolved(part, k) for k in range(part.constant.size)]
        affine = Affine(
            _stacked([linear.matrix for linear, _ in pairs], self.width),
            np.concatenate([linear.constant for linear, _ in pairs]),
        )
        forms = tuple(split_forms(form[self.survivors][:, self.survivors]) for _, form in pairs)
        body = Quadratic(self._expression(model, affine, shape), forms)
        model.add(self.names(row.name), Rows(body, np.full(shape, row.lower), np.full(shape, row.upper)))

    def _add_symmetry(self, model: Builder) -> None:
        for k, variable in enumerate(self.user):
            if variable.attributes["symmetric"]:
                a, n = self.start[variable.id], variable.shape[0]
                eye = sparse.eye_array(n * n, self.width, k=a, format="csr")
                body = self._expression(model, Affine(eye, np.zeros(n * n)), (n, n))
                above, below = (body[np.triu_indices(n, 1)], body.T[np.triu_indices(n, 1)])
                model.add(self.names(f"{user_name(k, variable)}_symmetric"), above == below)

    def _add_cone(self, model: Builder, cone: ConeItem, t: Affine, X: Affine) -> None:
        count, k = cone.X.shape
        T, Y = self._expression(model, t, (count,)), self._expression(model, X, (count, k))
        rotated = _rotated(T, Y[:, 0]) if k > 1 else None
        if rotated is None:
            model.cone(self.names(cone.name), Y, T, T)
        else:
            model.cone(self.names(cone.name), Y[:, 1:] * 0.5, *rotated)


def _rotated(t: Expression, first: Expression) -> tuple[Expression, Expression] | None:
    """Return t and z of ``|(t - z, 2 Y)| <= t + z`` where these are simpler than sum and difference."""
    total, difference = (t + first) * 0.5, (t - first) * 0.5

    def terms(e: Expression) -> int:
        return int(np.count_nonzero(e.matrix.data)) + int(np.count_nonzero(e.constant))

    return (total, difference) if terms(total) + terms(difference) < terms(t) + terms(first) else None


def _stacked(matrices: Sequence[Any], width: int) -> Any:
    return sparse.vstack([sparse.csr_array((0, width)), *matrices], format="csr")
