"""What proves a bound that an M was taken from: kept on the model that asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from proofolio.program.program import Program
from proofolio.verification.certificate import bound
from proofolio.verification.rational import system_of

__all__ = ["BoundRecord"]


@dataclass(frozen=True, eq=False)
class BoundRecord:
    """An upper bound of one linear body over the relaxation of a program, and its proof.

    A quadratic body is linear in the products of its variables; its program then is the McCormick
    relaxation, which names a product ``Y[k]``.

    Attributes
    ----------
    name : str
        What the bound was asked for: the variable or the rows of a formulation, or the rows that a check
        was told of; empty for a bound asked for by hand.
    tier : str
        ``"interval"``, ``"lp"`` or ``"mip"``.
    body : mapping from column to coefficient
        With `constant`, the body.
    constant : Fraction
    upper : Fraction
        The bound of body and constant.
    multipliers : mapping from row to factor, or None
        What proves the bound (see `proofolio.verification.certificate`); None where the solver's word is
        all there is, or a rounding argument.
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
