"""The claims of every formulation that ships: each lowering, over families of bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from proofolio.errors import BadData
from proofolio.verification.proofs.catalogue.families import FAMILIES, bounds
from proofolio.verification.proofs.catalogue.paths import dwells, switch_counts, transition_rules
from proofolio.verification.proofs.catalogue.sizes import (
    cardinalities,
    fixed_charges,
    piecewise_linears,
    round_lots,
    semicontinuities,
)
from proofolio.verification.proofs.catalogue.switching import disjunctions, implications, selected_costs
from proofolio.verification.proofs.catalogue.values import absolutes, maxima, minima, positive_parts, products
from proofolio.verification.proofs.claim import Claim

__all__ = ["CONSTRUCTS", "FAMILIES", "bounds", "shipped_claims"]


def shipped_claims(
    constructs: str | Iterable[str] | None = None, families: Iterable[str] = FAMILIES
) -> list[Claim]:
    """Return the claims of the formulations that ship.

    Parameters
    ----------
    constructs : str or iterable of str, optional
        Of `CONSTRUCTS`; all by default.
    families : iterable of str
        Families of `bounds`; a claim's name ends with its family: ``maximum [signs]``.

    Raises
    ------
    BadData
        For a construct or family that does not exist.
    """
    wanted = (
        CONSTRUCTS
        if constructs is None
        else [constructs]
        if isinstance(constructs, str)
        else list(constructs)
    )
    chosen = list(families)
    for word, known in [*((c, CONSTRUCTS) for c in wanted), *((f, FAMILIES) for f in chosen)]:
        if word not in known:
            raise BadData(f"no shipped claim is called {word!r}: there are {', '.join(known)}")
    return [
        ShippedClaim(**vars(claim), construct=construct, family=family, place=place)
        for construct in wanted
        for family in chosen
        for place, claim in enumerate(CONSTRUCTS[construct](family))
    ]


@dataclass(frozen=True, eq=False, repr=False)
class ShippedClaim(Claim):
    """A claim of the catalogue, which is pickled as its place there: its functions are no module's names."""

    construct: str = ""
    family: str = ""
    place: int = 0

    def __reduce__(self) -> tuple[Callable[..., Claim], tuple[str, str, int]]:
        """Return what finds it again."""
        return _shipped, (self.construct, self.family, self.place)


def _shipped(construct: str, family: str, place: int) -> Claim:
    return shipped_claims(construct, [family])[place]


CONSTRUCTS: dict[str, Callable[[str], list[Claim]]] = {
    "product": products,
    "maximum": maxima,
    "minimum": minima,
    "absolute": absolutes,
    "positive_part": positive_parts,
    "implies": implications,
    "disjunction": disjunctions,
    "selected_cost": selected_costs,
    "semicontinuous": semicontinuities,
    "cardinality": cardinalities,
    "round_lot": round_lots,
    "fixed_charge": fixed_charges,
    "piecewise_linear": piecewise_linears,
    "dwell": dwells,
    "transitions": transition_rules,
    "switches": switch_counts,
}
"""The claims of each construct, by family of bounds; none where a family says nothing about it."""
