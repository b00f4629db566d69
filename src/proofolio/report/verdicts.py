"""What each verdict of the audit means, why it matters, and what to do: one set of words for terminal and page."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["ORDER", "WORDS", "Words", "needed_words", "number", "ratio_words"]


class Words(NamedTuple):
    """What a verdict is, why it matters, what to do, and its colours in a terminal and in a chart."""

    what: str
    why: str
    do: str
    terminal: str
    series: str


WORDS = {
    "invalid": Words(
        "declared as Big-M, and cuts off a point that it should allow",
        "the optimum may be cut off, and no solver will say so",
        "give the row at least the M that is needed, and solve again",
        "bold red",
        "s2",
    ),
    "unsafe": Words(
        "M times the integrality tolerance is more than a thousandth of what matters",
        "the row leaks: a solver may call a wrong answer optimal",
        "use a smaller M (--tighten) or a native indicator, and check solutions with `proofolio solve`",
        "bold red",
        "s2",
    ),
    "undecided": Words(
        "neither proved to be enough nor shown to be too small",
        "the row may cut off the optimum",
        "read its reason: bound a variable, or give more time",
        "yellow",
        "s6",
    ),
    "binding": Words(
        "cuts off points even when switched off: a real capacity, or an M too small",
        "the rows alone cannot tell which",
        "leave a capacity alone; declare a Big-M row with --big-m to have it judged",
        "cyan",
        "s0",
    ),
    "loose": Words(
        "more than is needed",
        "it weakens the relaxation, slows the solver, and leaks more",
        "tighten it with --tighten",
        "yellow",
        "s1",
    ),
    "redundant": Words(
        "never binds, not even when switched on",
        "the row does nothing",
        "drop it, or ask whether another was meant",
        "dim",
        "s9",
    ),
    "forcing": Words(
        "nothing satisfies the rest of the model when it is switched off",
        "the binary has no choice",
        "fix the binary, or look for the contradiction",
        "magenta",
        "s7",
    ),
    "tight": Words("proved to be enough, by at most 1%", "nothing is lost", "nothing", "green", "s4"),
}
"""By verdict, what needs attention first; ``unsafe`` is counted beside the verdicts."""

ORDER = tuple(WORDS)


def number(value: float) -> str:
    """Return a number to six digits, infinities in words.

    Examples
    --------
    >>> number(1e8), number(0.1 + 0.2), number(float("inf"))
    ('1e+08', '0.3', 'inf')
    """
    return f"{value:.6g}"


def needed_words(needed: tuple[float, float]) -> str:
    """Return the interval of the M that is needed, as one number where it is known.

    Examples
    --------
    >>> needed_words((36.99999999999999, 37.0)), needed_words((float("-inf"), 5.0))
    ('37', '[-inf, 5]')
    """
    lo, hi = needed
    if hi == -math.inf:
        return "none"
    if math.isfinite(lo) and math.isfinite(hi) and hi - lo <= 1e-9 * max(1.0, abs(lo), abs(hi)):
        return number(hi)
    return "unknown" if (lo, hi) == (-math.inf, math.inf) else f"[{number(lo)}, {number(hi)}]"


def ratio_words(ratio: float | None) -> str:
    """Return M over what is needed, to three digits."""
    return "" if ratio is None else f"{ratio:.3g}"
