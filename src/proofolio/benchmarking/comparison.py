"""Two sets of records of the same runs: what got slower, what was lost, and how sure that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from proofolio.benchmarking.judgement import BAD, SOLVED, judged
from proofolio.benchmarking.measures import Ratio, ratio_of
from proofolio.errors import BadData

__all__ = ["ENOUGH", "SHORT", "Change", "Comparison", "compare"]


Record = dict[str, Any]
# A smaller change is not reported as one, however sure it is.
WORTH = 1.05
# With fewer cases nothing is called slower or faster: that all of them move one way is too likely to be chance.
ENOUGH = 6
# CPU seconds below which both runs of a pair tell more of the machine than of the solver.
SHORT = 0.05
# A difference of the median loads that is worth a word: half a core.
LOADED = 0.5
SETTINGS = {
    "time_limit": "time limit",
    "memory_limit": "memory limit",
    "gap_asked": "gap asked for",
    "confirm": "confirmation (--confirm)",
    "options": "options of the solver",
}


@dataclass(frozen=True)
class Change:
    """How the times of one solver on one problem changed: the second set over the first.

    Attributes
    ----------
    suite, problem, solver : str
        The problem is empty for all of the suite's together.
    ratio : Ratio
    verdict : str
        ``slower``, ``faster``, ``same``; ``too few`` cases to say, or ``too short`` runs, all of them.
    """

    suite: str
    problem: str
    solver: str
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

    Times are compared where both answers are optima whose checks hold, and one of the two took 0.05 CPU seconds. A
    solver got slower on a problem when there are six cases, the 95 % bootstrap interval of the ratio lies above 1 and
    the ratio is above 1.05.

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
        lost=tuple(p for p in pairs if p[0]["status"] in SOLVED and p[1]["status"] not in (*SOLVED, *BAD)),
        gained=tuple(p for p in pairs if p[0]["status"] not in SOLVED and p[1]["status"] in SOLVED),
        wrong=tuple(b for a, b in pairs if b["status"] in BAD and a["status"] not in BAD),
        both=len(both),
        only_first=len(before) - len(both),
        only_second=len(after) - len(both),
        notes=tuple(_notes(pairs)),
    )


def _changes(pairs: Sequence[tuple[Record, Record]]) -> list[Change]:
    grouped: dict[tuple[str, str, str], list[tuple[Record, Record]]] = defaultdict(list)
    problems: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        problems[a["suite"]].add(a["problem"])
        if a["status"] in SOLVED and b["status"] in SOLVED:
            grouped[a["suite"], a["problem"], a["solver"]].append((a, b))
            grouped[a["suite"], "", a["solver"]].append((a, b))
    found = []
    for (suite, problem, solver), solved in grouped.items():
        long = [pair for pair in solved if any(_cpu(record) >= SHORT for record in pair)]
        ratio = _ratio(long or solved)
        if ratio is not None and (problem or len(problems[suite]) > 1):
            found.append(Change(suite, problem, solver, ratio, _verdict(ratio) if long else "too short"))
    return sorted(found, key=lambda c: (-c.ratio.value, c.suite, c.problem, c.solver))


def _cpu(record: Record) -> float:
    # records of before CPU seconds were measured have the others only
    spent = record.get("cpu_seconds")
    return float(record["seconds"] if spent is None else spent)


def _ratio(pairs: Iterable[tuple[Record, Record]]) -> Ratio | None:
    cases: dict[str, list[tuple[float, float]]] = defaultdict(list)
    models: dict[str, str] = {}
    for a, b in pairs:
        cases[a["case"]].append((b["seconds"], a["seconds"]))
        models[a["case"]] = a["problem"]
    return ratio_of(cases, models)


def _verdict(ratio: Ratio) -> str:
    if ratio.low is None or ratio.cases < ENOUGH:
        return "too few"
    if ratio.above and ratio.value > WORTH:
        return "slower"
    return "faster" if ratio.below and ratio.value < 1 / WORTH else "same"


def _notes(pairs: Sequence[tuple[Record, Record]]) -> Iterable[str]:
    for name in ("machine", "versions"):
        if any(a["environment"].get(name) != b["environment"].get(name) for a, b in pairs):
            yield f"{name} differ" if name == "versions" else "the machine is not the same in both"
    for name, text in SETTINGS.items():
        if any(a.get(name) != b.get(name) for a, b in pairs):
            yield f"the {text} is not the same in both"
    loads = [[r["load"] for r in side if r.get("load") is not None] for side in zip(*pairs, strict=True)]
    if all(loads):
        first, second = map(median, loads)
        if abs(first - second) > LOADED:
            yield f"the load of the machine was {first:.1f} in the first and {second:.1f} in the second (medians)"
