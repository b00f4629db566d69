"""The verdict on one candidate: from what is known of its needed M to a row of the audit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofolio.verification.audit.candidates import Candidate
from proofolio.verification.exact.lp_bounds import as_decimal, outward

__all__ = [
    "NOTICEABLE",
    "VERDICTS",
    "Finding",
    "Needed",
    "RowVerdict",
    "judge",
    "leak_of",
    "needed",
    "row_verdict",
]


VERDICTS = ("tight", "loose", "redundant", "forcing", "binding", "invalid", "undecided")
INTEGRALITY = 1e-6  # how far from an integer solvers leave a binary by default
NOTICEABLE = Fraction(1, 1000)  # part of the smallest amount that matters, up to which a leak is safe
Number = Fraction | float  # a float only where it is infinite


@dataclass(frozen=True)
class Needed:
    """The interval of the needed M; infinite where nothing is known."""

    lo: Number = -math.inf
    hi: Number = math.inf


@dataclass
class Finding:
    """What is known of a candidate so far.

    Attributes
    ----------
    top : Fraction or float
        Upper bound of the body with the binary off; -inf when nothing satisfies the rest.
    reached : Fraction or float
        Value of the body at a point of the rest.
    point : dict, optional
        That point, when it is exact.
    top_on : Fraction or float
        Upper bound of the body with the binary on.
    tier : str
    certified : bool
    multipliers, multipliers_on : dict, optional
        What proves `top` and `top_on`.
    reason : str
        Why there is no verdict.
    binds_on : bool
        Whether the side is known not to be redundant.
    """

    top: Number = math.inf
    reached: Number = -math.inf
    point: dict[int, Fraction] | None = None
    top_on: Number = math.inf
    tier: str = "interval"
    certified: bool = False
    multipliers: Mapping[int, Fraction] | None = None
    multipliers_on: Mapping[int, Fraction] | None = None
    reason: str = ""
    binds_on: bool = False


@dataclass(frozen=True)
class RowVerdict:
    """One row of the audit, with the keys of the JSON document.

    Attributes
    ----------
    row, binary, side : str
    off_value : int
    big_m : float
    needed : tuple of float
        Interval of the M that is needed, rounded outward.
    ratio : float or None
        M over what is needed; None when no finite bound is known.
    verdict : str
        See `VERDICTS`.
    tier : str
        Where the upper end of `needed` came from.
    certified : bool
        Whether the verdict is proved in exact arithmetic.
    leak : float
        How far the side moves when the binary is off by the integrality tolerance.
    safe : bool or None
        Whether the leak is below a thousandth of the smallest amount that matters; None when that is unknown.
    suggested_big_m : float or None
    witness : dict or None
        A point that is cut off; columns it does not name are zero.
    reason : str
    """

    row: str
    binary: str
    side: str
    off_value: int
    big_m: float
    needed: tuple[float, float]
    ratio: float | None
    verdict: str
    tier: str
    certified: bool
    leak: float
    safe: bool | None
    suggested_big_m: float | None
    witness: dict[str, Fraction] | None
    reason: str

    def document(self) -> dict[str, Any]:
        """Return the row as JSON has it: infinite numbers and fractions that are no doubles as text."""
        keys = self.__dataclass_fields__
        found = {key: getattr(self, key) for key in keys}
        found["needed"] = [_number(v) for v in self.needed]
        found["ratio"] = None if self.ratio is None else _number(self.ratio)
        found["big_m"] = _number(self.big_m)
        if self.witness is not None:
            found["witness"] = {name: _exact(v) for name, v in self.witness.items()}
        return found


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


def _exact(value: Fraction) -> float | int | str:
    if value.denominator == 1:
        return int(value)
    return float(value) if Fraction(repr(float(value))) == value else str(value)


def needed(candidate: Candidate, finding: Finding) -> Needed:
    """Return the interval of the needed M: what the body reaches beyond its limit with the binary on."""
    return Needed(_less(finding.reached, candidate.tight), _less(finding.top, candidate.tight))


def _less(value: Number, other: Fraction) -> Number:
    return value - other if isinstance(value, Fraction) else value


def slack(candidate: Candidate) -> Fraction:
    """Return eps = 1e-9 max(1, M), below which two M's are the same."""
    return max(Fraction(1), candidate.big_m) / 10**9


def judge(candidate: Candidate, finding: Finding) -> str:
    """Return the verdict that the bounds known allow."""
    if finding.point is not None and finding.reached > candidate.limit:
        return "invalid" if candidate.declared else "binding"
    top = finding.top
    if not isinstance(top, Fraction):
        return "forcing" if top < 0 else "undecided"
    if top > candidate.limit:
        return "undecided"
    if finding.top_on <= candidate.tight:
        return "redundant"
    return "tight" if top >= candidate.close else "loose"


def row_verdict(
    candidate: Candidate,
    finding: Finding,
    names: tuple[str, ...],
    integrality: float = INTEGRALITY,
    meaningful: float | None = None,
) -> RowVerdict:
    """Return the row of the audit for what is known of a candidate."""
    verdict = judge(candidate, finding)
    span, M = needed(candidate, finding), candidate.big_m
    lo, hi = _down(span.lo), _up(span.hi)
    leak = leak_of(candidate, integrality)
    scale = Fraction(meaningful) if meaningful is not None else _scale(span, candidate)
    ratio = None
    if verdict not in ("forcing", "undecided", "binding", "invalid") or math.isfinite(hi):
        ratio = float(M / span.hi) if isinstance(span.hi, Fraction) and span.hi > 0 else math.inf
    suggested = None
    if isinstance(span.hi, Fraction) and verdict in ("loose", "redundant", "invalid"):
        suggested = outward(max(span.hi, Fraction(0)), 1)
    cut = verdict in ("binding", "invalid") and finding.point is not None
    witness = {names[j]: v for j, v in sorted((finding.point or {}).items())} if cut else None
    return RowVerdict(
        row=candidate.place.name,
        binary=candidate.place.binary_name,
        side=candidate.place.side,
        off_value=candidate.off,
        big_m=float(M),
        needed=(lo, hi),
        ratio=ratio,
        verdict=verdict,
        tier=finding.tier,
        certified=_certified(verdict, finding),
        leak=float(leak),
        safe=None if scale is None else leak <= NOTICEABLE * scale,
        suggested_big_m=suggested,
        witness=witness,
        reason=_reason(verdict, candidate, finding, lo, hi),
    )


def _certified(verdict: str, finding: Finding) -> bool:
    if verdict in ("binding", "invalid"):
        return finding.point is not None
    return (
        verdict != "undecided"
        and finding.certified
        and (verdict != "redundant" or finding.multipliers_on is not None)
    )


def _up(value: Number) -> float:
    return outward(value, 1) if isinstance(value, Fraction) else value


def _down(value: Number) -> float:
    return outward(value, -1) if isinstance(value, Fraction) else value


def leak_of(candidate: Candidate, integrality: float) -> Fraction:
    """Return how far the side moves when the binary is off by the integrality tolerance."""
    return candidate.big_m * as_decimal(integrality)


def _scale(span: Needed, candidate: Candidate) -> Fraction | None:
    if isinstance(span.lo, Fraction) and span.lo > 0:
        return span.lo
    return abs(candidate.tight) or None


def _reason(verdict: str, candidate: Candidate, finding: Finding, lo: float, hi: float) -> str:
    y, off, M = candidate.place.binary_name, candidate.off, float(candidate.big_m)
    if verdict == "tight":
        return f"M = {M:g} is enough and at most 1% more than the {max(hi, 0):.9g} proved to be enough"
    if verdict == "loose":
        return f"M = {M:g}, and {max(hi, 0):.9g} is proved to be enough"
    if verdict == "redundant" and finding.top_on == -math.inf:
        return f"nothing satisfies the rest of the model with {y} = {1 - off}, so the side never has to hold"
    if verdict == "redundant":
        return f"the side holds without this row, whether {y} is on or off"
    if verdict == "forcing":
        trust = "" if finding.certified else " over the integers, as the solver reports without a proof"
        return f"nothing satisfies the rest of the model with {y} = {off}{trust}"
    if verdict == "binding":
        return (
            f"with {y} = {off} the row still cuts off a point that needs M = {lo:.9g}: "
            "a real capacity, or an M too small; declare the row as Big-M to have it judged"
        )
    if verdict == "invalid":
        return f"with {y} = {off} the row cuts off a point it should allow: {lo:.9g} is needed, not {M:g}"
    return finding.reason or "its bounds do not decide"
