"""Two sets of records of the same runs: what got slower, what got lost, and how sure that is.

How sure a ratio of times is: a geometric mean, and a bootstrap interval around it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proofolio.benchmarking.judgement import BAD, SOLVED, judged
from proofolio.errors import BadData

__all__ = ["Change", "Comparison", "Ratio", "compare", "ratio_of"]


DRAWS = 2000
LEVEL = 0.95
# seconds added to both times: below a millisecond a ratio tells of the clock
SHIFT = 0.001
FEWEST = 3


@dataclass(frozen=True)
class Ratio:
    """A geometric mean of ratios.

    Attributes
    ----------
    value : float
    low, high : float or None
        The 95 % interval; None with fewer than three cases.
    runs, cases : int
    """

    value: float
    low: float | None
    high: float | None
    runs: int
    cases: int

    @property
    def above(self) -> bool:
        """Whether the whole interval lies above 1."""
        return self.low is not None and self.low > 1.0

    @property
    def below(self) -> bool:
        """Whether the whole interval lies below 1."""
        return self.high is not None and self.high < 1.0


def ratio_of(pairs: Mapping[str, Sequence[tuple[float, float]]], shift: float = SHIFT) -> Ratio | None:
    r"""Return the geometric mean of :math:`(a + s) / (b + s)` over pairs of times; None without any.

    The bootstrap draws whole cases, with all their seeds and shuffles, since those of one case are alike; a case
    counts by the number of its pairs. The draws are always the same ones.

    Parameters
    ----------
    pairs : mapping from cases to pairs (a, b) in seconds
    shift : float
        s, in seconds.

    Examples
    --------
    >>> found = ratio_of({"one": [(2.0, 1.0)], "two": [(2.0, 1.0)], "three": [(2.0, 1.0)]}, shift=0.0)
    >>> round(found.value, 9), round(found.low, 9), round(found.high, 9)
    (2.0, 2.0, 2.0)
    """
    names = sorted(name for name, found in pairs.items() if found)
    if not names:
        return None
    sums = np.array(
        [math.fsum(math.log((a + shift) / (b + shift)) for a, b in pairs[name]) for name in names]
    )
    counts = np.array([len(pairs[name]) for name in names], dtype=float)
    value = math.exp(float(sums.sum() / counts.sum()))
    runs, cases = int(counts.sum()), len(names)
    if cases < FEWEST:
        return Ratio(value, None, None, runs, cases)
    drawn = np.random.default_rng(0).integers(0, cases, (DRAWS, cases))
    means = np.exp(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(value, float(low), float(high), runs, cases)


Record = dict[str, Any]
# A change smaller than this is not worth a word, however sure it is.
WORTH = 1.05


@dataclass(frozen=True)
class Change:
    """How the times of one way on one problem changed: the second set over the first.

    Attributes
    ----------
    suite, problem, way : str
        The problem is empty for all of the suite's together.
    ratio : Ratio
    verdict : str
        ``slower``, ``faster``, ``same``, or ``too few`` cases to say.
    """

    suite: str
    problem: str
    way: str
    ratio: Ratio
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """What changed between two sets of records.

    Attributes
    ----------
    changes : tuple of Change
        The slowest first.
    lost, gained : tuple of (first record, second record)
        Solved in the first set only, and in the second only.
    wrong : tuple of records
        Claims of the second set that do not hold, and of the first did or were not made.
    both, only_first, only_second : int
        Runs in both sets and in one alone.
    notes : tuple of str
        Differences of machine and limits, which make times hard to compare.
    """

    changes: tuple[Change, ...]
    lost: tuple[tuple[Record, Record], ...]
    gained: tuple[tuple[Record, Record], ...]
    wrong: tuple[Record, ...]
    both: int
    only_first: int
    only_second: int
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing got slower, lost or wrong."""
        return not (self.lost or self.wrong or any(c.verdict == "slower" for c in self.changes))


def compare(first: Iterable[Record], second: Iterable[Record]) -> Comparison:
    """Compare two sets of records, run by run.

    Times are compared where both answers are verified optima. A way got slower on a problem when the 95 %
    bootstrap interval of the ratio lies above 1 and the ratio is above 1.05.

    Raises
    ------
    BadData
        When no run is in both.
    """
    before = {r["id"]: r for r in judged(first)}
    after = {r["id"]: r for r in judged(second)}
    both = sorted(before.keys() & after.keys())
    if not both:
        raise BadData("the two sets of records have no run in common: give two of the same suite")
    pairs = [(before[name], after[name]) for name in both]
    return Comparison(
        changes=tuple(_changes(pairs)),
        lost=tuple(p for p in pairs if p[0]["status"] == SOLVED and p[1]["status"] not in (SOLVED, *BAD)),
        gained=tuple(p for p in pairs if p[0]["status"] != SOLVED and p[1]["status"] == SOLVED),
        wrong=tuple(b for a, b in pairs if b["status"] in BAD and a["status"] not in BAD),
        both=len(both),
        only_first=len(before) - len(both),
        only_second=len(after) - len(both),
        notes=tuple(_notes(pairs)),
    )


def _changes(pairs: Sequence[tuple[Record, Record]]) -> list[Change]:
    grouped: dict[tuple[str, str, str], dict[str, list[tuple[float, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    problems: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        problems[a["suite"]].add(a["problem"])
        if a["status"] == b["status"] == SOLVED:
            times = (b["seconds"], a["seconds"])
            grouped[a["suite"], a["problem"], a["way"]][a["case"]].append(times)
            grouped[a["suite"], "", a["way"]][a["case"]].append(times)
    found = []
    for (suite, problem, way), cases in grouped.items():
        ratio = ratio_of(cases)
        if ratio is not None and (problem or len(problems[suite]) > 1):
            found.append(Change(suite, problem, way, ratio, _verdict(ratio)))
    return sorted(found, key=lambda c: (-c.ratio.value, c.suite, c.problem, c.way))


def _verdict(ratio: Ratio) -> str:
    if ratio.low is None:
        return "too few"
    if ratio.above and ratio.value > WORTH:
        return "slower"
    return "faster" if ratio.below and ratio.value < 1 / WORTH else "same"


def _notes(pairs: Sequence[tuple[Record, Record]]) -> Iterable[str]:
    for name in ("machine", "versions"):
        if any(a["environment"].get(name) != b["environment"].get(name) for a, b in pairs):
            yield f"{name} differ" if name == "versions" else "the machine is not the same in both"
    for name, words in (("time_limit", "time limit"), ("gap_asked", "gap asked for")):
        if any(a[name] != b[name] for a, b in pairs):
            yield f"the {words} is not the same in both"
