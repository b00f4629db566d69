"""Which lowering of the regimes' costs is meant, and whether what is asked for beside it means anything there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from proofolio.errors import BadData, UnsupportedProgram

if TYPE_CHECKING:
    from proofolio.models.regime_switching import RegimeSwitching

__all__ = ["LOWERINGS", "asked_lowering"]

# Each lowering with whether its rows hold an M.
LOWERINGS = {"hull": False, "big-m": True, "multiple-big-m": True, "indicator": False}


def asked_lowering(
    program: RegimeSwitching, lowering: str | None, big_m: str | ArrayLike, bounders: Iterable[str]
) -> str:
    """Return the lowering to build: the one named, else the hull, or Big-M where the hull cannot be.

    `bounders` are the names of the tiers of bounds beside the interval's.

    Raises
    ------
    BadData
        For a lowering that does not exist, a `big_m` that is no tier, and one for a lowering without any M.
    UnsupportedProgram
        For a lowering that needs one regime a period where regimes are covered.
    """
    covered = program.rules.covered is not None
    named = lowering is not None
    if lowering is None:
        lowering = "big-m" if covered or not program.convex else "hull"
    if str(lowering) not in LOWERINGS:
        raise BadData(f"there is no lowering {lowering!r}: name one of {', '.join(LOWERINGS)}")
    if covered and lowering in ("hull", "multiple-big-m"):
        raise UnsupportedProgram(
            f"lowering {lowering!r} needs one regime a period, and covered allows several: use 'big-m' or "
            "'indicator'"
        )
    if isinstance(big_m, str):
        tiers = ["interval", *sorted(bounders), *["published"] * (lowering != "multiple-big-m")]
        if big_m not in tiers:
            raise BadData(f"big_m is {big_m!r}; give numbers, or one of {', '.join(map(repr, tiers))}")
    # the maxima of an indicator form may have an M of the published rule
    unused = not LOWERINGS[lowering] and not (
        lowering == "indicator" and program.costs.maxima and isinstance(big_m, str) and big_m == "published"
    )
    if unused and not (isinstance(big_m, str) and big_m == "interval"):
        which = f"lowering {lowering!r}" if named else f"{lowering!r}, the lowering when none is named,"
        raise BadData(f"{which} has no M for big_m to set: name lowering 'big-m', or leave big_m out")
    return lowering
