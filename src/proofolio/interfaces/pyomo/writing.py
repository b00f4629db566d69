"""Writing Pyomo: a program's variables and rows as native components under their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.gc_manager import PauseGC
from pyomo.core.expr.numeric_expr import LinearExpression, MonomialTermExpression, SumExpression
from scipy import sparse

from proofolio.errors import BadData, ContradictoryRows, UnsupportedProgram
from proofolio.program.builder import CONSTANT_ROW_TOLERANCE
from proofolio.program.interval import affine_bounds
from proofolio.program.program import Block, Program, RowBlock, SpecialOrderedSet
from proofolio.program.quadratic import Form

__all__ = ["add_to_block", "affine_terms", "native_sum", "quadratic_terms", "to_pyomo"]


def to_pyomo(program: Program) -> Any:
    r"""Write a program as a Pyomo model.

    Variables and rows are native, under their names: block ``W`` of shape (n, T) is ``model.W``, indexed from
    zero as ``W[i,t]``. A rotated cone is the quadratic row :math:`\sum_k Y_k^2 - t z \le 0`, with rows
    ``name_t`` and ``name_z`` for :math:`t \ge 0` and :math:`z \ge 0` where the bounds of the variables do not
    say so. Pyomo refuses negative SOS weights: they are shifted to start at zero, since only order counts.
    The objective is called ``objective`` and has the user's own sense. Pyomo puts quotes around a name with
    brackets, dots or blanks when it prints it; `from_pyomo` reads the name without them.

    Parameters
    ----------
    program : Program

    Returns
    -------
    ConcreteModel

    Raises
    ------
    UnsupportedProgram
        For indicators: Pyomo has them only as generalised disjunctions, which no solver takes natively.
    BadData
        For a name that Pyomo keeps for itself, or that two blocks share.
    ContradictoryRows
        When a row without variables is false.
    """
    model = pyo.ConcreteModel(name=program.name)
    natives: list[Any] = [None] * program.n
    add_to_block(program, model, natives)
    name = "objective"
    while hasattr(model, name):
        name += "_"
    sense = pyo.maximize if program.maximise else pyo.minimize
    model.add_component(name, pyo.Objective(expr=_objective(program, natives), sense=sense))
    return model


def add_to_block(program: Program, block: Any, natives: list[Any], skip: Iterable[str] = ()) -> None:
    """Write the named blocks of a program into a Pyomo block: all that are not skipped or, on an error, none.

    Parameters
    ----------
    program : Program
    block : BlockData
    natives : list of VarData or None
        The Pyomo variable of each column; those of blocks written here are filled in.
    skip : iterable of str
        Names of blocks of variables and rows that stay out.

    Raises
    ------
    UnsupportedProgram
        For indicators.
    BadData
        For a name that the block has already, or that Pyomo keeps for itself.
    """
    writer = _Writer(program, block, natives, frozenset(skip))
    try:
        with PauseGC():  # hundreds of thousands of terms, none of them garbage
            writer.write()
    except (
        BaseException
    ):  # whatever it is, and Ctrl-C too: the user's block is left as it was, and it goes on
        writer.undo()
        raise


class _Writer:
    """Adds components to a block and remembers them."""

    def __init__(self, program: Program, block: Any, natives: list[Any], skip: frozenset[str]) -> None:
        self.program = program
        self.block = block
        self.natives = natives
        self.skip = skip
        self.added: dict[str, Any] = {}

    def write(self) -> None:
        p = self.program
        for indicator in p.indicators.blocks:
            if indicator.name not in self.skip:
                raise UnsupportedProgram(
                    f"indicator {indicator.name!r} has no native form in Pyomo: lower it with "
                    "proofolio.implies, or solve the program with SCIP directly"
                )
        for variables in p.variables:
            if variables.name not in self.skip:
                self._variables(variables)
        for rows in p.rows:
            if rows.name not in self.skip:
                self._linear(rows)
        for rows in p.quadratic.blocks:
            if rows.name not in self.skip:
                self._quadratic(rows)
        for rows in p.cones.blocks:
            if rows.name not in self.skip:
                self._cones(rows)
        for special in p.sos:
            if special.name not in self.skip:
                self._special(special)

    def undo(self) -> None:
        for name in reversed(self.added):
            self.block.del_component(name)

    def _add(self, name: str, component: Any) -> Any:
        if hasattr(self.block, name):
            why = "taken" if self.block.component(name) is not None else "kept by Pyomo for itself"
            raise BadData(f"the name {name!r} is {why} in the block {self.block.name!r}: choose another")
        self.block.add_component(name, component)
        self.added[name] = component
        return component

    def _variables(self, block: Block) -> None:
        p, where = self.program, slice(block.start, block.start + block.size)
        domains = np.where(p.binary[where], "Binary", np.where(p.integer[where], "Integers", "Reals"))
        kinds = {"Binary": pyo.Binary, "Integers": pyo.Integers, "Reals": pyo.Reals}
        common = kinds[domains[0]] if block.size and np.all(domains == domains[0]) else pyo.Reals
        container = self._add(block.name, pyo.Var(*_axes(block.shape), domain=common))
        lower, upper = p.lower[where].tolist(), p.upper[where].tolist()
        natives = list(container.values())
        for native, domain, low, high in zip(natives, domains.tolist(), lower, upper, strict=True):
            if kinds[domain] is not common:
                native.domain = kinds[domain]
            if low != -np.inf:
                native.setlb(low)
            if high != np.inf:
                native.setub(high)
        self.natives[where] = natives

    def _rows(self, block: RowBlock) -> Any:
        """Return the container of a block of rows; linear and quadratic rows of one name share it."""
        if isinstance(self.added.get(block.name), pyo.Constraint):
            return self.added[block.name]
        return self._add(block.name, pyo.Constraint(*_axes(block.shape)))

    def _linear(self, block: RowBlock) -> None:
        p, container = self.program, self._rows(block)
        for index, row in zip(_indices(block), range(block.rows.start, block.rows.stop), strict=True):
            terms = affine_terms(p.A, row, self.natives)
            self._row(block, container, index, terms, p.row_lower[row], p.row_upper[row])

    def _quadratic(self, block: RowBlock) -> None:
        rows, container = self.program.quadratic, self._rows(block)
        for index, row in zip(_indices(block), range(block.rows.start, block.rows.stop), strict=True):
            terms = [
                *affine_terms(rows.matrix, row, self.natives),
                *quadratic_terms(rows.forms[row], self.natives),
            ]
            self._row(block, container, index, terms, rows.lower[row], rows.upper[row])

    def _row(
        self, block: RowBlock, container: Any, index: Any, terms: list[Any], lower: float, upper: float
    ) -> None:
        low, high = None if lower == -np.inf else float(lower), None if upper == np.inf else float(upper)
        if not terms:
            _decide(block, index, 0.0, float(lower), float(upper))
        elif low is not None or high is not None:
            body = native_sum(terms)
            container[index] = (body, high) if low == high else (low, body, high)

    def _cones(self, block: RowBlock) -> None:
        cones = self.program.cones
        container = self._rows(block)
        sides: dict[str, dict[Any, Any]] = {"t": {}, "z": {}}
        heads = (cones.pointer[block.rows.start : block.rows.stop, None] + np.arange(2)).ravel()
        bounds = affine_bounds(
            cones.matrix[heads], cones.constant[heads], self.program.lower, self.program.upper
        )
        least = dict(zip(heads.tolist(), bounds[0].tolist(), strict=True))
        for index, cone in zip(_indices(block), range(block.rows.start, block.rows.stop), strict=True):
            first, last = int(cones.pointer[cone]), int(cones.pointer[cone + 1])
            t, z, *members = (
                native_sum(affine_terms(cones.matrix, row, self.natives), float(cones.constant[row]))
                for row in range(first, last)
            )
            terms = [*(y**2 for y in members), -(t * z)]
            constant = float(sum(term for term in terms if isinstance(term, (int, float))))
            body = native_sum([term for term in terms if not isinstance(term, (int, float))], constant)
            if isinstance(body, float):
                _decide(block, index, body, -np.inf, 0.0)
            else:
                container[index] = (None, body, 0.0)
            for side, native, row in (("t", t, first), ("z", z, first + 1)):
                if isinstance(native, float):
                    _decide(block, index, native, 0.0, np.inf)
                elif least[row] < 0:
                    sides[side][index] = native
        for side, natives in sides.items():
            if natives:
                extra = self._add(f"{block.name}_{side}", pyo.Constraint(*_axes(block.shape)))
                for index, native in natives.items():
                    extra[index] = (0.0, native, None)

    def _special(self, special: SpecialOrderedSet) -> None:
        members = [self.natives[j] for j in special.columns]
        weights = special.weights - min(0.0, float(special.weights.min(initial=0.0)))
        content = (members, weights.tolist())
        self._add(special.name, pyo.SOSConstraint(rule=lambda _: content, sos=special.kind))


def affine_terms(matrix: Any, row: int, natives: Sequence[Any]) -> list[Any]:
    """Return the terms of one row of a sparse matrix, each a variable or a coefficient times a variable."""
    where = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return [
        natives[j] if a == 1.0 else MonomialTermExpression((a, natives[j]))
        for a, j in zip(matrix.data[where].tolist(), matrix.indices[where].tolist(), strict=True)
        if a
    ]


def quadratic_terms(forms: Iterable[Form], natives: Sequence[Any]) -> list[Any]:
    """Return the merged terms of a sum of quadratic forms, squares as powers."""
    merged: dict[tuple[int, int], float] = {}
    for form in forms:
        i, j = np.nonzero(form.matrix)
        a, b = form.columns[i], form.columns[j]
        pairs = zip(np.minimum(a, b).tolist(), np.maximum(a, b).tolist(), strict=True)
        for pair, value in zip(pairs, form.matrix[i, j].tolist(), strict=True):
            merged[pair] = merged.get(pair, 0.0) + value
    return _products(merged, natives)


def _products(coefficients: dict[tuple[int, int], float], natives: Sequence[Any]) -> list[Any]:
    return [
        c * natives[i] ** 2 if i == j else MonomialTermExpression((c, natives[i])) * natives[j]
        for (i, j), c in coefficients.items()
        if c
    ]


def native_sum(terms: list[Any], constant: float = 0.0) -> Any:
    """Return the Pyomo sum of terms and a constant: a float when there is no variable."""
    if not terms:
        return constant
    parts = [*terms, constant] if constant else terms
    if len(parts) == 1:
        return parts[0]
    linear = all(isinstance(p, (MonomialTermExpression, float)) or p.is_variable_type() for p in parts)
    return LinearExpression(parts) if linear else SumExpression(parts)


def _objective(program: Program, natives: Sequence[Any]) -> Any:
    sign = -1.0 if program.maximise else 1.0
    linear = affine_terms(sparse.csr_array(sign * program.q[None, :]), 0, natives)
    P = program.P.tocoo()
    merged: dict[tuple[int, int], float] = {}
    for i, j, value in zip(*(a.tolist() for a in (P.coords[0], P.coords[1], P.data)), strict=True):
        pair = (min(i, j), max(i, j))
        merged[pair] = merged.get(pair, 0.0) + 0.5 * sign * value
    return native_sum([*linear, *_products(merged, natives)], sign * program.c)


def _axes(shape: tuple[int, ...]) -> list[Any]:
    return [pyo.RangeSet(0, n - 1) for n in shape]


def _indices(block: RowBlock) -> list[Any]:
    """Return the Pyomo index of every row of a block."""
    if not block.shape:
        return [None] * block.size
    if len(block.shape) == 1:
        return [int(k) for k in block.positions]
    return list(zip(*(a.tolist() for a in np.unravel_index(block.positions, block.shape)), strict=True))


def _decide(block: RowBlock, index: Any, value: float, lower: float, upper: float) -> None:
    slack = CONSTANT_ROW_TOLERANCE * max(1.0, abs(value))
    if not lower - slack <= value <= upper + slack:
        at = "" if index is None else f" at {index}"
        raise ContradictoryRows(f"row {block.name!r} has no variables{at} and is false as written")
