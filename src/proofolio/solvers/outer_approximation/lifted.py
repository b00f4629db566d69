"""A convex program as linear rows and rotated cones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from proofolio.arrays import Floats, Integers, Mask, Sparse
from proofolio.program.program import Program
from proofolio.program.quadratic import Form

__all__ = ["Lifted", "lift"]


RANK = 1e-14


@dataclass(frozen=True, eq=False)
class Lifted:
    r"""A program in linear rows and cones over ``x`` and epigraph columns ``e >= 0`` behind it.

    .. math::
        \min\ q'x + c\quad\text{s.t.}\quad \ell_A \le Ax \le u_A,\ \ell \le x \le u,\quad
        \|Y_j\|^2 \le t_j z_j,\ \ (t_j, z_j, Y_j) = (Kx + k)_j

    Attributes
    ----------
    n : int
        Columns of the program it came from; the first n columns are those.
    q, c, A, row_lower, row_upper, lower, upper, integer
        The linear part.
    K : csr_array
        Members of the cones, in the order t, z, Y; cone j stands in rows ``pointer[j] .. pointer[j + 1]``.
    k : ndarray
    pointer : ndarray of int
    lazy : ndarray of bool, optional
        Rows of A that a relaxation gets only when it violates them.
    """

    n: int
    q: Floats
    c: float
    A: Sparse
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    integer: Mask
    K: Sparse
    k: Floats
    pointer: Integers
    lazy: Mask | None = None

    @property
    def cones(self) -> int:
        """The number of cones."""
        return self.pointer.size - 1

    def members(self, x: Floats) -> Floats:
        """Return the members of all cones at a point, one behind the other."""
        return np.asarray(self.K @ x) + self.k

    def tails(self, members: Floats) -> Floats:
        """Return members (or slopes) with zeros in the place of t and z."""
        tails = members.copy()
        tails[self.pointer[:-1]] = 0.0
        tails[self.pointer[:-1] + 1] = 0.0
        return tails

    def squares(self, members: Floats) -> Floats:
        """Return the squared length of Y of each cone."""
        if not self.cones:
            return np.empty(0)
        total: Floats = np.add.reduceat(self.tails(members) ** 2, self.pointer[:-1])
        return total

    def raised(self, x: Floats) -> Floats:
        """Return a point with its epigraph columns at the values the other columns give them."""
        point = x.copy()
        single, own, _ = self.height_columns()
        mine = single & (own >= self.n)
        point[own[mine]] = self.squares(self.members(x))[mine]
        return point

    def height_columns(self) -> tuple[Mask, Integers, Floats]:
        """Return, for each cone, whether t is one column, that column (else 0), its coefficient (else 1)."""
        rows = self.pointer[:-1]
        single = np.diff(self.K.indptr)[rows] == 1
        own, scale = np.zeros(rows.size, dtype=np.intp), np.ones(rows.size)
        entries = self.K.indptr[rows[single]]
        own[single], scale[single] = self.K.indices[entries], self.K.data[entries]
        return single, own, scale

    def value(self, x: Floats) -> float:
        """Return the objective of the minimisation at a point whose epigraph columns are `raised`."""
        return float(self.q @ x) + self.c

    def violation(self, x: Floats) -> float:
        """Return the largest violation of rows and cones, each relative to the size of its terms."""
        body = self.A @ x
        room = 1.0 + abs(self.A) @ np.abs(x)
        rows = np.maximum(self.row_lower - body, body - self.row_upper) / room
        box = np.maximum(self.lower - x, x - self.upper) / (1.0 + np.abs(x))
        members = self.members(x)
        t, z = members[self.pointer[:-1]], members[self.pointer[:-1] + 1]
        squares = self.squares(members)
        cones = np.maximum(np.maximum(-t, -z), (squares - t * z) / (1.0 + squares + t * t + z * z))
        return max(float(np.max(part, initial=0.0)) for part in (rows, box, cones))

    def components(self) -> list[Integers]:
        """Return the columns of each part that no row and no cone ties to the rest."""
        rows = np.repeat(np.arange(self.cones), np.diff(self.pointer))
        gather = sparse.csr_array(
            (np.ones(rows.size), (rows, np.arange(rows.size))), shape=(self.cones, self.K.shape[0])
        )
        ties = sparse.vstack([abs(self.A), gather @ abs(self.K)], format="csr")
        links: Any = sparse.block_array([[None, ties], [ties.T, None]], format="csr")
        count, label = csgraph.connected_components(links, directed=False)
        of = label[ties.shape[0] :]
        return [own for own in (np.flatnonzero(of == k) for k in range(count)) if own.size]

    def part(self, columns: Integers) -> Lifted:
        """Return the program in some columns, which nothing ties to the others; its constant is 0."""
        own = np.zeros(self.q.size, dtype=bool)
        own[columns] = True
        rows = np.flatnonzero(np.asarray(abs(self.A) @ own) > 0)
        touched = np.flatnonzero(np.asarray(abs(self.K) @ own) > 0)
        cone = np.unique(np.searchsorted(self.pointer, touched, side="right") - 1)
        lengths = np.diff(self.pointer)[cone]
        pointer = np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp)
        members = np.arange(int(pointer[-1])) + np.repeat(self.pointer[cone] - pointer[:-1], lengths)
        return Lifted(
            n=int(np.count_nonzero(columns < self.n)),
            q=self.q[columns],
            c=0.0,
            A=sparse.csr_array(self.A[rows][:, columns]),
            row_lower=self.row_lower[rows],
            row_upper=self.row_upper[rows],
            lower=self.lower[columns],
            upper=self.upper[columns],
            integer=self.integer[columns],
            K=sparse.csr_array(self.K[members][:, columns]),
            k=self.k[members],
            pointer=pointer,
            lazy=None if self.lazy is None else self.lazy[rows],
        )


def lift(program: Program) -> Lifted:
    r"""Write a convex program with linear rows and rotated cones only.

    A quadratic form :math:`v'Mv` becomes :math:`\|L'v\|^2 \le e`, with :math:`M = LL'` from its eigenvalues
    (those at rounding level are dropped, which can only lower the form). The objective gets one epigraph
    column for each connected component of P: cuts of separate pieces then add up, where cuts of the whole
    would have to be made for each combination (Tawarmalani and Sahinidis 2005; Vielma, Dunning, Huchette and
    Lubin 2017).
    """
    cones = _Epigraphs(program.n)
    cones.add_objective(program.P)
    rows, lower, upper = [program.A], [program.row_lower], [program.row_upper]
    quadratic = program.quadratic
    coefficients: list[tuple[Integers, Integers]] = []
    chosen: list[tuple[int, float]] = []
    sides: list[float] = []
    for i, forms in enumerate(quadratic.forms):
        for sign, side in ((1.0, quadratic.upper[i]), (-1.0, -quadratic.lower[i])):
            if np.isfinite(side):
                own = np.array([cones.add_form(f, sign) for f in forms], dtype=np.intp)
                coefficients.append((np.full(own.size, len(chosen)), own))
                chosen.append((i, sign))
                sides.append(side)
    n = program.n + cones.count
    if chosen:
        which = np.array([i for i, _ in chosen])
        signs = np.array([s for _, s in chosen])
        affine = sparse.diags_array(signs) @ quadratic.matrix[which]
        at = np.concatenate([r for r, _ in coefficients])
        own = np.concatenate([e for _, e in coefficients])
        heights = sparse.csr_array((np.ones(own.size), (at, own)), shape=(len(chosen), n))
        rows.append(_wide(sparse.csr_array(affine), n) + heights)
        lower.append(np.full(len(chosen), -np.inf))
        upper.append(np.array(sides))
    K, k, pointer = cones.joined(program)
    low = np.concatenate([program.lower, np.zeros(cones.count)])
    high = np.concatenate([program.upper, np.full(cones.count, np.inf)])
    signed = _nonnegative_heads(K, k, program.cones.pointer, low, high)
    rows.append(K[signed])
    lower.append(-k[signed])
    upper.append(np.full(signed.size, np.inf))
    return Lifted(
        n=program.n,
        q=np.concatenate([program.q, cones.costs()]),
        c=program.c,
        A=_clean(sparse.vstack([_wide(r, n) for r in rows], format="csr")),
        row_lower=np.concatenate(lower),
        row_upper=np.concatenate(upper),
        lower=low,
        upper=high,
        integer=np.concatenate([program.integer, np.zeros(cones.count, dtype=bool)]),
        K=K,
        k=k,
        pointer=pointer,
    )


def _nonnegative_heads(K: Sparse, k: Floats, pointer: Integers, lower: Floats, upper: Floats) -> Integers:
    """Make t >= 0 and z >= 0 bounds where they are single columns (in place); return the other rows."""
    heads = np.concatenate([pointer[:-1], pointer[:-1] + 1])
    terms = np.diff(K.indptr)[heads]
    single = heads[terms == 1]
    own, factor = K.indices[K.indptr[single]], K.data[K.indptr[single]]
    limit = -k[single] / factor
    np.maximum.at(lower, own[factor > 0], limit[factor > 0])
    np.minimum.at(upper, own[factor < 0], limit[factor < 0])
    return np.sort(heads[(terms > 1) | ((terms == 0) & (k[heads] < 0))])


def _clean(matrix: Sparse) -> Sparse:
    clean = sparse.csr_array(matrix)
    clean.sum_duplicates()
    clean.eliminate_zeros()
    return clean


def _wide(matrix: Sparse, columns: int) -> Sparse:
    return sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], columns))


class _Epigraphs:
    """Epigraph columns ``e >= v'Mv`` being collected, as cones with t = e and z = 1."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.in_objective = 0
        self.count = 0
        self.rows: list[Floats] = []
        self.columns: list[Integers] = []
        self.factors: dict[tuple[bytes, float], Floats] = {}

    def add(self, columns: Integers, factor: Floats) -> int:
        self.rows.append(factor)
        self.columns.append(columns)
        self.count += 1
        return self.n + self.count - 1

    def add_form(self, form: Form, sign: float) -> int:
        key = (form.matrix.tobytes(), sign)  # by content: scaling a form by a constant copies its matrix
        if key not in self.factors:
            self.factors[key] = _factor(sign * form.matrix)
        return self.add(form.columns, self.factors[key])

    def add_objective(self, P: Any) -> None:
        matrix = sparse.csr_array(P)
        if not matrix.nnz:
            return
        _, label = csgraph.connected_components(matrix, directed=False)
        used = np.flatnonzero(np.diff(matrix.indptr))
        order = used[np.argsort(label[used], kind="stable")]
        root = np.sqrt(np.maximum(0.5 * matrix.diagonal(), 0.0))
        for group in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
            if group.size == 1:  # as `_factor` has it; slicing thousands of these takes seconds
                self.add(group, root[group[root[group] > 0.0], None])
            else:
                self.add(group, _factor(0.5 * matrix[group][:, group].toarray()))
        self.in_objective = self.count

    def costs(self) -> Floats:
        costs = np.zeros(self.count)
        costs[: self.in_objective] = 1.0
        return costs

    def joined(self, program: Program) -> tuple[Sparse, Floats, Integers]:
        own = program.cones
        lengths = np.array([f.shape[0] + 2 for f in self.rows], dtype=np.intp)
        widths = np.array([f.shape[1] for f in self.rows], dtype=np.intp)
        entries = [
            np.concatenate([[1, 0], np.full(f.shape[0], w)]) for f, w in zip(self.rows, widths, strict=True)
        ]
        heights = self.n + np.arange(self.count)
        indices = [
            np.concatenate([[e], np.tile(c, f.shape[0])])
            for e, c, f in zip(heights, self.columns, self.rows, strict=True)
        ]
        data = [np.concatenate([[1.0], f.ravel()]) for f in self.rows]
        constant = np.zeros(int(lengths.sum()))
        starts = np.cumsum(lengths) - lengths
        constant[starts + 1] = 1.0
        added = sparse.csr_array(
            (
                _joined(data, float),
                _joined(indices, np.int32),
                np.concatenate([[0], np.cumsum(_joined(entries, int))]),
            ),
            shape=(constant.size, self.n + self.count),
        )
        K = sparse.csr_array(sparse.vstack([_wide(own.matrix, self.n + self.count), added], format="csr"))
        pointer = np.concatenate([own.pointer, own.pointer[-1] + np.cumsum(lengths)]).astype(np.intp)
        return K, np.concatenate([own.constant, constant]), pointer


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate([np.empty(0, kind), *parts]).astype(kind, copy=False)


def _factor(matrix: Floats) -> Floats:
    """Return F with F'F equal to a positive semidefinite matrix, up to its eigenvalues at rounding level."""
    values, vectors = np.linalg.eigh(matrix)
    keep = values > RANK * max(float(np.max(np.abs(values), initial=0.0)), 0.0)
    factor: Floats = (vectors[:, keep] * np.sqrt(values[keep])).T
    return factor
