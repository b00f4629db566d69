r"""A program written into SCIP, in its natural units, without pyscipopt's slow operator arithmetic.

Three choices, each measured on the hull (perspective) form of the regime-switching program:

- Expressions are made at once from a dictionary of terms; adding them up with operators is far slower.
- A cone :math:`\sum_k Y_k^2 \le t z` gets a variable for every entry of Y that is not a variable already, and
  :math:`\sum_k y_k^2 - t z \le 0` is given as a quadratic row. SCIP takes it apart into three-dimensional
  cones; with :math:`Y'Y` expanded in the original variables the same programs took two to four times as long.
- A quadratic objective becomes one epigraph variable for each connected component of P.

Linear rows whose coefficients SCIP keeps: those below its epsilon (1e-9) it drops without moving the sides.

As in `proofolio.solvers.highs.coefficient_limits`: a row is multiplied until every term that can be worth something is
large enough, and where that would go too far the term goes with its worth,

.. math::
    \ell - \max_x a x \le \text{rest} \le u - \min_x a x,

which is a relaxation.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pyscipopt import Model
from pyscipopt.scip import Expr, ExprCons, Term
from scipy import sparse
from scipy.sparse import csgraph

from proofolio.arrays import Floats, Integers, Sparse
from proofolio.errors import BadData, SolverFailure
from proofolio.program.interval import quadratic_bounds
from proofolio.program.program import Program
from proofolio.program.quadratic import Form
from proofolio.program.structure import is_positive_semidefinite
from proofolio.solvers.answers import INFINITE
from proofolio.solvers.fixing import AffineParts
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.solvers.natural_units import natural_units, power_of_two
from proofolio.solvers.scip.text import linear_text

__all__ = ["MOST", "OutOfTime", "ScipModel", "reach", "without_small_terms"]


SMALLEST = 2.0**-28  # a coefficient SCIP keeps
WIDEST, FARTHEST = 2.0**20, 2.0**60  # coefficients and sides of rows that were multiplied for a small one
MOST = 2.0**1000  # that rows are multiplied by
SMALL = 0.75  # rows whose coefficients are all below are multiplied up to one
NEGLIGIBLE = 1e-10  # what a term may be worth, in a row of natural size, without mattering
ROUNDING = 1e-12


def reach(terms: dict[Any, float]) -> tuple[float, float]:
    """Return the least and the largest value of the terms over the bounds that SCIP was given."""
    least = most = 0.0
    for term, a in terms.items():
        ends = (a, a)
        for v in term.vartuple:
            bounds = (v.getLbOriginal(), v.getUbOriginal())
            far = [b if abs(b) < INFINITE else math.copysign(math.inf, b) for b in bounds]
            products = [x * y if x and y else 0.0 for x in ends for y in far]
            ends = (min(products), max(products))
        least, most = least + ends[0], most + ends[1]
    return least, most


def without_small_terms(
    terms: dict[Any, float], low: float, high: float, factor: float
) -> tuple[dict[Any, float], float, float, float]:
    """Return a linear row that SCIP keeps as it stands when multiplied by the factor returned with it."""
    largest = max(map(abs, terms.values()), default=0.0)
    if largest == 0.0 or min(map(abs, terms.values())) * factor >= SMALLEST:
        return terms, low, high, factor
    worth = {term: max(map(abs, reach({term: a}))) for term, a in terms.items()}
    heavy = [abs(a) for term, a in terms.items() if worth[term] * factor > NEGLIGIBLE]
    needed = max(low, -high, 0.0)
    most = min(WIDEST / largest, FARTHEST / needed if needed > 0.0 else math.inf, MOST)
    while heavy and min(heavy) * factor < SMALLEST and 2.0 * factor <= most:
        factor *= 2.0
    kept = {term: a for term, a in terms.items() if abs(a) * factor >= SMALLEST}
    least, top = reach({term: a for term, a in terms.items() if term not in kept})
    room = ROUNDING * sum(w for term, w in worth.items() if term not in kept and w < math.inf)
    return kept, low - top - room, high - least + room, factor


# SCIP forgives a violation up to its tolerance in a row of natural size; nonlinear rows, where the optimum
# always leans on what is forgiven, are written this much larger.
NONLINEAR_WEIGHT = 16.0
MANY = 10_000  # columns and coefficients that are read faster than they are added
AT_ONCE = 1000  # columns, some milliseconds, between two looks at the clock
SURELY = 0.5  # of a side that a row must reach: it stays below this part of it whatever the rounding


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for cycles, of which a model has none: with 60,000 columns that took half the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class OutOfTime(Exception):
    """A model that could not be written in the time there was."""


@dataclass
class ScipModel:
    """A SCIP model of a program, and the way back; `OutOfTime` when a deadline passes while it is written.

    To SCIP numbers of 1e20 and more are infinite. A side that far out is left out; a side no point may miss and
    a coefficient cannot be, and are a `SolverFailure`.

    Attributes
    ----------
    variables : list of pyscipopt variables
        One a column.
    unit : ndarray
        Column j of the program is ``unit[j]`` times its variable.
    objective_unit : float
        The program's (minimised) objective is this times SCIP's.
    products : int
        Products of two columns written so far, cones apart.
    relaxed : bool
        Whether a finite side was left out that the bounds of the columns do not imply.
    """

    program: Program
    model: Any = field(default_factory=Model)
    variables: list[Any] = field(default_factory=list)
    unit: Floats = field(default_factory=lambda: np.empty(0))
    objective_unit: float = 1.0
    deadline: Deadline = NEVER
    products: int = 0
    relaxed: bool = False
    _made: list[tuple[Any, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        p = self.program
        if self.deadline.passed:
            raise OutOfTime
        self.unit = natural_units(p)
        self.model.hideOutput()
        components = _components(p.P)
        sizes = [np.max(np.abs(H) * np.outer(self.unit[c], self.unit[c])) for c, H in components]
        units = [float(power_of_two(size)) for size in sizes]
        largest = max([float(np.max(np.abs(p.q) * self.unit, initial=0.0)), *units])
        self.objective_unit = float(power_of_two(largest)) if largest > 0.0 else 1.0
        with _collector_paused():
            others = self._read() if self._is_large else self._columns()
            for (columns, H), unit in zip(components, units, strict=True):
                self._epigraph(columns, H, unit)
            self.model.addObjoffset(p.c / self.objective_unit)
            self._linear_rows(others)
            self._quadratic_rows()
            self._cones()
            self._indicators()
            self._special_ordered_sets()

    # ---------------------------------------------------------------- columns
    def _scaled_columns(self) -> tuple[Floats, Floats, Floats]:
        """Return costs and bounds in natural units, the bounds infinite where they are to SCIP."""
        p = self.program
        lower, upper = p.lower / self.unit, p.upper / self.unit
        wrong = (lower >= INFINITE) | (upper <= -INFINITE)
        if np.any(wrong):
            raise _too_large(f"the bound of {p.column_names[int(np.argmax(wrong))]}")
        gone = (lower <= -INFINITE, upper >= INFINITE)
        self.relaxed |= bool(np.any(gone[0] & (lower > -np.inf)) or np.any(gone[1] & (upper < np.inf)))
        cost = p.q * self.unit / self.objective_unit
        return cost, np.where(gone[0], -np.inf, lower), np.where(gone[1], np.inf, upper)

    def _columns(self) -> Integers:
        """Add the columns, and return which linear rows are left to add: all of them."""
        p = self.program
        cost, lower, upper = (part.tolist() for part in self._scaled_columns())
        kind = np.where(p.binary, "B", np.where(p.integer, "I", "C")).tolist()
        each = zip(lower, upper, cost, kind, strict=True)
        while some := list(islice(each, AT_ONCE)):
            if self.deadline.passed:
                raise OutOfTime
            self.variables += [self._variable(*column) for column in some]
        return np.arange(p.m)

    @property
    def _is_large(self) -> bool:
        """Whether SCIP reads the columns and rows from a file.

        With integers it would take them in another order, and small costs it would drop.
        """
        p = self.program
        if p.n + p.A.nnz < MANY or p.integer.any() or np.any(p.lower > p.upper):
            return False
        cost = np.abs(p.q) * self.unit / self.objective_unit
        return bool(np.all((cost == 0.0) | (cost >= SMALLEST)))

    def _read(self) -> Integers:
        """Let SCIP read the columns and rows, and return the rows that need a look of their own."""
        p = self.program
        cost, *box = self._scaled_columns()
        matrix = p.A.tocsr()
        row = np.repeat(np.arange(p.m), np.diff(matrix.indptr))
        data = matrix.data * self.unit[matrix.indices]
        largest, least = np.zeros(p.m), np.full(p.m, np.inf)
        np.maximum.at(largest, row, np.abs(data))
        np.minimum.at(least, row, np.abs(data))
        factor = np.where(largest < SMALL, power_of_two(1.0 / np.maximum(largest, 1.0 / MOST)), 1.0)
        low, high = p.row_lower * factor, p.row_upper * factor
        plain = (least * factor >= SMALLEST) & (largest * factor < INFINITE) & (low <= high) & (largest > 0.0)
        for side in (low, high):
            plain &= (np.abs(side) < INFINITE) | np.isinf(side)
        plain &= (low < np.inf) & (high > -np.inf) & (np.isfinite(low) | np.isfinite(high))
        scaled = sparse.csr_array((data * factor[row], matrix.indices, matrix.indptr), shape=matrix.shape)
        text = linear_text(cost, (box[0], box[1]), scaled[plain], (low[plain], high[plain]))
        try:
            with TemporaryDirectory() as folder:
                file = Path(folder) / "program.lp"
                file.write_text(text, encoding="ascii")
                self.model.setParam("reading/dynamicconss", False)
                self.model.readProblem(file)
        except OSError:
            self.model = Model()
            self.model.hideOutput()
            return self._columns()
        self.variables = self.model.getVars()
        double = np.flatnonzero(np.isfinite(low[plain]) & np.isfinite(high[plain]))
        rows = self.model.getConss() if double.size else []
        for k, side in zip(double.tolist(), low[plain][double].tolist(), strict=True):
            self.model.chgLhs(rows[k], side)
        return np.flatnonzero(~plain)

    @cached_property
    def _terms(self) -> list[Any]:
        return [Term(v) for v in self.variables]

    def _variable(self, low: float, high: float, obj: float = 0.0, vtype: str = "C") -> Any:
        lb, ub = low if low > -INFINITE else None, high if high < INFINITE else None
        return self.model.addVar("", vtype, lb, ub, obj)

    def _new(self, low: float, value: Any, obj: float = 0.0) -> Any:
        """Add a variable of ours; `value` gives it at a point of the program's columns."""
        if self.deadline.passed:
            raise OutOfTime
        self._made.append((self._variable(low, np.inf, obj), value))
        return self._made[-1][0]

    def _epigraph(self, columns: Any, H: Floats, unit: float) -> None:
        low = 0.0
        if not is_positive_semidefinite(H):
            form = Form(columns, 0.5 * H)
            low = float(quadratic_bounds((form,), self.program.lower, self.program.upper)[0])
        obj = unit / self.objective_unit
        top = self._new(low / unit, lambda x: 0.5 * float(x[columns] @ H @ x[columns]) / unit, obj)
        terms = self._squares(columns, 0.5 * H / unit)
        terms[Term(top)] = -1.0
        self._add(terms, -np.inf, 0.0, None, nonlinear=True)

    # ------------------------------------------------------------------- rows
    def _squares(self, columns: Any, matrix: Floats) -> dict[Any, float]:
        """Return the terms of x[columns]' matrix x[columns], in natural units."""
        scaled = matrix * np.multiply.outer(self.unit[columns], self.unit[columns])
        folded = np.triu(scaled) + np.triu(scaled.T, 1)
        terms: dict[Any, float] = {}
        v = [self.variables[j] for j in columns.tolist()]
        for i, k in zip(*(a.tolist() for a in np.nonzero(folded)), strict=True):
            terms[Term(v[i], v[k])] = float(folded[i, k])
        self.products += len(terms)
        return terms

    def _scaled(
        self, terms: dict[Any, float], low: float, high: float, part: int | None, nonlinear: bool
    ) -> Any | None:
        """Return a row in natural size; None for one without sides; `part` is where it stands in `AffineParts`."""
        largest = max(map(abs, terms.values()), default=0.0)
        factor = 1.0
        if largest > 0.0 and (nonlinear or largest < SMALL):
            weight = NONLINEAR_WEIGHT if nonlinear else 1.0
            factor = float(power_of_two(min(weight / max(largest, 1.0 / MOST), MOST)))
        if not largest * factor < INFINITE:
            raise _too_large(f"a coefficient of {self._named(part)}")
        if low * factor >= INFINITE or high * factor <= -INFINITE:
            factor = self._missed(terms, low, high, part)
        elif not nonlinear and terms:
            given = low, high
            terms, low, high, factor = without_small_terms(terms, low, high, factor)
            self.relaxed |= (np.isfinite(given[0]) and low == -np.inf) or (
                np.isfinite(given[1]) and high == np.inf
            )
        scaled = {term: a * factor for term, a in terms.items()} if factor != 1.0 else terms
        has_low, has_high = low * factor > -INFINITE, high * factor < INFINITE
        if (not has_low and low > -np.inf) or (not has_high and high < np.inf):
            least, most = reach(terms)
            self.relaxed |= (not has_low and least < low) or (not has_high and most > high)
        if not has_low and not has_high:
            return None
        return ExprCons(Expr(scaled), low * factor if has_low else None, high * factor if has_high else None)

    def _missed(self, terms: dict[Any, float], low: float, high: float, part: int | None) -> float:
        """Return a factor for a row that no point within the bounds satisfies; refuse any other one."""
        least, most = reach(terms)
        if low > 0.0 and most < SURELY * low:
            return 1.0 / low
        if high < 0.0 and least > SURELY * high:
            return -1.0 / high
        raise _too_large(f"a side of {self._named(part)}, beside its coefficients,")

    def _named(self, part: int | None) -> str:
        return "the objective" if part is None else AffineParts.of(self.program).name(part)

    def _add(
        self, terms: dict[Any, float], low: float, high: float, part: int | None, nonlinear: bool = False
    ) -> None:
        if self.deadline.passed:
            raise OutOfTime
        if low > -np.inf or high < np.inf:
            row = self._scaled(terms, low, high, part, nonlinear)
            if row is not None:
                self.model.addCons(row)

    def _linear_rows(self, which: Integers) -> None:
        p = self.program
        sides = p.row_lower[which].tolist(), p.row_upper[which].tolist()
        rows = self._affine_rows(p.A[which]) if which.size else []
        for i, terms, low, high in zip(which.tolist(), rows, *sides, strict=True):
            self._add(terms, low, high, i)

    def _affine_rows(self, matrix: Sparse) -> list[dict[Any, float]]:
        rows = matrix.tocsr()
        terms = [self._terms[j] for j in rows.indices.tolist()]
        data = (rows.data * self.unit[rows.indices]).tolist()
        ends = rows.indptr.tolist()
        return [dict(zip(terms[a:b], data[a:b], strict=True)) for a, b in pairwise(ends)]

    def _quadratic_rows(self) -> None:
        rows = self.program.quadratic
        bodies = self._affine_rows(rows.matrix)
        first = self.program.m + len(self.program.indicators)
        for i, (terms, forms, low, high) in enumerate(
            zip(bodies, rows.forms, rows.lower.tolist(), rows.upper.tolist(), strict=True), first
        ):
            for form in forms:
                for term, a in self._squares(form.columns, form.matrix).items():
                    terms[term] = terms.get(term, 0.0) + a
            self._add(terms, low, high, i, nonlinear=True)

    def _cones(self) -> None:
        cones = self.program.cones
        matrix = cones.matrix.tocsr()
        first = self.program.m + len(self.program.indicators) + len(self.program.quadratic)
        for start, stop in pairwise(cones.pointer.tolist()):
            lows = [0.0, 0.0] + [-np.inf] * (stop - start - 2)
            members = [self._member(matrix, cones.constant, start + k, low) for k, low in enumerate(lows)]
            (t, ut), (z, uz), *rest = members
            terms: dict[Any, float] = {}
            for y, u in rest:
                key = _product(y, y)
                terms[key] = terms.get(key, 0.0) + u * u
            key = _product(t, z)
            terms[key] = terms.get(key, 0.0) - ut * uz
            constant = terms.pop(Term(), 0.0)
            self._add(terms, -np.inf, -constant, first + start, nonlinear=True)

    def _member(self, matrix: Sparse, constants: Floats, row: int, low: float) -> tuple[Any, float]:
        """Return a variable and a number whose product is one member of a cone; None for a constant."""
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        columns, data, constant = matrix.indices[entries], matrix.data[entries], float(constants[row])
        if not columns.size:
            if constant < low:
                self.model.addCons(ExprCons(Expr({}), 1.0, None))
            return None, constant
        if columns.size == 1 and constant == 0.0:
            variable, factor = self.variables[columns[0]], float(data[0] * self.unit[columns[0]])
            if low == -np.inf or factor > 0.0:
                if low == 0.0 and variable.getLbOriginal() < 0.0:
                    self.model.chgVarLb(variable, 0.0)
                return variable, factor
        size = float(power_of_two(max(np.max(np.abs(data) * self.unit[columns]), 2.0**-40)))
        made = self._new(low, lambda x: (float(data @ x[columns]) + constant) / size)
        scaled = (data * self.unit[columns] / size).tolist()
        terms = {self._terms[j]: a for j, a in zip(columns.tolist(), scaled, strict=True)}
        terms[Term(made)] = -1.0
        first = self.program.m + len(self.program.indicators) + len(self.program.quadratic)
        self._add(terms, -constant / size, -constant / size, first + row)
        return made, size

    def _indicators(self) -> None:
        implied = self.program.indicators
        for i, j, on, terms, low, high in zip(
            range(len(implied)), implied.binary.tolist(), implied.on.tolist(),
            self._affine_rows(implied.matrix), implied.lower.tolist(), implied.upper.tolist(), strict=True,
        ):  # fmt: skip
            if not self.program.binary[j]:
                name = self.program.column_names[j]
                raise BadData(f"an indicator is switched by {name}, which is not binary: make it binary")
            for one_low, one_high in ((low, np.inf), (-np.inf, high)):
                if one_low == -np.inf and one_high == np.inf:
                    continue
                row = self._scaled(terms, one_low, one_high, self.program.m + i, nonlinear=False)
                if row is not None:
                    self.model.addConsIndicator(row, self.variables[j], activeone=bool(on))

    def _special_ordered_sets(self) -> None:
        for group in self.program.sos:
            add = self.model.addConsSOS1 if group.kind == 1 else self.model.addConsSOS2
            add([self.variables[j] for j in group.columns.tolist()], group.weights.tolist())

    @property
    def curved_share(self) -> float:
        """Which part of the numbers written are coefficients of products."""
        linear = self.program.A.nnz + self.program.cones.matrix.nnz + self.program.indicators.matrix.nnz
        return self.products / float(max(self.products + linear, 1))

    # --------------------------------------------------------------- way back
    def start(self, x: Floats) -> None:
        """Give a point of the program's columns, NaN where unknown, as a start."""
        known = np.isfinite(x)
        complete = bool(known.all())
        solution = self.model.createOrigSol() if complete else self.model.createPartialSol()
        for j in np.flatnonzero(known).tolist():
            self.model.setSolVal(solution, self.variables[j], float(x[j] / self.unit[j]))
        if complete:
            for variable, value in self._made:
                self.model.setSolVal(solution, variable, value(x))
        else:
            self.model.setParam("heuristics/completesol/maxunknownrate", 1.0)
        self.model.addSol(solution)

    def point(self) -> Floats | None:
        """Return SCIP's best solution as a point of the program's columns."""
        if self.model.getNSols() == 0:
            return None
        best = self.model.getBestSol()
        values = np.array([self.model.getSolVal(best, v) for v in self.variables], dtype=float)
        clipped: Floats = np.clip(values * self.unit, self.program.lower, self.program.upper)
        return clipped

    def release(self) -> None:
        """Let go of the variables: each refers to itself, and would stay until Python looks for cycles."""
        for variable in (*self.variables, *(made for made, _ in self._made)):
            variable.terms.clear()


def _too_large(what: str) -> SolverFailure:
    return SolverFailure(f"{what} is 1e20 or more, which is infinite to SCIP: rescale the model")


def _product(a: Any, b: Any) -> Any:
    return Term(*(v for v in (a, b) if v is not None))


def _components(P: Any) -> list[tuple[Any, Floats]]:
    """Return the columns and the dense matrix of every connected component of P."""
    used = np.flatnonzero(np.diff(P.tocsc().indptr))
    if not used.size:
        return []
    small = sparse.csr_array(P)[used][:, used]
    count, label = csgraph.connected_components(small, directed=False)
    order = np.argsort(label, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(label, minlength=count))[:-1])
    return [(used[g], small[g][:, g].toarray()) for g in groups]
