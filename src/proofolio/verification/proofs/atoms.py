"""The quadratic parts of a claim, gathered while it is read: each becomes an atom, equal ones the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from proofolio.program.quadratic import Form
from proofolio.verification.exact.certificate import Row
from proofolio.verification.proofs.lines import Atom, Line, Polynomial
from proofolio.verification.proofs.statement import Undecidable

__all__ = ["Atoms", "form_polynomial"]


NEAR = Fraction(1, 10**6)  # forms that differ by less, in parts of a coefficient, are one and a rest


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
            rest = {
                key: form.get(key, Fraction(0)) - known.get(key, Fraction(0))
                for key in known.keys() | form.keys()
            }
            if all(abs(a) <= NEAR * size for a in rest.values()):
                # coefficients of the size of rounding would look like zero to a solver: the column is small instead
                row = dict(self.terms(rest, scaled=False))
                row[-1 - k] = row.get(-1 - k, Fraction(0)) + first
                return self._confirmed(row, form)
        return self.terms(form)

    def _confirmed(self, row: Row, form: Polynomial) -> Row:
        """Return a row of atoms that, written out, is the form: provers and checkers both come through here."""
        left = dict(form)
        for j, a in row.items():
            for key, b in self.forms[-1 - j].items():
                left[key] = left.get(key, Fraction(0)) - a * b
        if any(left.values()):
            raise Undecidable("a quadratic part is not the sum of atoms it was written as: report this")
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


def form_polynomial(forms: Iterable[Form]) -> dict[tuple[int, int], Fraction]:
    """Return the sum of forms in rationals, its numbers read as decimals."""
    found: dict[tuple[int, int], Fraction] = {}
    for form in forms:
        columns = form.columns.tolist()
        for i, row in zip(columns, form.matrix.tolist(), strict=True):
            for j, value in zip(columns, row, strict=True):
                if value:
                    key = (min(i, j), max(i, j))
                    found[key] = found.get(key, Fraction(0)) + Fraction(repr(value))
    return found


def squares(parts: Iterable[tuple[Mapping[int, Fraction], Fraction]]) -> tuple[Polynomial, Row, Fraction]:
    """Return a sum of squares of affine functions: its quadratic part, linear part and constant."""
    curved: dict[tuple[int, int], Fraction] = {}
    linear: dict[int, Fraction] = {}
    total = Fraction(0)
    for terms, constant in parts:
        total += constant * constant
        for i, a in terms.items():
            linear[i] = linear.get(i, Fraction(0)) + 2 * a * constant
            for j, b in terms.items():
                key = (min(i, j), max(i, j))
                curved[key] = curved.get(key, Fraction(0)) + a * b
    return curved, {j: a for j, a in linear.items() if a}, total
