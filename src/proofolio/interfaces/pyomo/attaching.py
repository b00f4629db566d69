"""Formulations written in proofolio's algebra, added to a user's own Pyomo block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.common.errors import PyomoException
from pyomo.core.base.indexed_component import IndexedComponent
from pyomo.core.base.indexed_component_slice import IndexedComponent_slice
from scipy import sparse

from proofolio.errors import BadData
from proofolio.interfaces.pyomo.terms import PyomoTerms, TermReader, grid_shape, shortened, variable_box
from proofolio.interfaces.pyomo.writing import (
    add_to_block,
    affine_terms,
    native_sum,
    quadratic_terms,
)
from proofolio.program.builder import Bounder, Builder
from proofolio.program.expression import Expression, as_expression, stack
from proofolio.program.program import Block
from proofolio.program.quadratic import Quadratic

__all__ = ["PyomoModel", "attach_pyomo"]


def attach_pyomo(block: Any, bounders: Mapping[str, Bounder] | None = None) -> PyomoModel:
    """Open a builder on a Pyomo block: what formulations add to it is written back when the ``with`` ends.

    Parameters
    ----------
    block : ConcreteModel or BlockData
        Where new variables and constraints go.
    bounders : mapping from tier to function, optional
        As for `Model`.

    Raises
    ------
    BadData
        For something that is not one constructed Pyomo block.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.x = pyo.Var(range(3), bounds=(0, 4))
    >>> with attach_pyomo(m) as model:
    ...     x = model.lift(m.x)
    ...     top = model.variable("top", lower=0, upper=model.bounds(x).upper.max())
    ...     model.add("above", top >= x)
    >>> m.find_component("top").ub, str(m.above[2].expr)
    (4.0, '0.0  <=  - x[2] + top')
    """
    return PyomoModel(block, bounders)


class PyomoModel(Builder):
    """A builder whose variables and rows become native components of a user's Pyomo block.

    `lift` reads the user's expressions; everything a formulation then adds is held back until `write_back`
    (or the end of a ``with`` without an exception), so a failed formulation leaves the block as it was. The
    rows written are those of the matrix form, coefficient for coefficient.

    A lifted variable counts with its bounds and domain at the moment it is first lifted, tightened by active
    constraints on that one variable which the user's model held when the builder was made; a fixed variable
    has both bounds at its value. A Big-M derived from them stays valid while they do.

    Parameters
    ----------
    block : ConcreteModel or BlockData
    bounders : mapping from tier to function, optional
        As for `Model`.

    Raises
    ------
    BadData
        For something that is not one constructed Pyomo block.
    """

    def __init__(self, block: Any, bounders: Mapping[str, Bounder] | None = None) -> None:
        if not hasattr(block, "block_data_objects") or not hasattr(block, "add_component"):
            raise BadData(
                f"{type(block).__name__} is not one Pyomo block: give a ConcreteModel or m.blocks[i]"
            )
        if not block.is_constructed():
            raise BadData(f"the Pyomo block {block.name!r} holds no data yet: call create_instance() first")
        super().__init__(block.name, bounders)
        self.block = block
        self._reader = TermReader()
        self._single = _single_variable_bounds(block.model())
        self._native: list[Any] = []
        self._lifted: dict[int, int] = {}
        self._skip: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.write_back()

    # ---------------------------------------------------------------- reading
    def lift(self, value: Any) -> Any:
        """Read affine Pyomo expressions into an expression of the same shape.

        Parameters
        ----------
        value : Pyomo expression, Var, indexed component, slice, number, array, or nested lists of those
            A component indexed by a product of one-dimensional sets has numpy's shape, such as (n, T); any
            other indexed component, and a slice, has one axis in index order. Mutable Params count at their
            value. An expression that is affine only when fixed variables are replaced by their values is
            read that way. proofolio's own expressions pass through.

        Raises
        ------
        BadData
            For nonlinear expressions, ragged lists, and things that are not Pyomo's; the text names them.
        """
        if isinstance(value, (Expression, Quadratic)):
            return value
        if _holds_expressions(value):
            return stack([self.lift(v) for v in value])
        if isinstance(value, np.ndarray) and value.dtype != object:
            return as_expression(value)
        self._reader.forget_expressions()
        shape, leaves = _flattened(value)
        read = [self._terms(leaf) for leaf in leaves]
        self._add_columns(dict.fromkeys(key for terms in read for key in terms.linear))
        data = [c for terms in read for c in terms.linear.values()]
        columns = [self._lifted[key] for terms in read for key in terms.linear]
        pointer = np.cumsum([0, *(len(terms.linear) for terms in read)], dtype=np.int32)
        matrix = sparse.csr_array(
            (np.array(data, float), np.array(columns, np.int32), pointer), shape=(len(leaves), self.n)
        )
        matrix.sort_indices()
        constants = np.array([terms.constant for terms in read], float).reshape(shape)
        return Expression(matrix, constants, self if columns else None)

    def _terms(self, leaf: Any) -> PyomoTerms:
        if isinstance(leaf, (int, float, np.number, np.bool_)):
            if not math.isfinite(leaf):
                raise BadData("NaN or an infinity was lifted: give finite numbers, or leave the row out")
            return PyomoTerms(float(leaf), {}, {})
        if not (hasattr(leaf, "is_numeric_type") and leaf.is_numeric_type()):
            raise BadData(f"{shortened(leaf)} is not a number, a Pyomo expression or an array of those")
        found = self._reader.read(leaf)
        if found is None or found.quadratic:
            raise BadData(f"the expression {shortened(leaf)} is not affine: only affine ones can be lifted")
        return found

    def _add_columns(self, keys: Iterable[int]) -> None:
        """Give each variable that is new a column and a block of its own, all at once."""
        new = [(key, self._reader.variables[key]) for key in keys if key not in self._lifted]
        boxes = [self._variable_box(key, variable) for key, variable in new]
        names = [str(variable.name) for _, variable in new]
        for name in names:
            self._claim_name(name)
        # an array of the container's name would have elements called like the container's
        self._names.update(variable.parent_component().name for _, variable in new)
        self._skip.update(names)
        self._variables.extend(Block(name, (), self.n + k) for k, name in enumerate(names))
        self._lifted.update((key, self.n + k) for k, (key, _) in enumerate(new))
        self._native.extend(variable for _, variable in new)
        self._lower.append(np.array([box[0] for box in boxes], float))
        self._upper.append(np.array([box[1] for box in boxes], float))
        self._integer.append(np.array([box[2] for box in boxes], bool))
        self._box = None
        self._n += len(new)

    def _variable_box(self, key: int, variable: Any) -> tuple[float, float, bool]:
        lower, upper, integer = variable_box(variable)
        if not variable.fixed and key in self._single:
            low, high = self._single[key]
            if integer:
                low, high = float(np.ceil(low)), float(np.floor(high))
            lower, upper = max(lower, low), min(upper, high)
            if lower > upper:
                raise BadData(f"variable {variable.name!r} has no value between its bounds and constraints")
        return lower, upper, integer

    def variable(
        self,
        name: str,
        shape: int | tuple[int, ...] = (),
        lower: ArrayLike = -np.inf,
        upper: ArrayLike = np.inf,
        binary: bool = False,
        integer: bool = False,
    ) -> Expression:
        """Add an array of variables, as `Model.variable` does; they become native when written back."""
        made = super().variable(name, shape, lower, upper, binary, integer)
        self._native.extend([None] * made.size)
        return made

    def minimise(self, objective: Any) -> NoReturn:
        """Refuse: the objective belongs to the user's model."""
        raise BadData("the objective belongs to the Pyomo model: write it there with model.native")

    # ---------------------------------------------------------------- writing
    def native(self, expression: Any) -> Any:
        """Return the Pyomo expression of an expression, or an object array of them when it has a shape.

        Parameters
        ----------
        expression : Expression, Quadratic or array_like
            Of this model. Variables that formulations made are native once written back.

        Raises
        ------
        BadData
            When a variable has not been written back yet, or belongs to another model.
        """
        body = expression if isinstance(expression, Quadratic) else as_expression(expression)
        affine = body.affine
        self._check_owner("expression", body.owner)
        matrix = affine.matrix.copy()
        matrix.sum_duplicates()
        forms = body.forms if isinstance(body, Quadratic) else ((),) * body.size
        used = {*matrix.indices.tolist(), *(j for entry in forms for f in entry for j in f.columns.tolist())}
        missing = sorted(j for j in used if self._native[j] is None)
        if missing:
            raise BadData(f"variable {self.column_name(missing[0])!r} is not native yet: write_back() first")
        result = np.empty(body.size, dtype=object)
        for k, constant in enumerate(affine.constant.ravel().tolist()):
            terms = [*affine_terms(matrix, k, self._native), *quadratic_terms(forms[k], self._native)]
            result[k] = native_sum(terms, constant)
        return result[0] if body.shape == () else result.reshape(body.shape)

    def write_back(self) -> None:
        """Write what formulations added since the last time as native components, all of it or nothing.

        Raises
        ------
        UnsupportedProgram
            For indicators.
        BadData
            When the block has a component of the same name.
        """
        natives = list(self._native)
        add_to_block(self.freeze(), self.block, natives, self._skip)
        self._native = natives
        self._skip |= self._names


def _single_variable_bounds(model: Any) -> dict[int, tuple[float, float]]:
    """Return what active constraints on one variable alone say of it, rounded outward."""
    reader = TermReader()
    found: dict[int, tuple[float, float]] = {}
    for constraint in model.component_data_objects(pyo.Constraint, active=True, descend_into=pyo.Block):
        try:
            low, body, high = constraint.to_bounded_expression(evaluate_bounds=True)
            if hasattr(body, "nargs") and body.nargs() > 2:
                continue
            terms = reader.read(body)
        except (PyomoException, ValueError):
            continue  # it says nothing that could be relied on
        if terms is None or terms.quadratic or len(terms.linear) != 1:
            continue
        ((key, slope),) = terms.linear.items()
        sides = [
            None
            if side is None
            else (Fraction(float(side)) - Fraction(terms.constant)) / Fraction(float(slope))
            for side in ((low, high) if slope > 0 else (high, low))
        ]
        old = found.get(key, (-math.inf, math.inf))
        found[key] = (max(old[0], _outward(sides[0], -1)), min(old[1], _outward(sides[1], 1)))
    return found


def _outward(value: Fraction | None, sign: int) -> float:
    if value is None:
        return sign * math.inf
    nearest = float(value)
    return nearest if (value - Fraction(nearest)) * sign <= 0 else math.nextafter(nearest, sign * math.inf)


def _holds_expressions(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_expressions, value))
    return isinstance(value, Expression)


def _flattened(value: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape and the scalar leaves of a component, array or nested list."""
    if isinstance(value, IndexedComponent_slice):
        leaves = list(value)
        return (len(leaves),), leaves
    if isinstance(value, IndexedComponent) and value.is_indexed():
        leaves = list(value.values())
        shape = grid_shape(value.index_set())
        return (shape if shape is not None and math.prod(shape) == len(leaves) else (len(leaves),)), leaves
    if isinstance(value, np.ndarray):
        return value.shape, list(value.ravel())
    if not isinstance(value, (list, tuple)):
        return (), [value]
    parts = [_flattened(v) for v in value]
    inner = {shape for shape, _ in parts} or {()}
    if len(inner) > 1:
        raise BadData(f"a list holds parts of the shapes {sorted(inner)}: parts of one shape are needed")
    return (len(parts), *inner.pop()), [leaf for _, leaves in parts for leaf in leaves]
