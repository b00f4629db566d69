"""CVXPY's own canonicalisation, with affine expressions left alone and quadratic ones kept whole."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import cvxpy
import numpy as np
from cvxpy.atoms.quad_form import SymbolicQuadForm
from cvxpy.constraints.cones import Cone
from cvxpy.reductions.dcp2cone.dcp2cone import Dcp2Cone
from cvxpy.reductions.discrete2mixedint.valinvec2mixedint import finite_set_canon
from numpy.typing import NDArray
from scipy import sparse

from proofolio.errors import UnsupportedProgram
from proofolio.program.cvxpy_matrices import affine_constraint, evaluated, told

__all__ = ["Canonical", "ConeItem", "RowItem", "Square"]

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
    label: NDArray[np.intp]
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
            raise _foreign(name, told(constraint), type(constraint).__name__)
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
                raise _foreign(self._where, told(expr), type(constraint).__name__)
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


def _parts(form: Any) -> tuple[Any, NDArray[np.intp]]:
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


def _foreign(name: str, words: str, cone: str) -> UnsupportedProgram:
    return UnsupportedProgram(
        f"{name}: {words} needs the cone {cone}, and a Program has second-order cones: solve it with CVXPY"
    )


def _not_dcp(name: str, constraint: Any) -> UnsupportedProgram:
    return UnsupportedProgram(f"{name} is not DCP: {told(constraint)}")
