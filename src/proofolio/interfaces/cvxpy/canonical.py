"""CVXPY's own canonicalisation, with affine expressions left alone and quadratic ones kept whole.

`Canonical` collects rows and cones and puts a placeholder variable where a sum of squares stands; `Squares` turns the
placeholders back into quadratic forms over columns.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import cvxpy
import numpy as np
from cvxpy.atoms.quad_form import SymbolicQuadForm
from cvxpy.constraints.cones import Cone
from cvxpy.reductions.dcp2cone.dcp2cone import Dcp2Cone
from cvxpy.reductions.discrete2mixedint.valinvec2mixedint import finite_set_canon
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.errors import UnsupportedProgram
from proofolio.interfaces.cvxpy.columns import Affine, affine_constraint, evaluated, shown

__all__ = ["Canonical", "ConeItem", "RowItem", "Square", "Squares"]


cp: Any = cvxpy  # its annotations cover a part of what it exports


class RowItem(NamedTuple):
    """Rows ``lower <= expression <= upper``; squares stand in the expression as placeholder variables."""

    name: str
    expression: Any
    lower: float
    upper: float


class ConeItem(NamedTuple):
    """Cones ``|X[j]|_2 <= t[j]``, one a row of X."""

    name: str
    t: Any
    X: Any


class Square(NamedTuple):
    """An array of quadratic forms of one variable, and the placeholder variable that stands for it.

    Entry k of the placeholder (column by column) is the part of x'Px over the entries of x labelled k.
    Where `definition` is given, x is an auxiliary variable equal to it.
    """

    placeholder: Any
    variable: Any
    P: Any
    label: Integers
    definition: Any


class Canonical(Dcp2Cone):
    """Rows, cones and squares of a problem, collected one constraint at a time.

    `Dcp2Cone` turns atoms into cones; here it never touches an affine expression (it would give `cumsum` an
    auxiliary variable), refuses cones other than second-order ones, and what it makes of sums of squares
    (a symbolic quadratic form) becomes a placeholder variable.
    """

    def __init__(self) -> None:
        super().__init__(quad_obj=True)
        self.rows: list[RowItem] = []
        self.cones: list[ConeItem] = []
        self.squares: list[Square] = []
        self._caches: tuple[dict[Any, Any], Any, dict[Any, Any]] | None = None
        self._placed: dict[int, tuple[Any, Any]] = {}
        self._alive: list[Any] = []  # the caches go by id, and ids of what is gone are used again

    # ------------------------------------------------------------ constraints
    def objective(self, expression: Any) -> Any:
        """Return the expression to minimise as an affine one, with placeholders."""
        return self._flat("objective", evaluated(expression))

    def constraint(self, name: str, constraint: Any) -> None:
        """Take in one constraint of the user's."""
        affine = affine_constraint(constraint)
        if affine is not None:
            self.rows.append(RowItem(name, *affine))
        elif isinstance(constraint, cp.constraints.SOC):
            self._cone(name, constraint)
        elif isinstance(constraint, cp.constraints.FiniteSet):
            with warnings.catch_warnings():  # CVXPY leaves out the order of its own flatten
                warnings.simplefilter("ignore", FutureWarning)
                main, more = finite_set_canon(constraint, constraint.args)
            self._aux(name, [main, *more])
        elif isinstance(constraint, cp.constraints.Inequality):
            left, right = (evaluated(arg) for arg in constraint.args)
            self._curved(name, left - right, constraint)
        elif isinstance(constraint, cp.constraints.NonPos):
            self._curved(name, evaluated(constraint.args[0]), constraint)
        elif isinstance(constraint, cp.constraints.NonNeg):
            self._curved(name, -evaluated(constraint.args[0]), constraint)
        elif isinstance(constraint, Cone):
            raise _foreign(name, shown(constraint), type(constraint).__name__)
        else:
            raise _not_dcp(name, constraint)

    def _curved(self, name: str, expression: Any, constraint: Any) -> None:
        if not expression.is_convex():
            raise _not_dcp(name, constraint)
        self.rows.append(RowItem(name, self._flat(name, expression), -np.inf, 0.0))

    def _cone(self, name: str, constraint: Any) -> None:
        t, X = (evaluated(arg) for arg in constraint.args)
        if not (t.is_affine() and X.is_affine()):
            raise _not_dcp(name, constraint)
        if X.ndim < 2:
            X = cp.reshape(X, (1, X.size), order="F")
        elif constraint.axis == 0:
            X = X.T
        self.cones.append(ConeItem(name, t, X))

    def _aux(self, name: str, constraints: list[Any]) -> None:
        for k, constraint in enumerate(constraints):
            self.constraint(f"{name}_aux{k}", constraint)

    # ------------------------------------------------------- canonicalisation
    def _flat(self, name: str, expression: Any) -> Any:
        if expression.is_affine():
            return expression
        self._where = name
        self._alive.append(expression)
        if self._caches is None:
            flat, made = self.canonicalize_tree(expression, True)
        else:
            flat, made = self.canonicalize_tree(expression, True, *self._caches)
        definitions = {}
        for k in made:
            if isinstance(k, cp.constraints.Equality) and isinstance(k.args[1], cp.Variable):
                definitions[k.args[1].id] = k
        flat = self._with_placeholders(flat, definitions)
        used = {id(definitions[s.variable.id]) for s in self.squares if s.variable.id in definitions}
        self._aux(name, [k for k in made if id(k) not in used])
        return flat

    def canonicalize_tree(  # type: ignore[override]  # as in Dcp2Cone, whose own base says otherwise
        self, expr: Any, affine_above: bool, *caches: Any
    ) -> tuple[Any, list[Any]]:
        """Return an affine expression as it is, and anything else canonicalised."""
        if caches and self._caches is None:
            self._caches = caches  # shared by all constraints, so that what is common is written once
        if isinstance(expr, cp.Expression) and expr.is_affine():
            return expr, []
        return super().canonicalize_tree(expr, affine_above, *caches)

    def canonicalize_expr(  # type: ignore[override]  # likewise
        self, expr: Any, args: list[Any], affine_above: bool
    ) -> tuple[Any, list[Any]]:
        """Canonicalise one atom; refuse those that need a cone no Program has."""
        flat, made = super().canonicalize_expr(expr, args, affine_above)
        for constraint in made:
            if isinstance(constraint, Cone) and not isinstance(constraint, _FLAT_CONES):
                raise _foreign(self._where, shown(expr), type(constraint).__name__)
        return flat, made

    def _with_placeholders(self, expression: Any, definitions: dict[int, Any]) -> Any:
        if isinstance(expression, SymbolicQuadForm):
            if id(expression) not in self._placed:
                placeholder = cp.Variable(expression.shape)
                self._placed[id(expression)] = (placeholder, expression)  # kept, so that its id stays its own
                x = expression.args[0]
                definition = definitions[x.id].args[0] if x.id in definitions else None
                self.squares.append(Square(placeholder, x, *_parts(expression), definition))
            return self._placed[id(expression)][0]
        args = [self._with_placeholders(arg, definitions) for arg in expression.args]
        if all(new is old for new, old in zip(args, expression.args, strict=True)):
            return expression
        return expression.copy(args)


_FLAT_CONES = (cp.constraints.SOC, cp.constraints.NonNeg, cp.constraints.NonPos, cp.constraints.Zero)


def _parts(form: Any) -> tuple[Any, Integers]:
    """Return P, symmetric, and which entry of the form each entry of x goes into."""
    size = form.args[0].size
    P = sparse.csr_array(form.P.value)
    label = np.arange(size)
    if form.block_indices is not None:
        for k, entries in enumerate(form.block_indices):
            label[entries] = k
    elif form.size == 1:
        label = np.zeros(size, dtype=int)
    return (P + sparse.csr_array(P.T)) / 2.0, label.astype(np.intp)


def _foreign(name: str, text: str, cone: str) -> UnsupportedProgram:
    return UnsupportedProgram(
        f"{name}: {text} needs the cone {cone}, and a Program has second-order cones: solve it with CVXPY"
    )


def _not_dcp(name: str, constraint: Any) -> UnsupportedProgram:
    return UnsupportedProgram(
        f"{name} is not DCP: {shown(constraint)}; rewrite it by the DCP rules, or with proofolio's formulations"
    )


# Columns up to which substituting into a square costs less than an auxiliary variable does: a dense 64 x 64 form
# has 4,096 entries, as few as the rows that would define 64 auxiliary columns of a dense expression.
_DENSE = 64


class Squares:
    """The squares of a problem, and where their placeholders and variables stand among the columns.

    Parameters
    ----------
    squares : list of Square
    definitions : list of Affine or None
        What each square's variable equals, when it is an auxiliary one.
    start : dict
        First column of each variable, by its id.
    width : int
        The number of columns.

    Attributes
    ----------
    kept : list of Square
        Those whose auxiliary variable stays a column: substituting it would fill the matrix up.
    """

    def __init__(
        self, squares: list[Square], definitions: list[Affine | None], start: dict[int, int], width: int
    ) -> None:
        self._squares, self._start, self._width = squares, start, width
        self._first = np.array([start[s.placeholder.id] for s in squares], dtype=np.intp)
        self.definitions = definitions
        self.kept = [
            s for s, d in zip(squares, definitions, strict=True) if d is not None and not _stays_sparse(d)
        ]
        kept = {id(s) for s in self.kept}
        self._inside = [
            (_own_columns(s, start, width), np.zeros(s.variable.size))
            if d is None or id(s) in kept
            else _columnwise(s, d)
            for s, d in zip(squares, definitions, strict=True)
        ]

    def definition(self, square: Square) -> Affine:
        """Return ``definition - variable`` of a square that is kept, entries in row-major order."""
        found = self.definitions[self._squares.index(square)]
        assert found is not None
        x = square.variable
        own = sparse.eye_array(x.size, self._width, k=self._start[x.id], format="csr")
        return Affine(found.matrix - own, found.constant)

    def curved(self, part: Affine) -> bool:
        """Whether an expression has placeholders in it."""
        return bool(self._squares and part.matrix.nnz and part.matrix.indices.max() >= self._first[0])

    def resolved(self, part: Affine, k: int) -> tuple[Affine, Any]:
        """Return entry k without placeholders: its affine part, and its form x'Qx over the columns."""
        row, constant = part.matrix[[k]], float(part.constant[k])
        form = sparse.csr_array((self._width, self._width))
        if not self._squares:
            return Affine(row, np.array([constant])), form
        places, values = row.indices, row.data
        stands_in = places >= self._first[0]
        linear = sparse.csr_array(
            (values[~stands_in], places[~stands_in], np.array([0, np.count_nonzero(~stands_in)])),
            shape=row.shape,
        )
        which = np.searchsorted(self._first, places[stands_in], side="right") - 1
        for number in np.unique(which):
            square = self._squares[number]
            p = square.placeholder
            weight = np.zeros(p.size)
            weight[places[stands_in][which == number] - self._first[number]] = values[stands_in][
                which == number
            ]
            P = _weighted(square, weight.reshape(p.shape).ravel(order="F"))
            A, b = self._inside[number]
            form = form + A.T @ P @ A
            slope = 2.0 * (P @ b)
            linear = linear + sparse.csr_array(slope[None, :]) @ A
            constant += float(b @ slope) / 2.0
        return Affine(sparse.csr_array(linear), np.array([constant])), sparse.csr_array(form)


def _stays_sparse(definition: Affine) -> bool:
    counts = np.diff(definition.matrix.indptr)
    used = np.unique(definition.matrix.indices).size
    return bool(counts.size == 0 or counts.max() <= 1 or used <= max(_DENSE, counts.size))


def _column_order(square: Square) -> Integers:
    x = square.variable
    return np.arange(x.size, dtype=np.intp).reshape(x.shape).ravel(order="F")


def _columnwise(square: Square, definition: Affine) -> tuple[Any, Floats]:
    order = _column_order(square)
    return definition.matrix[order], definition.constant[order]


def _own_columns(square: Square, start: dict[int, int], width: int) -> Any:
    order = _column_order(square)
    places = (np.ones(order.size), (np.arange(order.size), start[square.variable.id] + order))
    return sparse.csr_array(places, shape=(order.size, width))


def _weighted(square: Square, weight: Floats) -> Any:
    """Return P with each entry scaled by the weight of the form it belongs to."""
    entries = square.P.tocoo()
    i, j = entries.coords
    same = square.label[i] == square.label[j]
    data = entries.data[same] * weight[square.label[i[same]]]
    return sparse.csr_array((data, (i[same], j[same])), shape=square.P.shape)
