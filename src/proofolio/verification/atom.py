r"""Quadratic parts as columns of their own: what lets affine proofs speak of convex quadratic rows.

An atom is a column t that equals :math:`\sum_{i \le j} q_{ij} x_i x_j` in inputs x. A proof takes it as one more
input, anywhere within the bounds that intervals give it: what holds for every such t holds for the true one.
A refutation counts only at a point where t is what it stands for. Fractions only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = ["Atom", "Polynomial", "interval"]

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
        return sum((a * point[i] * point[j] for i, j, a in self.terms), Fraction(0))

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
    low = high = Fraction(0)
    for (i, j), a in form.items():
        p, q, r, s = lower[i], upper[i], lower[j], upper[j]
        if p is None or q is None or r is None or s is None:
            return None
        corners = [p * r, p * s, q * r, q * s] if i != j else [p * p, q * q]
        if i == j and p <= 0 <= q:
            corners.append(Fraction(0))
        ends = a * min(corners), a * max(corners)
        low, high = low + min(ends), high + max(ends)
    return (max(low, Fraction(0)), high) if _is_semidefinite(form) else (low, high)


def _is_semidefinite(form: Polynomial) -> bool:
    """Whether a form is positive semidefinite: symmetric elimination in fractions."""
    columns = sorted({j for key in form for j in key})
    place = {j: k for k, j in enumerate(columns)}
    Q = [[Fraction(0)] * len(columns) for _ in columns]
    for (i, j), a in form.items():
        Q[place[i]][place[j]] += a / 2
        Q[place[j]][place[i]] += a / 2
    for k, pivot_row in enumerate(Q):
        pivot = pivot_row[k]
        rest = range(k + 1, len(columns))
        if pivot < 0 or (pivot == 0 and any(pivot_row[j] for j in rest)):
            return False
        for i in rest:
            share = Q[i][k] / pivot if pivot else Fraction(0)
            for j in rest:
                Q[i][j] -= share * pivot_row[j]
    return True
