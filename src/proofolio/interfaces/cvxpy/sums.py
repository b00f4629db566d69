"""Affine CVXPY expressions read as decimals: what CVXPY adds and multiplies in doubles is done once more, exactly.

CVXPY turns ``0.1 * x + 0.2 * x`` into one matrix entry, 0.30000000000000004. Here such an expression is cut at each of
its atoms: every argument gets a variable of its own, CVXPY gives the matrix of each atom over those variables, and the
matrices are multiplied as decimals. Only expressions in which a number came out long are cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cvxpy
import numpy as np
from cvxpy.atoms.affine.add_expr import AddExpression
from cvxpy.atoms.affine.affine_atom import AffAtom
from cvxpy.atoms.affine.binary_operators import DivExpression, MulExpression, multiply
from cvxpy.atoms.affine.concatenate import Concatenate
from cvxpy.atoms.affine.hstack import Hstack
from cvxpy.atoms.affine.index import index
from cvxpy.atoms.affine.reshape import reshape
from cvxpy.atoms.affine.sum import Sum
from cvxpy.atoms.affine.transpose import transpose
from cvxpy.atoms.affine.unary_operators import NegExpression
from cvxpy.atoms.affine.vstack import Vstack
from scipy import sparse

from proofolio.program.decimals import broken, composed, rounded, short

__all__ = ["as_decimals"]


cp: Any = cvxpy  # its annotations cover a part of what it exports

Reader = Callable[[Sequence[Any], Sequence[Any]], Any]


def as_decimals(whole: Any, expressions: Sequence[Any], variables: Sequence[Any], read: Reader) -> Any:
    """Return the matrix of affine expressions with sums and products of its numbers made as decimals.

    Parameters
    ----------
    whole : sparse array
        As CVXPY has it: a row for each entry of the expressions, a column for each entry of the variables,
        and one of constants.
    expressions, variables : sequences of cvxpy expressions and variables
    read : function
        Returns such a matrix of expressions over variables.
    """
    if not np.any(broken(whole.data)):
        return whole
    ends = np.cumsum([0, *(e.size for e in expressions)])
    wanted = []
    for k, expression in enumerate(expressions):
        constants = _meeting(expression)
        data = whole.data[whole.indptr[ends[k]] : whole.indptr[ends[k + 1]]]
        if constants and np.any(rounded(data)) and any(map(_written, constants)):
            wanted.append(k)
    pieces = _Pieces(variables)
    wanted = [k for k in wanted if pieces.take(expressions[k])]
    if not wanted:
        return whole
    instead = pieces.rows([expressions[k] for k in wanted], read)
    order = np.arange(whole.shape[0])
    places = np.concatenate([np.arange(ends[k], ends[k + 1]) for k in wanted])
    order[places] = whole.shape[0] + np.arange(places.size)
    return sparse.csr_array(sparse.vstack([whole, instead], format="csr")[order])


def _meeting(expression: Any) -> list[Any]:
    """Return the constants of an expression, or none where no two numbers are added or multiplied."""
    terms: list[Any] = []
    factors: list[Any] = []
    certain = _terms(expression, terms, factors, True)
    seen = {term.id for term in terms if isinstance(term, cp.Variable)}
    constants = [term for term in terms if not isinstance(term, cp.Variable)]
    if not certain and len(constants) < 2 and len(seen) == len(terms) - len(constants):
        return []
    return [*constants, *factors]


def _terms(expression: Any, terms: list[Any], factors: list[Any], outside: bool) -> bool:
    """Gather what an expression adds up and its factors; return whether numbers meet within an atom."""
    if isinstance(expression, cp.Variable):
        terms.append(expression)
        return False
    if not expression.variables():
        terms.append(expression)
        return not outside
    adds = isinstance(expression, _ADDING)
    multiplies = False
    meets = not isinstance(expression, (*_ADDING, *_PLAIN))
    for arg in expression.args:
        if adds or arg.variables():
            meets |= _terms(arg, terms, factors, outside and adds)
        else:
            factors.append(arg)
            multiplies = True
    return meets or (multiplies and any(_multiplied(arg) for arg in expression.args))


def _multiplied(expression: Any) -> bool:
    """Whether there is a product in an expression."""
    if not expression.variables() or isinstance(expression, cp.Variable):
        return False
    return any(not a.variables() or _multiplied(a) for a in expression.args)


def _written(constant: Any) -> bool:
    """Whether an array holds decimals that somebody wrote; one computed number of seven is short by chance."""
    value: Any = constant.value
    data = np.asarray(value.data if hasattr(value, "tocoo") else value).ravel()
    if np.iscomplexobj(data):
        return False
    data = data[broken(data)]
    return bool(data.size) and bool(np.mean(short(data)) >= 0.5 or not np.all(rounded(data)))


class _Pieces:
    """Expressions cut at their atoms; every argument that is no variable has a placeholder.

    Parameters
    ----------
    variables : sequence of cvxpy.Variable
        The columns.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._cut: dict[int, tuple[Any, Any, int]] = {}  # what stands for an expression, by its id
        self._levels: list[list[tuple[Any, Any]]] = []  # placeholder and atom; a level rests on those before

    def take(self, expression: Any) -> bool:
        """Cut an expression; return whether it is one of real affine atoms only."""
        if not _cuttable(expression):
            return False
        self._placed(expression)
        return True

    def _placed(self, expression: Any) -> tuple[Any, int]:
        """Return what stands for an expression, and on how many levels it rests."""
        if isinstance(expression, cp.Variable):
            return expression, 0
        if id(expression) in self._cut:
            return self._cut[id(expression)][1:]
        atom, level = expression, 0
        if expression.args and (expression.variables() or isinstance(expression, _ADDING)):
            stays = _stays(expression)
            found = [(a, 0) if s else self._placed(a) for a, s in zip(expression.args, stays, strict=True)]
            atom, level = expression.copy([a for a, _ in found]), max(k for _, k in found)
        placeholder = cp.Variable(expression.shape)
        if len(self._levels) == level:
            self._levels.append([])
        self._levels[level].append((placeholder, atom))
        self._cut[id(expression)] = (expression, placeholder, level + 1)
        return placeholder, level + 1

    def rows(self, expressions: Sequence[Any], read: Reader) -> Any:
        """Return the rows of expressions that were cut over the columns and the constant."""
        placeholders = [p for level in self._levels for p, _ in level]
        atoms = [atom for level in self._levels for _, atom in level]
        matrix: Any = sparse.csc_array(read(atoms, [*self._variables, *placeholders]))
        width, height = sum(v.size for v in self._variables), matrix.shape[0]
        order = np.concatenate([np.arange(width), [width + height], width + np.arange(height)])
        matrix = sparse.csr_array(matrix[:, order])  # the constant before the placeholders
        known = sparse.eye_array(width + 1, format="csr")
        start, first = 0, {}
        for level in self._levels:
            stop = start + sum(p.size for p, _ in level)
            some = sparse.csr_array(matrix[start:stop, : known.shape[0]])
            known = sparse.csr_array(sparse.vstack([known, composed(some, known)], format="csr"))
            start = stop
        start = width + 1
        for p in placeholders:
            first[p.id], start = start, start + p.size
        tops = [self._cut[id(e)][1] for e in expressions]
        return known[np.concatenate([first[p.id] + np.arange(p.size) for p in tops])]


_ADDING = (AddExpression, NegExpression)
_PLAIN = (
    MulExpression,
    multiply,
    DivExpression,
    Sum,
    index,
    reshape,
    transpose,
)  # entries of one argument stay apart
_JOINING = (AddExpression, Hstack, Vstack, Concatenate)


def _stays(atom: Any) -> list[bool]:
    """Return which arguments of an atom stay as they are: constants, unless they are added."""
    return [not isinstance(atom, _ADDING) and not arg.variables() for arg in atom.args]


def _cuttable(expression: Any) -> bool:
    if isinstance(expression, cp.Variable) or not expression.variables():
        return not expression.is_complex()
    if not isinstance(expression, AffAtom) or expression.is_complex() or not expression.size:
        return False
    if not isinstance(expression, _JOINING) and sum(bool(a.variables()) for a in expression.args) > 1:
        return False
    return all(map(_cuttable, expression.args))
