"""Bounds for the builder that are sharper than intervals.

Plugged into a model they serve ``big_m="lp"`` and ``big_m="mip"`` of every formulation:

    Model(bounders={"lp": lp_bounder, "mip": mip_bounder})

The bound of an expression is its maximum over what the model holds so far: its linear relaxation (``lp``,
exact and rounded outward) or its integers as well (``mip``, the solver's bound inflated by 1e-6, not
certified). What is added later can only lower the maximum, so the bound stays one. What proves each bound
is kept in `model.proofs`.

What proves a bound that an M was taken from: kept on the model that asked for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from proofolio.arrays import Floats
from proofolio.program.builder import Bounds, Builder
from proofolio.program.expression import Expression
from proofolio.program.interval import quadratic_bounds
from proofolio.program.program import Program
from proofolio.program.quadratic import Quadratic
from proofolio.solvers.limits import NEVER, Deadline
from proofolio.verification.audit.candidates import Candidate, Place
from proofolio.verification.audit.integers import maximum_by_tree
from proofolio.verification.audit.points import Search
from proofolio.verification.audit.verdicts import Finding
from proofolio.verification.big_m.curved import Curved, curved
from proofolio.verification.exact.certificate import bound
from proofolio.verification.exact.lp_bounds import as_decimal, outward, system_of

__all__ = [
    "BOUNDERS",
    "MIP_SECONDS",
    "BoundRecord",
    "bounders_until",
    "linear_rows",
    "lp_bounder",
    "mip_bounder",
]


@dataclass(frozen=True, eq=False)
class BoundRecord:
    """An upper bound of one linear body over the relaxation of a program, and its proof.

    A quadratic body is linear in the products of its variables; its program then is the McCormick
    relaxation, which names a product ``Y[k]``.

    Attributes
    ----------
    name : str
        What the bound was asked for: the variable or the rows of a formulation, or the rows that a check
        was given; empty for a bound asked for by hand.
    tier : str
        ``"interval"``, ``"lp"`` or ``"mip"``.
    body : mapping from column to coefficient
        With `constant`, the body.
    constant : Fraction
    upper : Fraction
        The bound of body and constant.
    multipliers : mapping from row to factor, or None
        What proves the bound (see `proofolio.verification.exact.certificate`); None where the bound rests on the
        solver alone, or on a rounding argument.
    program : Program
        Whose rows and columns are meant.
    held : mapping from column to value
        The binary that the bound assumes to be off.
    """

    name: str
    tier: str
    body: Mapping[int, Fraction]
    constant: Fraction
    upper: Fraction
    multipliers: Mapping[int, Fraction] | None
    program: Program
    held: Mapping[int, int] = field(default_factory=dict)

    @property
    def certified(self) -> bool:
        """Whether the record carries a proof that needs no solver."""
        return self.multipliers is not None

    def recheck(self) -> bool:
        """Whether the multipliers prove the bound, by the checker that knows nothing but fractions."""
        if self.multipliers is None:
            return False
        fixed = {j: Fraction(value) for j, value in self.held.items()}
        system = replace(system_of(self.program), fixed=fixed)
        proved = bound(system, self.body, self.multipliers)
        return proved is not None and proved + self.constant <= self.upper

    def __str__(self) -> str:
        names = self.program.column_names
        body = " + ".join(f"{float(a):.6g} {names[j]}" for j, a in self.body.items())
        proof = "certified" if self.certified else "not certified"
        said = f"{body} + {float(self.constant):.6g} <= {float(self.upper):.9g}"
        return f"{self.name or 'bound'}: {said} ({self.tier}, {proof})"


MIP_SECONDS = 10.0  # for each integer program, as in `audit`


def lp_bounder(
    model: Builder, e: Expression | Quadratic, binary: Expression | None = None, off: int = 0
) -> Bounds:
    """Bound an expression over the linear relaxation of what a model holds so far: exact, rounded outward.

    The upper side of a quadratic function is the least of its interval's, its vertices' and its McCormick
    relaxation's (see `proofolio.verification.big_m.curved`), the lower side the interval's; where a variable has no
    bound of its own, the quadratic part counts at its interval. A bound that no linear program gives is the
    interval's. With a `binary` of the expression's shape, the bounds hold where it is at `off`.
    """
    return _bounds(model, e, binary, off, integers=False)


def mip_bounder(
    model: Builder, e: Expression | Quadratic, binary: Expression | None = None, off: int = 0
) -> Bounds:
    """Bound an expression over the integers of what a model holds so far: inflated by 1e-6, not certified.

    The upper side of a quadratic function is SCIP's global bound.
    """
    return _bounds(model, e, binary, off, integers=True)


BOUNDERS = {"lp": lp_bounder, "mip": mip_bounder}


def bounders_until(deadline: Deadline) -> dict[str, Callable[..., Bounds]]:
    """Return the same bounders, which give the interval's bounds to whatever they have not reached by a deadline."""

    def lp(model: Builder, e: Any, binary: Expression | None = None, off: int = 0) -> Bounds:
        return _bounds(model, e, binary, off, False, deadline)

    def mip(model: Builder, e: Any, binary: Expression | None = None, off: int = 0) -> Bounds:
        return _bounds(model, e, binary, off, True, deadline)

    return {"lp": lp, "mip": mip}


def _bounds(
    model: Builder,
    e: Expression | Quadratic,
    binary: Expression | None,
    off: int,
    integers: bool,
    deadline: Deadline = NEVER,
) -> Bounds:
    rule = model.interval(e)
    low, high = rule.lower.ravel().copy(), rule.upper.ravel().copy()
    affine, forms = (e.affine, e.forms) if isinstance(e, Quadratic) else (e, ((),) * e.size)
    asked, seen = _Asked(model.freeze()), dict[tuple[bytes, ...], float]()
    matrix, constant = linear_rows(affine, model.n), affine.constant.ravel()
    switch = None if binary is None else model.switch("", binary, off, 0.0, "", e.shape)
    for k in range(affine.size):
        if deadline.passed:
            break  # the interval's bounds hold
        seconds = min(MIP_SECONDS, deadline.left) if integers else 0.0
        held = {} if switch is None else {int(switch.binary[k]): int(switch.on[k])}
        at = slice(matrix.indptr[k], matrix.indptr[k + 1])
        columns, values, shift = matrix.indices[at], matrix.data[at], float(constant[k])
        bent = any(np.any(form.matrix) for form in forms[k])
        q = curved(asked.program, forms[k], columns, values, shift) if bent else None
        if q is not None:
            if q.key not in seen:
                seen[q.key] = _curved_top(model, q, seconds)
            high[k] = min(high[k], seen[q.key])
        elif columns.size:
            top, bottom = _linear_bounds(model, asked, columns, values, as_decimal(shift), held, seconds)
            least, most = quadratic_bounds(forms[k], *model.box) if bent else (0.0, 0.0)
            if bent:
                bottom, top = np.nextafter(bottom + least, -np.inf), np.nextafter(top + most, np.inf)
            low[k], high[k] = max(low[k], bottom), min(high[k], top)
    return Bounds(low.reshape(e.shape), high.reshape(e.shape))


def _linear_bounds(
    model: Builder,
    asked: _Asked,
    columns: NDArray[Any],
    values: Floats,
    shift: Fraction,
    held: dict[int, int],
    seconds: float,
) -> tuple[float, float]:
    """Return the upper and the lower bound of a linear body, infinite when unknown."""
    found = []
    for sign in (1, -1):
        finding = asked.top(columns.astype(np.int32), sign * values, held, seconds)
        if not isinstance(finding.top, Fraction):
            found.append(math.inf)
            continue
        body = {j: sign * as_decimal(float(v)) for j, v in zip(columns.tolist(), values, strict=True)}
        proof = finding.multipliers if finding.certified else None
        upper = finding.top + sign * shift
        model.proofs.append(
            BoundRecord("", finding.tier, body, sign * shift, upper, proof, asked.program, held)
        )
        found.append(outward(upper, 1))
    return found[0], -found[1]


def _curved_top(model: Builder, q: Curved, seconds: float) -> float:
    """Return the upper bound of a quadratic function."""
    found = q.tops(seconds)
    best = min(found.values())
    if q.proof is not None:
        proof, lifted, body = q.proof
        shift = as_decimal(q.h)
        upper = proof.bound + shift
        model.proofs.append(BoundRecord("", "lp", body, shift, upper, proof.multipliers, lifted))
        if seconds and best < found["lp"]:
            model.proofs.append(BoundRecord("", "mip", body, shift, Fraction(best), None, lifted))
    return best


def linear_rows(affine: Expression, n: int) -> sparse.csr_array:
    """Return the coefficients of an expression over n columns, each column once."""
    matrix = sparse.csr_array(
        (affine.matrix.data, affine.matrix.indices, affine.matrix.indptr), shape=(affine.size, n)
    )
    merged = sparse.csr_array(matrix, copy=True)
    merged.sum_duplicates()
    merged.eliminate_zeros()
    return merged


class _Asked:
    """Questions about expressions over a whole program, with one binary held or none."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.search = Search(program)

    def top(
        self, columns: NDArray[np.int32], values: Floats, held: dict[int, int], seconds: float
    ) -> Finding:
        """Return what is known of the maximum of a linear body, its upper bound infinite when unknown.

        A model that holds no point bounds nothing: its -inf is not a number, and the interval's bound stays.
        """
        zero = Fraction(0)
        column, value = next(iter(held.items()), (-1, 0))
        place = Place(-1, "", "upper", column, "")
        candidate = Candidate(place, value, columns, values, zero, zero, zero, kind="expression")
        finding = Finding()
        self.search.by_lp(candidate, finding, math.inf)
        if seconds and finding.top < math.inf and self.search.integers.size:
            maximum_by_tree(self.search, candidate, finding, seconds)
        return finding
