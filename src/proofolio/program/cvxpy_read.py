"""Reading CVXPY: a problem as a program, one to one in the user's own variables and affine constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.program.cvxpy_canonical import Canonical, ConeItem, RowItem, Square
from proofolio.program.cvxpy_matrices import (
    Affine,
    Box,
    affine_parts,
    declare,
    told,
    unique_variables,
    variable_box,
    with_posted,
)
from proofolio.program.expression import Expression, Rows
from proofolio.program.forms import split_forms
from proofolio.program.model import Model
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic

__all__ = ["CvxpyReading", "from_cvxpy", "read_cvxpy"]

_DENSE = 64  # columns up to which substituting into a square costs nothing worth an auxiliary variable


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
    """Read a DCP problem whose cones are linear, quadratic and second-order, integers included.

    Each `cvxpy.Variable` becomes a block of columns in row-major order under its name (``var0``, ``var1``...
    in order of appearance when it has none), and affine constraints become rows on those columns, named
    by their label or ``constraint0``, ``constraint1``... Constraints on a single variable entry become
    bounds. Sums of squares and quadratic forms are kept as quadratic functions; other convex atoms go through
    CVXPY's own canonicalisation and bring columns ``aux0``, ``aux1``... with them. A cone
    :math:`\\|Y\\|_2 \\le t` is read as the rotated cone :math:`\\sum Y^2 \\le t\\,t`. Parameters count at
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
    canonical, names = Canonical(), _Names()
    maximise = isinstance(problem.objective, cp.Maximize)
    expression = -problem.objective.expr if maximise else problem.objective.expr
    if not expression.is_convex():
        raise UnsupportedProgram(f"the objective is not DCP: {told(problem.objective)}")
    objective = canonical.objective(expression)
    for k, constraint in enumerate(problem.constraints):
        canonical.constraint(names(constraint.label or f"constraint{k}"), constraint)
    reader = _Reader(problem, canonical, objective)
    program = reader.program(maximise)
    return CvxpyReading(program, problem, reader.user_columns())


class _Names:
    """Tells names apart that were given twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, name: str) -> str:
        found, k = name, 2
        while found in self._taken:
            found, k = f"{name}_{k}", k + 1
        self._taken.add(found)
        return found


class _Reader:
    """Matrices of everything collected, and the model made of them."""

    def __init__(self, problem: Any, canonical: Canonical, objective: Any) -> None:
        rows, cones, squares = canonical.rows, canonical.cones, canonical.squares
        definitions = [s.definition for s in squares if s.definition is not None]
        expressions = [
            objective,
            *(r.expression for r in rows),
            *(part for c in cones for part in (c.t, c.X)),
            *definitions,
        ]
        self.user = problem.variables()
        stand_ins = {s.placeholder.id for s in squares}
        defined = {s.variable.id for s in squares if s.definition is not None}
        known = {v.id for v in self.user}
        met = [v for v in unique_variables(expressions) if v.id not in known]
        self.aux = [v for v in met if v.id not in stand_ins | defined]
        self.defined = [s.variable for s in squares if s.definition is not None]
        self.placeholders = [s.placeholder for s in squares]
        self.rows, self.cones, self.squares = rows, cones, squares
        self.columns = [*self.user, *self.aux, *self.defined, *self.placeholders]
        sizes = [v.size for v in self.columns]
        ends = np.cumsum([0, *sizes])
        self.start = {v.id: int(a) for v, a in zip(self.columns, ends[:-1], strict=True)}
        self.width = int(ends[-1])
        parts = affine_parts(expressions, self.columns)
        self.objective, parts = parts[0], parts[1:]
        self.row_parts, parts = parts[: len(rows)], parts[len(rows) :]
        self.cone_parts, parts = parts[: 2 * len(cones)], parts[2 * len(cones) :]
        self.definitions = dict(zip([s.placeholder.id for s in squares if s.definition is not None], parts, strict=True))
        self.kept = {
            s.variable.id for s in squares if s.definition is not None and not _cheap(self.definitions[s.placeholder.id])
        }

    def user_columns(self) -> tuple[tuple[Any, int], ...]:
        """Return the user's variables and their first columns."""
        return tuple((v, self.start[v.id]) for v in self.user)

    def program(self, maximise: bool) -> Program:
        """Build the model and freeze it."""
        model = Model("cvxpy")
        lower = np.concatenate([np.full(p.constant.size, r.lower) for r, p in self._linear()] or [np.empty(0)])
        upper = np.concatenate([np.full(p.constant.size, r.upper) for r, p in self._linear()] or [np.empty(0)])
        boxes = [variable_box(v) for v in self.columns]
        box = Box(*(np.concatenate([np.empty(0), *(b[k].ravel() for b in boxes)]) for k in range(3)))
        box = Box(box.lower, box.upper, box.integer.astype(bool))
        whole = Affine(
            _stacked([p.matrix for _, p in self._linear()], self.width),
            np.concatenate([np.empty(0), *(p.constant for _, p in self._linear())]),
        )
        box, said = with_posted(whole, lower, upper, box)
        self._declare(model, box)
        said_by = iter(np.split(said, np.cumsum([p.constant.size for _, p in self._linear()])[:-1]))
        for row, part in zip(self.rows, self.row_parts, strict=True):
            if self._curved(part):
                self._add_quadratic(model, row, part)
            else:
                self._add_linear(model, row, part, next(said_by))
        for square in self.squares:
            if square.variable.id in self.kept:
                self._add_definition(model, square)
        self._add_symmetry(model)
        for k, cone in enumerate(self.cones):
            self._add_cone(model, cone, *self.cone_parts[2 * k : 2 * k + 2])
        linear, form = self._substituted(self.objective, 0)
        model.minimise(self._expression(model, linear, ()))
        model._maximise = maximise
        return replace(model.freeze(), P=sparse.csc_array(form * 2.0))

    # ---------------------------------------------------------------- columns
    def _declare(self, model: Model, box: Box) -> None:
        width = 0
        for k, variable in enumerate([*self.user, *self.aux, *self.defined]):
            if k >= len(self.user) + len(self.aux) and variable.id not in self.kept:
                continue
            a = self.start[variable.id]
            part = Box(*(side[a : a + variable.size] for side in box))
            declare(model, self._name(k, variable), variable.shape, part)
            width += variable.size
        n = self.start[self.defined[0].id] if self.defined else width
        kept = [self.start[v.id] + np.arange(v.size) for v in self.defined if v.id in self.kept]
        self.survivors = np.concatenate([np.arange(n), *kept]).astype(np.intp)

    def _name(self, k: int, variable: Any) -> str:
        if k >= len(self.user):
            return f"aux{k - len(self.user)}"
        name: str = variable.name()
        return f"var{k}" if name == f"var{variable.id}" else name

    def _expression(self, model: Model, part: Affine, shape: tuple[int, ...]) -> Expression:
        matrix = sparse.csr_array(part.matrix[:, self.survivors])
        return Expression(matrix, part.constant.reshape(shape), model)

    # ------------------------------------------------------------------- rows
    def _curved(self, part: Affine) -> bool:
        if not self.placeholders or not part.matrix.nnz:
            return False
        return bool(part.matrix.indices.max() >= self.start[self.placeholders[0].id])

    def _linear(self) -> list[tuple[RowItem, Affine]]:
        pairs = zip(self.rows, self.row_parts, strict=True)
        return [(row, part) for row, part in pairs if not self._curved(part)]

    def _add_linear(self, model: Model, row: RowItem, part: Affine, said: NDArray[np.bool_]) -> None:
        shape = row.expression.shape
        kept = sparse.diags_array((~said).astype(float), format="csr") @ part.matrix if said.any() else part.matrix
        body = self._expression(model, Affine(kept, part.constant), shape)
        lower = np.where(said, -np.inf, row.lower).reshape(shape)
        upper = np.where(said, np.inf, row.upper).reshape(shape)
        model.add(row.name, Rows(body, lower, upper))

    def _add_quadratic(self, model: Model, row: RowItem, part: Affine) -> None:
        shape = row.expression.shape
        pairs = [self._substituted(part, k) for k in range(part.constant.size)]
        affine = Affine(
            _stacked([linear.matrix for linear, _ in pairs], self.width),
            np.concatenate([linear.constant for linear, _ in pairs]),
        )
        forms = tuple(split_forms(form) for _, form in pairs)
        body = Quadratic(self._expression(model, affine, shape), forms)
        model.add(row.name, Rows(body, np.full(shape, row.lower), np.full(shape, row.upper)))

    def _substituted(self, part: Affine, k: int) -> tuple[Affine, Any]:
        """Return entry k without placeholders: its affine part, and its quadratic form over the columns."""
        row, constant = part.matrix[[k]], float(part.constant[k])
        used = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        form = sparse.csr_array((self.width, self.width))
        linear = row.copy()
        for square in self.squares:
            a, p = self.start[square.placeholder.id], square.placeholder
            places = a + np.arange(p.size).reshape(p.shape).ravel(order="F")
            weight = np.array([used.get(int(j), 0.0) for j in places])
            if not weight.any():
                continue
            P = _weighted(square, weight)
            A, b = self._inside(square)
            form = form + A.T @ P @ A
            linear = linear + sparse.csr_array((2.0 * (b @ P))[None, :]) @ A
            constant += float(b @ (P @ b))
        linear, form = sparse.csr_array(linear), form.tocsr()[self.survivors][:, self.survivors]
        if self.placeholders:  # every placeholder has been replaced
            linear.data[linear.indices >= self.start[self.placeholders[0].id]] = 0.0
            linear.eliminate_zeros()
        return Affine(linear, np.array([constant])), sparse.csr_array(form)

    def _inside(self, square: Square) -> tuple[Any, NDArray[np.float64]]:
        """Return matrix and constant of the squared variable, entries column by column."""
        x = square.variable
        order = np.arange(x.size).reshape(x.shape).ravel(order="F")
        if square.definition is not None and x.id not in self.kept:
            found = self.definitions[square.placeholder.id]
            return found.matrix[order], found.constant[order]
        places = (np.ones(x.size), (np.arange(x.size), self.start[x.id] + order))
        return sparse.csr_array(places, shape=(x.size, self.width)), np.zeros(x.size)

    def _add_definition(self, model: Model, square: Square) -> None:
        found = self.definitions[square.placeholder.id]
        x = square.variable
        places = (np.ones(x.size), (np.arange(x.size), self.start[x.id] + np.arange(x.size)))
        own = sparse.csr_array(places, shape=(x.size, self.width))
        body = self._expression(model, Affine(found.matrix - own, found.constant), x.shape)
        names = _Names()
        names._taken |= model._names
        model.add(names("aux_definition"), Rows(body, np.zeros(x.shape), np.zeros(x.shape)))

    def _add_symmetry(self, model: Model) -> None:
        for variable in self.user:
            if variable.attributes["symmetric"]:
                n = variable.shape[0]
                place = self.start[variable.id] + np.arange(n * n).reshape(n, n)
                above, below = place[np.triu_indices(n, 1)], place.T[np.triu_indices(n, 1)]
                rows = np.arange(above.size)
                data = np.repeat([1.0, -1.0], above.size)
                both = (data, (np.tile(rows, 2), np.concatenate([above, below])))
                matrix = sparse.csr_array(both, shape=(above.size, self.width))
                body = self._expression(model, Affine(matrix, np.zeros(above.size)), (above.size,))
                zero = np.zeros(above.size)
                model.add(f"{variable.name()}_symmetric", Rows(body, zero, zero))

    # ------------------------------------------------------------------ cones
    def _add_cone(self, model: Model, cone: ConeItem, t: Affine, X: Affine) -> None:
        count, k = cone.X.shape
        T = self._expression(model, t, (count,))
        Y = self._expression(model, X, (count, k))
        rotated = _rotated(T, Y[:, 0]) if k > 1 else None
        if rotated is not None:
            model.cone(cone.name, Y[:, 1:] * 0.5, *rotated)
        else:
            model.cone(cone.name, Y, T, T)


def _cheap(definition: Affine) -> bool:
    """Whether squares may be written in what the auxiliary variable equals without filling up P."""
    rows = np.diff(definition.matrix.indptr)
    if rows.size == 0 or rows.max() <= 1:
        return True
    used = np.unique(definition.matrix.indices).size
    return used <= max(_DENSE, rows.size)


def _weighted(square: Square, weight: NDArray[np.float64]) -> Any:
    entries = square.P.tocoo()
    i, j = entries.coords
    same = square.label[i] == square.label[j]
    data = entries.data[same] * weight[square.label[i[same]]]
    return sparse.csr_array((data, (i[same], j[same])), shape=square.P.shape)


def _rotated(t: Expression, first: Expression) -> tuple[Expression, Expression] | None:
    """Return t and z of ``|(t - z, 2 Y)| <= t + z`` when sum and difference are simpler than what is given."""
    total, difference = (t + first) * 0.5, (t - first) * 0.5

    def terms(e: Expression) -> int:
        return int(np.count_nonzero(e.matrix.data)) + int(np.count_nonzero(e.constant))

    return (total, difference) if terms(total) + terms(difference) < terms(t) + terms(first) else None


def _stacked(matrices: Sequence[Any], width: int) -> Any:
    return sparse.vstack([sparse.csr_array((0, width)), *matrices], format="csr")
