"""What each verdict means, and numbers of an audit as text."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["ORDER", "VERDICT_TEXTS", "VerdictText", "needed_text", "number", "ratio_text"]


class VerdictText(NamedTuple):
    """What a verdict is, why it matters, what to do, its mark in a table and its colour in a chart."""

    what: str
    why: str
    do: str
    mark: str
    colour: str


VERDICT_TEXTS = {
    "invalid": VerdictText(
        "declared as Big-M, and cuts off a point that it should allow",
        "the optimum may be cut off, and no solver will say so",
        "give the row at least the M that is needed, and audit again: other rows may need more then; --tighten with "
        "--repair does both",
        "bad",
        "s2",
    ),
    "unsafe": VerdictText(
        "solvers accept a point with the binary nearly on, which its exact integers make infeasible or worse",
        "the row leaks: a solver may call a wrong answer optimal",
        "use a smaller M (--tighten) or a native indicator, and check solutions with `proofolio solve`",
        "bad",
        "s2",
    ),
    "dead": VerdictText(
        "nothing satisfies the row when it is switched on, though the rest of the model has points",
        "the binary has one value only, as when an if-then is written the wrong way round",
        "read its reason, which says how the row should read",
        "contradictory",
        "s3",
    ),
    "undecided": VerdictText(
        "neither proved to be enough nor shown to be too small",
        "the row may cut off the optimum",
        "read its reason: bound a variable, or give more time",
        "doubtful",
        "s6",
    ),
    "binding": VerdictText(
        "cuts off points even when switched off: a real capacity, or an M too small",
        "the rows alone cannot tell which",
        "leave a capacity alone; declare a Big-M row with --big-m to have it judged",
        "notable",
        "s0",
    ),
    "loose": VerdictText(
        "more than is needed",
        "it weakens the relaxation, slows the solver, and leaks more",
        "tighten it with --tighten",
        "doubtful",
        "s1",
    ),
    "redundant": VerdictText(
        "at integer points the other rows imply it, switched on or off",
        "no point is cut off, and it may still strengthen the relaxation",
        "nothing",
        "faint",
        "s9",
    ),
    "forcing": VerdictText(
        "nothing satisfies the rest of the model when it is switched off",
        "the binary has no choice",
        "fix the binary, or look for the contradiction",
        "contradictory",
        "s7",
    ),
    "valid": VerdictText(
        "proved to be enough, and whether less would do is not known",
        "nothing is cut off",
        "nothing",
        "good",
        "s5",
    ),
    "tight": VerdictText("proved to be enough, by at most 1%", "nothing is cut off", "nothing", "good", "s4"),
}
"""By verdict, what needs attention first; ``unsafe`` is counted beside the verdicts."""

ORDER = tuple(VERDICT_TEXTS)


def number(value: float) -> str:
    """Return a number to six digits.

    Examples
    --------
    >>> number(1e8), number(0.1 + 0.2), number(float("inf"))
    ('1e+08', '0.3', 'inf')
    """
    return f"{value:.6g}"


def needed_text(needed: tuple[float, float]) -> str:
    """Return the interval of the M that is needed, as one number where it is known.

    Examples
    --------
    >>> needed_text((36.99999999999999, 37.0)), needed_text((float("-inf"), 5.0))
    ('37', '[-inf, 5]')
    """
    lo, hi = needed
    if hi == -math.inf:
        return "none"
    if math.isfinite(lo) and math.isfinite(hi) and hi - lo <= 1e-9 * max(1.0, abs(lo), abs(hi)):
        return number(hi)
    return "unknown" if (lo, hi) == (-math.inf, math.inf) else f"[{number(lo)}, {number(hi)}]"


def ratio_text(ratio: float | None) -> str:
    """Return M over what is needed, to three digits."""
    return "" if ratio is None else f"{ratio:.3g}"
