"""The verdict on one candidate: from what is known of its needed M to a row of the audit."""

from __future__ import annotations

import math
import re
from collections.abc import ItemsView, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from proofolio.verification.audit.candidates import Candidate, ulp
from proofolio.verification.exact.lp_bounds import as_decimal, nearest, outward
from proofolio.verification.exact.trees import Node

__all__ = [
    "CLOSE",
    "NOTICEABLE",
    "VERDICTS",
    "Dead",
    "Finding",
    "Needed",
    "RowVerdict",
    "Safety",
    "family_of",
    "is_larger",
    "judge",
    "leak_of",
    "needed",
    "rounding",
    "row_verdict",
]


VERDICTS = ("tight", "loose", "valid", "redundant", "forcing", "dead", "binding", "invalid", "undecided")
INTEGRALITY = 1e-6  # how far from an integer solvers leave a binary by default
CLOSE = Fraction(101, 100)  # an M at most this many times what is needed is tight
MAY_BE_LARGER = ("loose", "redundant", "dead")  # verdicts beside which M may be more than is needed
ROUNDED = 4  # units in the last place that the arithmetic of whoever computed M may have lost
LENT = 1024  # times the unit in the last place of M and rhs, the most that one of a term counts
NOTICEABLE = Fraction(1, 1000)  # part of an amount said to be meaningful, up to which a leak is safe
FAULT = (
    "its lower bound lies above its upper bound, which is a fault of this program: please report the model"
)
_NUMBER, _INDICES = re.compile(r"\d+"), re.compile(r"\[[^\]]*\]|\([^)]*\)")
Number = Fraction | float  # a float only where it is infinite


@dataclass(frozen=True)
class Needed:
    """The interval of the needed M; infinite where nothing is known."""

    lo: Number = -math.inf
    hi: Number = math.inf


@dataclass(frozen=True)
class Dead:
    """What shows that a switch is dead: a point with the binary on, and a proof that the side excludes all of them.

    Attributes
    ----------
    point : dict
        Of everything else with the binary on, exact.
    tree : tuple of Node
        Proves that nothing satisfies the whole model with the binary on.
    alone : bool
        Whether the bounds of the row's columns exclude its side with the binary on.
    """

    point: Mapping[int, Fraction]
    tree: tuple[Node, ...]
    alone: bool = False


@dataclass(frozen=True)
class Safety:
    """Whether the leak of a side can matter, and what shows it.

    Attributes
    ----------
    safe : bool or None
    why : str
    point : mapping, optional
        An exact point of the model but for its binary, which is within the integrality tolerance of its on-value.
    value, rounded : Fraction, optional
        The objective there, and the least it can be once the integers of the point are rounded (None: nothing is
        feasible then), as minimised.
    """

    safe: bool | None = None
    why: str = ""
    point: Mapping[int, Fraction] | None = None
    value: Fraction | None = None
    rounded: Fraction | None = None


@dataclass
class Finding:
    """What is known of a candidate so far.

    Attributes
    ----------
    top : Fraction or float
        Upper bound of the body with the binary off; -inf when nothing satisfies the rest.
    reached : Fraction or float
        Value of the body at a point of the rest; it counts for a verdict where `point` is known.
    point : dict, optional
        That point, when it is exact.
    top_on : Fraction or float
        Upper bound of the body with the binary on.
    tier : str
    certified : bool
        Whether `multipliers` or `tree` proves `top` in exact arithmetic.
    multipliers, multipliers_on : dict, optional
        What proves `top` and `top_on`.
    tree, tree_on : tuple of Node
        The same where branching was needed: `proofolio.verification.exact.trees` with minus the body as objective.
    reason : str
        Why there is no verdict.
    binds_on : bool
        Whether the side is known not to be redundant.
    unbounded : bool
        Whether the relaxation of the rest lets the body grow without end.
    dead : Dead, optional
    safety : Safety
    """

    top: Number = math.inf
    reached: Number = -math.inf
    point: Mapping[int, Fraction] | None = None
    top_on: Number = math.inf
    tier: str = "interval"
    certified: bool = False
    multipliers: Mapping[int, Fraction] | None = None
    multipliers_on: Mapping[int, Fraction] | None = None
    tree: tuple[Node, ...] = ()
    tree_on: tuple[Node, ...] = ()
    reason: str = ""
    binds_on: bool = False
    unbounded: bool = False
    dead: Dead | None = None
    safety: Safety = Safety()


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
        How far the side moves while the binary still rounds to its on-value.
    safe : bool or None
        Whether that can change the answer: see `proofolio.verification.audit.leaks`; None when it is not known.
    suggested_big_m : float or None
    witness : mapping or None
        A point that is cut off; columns it does not name are zero.
    reason : str
    short : float or None
        By how much M falls short of what is needed, where it does; also of a declared row whose switch is dead.
    family : str
        The row's name without its indices: rows of one family are shown in one line.
    leak_witness : dict or None
        For a side that is not safe: a ``point`` that solvers accept, its ``objective``, and what becomes of it
        once its integers are ``rounded`` (a number, or "infeasible").
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
    witness: Mapping[str, Fraction] | None
    reason: str
    short: float | None = None
    family: str = ""
    leak_witness: dict[str, Any] | None = None

    def __repr__(self) -> str:
        span = f"[{self.needed[0]:.9g}, {self.needed[1]:.9g}]"
        return (
            f"RowVerdict({self.row!r}, {self.binary!r}, {self.verdict}, M = {self.big_m:.9g}, needed {span}, "
            f"safe={self.safe})"
        )

    @property
    def larger(self) -> bool:
        """Whether M is over 1.01 times what is proved to be enough, whatever else is true of the row."""
        enough = self.suggested_big_m
        return self.verdict == "loose" or (
            self.verdict in MAY_BE_LARGER and enough is not None and self.big_m > float(CLOSE) * enough
        )

    def document(self) -> dict[str, Any]:
        """Return the row as JSON has it: infinite numbers and fractions that are no doubles as text."""
        keys = self.__dataclass_fields__
        found = {key: getattr(self, key) for key in keys}
        found["needed"] = [_number(v) for v in self.needed]
        found["ratio"] = None if self.ratio is None else _number(self.ratio)
        found["big_m"] = _number(self.big_m)
        if self.witness is not None:
            found["witness"] = {name: _exact(v) for name, v in self.witness.items()}
        if self.leak_witness is not None:
            point = {name: _exact(v) for name, v in self.leak_witness["point"].items()}
            found["leak_witness"] = {**self.leak_witness, "point": point}
        return found


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")


@lru_cache(maxsize=1 << 16)
def _exact(value: Fraction) -> float | int | str:
    if value.denominator == 1:
        return int(value)
    return float(value) if Fraction(repr(float(value))) == value else str(value)


def needed(candidate: Candidate, finding: Finding) -> Needed:
    """Return the interval of the needed M: what the body reaches beyond its limit with the binary on.

    Its lower end comes from exact points alone: one that holds to 1e-9 shows nothing.
    """
    reached = finding.reached if finding.point is not None else -math.inf
    return Needed(_less(reached, candidate.tight), _less(finding.top, candidate.tight))


def _less(value: Number, other: Fraction) -> Number:
    return value - other if isinstance(value, Fraction) else value


def rounding(candidate: Candidate, point: Mapping[int, Fraction] | None) -> Fraction:
    r"""Return by how much M may fall short because it was computed in floating point.

    .. math:: 4 \max(\mathrm{ulp}(M), \mathrm{ulp}(\mathrm{rhs}), \mathrm{ulp}(a_j x_j))

    over the terms that are not of integers, at the point that needs most; without one, of M and rhs alone.
    Terms far larger than M and rhs, as those of columns that only cancel, lend no more than `LENT` times as much.
    """
    largest = candidate.own_ulp
    for j, a in candidate.body.items() if point else ():
        v = point.get(j) if point else None
        if v is not None and (a.denominator != 1 or v.denominator != 1):
            largest = max(largest, ulp(a * v))
    return ROUNDED * min(largest, LENT * candidate.own_ulp)


def judge(candidate: Candidate, finding: Finding) -> str:
    """Return the verdict that the bounds known allow; all comparisons are of fractions."""
    span, M = needed(candidate, finding), candidate.big_m
    if span.lo > span.hi:
        return "undecided"
    if span.hi == -math.inf:
        return "forcing"
    if span.hi == math.inf and span.lo <= M and finding.dead is None:
        return "undecided"
    if finding.dead is not None:
        return "dead"
    if span.hi <= M and finding.top_on <= candidate.tight:
        return "redundant"
    enough = M if span.hi <= M else M + rounding(candidate, finding.point)
    if span.lo > enough:
        if candidate.auxiliary or (finding.unbounded and not candidate.declared):
            return "undecided"  # no M at all would do: nothing says that one was meant to
        return "invalid" if candidate.declared else "binding"
    if not span.hi <= enough:
        return "undecided"
    if M > CLOSE * span.hi:
        return "loose"
    return "tight" if span.lo > 0 and M <= CLOSE * span.lo else "valid"


def is_larger(candidate: Candidate, finding: Finding) -> bool:
    """Whether M is over 1.01 times what is proved to be enough: loose, or redundant or dead and loose as well."""
    return (
        judge(candidate, finding) in MAY_BE_LARGER and candidate.big_m > CLOSE * needed(candidate, finding).hi
    )


def row_verdict(
    candidate: Candidate,
    finding: Finding,
    names: tuple[str, ...],
    integrality: float = INTEGRALITY,
    meaningful: float | None = None,
    maximise: bool = False,
) -> RowVerdict:
    """Return the row of the audit for what is known of a candidate."""
    verdict = judge(candidate, finding)
    span, M = needed(candidate, finding), candidate.big_m
    lo, hi = _down(span.lo), _up(span.hi)
    leak = _leak(M, integrality)
    ratio = None
    if verdict not in ("forcing", "dead", "undecided", "binding", "invalid") or math.isfinite(hi):
        ratio = nearest(M / span.hi) if isinstance(span.hi, Fraction) and span.hi > 0 else math.inf
    suggested = None
    suggests = verdict in ("loose", "redundant", "invalid") or (verdict == "dead" and span.hi < M)
    if isinstance(span.hi, Fraction) and suggests:
        suggested = outward(max(span.hi, Fraction(0)), 1)
    wrong = verdict in ("binding", "invalid") or (verdict == "dead" and _dead_and_cuts(candidate, finding))
    cut = wrong and finding.point is not None
    witness = Named(finding.point or {}, names) if cut else None
    safety = finding.safety
    if meaningful is not None and safety.point is None:
        safety = Safety(leak_of(candidate, integrality) <= NOTICEABLE * as_decimal(float(meaningful)))
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
        leak=leak,
        safe=safety.safe,
        suggested_big_m=suggested,
        witness=witness,
        reason=_reason(verdict, candidate, finding, lo, hi),
        short=_short(verdict, span, M, cut),
        family=family_of(candidate.place.name),
        leak_witness=_leak_witness(safety, names, maximise),
    )


class Named(Mapping[str, Fraction]):
    """A point by the names of its columns, which are read when it is asked for: large models have many points."""

    def __init__(self, point: Mapping[int, Fraction], names: tuple[str, ...]) -> None:
        self._point, self._names = point, names

    @cached_property
    def _values(self) -> dict[str, Fraction]:
        return dict(self.items())

    def __len__(self) -> int:
        return len(self._point)

    def __iter__(self) -> Iterator[str]:
        return (self._names[j] for j in sorted(self._point))

    def __getitem__(self, name: str) -> Fraction:
        return self._values[name]

    def __repr__(self) -> str:
        return repr(self._values)

    def items(self) -> ItemsView[str, Fraction]:
        """Return pairs of name and value."""
        return {self._names[j]: v for j, v in sorted(self._point.items())}.items()


def _leak_witness(safety: Safety, names: tuple[str, ...], maximise: bool) -> dict[str, Any] | None:
    if safety.point is None or safety.value is None:
        return None
    sign = -1.0 if maximise else 1.0
    rounded = "infeasible" if safety.rounded is None else sign * float(safety.rounded)
    return {
        "point": dict(Named(safety.point, names)),
        "objective": sign * float(safety.value),
        "rounded": rounded,
    }


def _dead_and_cuts(candidate: Candidate, finding: Finding) -> bool:
    """Whether a declared row's switch is dead, not by its own bounds, and a point shows that its M is too small.

    Other M's that are too small make switches dead; whoever declared the rows wants to know of that.
    """
    if finding.dead is None or finding.dead.alone or not candidate.declared or candidate.auxiliary:
        return False
    return needed(candidate, finding).lo > candidate.big_m + rounding(candidate, finding.point)


def _short(verdict: str, span: Needed, M: Fraction, cut: bool) -> float | None:
    """Return by how much M is short: as a point shows where the row cuts, else at most, within its rounding."""
    if cut:
        return nearest(span.lo - M)
    if verdict in ("tight", "loose", "valid") and span.hi > M:
        return nearest(span.hi - M)
    return None


def family_of(name: str) -> str:
    """Return a row's name without its indices.

    Examples
    --------
    >>> family_of("up[3,north]"), family_of("unit[2].ramp(4,5)"), family_of("r12_3")
    ('up[*,*]', 'unit[*].ramp(*,*)', 'r*_*')
    """

    def blank(found: re.Match[str]) -> str:
        text = found.group()
        return f"{text[0]}{','.join('*' for _ in text[1:-1].split(','))}{text[-1]}"

    return _NUMBER.sub("*", _INDICES.sub(blank, name))


def _certified(verdict: str, finding: Finding) -> bool:
    if verdict in ("binding", "invalid"):
        return finding.point is not None
    if verdict == "dead":
        return True
    return (
        verdict != "undecided"
        and finding.certified
        and (verdict != "redundant" or finding.multipliers_on is not None or bool(finding.tree_on))
    )


def _up(value: Number) -> float:
    return outward(value, 1) if isinstance(value, Fraction) else value


def _down(value: Number) -> float:
    return outward(value, -1) if isinstance(value, Fraction) else value


@lru_cache(maxsize=1 << 14)
def _leak(M: Fraction, integrality: float) -> float:
    return float(M * as_decimal(integrality))


def leak_of(candidate: Candidate, integrality: float) -> Fraction:
    """Return how far the side moves while the binary is within the integrality tolerance of its on-value."""
    return candidate.big_m * as_decimal(integrality)


def _reason(verdict: str, candidate: Candidate, finding: Finding, lo: float, hi: float) -> str:
    y, off, M = candidate.place.binary_name, candidate.off, float(candidate.big_m)
    span = needed(candidate, finding)
    if span.lo > span.hi:
        return FAULT
    if verdict in ("tight", "loose", "valid"):
        beside = {
            "tight": f"M = {M:g} is enough and at most 1% more than the {lo:.9g} that a point needs",
            "loose": f"M = {M:g}, and {max(hi, 0):.9g} is proved to be enough",
            "valid": f"M = {M:g} is enough: between {max(lo, 0):.9g} and {max(hi, 0):.9g} is needed, and whether "
            "less would do is not known",
        }
        short = _short(verdict, span, candidate.big_m, False)
        return f"{beside[verdict]}{'' if short is None else f'; it is {short:.3g} short, which is rounding'}"
    if verdict == "redundant" and finding.top_on == -math.inf:
        return f"nothing satisfies the rest of the model with {y} = {1 - off}, so the side never has to hold"
    if verdict == "redundant":
        return f"given the other rows, the side holds without this one, whether {y} is on or off"
    if verdict == "forcing":
        return f"nothing satisfies the rest of the model with {y} = {off}"
    if verdict == "dead":
        return _dead_reason(candidate, finding)
    if verdict == "binding":
        return (
            f"with {y} = {off} the row still cuts off a point that needs M = {lo:.9g}: "
            "a real capacity, or an M too small; declare the row as Big-M to have it judged"
        )
    if verdict == "invalid":
        return f"with {y} = {off} the row cuts off a point it should allow: {lo:.9g} is needed, not {M:g}"
    if candidate.auxiliary:
        return (
            "it holds a column that CVXPY made for a function such as abs, max or a norm, and nothing else bounds that "
            "column from above: write the bounds of the function's value as a row of their own to have M judged"
        )
    return finding.reason or "its bounds do not decide"


def _dead_reason(candidate: Candidate, finding: Finding) -> str:
    """Say that the switch is dead and how the row should read, as it stands in the model."""
    y, on = candidate.place.binary_name, candidate.on
    if _dead_and_cuts(candidate, finding):
        need = _down(needed(candidate, finding).lo)
        return (
            f"the switch is dead, nothing satisfies the model with {y} = {on}; and M is too small: with "
            f"{y} = {candidate.off} the row cuts off a point it should allow, {need:.9g} is needed, not "
            f"{float(candidate.big_m):g}"
        )
    sign, relation = (1, "<=") if candidate.place.side == "upper" else (-1, ">=")
    tight, loose = float(sign * candidate.tight), float(sign * candidate.loose)
    free = finding.top_on - candidate.loose if isinstance(finding.top_on, Fraction) else candidate.big_m
    M = sign * outward(max(free, Fraction(0)), 1)
    room = f"{abs(M):.9g} {y}" if on else f"{abs(M):.9g} (1 - {y})"
    said = f"the switch is dead: with {y} = {on} the row asks its other terms for {relation} {tight:.9g}, "
    said += "which nothing satisfies"
    if abs(loose) >= abs(
        tight
    ):  # a limit that is M away from zero was meant: the binary is needed, or forced
        return f"{said}; fix {y} at {candidate.off}, or look for what rules out {y} = {on}"
    return (
        f"{said}; if {y} = {candidate.off} is to enforce {relation} {loose:.9g}, the sign of M is wrong and the "
        f"row should read {relation} {loose:.9g} {'+' if sign > 0 else '-'} {room}"
    )
