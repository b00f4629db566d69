"""Reading Pyomo: whole models into programs, and affine expressions into terms on their variables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.common.errors import PyomoException
from pyomo.core.base.set import SetProduct
from pyomo.core.expr.visitor import identify_variables
from pyomo.repn.util import categorize_valid_components
from scipy import sparse

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData, ContradictoryRows, UnsupportedProgram
from proofolio.interfaces.pyomo.terms import (
    PyomoTerms,
    TermReader,
    beyond_quadratic,
    grid_shape,
    variable_box,
)
from proofolio.program.builder import CONSTANT_ROW_TOLERANCE
from proofolio.program.decimals import exact_sum
from proofolio.program.program import (
    Block,
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    RowBlock,
    SpecialOrderedSet,
    empty_matrix,
)
from proofolio.program.quadratic import Form, split_forms

__all__ = ["PyomoReading", "fixed_variables", "from_pyomo", "mutable_params", "read_pyomo", "read_unfixed"]

DENSE_FORM = 200  # a form on more columns than this is split into its independent parts


@dataclass(frozen=True, eq=False)
class PyomoReading:
    """A program read from Pyomo, and the Pyomo variable of each of its columns.

    Attributes
    ----------
    program : Program
    variables : tuple of VarData
        One for each column.
    """

    program: Program
    variables: tuple[Any, ...]

    def load(self, x: ArrayLike) -> None:
        """Set the values of the Pyomo variables to a point: integers are rounded, fixed variables left alone.

        Raises
        ------
        BadData
            When the point does not have one entry for each column.
        """
        point = np.asarray(x, dtype=float)
        if point.shape != (self.program.n,):
            raise BadData(f"the point has shape {point.shape}; the program has {self.program.n} columns")
        rounded = np.where(self.program.integer, np.round(point), point) + 0.0
        for variable, value in zip(self.variables, rounded.tolist(), strict=True):
            if not variable.fixed:
                variable.set_value(value, skip_validation=True)


def from_pyomo(model: Any) -> Program:
    """Read a Pyomo model (or block) into a program.

    Every active block is read: variables with their bounds and domains, one linear or quadratic objective,
    linear and quadratic constraints, SOS constraints of type 1 and 2. Mutable Params are read at their value.
    A fixed variable keeps its column, with both bounds at its value; in a row that is nonlinear until fixed
    variables are replaced by their values, they are replaced. Constraints without variables are decided.
    A cone comes back as the quadratic row that `to_pyomo` wrote for it.

    Columns and rows keep their Pyomo names. A container indexed by a product of ranges from zero becomes one
    block; any other becomes one scalar block for each element.

    Parameters
    ----------
    model : ConcreteModel or BlockData

    Returns
    -------
    Program

    Raises
    ------
    UnsupportedProgram
        For general nonlinear terms, untransformed disjunctions or logic, several active objectives, SOS of a
        type above 2, and domains with holes; the text names the component.
    ContradictoryRows
        When a constraint without variables is false.
    BadData
        For a model that is not constructed, a Param or fixed variable without a value, and bounds that cross.
    """
    return read_pyomo(model).program


def read_pyomo(model: Any) -> PyomoReading:
    """Read a Pyomo model as `from_pyomo` does, and keep the Pyomo variable of each column."""
    if not (hasattr(model, "block_data_objects") and hasattr(model, "component_map")):
        raise BadData(f"{type(model).__name__} is not a Pyomo model: give a ConcreteModel")
    if not model.is_constructed():
        raise BadData(f"the Pyomo model {model.name!r} holds no data yet: call create_instance() first")
    _refuse_unsupported(model)
    return _ModelReader(model).reading()


def fixed_variables(model: Any) -> list[Any]:
    """Return the variables of a Pyomo model that are fixed and could take other values if they were not."""
    inside = model.component_data_objects(pyo.Var, active=True, descend_into=pyo.Block)
    rows = model.component_data_objects(pyo.Constraint, active=True, descend_into=pyo.Block)
    elsewhere = (v for row in rows for v in identify_variables(row.body, include_fixed=True))
    fixed = {id(v): v for v in chain(inside, elsewhere) if v.fixed}
    return [v for v in fixed.values() if v.lb is None or v.ub is None or not v.lb == v.value == v.ub]


def mutable_params(model: Any) -> list[str]:
    """Return the names of the Params of a Pyomo model whose values can be changed."""
    params = model.component_objects(pyo.Param, active=True, descend_into=pyo.Block)
    return [param.name for param in params if param.mutable]


def read_unfixed(model: Any, fixed: Sequence[Any]) -> PyomoReading:
    """Read a Pyomo model as if some fixed variables were not; their bounds allow at least the values they have.

    Raises
    ------
    BadData, UnsupportedProgram
        As for `from_pyomo`, and where a row is quadratic or linear only while they are fixed.
    """
    values = {id(v): float(v.value) for v in fixed}
    try:
        for variable in fixed:
            variable.unfix()
        found = read_pyomo(model)
    finally:
        for variable in fixed:
            variable.fixed = True
    lower, upper = found.program.lower.copy(), found.program.upper.copy()
    for j, variable in enumerate(found.variables):
        if id(variable) in values:
            value = values[id(variable)]
            value = round(value) if found.program.integer[j] else value
            lower[j], upper[j] = min(lower[j], value), max(upper[j], value)
    return replace(found, program=replace(found.program, lower=lower, upper=upper))


def _refuse_unsupported(model: Any) -> None:
    read = {pyo.Block, pyo.Var, pyo.Constraint, pyo.Objective, pyo.SOSConstraint}
    harmless = {pyo.Param, pyo.Expression, pyo.ExternalFunction, pyo.Set, pyo.RangeSet, pyo.Suffix}
    _, unknown = categorize_valid_components(model, active=True, valid=read | harmless, targets=set())
    for kind, components in unknown.items():
        name, cure = components[0].name, "rewrite it with constraints first"
        if kind.__name__ in ("Disjunct", "Disjunction"):
            cure = "apply a transformation such as TransformationFactory('gdp.bigm') first"
        elif kind.__name__ == "LogicalConstraint":
            cure = "apply TransformationFactory('core.logical_to_linear') first"
        elif kind.__name__ == "Port":
            cure = "apply TransformationFactory('network.expand_arcs') first"
        raise UnsupportedProgram(f"{name!r} is a {kind.__name__}, which is no row of a program: {cure}")


def _zero_based(index_set: Any) -> bool:
    axes = index_set.subsets() if isinstance(index_set, SetProduct) else [index_set]
    return all(isinstance(k, (int, np.integer)) and k == i for axis in axes for i, k in enumerate(axis))


def _array_shape(container: Any) -> tuple[int, ...] | None:
    """Return the shape of a container whose elements can be called name[i,t] counted from zero, or None."""
    if not container.is_indexed():
        return ()
    shape = grid_shape(container.index_set())
    return shape if shape is not None and _zero_based(container.index_set()) else None


def _position(index: Any, shape: tuple[int, ...]) -> int:
    if not shape:
        return 0
    position = 0
    for k, length in zip(index if isinstance(index, tuple) else (index,), shape, strict=True):
        position = position * length + int(k)
    return position


@dataclass
class _RowCollector:
    """Rows of one kind, gathered as lists and blocks."""

    indices: list[int] = field(default_factory=list)
    data: list[float] = field(default_factory=list)
    pointer: list[int] = field(default_factory=lambda: [0])
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    forms: list[tuple[Form, ...]] = field(default_factory=list)
    blocks: list[RowBlock] = field(default_factory=list)
    _open: list[int] = field(default_factory=list)

    def append(
        self, columns: list[int], terms: PyomoTerms, lower: float, upper: float, position: int
    ) -> None:
        self.indices.extend(columns)
        self.data.extend(terms.linear.values())
        self.pointer.append(len(self.indices))
        self.lower.append(exact_sum((lower, -terms.constant)) if math.isfinite(lower) else lower)
        self.upper.append(exact_sum((upper, -terms.constant)) if math.isfinite(upper) else upper)
        self._open.append(position)

    def close(self, name: str, shape: tuple[int, ...]) -> None:
        """End a block: what was appended since the last one is called `name`."""
        if self._open:
            positions = np.array(self._open, dtype=np.intp)
            self.blocks.append(RowBlock(name, shape, len(self.lower) - positions.size, positions))
            self._open = []

    def matrix(self, width: int) -> Any:
        found = sparse.csr_array(
            (np.array(self.data, float), np.array(self.indices, np.int32), np.array(self.pointer, np.int32)),
            shape=(len(self.lower), width),
        )
        found.sort_indices()
        return found


class _ModelReader:
    """Walks a model once."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.terms = TermReader()
        self.variables: list[Any] = []
        self.column: dict[int, int] = {}
        self.blocks: list[Block] = []
        self.linear, self.quadratic = _RowCollector(), _RowCollector()
        self.sos: list[SpecialOrderedSet] = []

    def reading(self) -> PyomoReading:
        for name, container in self._components(pyo.Var):
            self._declare(name, container)
        objective, maximise = self._objective()
        for name, container in self._components(pyo.Constraint):
            self._constraints(name, container)
        for name, container in self._components(pyo.SOSConstraint):
            self._special_ordered_sets(name, container)
        P, q = self._objective_arrays(objective)
        n = len(self.variables)
        boxes = [variable_box(v) for v in self.variables]
        sign = -1.0 if maximise else 1.0
        program = Program(
            P=P * sign,
            q=q * sign,
            c=objective.constant * sign,
            A=self.linear.matrix(n),
            row_lower=np.array(self.linear.lower, float),
            row_upper=np.array(self.linear.upper, float),
            lower=np.array([b[0] for b in boxes], float),
            upper=np.array([b[1] for b in boxes], float),
            integer=np.array([b[2] for b in boxes], bool),
            variables=tuple(self.blocks),
            rows=tuple(self.linear.blocks),
            quadratic=QuadraticRows(
                self.quadratic.matrix(n),
                tuple(self.quadratic.forms),
                np.array(self.quadratic.lower, float),
                np.array(self.quadratic.upper, float),
                tuple(self.quadratic.blocks),
            ),
            cones=Cones(empty_matrix(0, n), np.empty(0), np.zeros(1, np.intp)),
            indicators=Indicators(
                np.empty(0, np.intp), np.empty(0, np.intp), empty_matrix(0, n), np.empty(0), np.empty(0)
            ),
            sos=tuple(self.sos),
            maximise=maximise,
            name=self.model.name,
        )
        return PyomoReading(program, tuple(self.variables))

    def _components(self, kind: Any) -> Iterator[tuple[str, Any]]:
        """Yield name and container of every active component that is not a view of others."""
        for block in self.model.block_data_objects(active=True, descend_into=pyo.Block):
            at_root = block.parent_block() is None  # where .name would put quotes around an unusual name
            for name, component in block.component_map(kind, active=True).items():
                if not component.is_reference():
                    yield name if at_root else component.name, component

    @staticmethod
    def _element_name(name: str, container: Any, element: Any) -> str:
        return str(element.name) if container.is_indexed() else name

    def _declare(self, name: str, container: Any) -> None:
        shape = _array_shape(container)
        if shape is not None and len(container) == math.prod(shape):
            self.blocks.append(Block(name, shape, len(self.variables)))
            for variable in container.values():
                self.column[id(variable)] = len(self.variables)
                self.variables.append(variable)
            return
        for variable in container.values():
            self._column(variable)

    def _column(self, variable: Any) -> int:
        """Return the column of a variable; one met only in expressions gets a block of its own."""
        found = self.column.get(id(variable))
        if found is None:
            found = self.column[id(variable)] = len(self.variables)
            self.blocks.append(Block(variable.name, (), found))
            self.variables.append(variable)
        return found

    def _columns(self, terms: PyomoTerms) -> list[int]:
        try:
            return [self.column[key] for key in terms.linear]
        except KeyError:
            return [self._column(self.terms.variables[key]) for key in terms.linear]

    def _objective(self) -> tuple[PyomoTerms, bool]:
        active = [
            (self._element_name(name, container, o), o)
            for name, container in self._components(pyo.Objective)
            for o in container.values()
            if o.active
        ]
        if not active:
            return PyomoTerms(0.0, {}, {}), False
        if len(active) > 1:
            names = ", ".join(repr(name) for name, _ in active[:3])
            raise UnsupportedProgram(f"{len(active)} objectives are active ({names}): deactivate all but one")
        name, objective = active[0]
        terms = self.terms.read(objective.expr, f"objective {name!r}")
        if terms is None:
            raise UnsupportedProgram(f"objective {name!r} {beyond_quadratic(objective.expr)}")
        return terms, objective.sense == pyo.maximize

    def _objective_arrays(self, terms: PyomoTerms) -> tuple[Any, Floats]:
        """Return the matrix and the vector of the objective, as wide as there are columns once it has been read."""
        columns = self._columns(terms)
        rows, cols, data = self._symmetric_entries(terms)
        n = len(self.variables)
        q = np.zeros(n)
        q[columns] = list(terms.linear.values())
        P = sparse.csc_array((2.0 * data, (rows, cols)), shape=(n, n))
        P.sort_indices()
        return P, q

    def _symmetric_entries(self, terms: PyomoTerms) -> tuple[Integers, Integers, Floats]:
        """Return the entries of the symmetric matrix Q of the quadratic part x'Qx."""
        pairs = [[self._column(self.terms.variables[key]) for key in pair] for pair in terms.quadratic]
        i, j = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        value = np.array(list(terms.quadratic.values()), dtype=float)
        off = i != j
        half = np.where(off, 0.5, 1.0) * value
        return np.concatenate([i, j[off]]), np.concatenate([j, i[off]]), np.concatenate([half, half[off]])

    def _constraints(self, name: str, container: Any) -> None:
        shape = _array_shape(container)
        if shape is None:
            for element in container.values():
                self._constraint(element.name, element, 0)
                self.linear.close(element.name, ())
                self.quadratic.close(element.name, ())
            return
        for index, element in container.items():
            position = _position(index, shape)
            self._constraint(self._element_name(name, container, element), element, position)
        self.linear.close(name, shape)
        self.quadratic.close(name, shape)

    def _constraint(self, name: str, constraint: Any, position: int) -> None:
        if not constraint.active:
            return
        try:
            low, body, high = constraint.to_bounded_expression(evaluate_bounds=True)
        except (PyomoException, ValueError) as error:
            reason = " ".join(str(error).split())
            raise BadData(f"constraint {name!r} has no usable bounds: {reason}") from None
        if low is None and high is None:
            return
        lower, upper = -math.inf if low is None else float(low), math.inf if high is None else float(high)
        terms = self.terms.read(body, f"constraint {name!r}")
        if terms is None:
            raise UnsupportedProgram(f"constraint {name!r} {beyond_quadratic(body)}")
        if terms.quadratic:
            self.quadratic.append(self._columns(terms), terms, lower, upper, position)
            self.quadratic.forms.append(self._forms(terms))
        elif terms.linear:
            self.linear.append(self._columns(terms), terms, lower, upper, position)
        else:
            slack = CONSTANT_ROW_TOLERANCE * max(1.0, abs(terms.constant))
            if not lower - slack <= terms.constant <= upper + slack:
                raise ContradictoryRows(f"constraint {name!r} has no variables and is false as written")

    def _forms(self, terms: PyomoTerms) -> tuple[Form, ...]:
        """Return the quadratic part as one dense form, or cut where no term ties columns when it is large."""
        rows, cols, data = self._symmetric_entries(terms)
        columns = np.unique(np.concatenate([rows, cols]))
        k, i, j = columns.size, np.searchsorted(columns, rows), np.searchsorted(columns, cols)
        if k > DENSE_FORM:
            parts = split_forms(sparse.csr_array((data, (i, j)), shape=(k, k)))
            return tuple(Form(columns[part.columns], part.matrix) for part in parts)
        matrix = np.zeros((k, k))
        matrix[i, j] = data
        return (Form(columns, matrix),)

    def _special_ordered_sets(self, name: str, container: Any) -> None:
        for element in container.values():
            if not element.active:
                continue
            called = self._element_name(name, container, element)
            if element.level not in (1, 2):
                raise UnsupportedProgram(
                    f"SOS constraint {called!r} is of type {element.level}: only 1 and 2 can be read"
                )
            members = list(element.get_items())
            columns = np.array([self._column(v) for v, _ in members], dtype=np.intp)
            weights = np.array([pyo.value(w) for _, w in members], dtype=float)
            self.sos.append(SpecialOrderedSet(called, element.level, columns, weights))
