"""The CVXPY door: formulations written in proofolio's algebra, added to a user's own CVXPY problem."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

import cvxpy
import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from proofolio.errors import BadData, UnsupportedProgram
from proofolio.interfaces.cvxpy.columns import (
    Affine,
    Box,
    affine_constraint,
    affine_parts,
    declare,
    evaluated,
    foreign_attribute,
    joined_boxes,
    told,
    unique_variables,
    user_name,
    variable_box,
    with_posted,
)
from proofolio.interfaces.cvxpy.reading import CvxpyReading, from_cvxpy, read_cvxpy
from proofolio.interfaces.cvxpy.writing import Natives, native_constraints, native_variable, to_cvxpy
from proofolio.program.builder import Bounder, Builder
from proofolio.program.expression import Expression, as_expression, stack
from proofolio.program.quadratic import Quadratic

__all__ = ["CvxpyModel", "CvxpyReading", "attach_cvxpy", "from_cvxpy", "read_cvxpy", "to_cvxpy"]


cp: Any = cvxpy  # its annotations cover a part of what it exports


def attach_cvxpy(target: Any = None, bounders: Mapping[str, Bounder] | None = None) -> CvxpyModel:
    """Open a builder on a CVXPY problem, a list of constraints, or nothing.

    Parameters
    ----------
    target : cvxpy.Problem or list of constraints, optional
        Where bounds posted as constraints are looked for. With a problem, ``model.problem`` is afterwards
        that problem with the new constraints.
    bounders : mapping from tier to function, optional
        As for `Model`.

    Raises
    ------
    BadData
        For anything else.

    Examples
    --------
    >>> import cvxpy as cp
    >>> x = cp.Variable(3, name="x", nonneg=True)
    >>> problem = cp.Problem(cp.Minimize(cp.sum(x)), [x <= 4])
    >>> with attach_cvxpy(problem) as model:
    ...     lifted = model.lift(x)
    ...     top = model.variable("top", lower=0, upper=model.bounds(lifted).upper.max())
    ...     model.add("above", top >= lifted)
    >>> [c.label for c in model.constraints], len(model.problem.constraints)
    (['above'], 2)
    >>> print(model.problem.var_dict["top"].bounds[1])
    4.0
    """
    return CvxpyModel(target, bounders)


class CvxpyModel(Builder):
    """A builder whose variables and rows become native CVXPY variables and constraints.

    `lift` reads the user's expressions. A lifted variable counts with its attributes, tightened by
    constraints on single entries (``x <= 5``) of the user's problem, as they stand when the builder is made;
    Parameters count at their value. A Big-M derived from them stays valid while they do.

    Parameters
    ----------
    target : cvxpy.Problem or list of constraints, optional
    bounders : mapping from tier to function, optional
        As for `Model`.

    Attributes
    ----------
    constraints : list of cvxpy constraints
        What the formulations added, labelled with their names; filled by `write_back`, which the end of a
        ``with`` calls.
    """

    def __init__(self, target: Any = None, bounders: Mapping[str, Bounder] | None = None) -> None:
        posted = target.constraints if isinstance(target, cp.Problem) else [] if target is None else target
        if not isinstance(posted, (list, tuple)) or not all(_is_constraint(c) for c in posted):
            raise BadData(
                f"{type(target).__name__} is no CVXPY problem: give a cvxpy.Problem or its constraints"
            )
        super().__init__("cvxpy", bounders)
        self.constraints: list[Any] = []
        self._user = target if isinstance(target, cp.Problem) else None
        self._posted = _posted_boxes(_real(posted))
        self._native: list[Any] = []
        self._start: dict[int, int] = {}
        met = unique_variables([*([self._user.objective] if self._user else []), *_real(posted)])
        self._position = {v.id: k for k, v in enumerate(met)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.write_back()

    # ---------------------------------------------------------------- reading
    def lift(self, value: Any) -> Any:
        """Read an affine CVXPY expression into an expression of the same shape and order of entries.

        Parameters
        ----------
        value : cvxpy expression, number, array, or nested lists and object arrays of those
            Variables that are new to the model get columns, all their entries at once. proofolio's own
            expressions pass through.

        Raises
        ------
        BadData
            For expressions that are not affine, Parameters without a value and other things; the text names
            them.
        UnsupportedProgram
            For complex and semidefinite variables.
        """
        if isinstance(value, (Expression, Quadratic)):
            return value
        if isinstance(value, (list, tuple)) or (
            isinstance(value, np.ndarray) and value.dtype == object and value.ndim
        ):
            return stack([self.lift(v) for v in value]) if len(value) else as_expression(np.empty(0))
        if isinstance(value, np.ndarray) and value.dtype == object:
            return self.lift(value.item())
        if not isinstance(value, cp.Expression):
            return as_expression(value)
        flat = evaluated(value)
        if not flat.is_affine():
            raise BadData(f"the expression {told(value)} is not affine: only affine ones can be lifted")
        variables = flat.variables()
        for variable in variables:
            if variable.id not in self._start:
                self._lift_variable(variable)
        (part,) = affine_parts([flat], variables)
        starts = [self._start[v.id] + np.arange(v.size) for v in variables]
        places = np.concatenate([np.empty(0, dtype=np.int32), *starts]).astype(np.int32)
        matrix = sparse.csr_array(
            (part.matrix.data, places[part.matrix.indices], part.matrix.indptr), shape=(flat.size, self.n)
        )
        matrix.sort_indices()
        return Expression(matrix, part.constant.reshape(flat.shape), self if variables else None)

    def _lift_variable(self, variable: Any) -> None:
        box = self._posted.get(variable.id) or variable_box(variable)
        position = self._position.setdefault(variable.id, len(self._position))
        start = self.n
        declare(self, user_name(position, variable), variable.shape, box)
        self._start[variable.id] = start
        self._native[-1] = variable

    def variable(
        self,
        name: str,
        shape: int | tuple[int, ...] = (),
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
        binary: bool = False,
        integer: bool = False,
    ) -> Expression:
        """Add an array of variables, as `Model.variable` does, and a native one with it."""
        made = super().variable(name, shape, lower, upper, binary, integer)
        box = Box(self._lower[-1], self._upper[-1], self._integer[-1])
        self._native.append(native_variable(name, made.shape, box))
        return made

    def minimise(self, objective: Any) -> NoReturn:
        """Refuse: the objective belongs to the user's problem."""
        raise BadData("the objective belongs to the CVXPY problem: write it there with model.native")

    # ---------------------------------------------------------------- writing
    def native(self, expression: Any) -> Any:
        """Return the CVXPY expression of an affine expression, in its shape.

        Raises
        ------
        BadData
            For quadratic expressions and those of another model.
        """
        if isinstance(expression, Quadratic):
            raise BadData("a quadratic expression has no native form here: write it with cvxpy.quad_form")
        body = as_expression(expression)
        self._check_owner("expression", body.owner)
        return Natives(self._native).affine(body.matrix, body.constant, body.shape)

    def write_back(self) -> None:
        """Make `constraints` of all that formulations have added so far.

        Raises
        ------
        UnsupportedProgram
            For indicators, special ordered sets and nonconvex quadratic rows.
        """
        self.constraints = native_constraints(self.freeze(), Natives(self._native))

    @property
    def problem(self) -> Any:
        """The user's problem with the constraints that were added, as a new `cvxpy.Problem`."""
        if self._user is None:
            raise BadData("this builder was given no problem: add model.constraints to your own")
        return cp.Problem(self._user.objective, [*self._user.constraints, *self.constraints])


def _is_constraint(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_, cp.constraints.constraint.Constraint))


def _real(posted: Any) -> list[Any]:
    return [c for c in posted if not isinstance(c, (bool, np.bool_))]


def _posted_boxes(constraints: Any) -> dict[int, Box]:
    """Return the box of each variable of affine constraints, tightened by rows on single entries."""
    rows = [row for row in map(_affine_row, constraints) if row is not None]
    if not rows:
        return {}
    variables = unique_variables([row[0] for row in rows])
    parts = affine_parts([row[0] for row in rows], variables)
    sizes = [part.constant.size for part in parts]
    whole = Affine(
        sparse.vstack([part.matrix for part in parts], format="csr"),
        np.concatenate([part.constant for part in parts]),
    )
    lower, upper = (np.repeat([row[k] for row in rows], sizes) for k in (1, 2))
    box, _ = with_posted(whole, lower, upper, joined_boxes(variables))
    starts = np.cumsum([0, *(v.size for v in variables)])[:-1].tolist()
    return {v.id: box.part(slice(a, a + v.size)) for v, a in zip(variables, starts, strict=True)}


def _affine_row(constraint: Any) -> tuple[Any, float, float] | None:
    try:
        row = affine_constraint(constraint)
    except (BadData, UnsupportedProgram):  # a Parameter without a value yet bounds nothing
        return None
    return None if row is None or any(map(foreign_attribute, row[0].variables())) else row
