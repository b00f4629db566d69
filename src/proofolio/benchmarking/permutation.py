"""The same program with its rows and columns shuffled: a solver's answer should not depend on their order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.program.program import (
    Block,
    Cones,
    Indicators,
    Program,
    QuadraticRows,
    RowBlock,
    SpecialOrderedSet,
)
from proofolio.program.quadratic import Form
from proofolio.solvers.solution import Solution

__all__ = ["Shuffled", "shuffled"]


@dataclass(frozen=True, eq=False)
class Shuffled:
    """A shuffled program and the way back.

    Attributes
    ----------
    original, program : Program
    columns, rows : ndarray of int
        Column k of the program is column ``columns[k]`` of the original; rows likewise.
    """

    original: Program
    program: Program
    columns: Integers
    rows: Integers

    def back(self, claim: Solution) -> Solution:
        """Return a claim about the shuffled program as one about the original."""
        if self.program is self.original:
            return replace(claim, program=self.original)
        x = None if claim.x is None else self._unshuffled(claim.x, self.columns)
        duals = None
        if claim.duals is not None:
            places = {"rows": self.rows, "bounds": self.columns, "lower": self.columns, "upper": self.columns}
            duals = {
                name: self._unshuffled(values, places[name])
                for name, values in claim.duals.items()
                if name in places and values.size == places[name].size
            }
        return replace(claim, program=self.original, x=x, duals=duals)

    @staticmethod
    def _unshuffled(values: Floats, places: Integers) -> Floats:
        found = np.empty(places.size)
        found[places] = values
        return found


def shuffled(program: Program, seed: int) -> Shuffled:
    """Return the program with rows and columns in a random order; seed 0 leaves it as it is.

    Names are numbers in the shuffled program, and what its rows are for is not known there: answers are checked
    against the original.
    """
    if seed == 0:
        return Shuffled(program, program, np.arange(program.n), np.arange(program.m))
    rng = np.random.default_rng(seed)
    columns, rows = rng.permutation(program.n), rng.permutation(program.m)
    place = np.empty(program.n, dtype=np.intp)
    place[columns] = np.arange(program.n)
    p = program
    found = Program(
        P=sparse.csc_array(sparse.csc_array(p.P)[columns][:, columns]),
        q=p.q[columns],
        c=p.c,
        A=sparse.csr_array(sparse.csr_array(p.A)[rows][:, columns]),
        row_lower=p.row_lower[rows],
        row_upper=p.row_upper[rows],
        lower=p.lower[columns],
        upper=p.upper[columns],
        integer=p.integer[columns],
        variables=(Block("x", (p.n,), 0),) if p.n else (),
        rows=_named("row", p.m),
        quadratic=_quadratic(p, columns, place, rng),
        cones=Cones(_columns_of(p.cones.matrix, columns), p.cones.constant, p.cones.pointer, _cone_names(p)),
        indicators=_indicators(p, columns, place, rng),
        sos=tuple(_set(s, place, k) for k, s in enumerate(p.sos)),
        maximise=p.maximise,
        name=p.name,
    )
    return Shuffled(program, found, columns, rows)


def _columns_of(matrix: Sparse, columns: Integers) -> Sparse:
    return sparse.csr_array(sparse.csr_array(matrix)[:, columns])


def _named(name: str, count: int) -> tuple[RowBlock, ...]:
    return (RowBlock(name, (count,), 0, np.arange(count)),) if count else ()


def _cone_names(program: Program) -> tuple[RowBlock, ...]:
    return _named("cone", len(program.cones))


def _quadratic(p: Program, columns: Integers, place: Integers, rng: np.random.Generator) -> QuadraticRows:
    order = rng.permutation(len(p.quadratic))
    return QuadraticRows(
        _columns_of(p.quadratic.matrix, columns)[order],
        tuple(tuple(Form(place[f.columns], f.matrix) for f in p.quadratic.forms[k]) for k in order),
        p.quadratic.lower[order],
        p.quadratic.upper[order],
        _named("quadratic", order.size),
    )


def _indicators(p: Program, columns: Integers, place: Integers, rng: np.random.Generator) -> Indicators:
    order = rng.permutation(len(p.indicators))
    return Indicators(
        place[p.indicators.binary[order]],
        p.indicators.on[order],
        _columns_of(p.indicators.matrix, columns)[order],
        p.indicators.lower[order],
        p.indicators.upper[order],
        _named("indicator", order.size),
    )


def _set(s: SpecialOrderedSet, place: Integers, k: int) -> SpecialOrderedSet:
    return SpecialOrderedSet(f"sos[{k}]", s.kind, place[s.columns], s.weights)
