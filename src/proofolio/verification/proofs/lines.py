r"""Rows in rational numbers, and quadratic parts as columns of their own; fractions only.

A `Line` is a row. An `Atom` is a column t that equals :math:`\sum_{i \le j} q_{ij} x_i x_j` in inputs x: it lets
affine proofs speak of convex quadratic rows. A proof takes it as one more input, anywhere within the bounds that
intervals give it: what holds for every such t holds for the true one. A refutation counts only at a point where
t is what it stands for. `Atoms` gathers them while a claim is read.

`CurvedSizes` says how much room rows get beside quadratic parts: what linear ones would, and never 1e-6 of the
set they describe. A quadratic part grows with the square of a box, and a tolerance that grew with it would let a
limit be wrong many times over. So an atom counts with the size of its linear twin,
:math:`\max |q_{ij}| \max |x|`. Where a row :math:`x'Qx + c'x \le b` of the meaning has the natural size
:math:`N = |b + c'Q^{-1}c/4|` and the squared radius :math:`\varrho = N / \max |q_{ij}|`, no row of its part
counts for more than :math:`10^3 \min(\varrho, \sqrt\varrho)` of its quadratic part's largest coefficient, and
none without a quadratic part for more than :math:`10^3 \min(\varrho, \sqrt\varrho, N)` of its largest: with
:math:`\delta = 10^{-9}` that is :math:`10^{-6}` of the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isqrt
from typing import Any

from proofolio.verification.exact.certificate import (
    ZERO,
    Row,
    Side,
    Undecidable,
    read_numbers,
    read_side,
    side_text,
)
from proofolio.verification.exact.elimination import solve_exactly
from proofolio.verification.exact.in_time import check_time

__all__ = [
    "Atom",
    "Atoms",
    "CurvedSizes",
    "Line",
    "Polynomial",
    "interval",
    "line_document",
    "read_line",
    "squares",
]


SHARE = 1000  # delta times this is the largest error, in parts of the set's size
# Forms that differ by less than this part of a coefficient are one and a rest: square roots in double precision
# leave 1e-16, and data that differ on purpose differ by more.
NEAR = Fraction(1, 10**6)


@dataclass(frozen=True)
class Line:
    """A row ``low <= terms x <= high``, asked for only where a column takes one of some values (`when`)."""

    terms: Row
    low: Side
    high: Side
    when: tuple[int, frozenset[int]] | None = None


def line_document(line: Line) -> dict[str, Any]:
    """Return a line as JSON can hold it."""
    document: dict[str, Any] = {
        "terms": {str(j): str(a) for j, a in line.terms.items()},
        "low": side_text(line.low),
        "high": side_text(line.high),
    }
    if line.when is not None:
        document["when"] = [line.when[0], sorted(line.when[1])]
    return document


def read_line(document: Mapping[str, Any]) -> Line:
    """Return the line that `line_document` wrote."""
    when = document.get("when")
    return Line(
        read_numbers(document["terms"]),
        read_side(document["low"]),
        read_side(document["high"]),
        None if when is None else (int(when[0]), frozenset(int(v) for v in when[1])),
    )


Polynomial = Mapping[tuple[int, int], Fraction]
"""Coefficients by pairs of columns i <= j."""
Ends = Sequence[Fraction | None]


@dataclass(frozen=True)
class Atom:
    """A column, and the quadratic form of input columns that it equals."""

    column: int
    terms: tuple[tuple[int, int, Fraction], ...]

    def value(self, point: Mapping[int, Fraction]) -> Fraction:
        """Evaluate the form at a point that gives its columns."""
        return sum((a * point[i] * point[j] for i, j, a in self.terms), ZERO)

    def interval(self, lower: Ends, upper: Ends) -> tuple[Fraction, Fraction] | None:
        """Bound the form over a box; None when a column of it has no bound."""
        return interval({(i, j): a for i, j, a in self.terms}, lower, upper)

    def document(self) -> dict[str, Any]:
        """Return the atom as JSON can hold it."""
        return {"column": self.column, "terms": [[i, j, str(a)] for i, j, a in self.terms]}

    @staticmethod
    def read(document: Mapping[str, Any]) -> Atom:
        """Return the atom that `document` wrote."""
        terms = tuple((int(i), int(j), Fraction(a)) for i, j, a in document["terms"])
        return Atom(int(document["column"]), terms)


def interval(form: Polynomial, lower: Ends, upper: Ends) -> tuple[Fraction, Fraction] | None:
    """Bound a form over a box term by term, squares never negative; None when a bound is missing.

    A positive semidefinite form is never negative, which its terms apart do not say.
    """
    low = high = ZERO
    for (i, j), a in form.items():
        p, q, r, s = lower[i], upper[i], lower[j], upper[j]
        if p is None or q is None or r is None or s is None:
            return None
        corners = [p * r, p * s, q * r, q * s] if i != j else [p * p, q * q]
        if i == j and p <= 0 <= q:
            corners.append(ZERO)
        ends = a * min(corners), a * max(corners)
        low, high = low + min(ends), high + max(ends)
    return (max(low, ZERO), high) if _is_semidefinite(form) else (low, high)


def _is_semidefinite(form: Polynomial) -> bool:
    """Whether a form is positive semidefinite: symmetric elimination in fractions."""
    columns = sorted({j for key in form for j in key})
    place = {j: k for k, j in enumerate(columns)}
    Q = [[ZERO] * len(columns) for _ in columns]
    for (i, j), a in form.items():
        Q[place[i]][place[j]] += a / 2
        Q[place[j]][place[i]] += a / 2
    for k, pivot_row in enumerate(Q):
        pivot = pivot_row[k]
        rest = range(k + 1, len(columns))
        if pivot < 0 or (pivot == 0 and any(pivot_row[j] for j in rest)):
            return False
        for i in rest:
            check_time()
            share = Q[i][k] / pivot if pivot else ZERO
            for j in rest:
                Q[i][j] -= share * pivot_row[j]
    return True


class Atoms:
    """Forms of the first `inputs` columns; atom k is column -1 - k until all columns are known."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.forms: list[Polynomial] = []
        self._first: list[Fraction] = []

    def terms(self, polynomial: Polynomial, scaled: bool = True) -> Row:
        """Return a form as a multiple of an atom, or as an atom of its own."""
        form = {key: a for key, a in polynomial.items() if a}
        if not form:
            return {}
        if any(j >= self.inputs for key in form for j in key):
            raise Undecidable(
                "a quadratic part holds an output or a variable that the function made: the lemma about it "
                "must be proved apart"
            )
        unit, first = _unit(form) if scaled else (form, Fraction(1))
        if unit not in self.forms:
            self.forms.append({key: unit[key] for key in sorted(unit)})
            self._first.append(first)
        return self._confirmed({-1 - self.forms.index(unit): first}, form)

    def near_terms(self, polynomial: Polynomial) -> Row:
        """Return a form as a known atom, and what a square root's rounding left as another, where that fits."""
        form = {key: a for key, a in polynomial.items() if a}
        for k, (unit, first) in enumerate(zip(self.forms, self._first, strict=True)):
            known = {key: first * a for key, a in unit.items()}
            size = max(abs(a) for a in known.values())
            rest = {key: form.get(key, ZERO) - known.get(key, ZERO) for key in known.keys() | form.keys()}
            if all(abs(a) <= NEAR * size for a in rest.values()):
                # coefficients of the size of rounding would look like zero to a solver: the column is small instead
                row = dict(self.terms(rest, scaled=False))
                row[-1 - k] = row.get(-1 - k, ZERO) + first
                return self._confirmed(row, form)
        return self.terms(form)

    def _confirmed(self, row: Row, form: Polynomial) -> Row:
        """Return a row of atoms that, written out, is the form: provers and checkers both come through here."""
        left = dict(form)
        for j, a in row.items():
            for key, b in self.forms[-1 - j].items():
                left[key] = left.get(key, ZERO) - a * b
        if any(left.values()):
            raise Undecidable(
                "a quadratic part is not the sum of its atoms, which is an error in proofolio: report it"
            )
        return row

    def placed(self, start: int) -> tuple[Atom, ...]:
        """Return the atoms as columns from `start` on."""
        return tuple(
            Atom(start + k, tuple((i, j, a) for (i, j), a in form.items()))
            for k, form in enumerate(self.forms)
        )

    @staticmethod
    def moved(line: Line, start: int) -> Line:
        """Return a line with its atoms as columns from `start` on."""
        if all(j >= 0 for j in line.terms):
            return line
        terms = {j if j >= 0 else start - 1 - j: a for j, a in line.terms.items()}
        return Line(terms, line.low, line.high, line.when)


def _unit(form: Polynomial) -> tuple[Polynomial, Fraction]:
    """Return a form in parts of its largest coefficient, and that coefficient."""
    largest = max(sorted(form), key=lambda key: abs(form[key]))
    return {key: a / form[largest] for key, a in form.items()}, form[largest]


def squares(parts: Iterable[tuple[Mapping[int, Fraction], Fraction]]) -> tuple[Polynomial, Row, Fraction]:
    """Return a sum of squares of affine functions: its quadratic part, linear part and constant."""
    curved: dict[tuple[int, int], Fraction] = {}
    linear: dict[int, Fraction] = {}
    total = ZERO
    for terms, constant in parts:
        total += constant * constant
        for i, a in terms.items():
            linear[i] = linear.get(i, ZERO) + 2 * a * constant
            for j, b in terms.items():
                key = (min(i, j), max(i, j))
                curved[key] = curved.get(key, ZERO) + a * b
    return curved, {j: a for j, a in linear.items() if a}, total


@dataclass(frozen=True)
class CurvedSizes:
    """What the atoms of a statement say about the sizes of its rows.

    Attributes
    ----------
    sizes : mapping
        For the column of an atom, the size of its linear twin.
    units : mapping
        For the column of an atom, the largest coefficient of its form.
    curved, straight : Fraction or None
        The largest size of a row with atoms and without, for a largest coefficient of one; None: no limit.
    """

    sizes: Mapping[int, Fraction]
    units: Mapping[int, Fraction]
    curved: Fraction | None
    straight: Fraction | None

    @staticmethod
    def of(
        atoms: Sequence[Atom], lower: Sequence[Side], upper: Sequence[Side], lines: Iterable[Line]
    ) -> CurvedSizes:
        """Return the sizes that atoms, the bounds of inputs, and the rows of a meaning give."""
        forms = {atom.column: {(i, j): a for i, j, a in atom.terms} for atom in atoms}
        units = {k: max((abs(a) for a in form.values()), default=ZERO) for k, form in forms.items()}
        reach = {
            k: max([Fraction(1), *(abs(e) for key in form for j in key for e in (lower[j], upper[j]) if e)])
            for k, form in forms.items()
        }
        curved: list[Fraction] = []
        straight: list[Fraction] = []
        for line in lines:
            form, linear = _expanded(line.terms, forms)
            for limit in {line.low, line.high} - {None}:
                if not form or limit is None:
                    continue
                natural = _natural(form, linear, limit, lower, upper)
                square = natural / max(abs(a) for a in form.values())
                least = square if square < 1 else Fraction(isqrt(int(square)))
                curved.append(SHARE * least)
                straight.append(SHARE * min(least, natural))
        sizes = {k: units[k] * reach[k] for k in forms}
        return CurvedSizes(sizes, units, min(curved, default=None), min(straight, default=None))

    def moved(self, place: Mapping[int, int]) -> CurvedSizes | None:
        """Return the same for the columns of a part; None when no atom is among them."""
        sizes = {place[j]: size for j, size in self.sizes.items() if j in place}
        units = {place[j]: unit for j, unit in self.units.items() if j in place}
        return CurvedSizes(sizes, units, self.curved, self.straight) if sizes else None

    def most(self, terms: Row, sizes: Sequence[Fraction]) -> Fraction | None:
        """Return the largest size a row may count with, from the sizes of all columns; None for no limit."""
        own = self.units.keys() & terms.keys()
        if own:  # a large coefficient of another column must not make room for the quadratic part
            share, unit = self.curved, max(abs(terms[j]) * self.units[j] for j in own)
        else:
            share = self.straight
            unit = max((abs(a) * min(sizes[j], Fraction(1)) for j, a in terms.items()), default=ZERO)
        return share * unit if share and unit else None


def _expanded(
    terms: Row, forms: Mapping[int, Polynomial]
) -> tuple[dict[tuple[int, int], Fraction], dict[int, Fraction]]:
    """Return the quadratic and the linear part of a row with its atoms written out."""
    curved: dict[tuple[int, int], Fraction] = {}
    for k in terms.keys() & forms.keys():
        for key, a in forms[k].items():
            curved[key] = curved.get(key, ZERO) + terms[k] * a
    linear = {j: a for j, a in terms.items() if j not in forms and a}
    return {key: a for key, a in curved.items() if a}, linear


def _natural(
    form: Polynomial, linear: Row, limit: Fraction, lower: Sequence[Side], upper: Sequence[Side]
) -> Fraction:
    """Return the distance of a row's limit from the value of its left side at its centre.

    Columns that are only linear move the limit: the smallest of its distances at their ends counts, zero apart,
    and where there is none, one unit of such a column.
    """
    columns = sorted({j for key in form for j in key})
    centre = _centre(form, linear, columns)
    own = limit
    if centre is not None:
        own -= sum((linear.get(j, ZERO) * centre[j] for j in columns), ZERO) / 2
    found = {abs(own)}
    apart = linear.keys() - set(columns)
    for j in apart:
        found |= {abs(own - linear[j] * end) for end in (lower[j], upper[j]) if end is not None}
    return min(found - {ZERO}, default=max((abs(linear[j]) for j in apart), default=ZERO))


def _centre(form: Polynomial, linear: Row, columns: list[int]) -> dict[int, Fraction] | None:
    """Return a point where the gradient of a quadratic function is zero; None when it has none."""
    gradient: dict[int, dict[int, Fraction]] = {j: {} for j in columns}
    for (i, j), a in form.items():
        gradient[i][j] = gradient[i].get(j, ZERO) + a
        gradient[j][i] = gradient[j].get(i, ZERO) + a
    equations = [(gradient[j], -linear.get(j, ZERO)) for j in columns]
    point = solve_exactly(equations, budget=inf, largest=inf)
    return None if point is None else dict.fromkeys(columns, ZERO) | point
