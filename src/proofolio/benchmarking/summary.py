"""What a set of records amounts to: which solver solved what, how fast, and which claims did not hold."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

from proofolio.benchmarking.judgement import (
    BAD,
    SOLVED,
    claims,
    different_programs,
    disagreements,
    judged,
)
from proofolio.benchmarking.measures import Ratio, par10, ratio_of, shift_for, shifted_geometric_mean

__all__ = ["Field", "Line", "Summary", "summarise"]


Record = dict[str, Any]
Times = dict[str, list[float | None]]
# A time that a clock rounds to zero must stay positive, for the profiles.
LEAST_SECONDS = 1e-9
# A program without a point has nothing to verify: where that is certified or more than one solver says so, and judging
# found no verified point against it, the program counts neither as solved nor as failed.
NOT_TIMED = ("unsupported", "infeasible", "unbounded")
WORST = {
    "claim-wrong": 0,
    "leaks": 1,
    "crash": 2,
    "memory": 3,
    "error": 4,
    "limit": 5,
    "solver-infeasible": 6,
    "solver-unbounded": 7,
    "verified-feasible": 8,
}


@dataclass(frozen=True)
class Line:
    """One solver over the runs of a field.

    Attributes
    ----------
    name : str
    runs, solved, certified, verified, wrong, unsupported : int
        Of all its runs: optima whose checks hold, those of them that are certified, those that are verified; claims
        that did not hold, and programs it cannot take.
    statuses : mapping
    compared : int
        Runs the means are over: those of programs that every solver of the field can take.
    mean, par10 : float
        Seconds: shifted geometric mean, a failure counting its limit, and mean with failures at ten times that.
    cpu : float
        The same mean of CPU seconds, which other work on the machine changes less.
    integral : float
        Shifted geometric mean of the primal-dual integrals, in seconds; failures count their limit.
    build, confirm, nodes : float
        Medians, of the runs that have them: seconds to build, seconds to confirm, nodes.
    memory : float
        The most megabytes.
    gap : float
        The largest relative gap left by runs that ended at a limit with a point, NaN without such runs.
    """

    name: str
    runs: int
    solved: int
    certified: int
    verified: int
    wrong: int
    unsupported: int
    statuses: dict[str, int]
    compared: int
    mean: float
    par10: float
    cpu: float
    integral: float
    build: float
    confirm: float
    nodes: float
    memory: float
    gap: float


@dataclass(frozen=True)
class Field:
    """Problems of one suite that the same solvers were tried on.

    Attributes
    ----------
    name : str
    solvers : tuple of str
    compared : int
        Programs that every solver can take and no solver found infeasible or unbounded, with seeds and shuffles.
    shift : float
        Of the geometric means, in seconds.
    lines, by_lowering : tuple of Line
        By solver; and by lowering and solver where there is more than one lowering.
    times : mapping from solvers to seconds, None where the answer was not optimal
        Without the solvers that cannot take a single program.
    ratios : tuple of (solver, solver, Ratio)
        Of the times where both found an optimum.
    """

    name: str
    solvers: tuple[str, ...]
    compared: int
    shift: float
    lines: tuple[Line, ...]
    by_lowering: tuple[Line, ...]
    times: Times
    ratios: tuple[tuple[str, str, Ratio], ...]


@dataclass(frozen=True)
class Summary:
    """Everything a report says.

    Attributes
    ----------
    records : tuple of records, judged, in the order of their names
    by_status : mapping
    wrong : tuple of records
        Claims that did not hold.
    differing : tuple of str
        Programs whose lowerings have different optima.
    claims : int
        Records that claim anything of their program.
    notes : tuple of str
        Cases whose runs were not asked the same program.
    worst : tuple of records
        All that did not end in an optimum whose checks hold, the worst first.
    fields : tuple of Field
    """

    records: tuple[Record, ...]
    by_status: dict[str, int]
    wrong: tuple[Record, ...]
    differing: tuple[str, ...]
    claims: int
    notes: tuple[str, ...]
    worst: tuple[Record, ...]
    fields: tuple[Field, ...]

    @property
    def ok(self) -> bool:
        """Whether every claim held, nothing crashed and no lowerings differ."""
        return not (self.differing or set(self.by_status) & {*BAD, "crash", "error"})


def summarise(records: Iterable[Record]) -> Summary:
    """Return the summary of records as they were read; only the data decide it, not their order."""
    read = list(records)
    found = judged(read)
    counted = Counter(r["status"] for r in found)
    bad = [r for r in found if r["status"] in WORST]
    bad.sort(key=lambda r: (WORST[r["status"]], -(r.get("seconds") or 0.0), r["id"]))
    return Summary(
        tuple(found),
        dict(sorted(counted.items())),
        tuple(r for r in found if r["status"] in BAD),
        tuple(disagreements(found)),
        claims(found),
        tuple(different_programs(read)),
        tuple(bad),
        tuple(_fields(found)),
    )


def _fields(records: Sequence[Record]) -> list[Field]:
    solvers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for r in records:
        solvers[r["suite"], r["problem"]].add(r["solver"])
    grouped: dict[tuple[str, tuple[str, ...]], list[Record]] = defaultdict(list)
    for r in records:
        grouped[r["suite"], tuple(sorted(solvers[r["suite"], r["problem"]]))].append(r)
    several = Counter(suite for suite, _ in grouped)
    return [
        _field(suite if several[suite] == 1 else f"{suite}: {_problems(group)}", names, group)
        for (suite, names), group in sorted(grouped.items())
    ]


def _problems(records: Sequence[Record]) -> str:
    return ", ".join(sorted({r["problem"] for r in records}))


def _field(name: str, solvers: tuple[str, ...], records: Sequence[Record]) -> Field:
    by_instance: dict[tuple[str, int, int], dict[str, Record]] = defaultdict(dict)
    for r in records:
        by_instance[r["case"], r["seed"], r["permutation"]][r["solver"]] = r
    # one that can take nothing at all, as a peer that is not installed, leaves the others their comparison
    able = [w for w in solvers if any(r["solver"] == w and r["status"] != "unsupported" for r in records)]
    common = {
        key
        for key, found in by_instance.items()
        if all(solver in found and found[solver]["status"] not in NOT_TIMED for solver in able)
    }
    times: Times = {solver: [_seconds(by_instance[key][solver]) for key in sorted(common)] for solver in able}
    shift = shift_for(r["seconds"] for r in records if r["status"] in SOLVED)
    compared = [
        r for r in records if r["solver"] in able and (r["case"], r["seed"], r["permutation"]) in common
    ]
    return Field(
        name,
        solvers,
        len(common),
        shift,
        _lines(records, compared, shift, lambda r: r["solver"]),
        _by_lowering(records, shift),
        times,
        tuple(_ratios(solvers, compared)),
    )


def _seconds(record: Record) -> float | None:
    return max(record["seconds"], LEAST_SECONDS) if record["status"] in SOLVED else None


def _by_lowering(records: Sequence[Record], shift: float) -> tuple[Line, ...]:
    named = [r for r in records if r["params"].get("lowering") is not None]
    if len({r["params"]["lowering"] for r in named}) < 2:
        return ()
    taken = [r for r in named if r["status"] not in NOT_TIMED]
    return _lines(named, taken, shift, lambda r: f"{r['params']['lowering']}, {r['solver']}")


def _lines(
    records: Sequence[Record], compared: Sequence[Record], shift: float, name: Callable[[Record], str]
) -> tuple[Line, ...]:
    mine: dict[str, list[Record]] = defaultdict(list)
    means: dict[str, list[Record]] = defaultdict(list)
    for r in records:
        mine[name(r)].append(r)
    for r in compared:
        means[name(r)].append(r)
    lines = [_line(word, group, means[word], shift) for word, group in mine.items()]
    return tuple(sorted(lines, key=lambda x: (math.isnan(x.mean), x.mean if x.compared else 0.0, x.name)))


def _line(name: str, records: Sequence[Record], compared: Sequence[Record], shift: float) -> Line:
    counted = Counter(r["status"] for r in records)
    solved = [_seconds(r) for r in compared]
    limits = [r["time_limit"] for r in compared]
    at_limit = [limit if s is None else s for s, limit in zip(solved, limits, strict=True)]
    cpu = [
        limit if s is None else r.get("cpu_seconds", s)
        for r, s, limit in zip(compared, solved, limits, strict=True)
    ]
    integrals = [
        r["time_limit"] if s is None and r["status"] != "verified-feasible" else r.get("integral") or 0.0
        for r, s in zip(compared, solved, strict=True)
    ]
    return Line(
        name=name,
        runs=len(records),
        solved=sum(counted[status] for status in SOLVED),
        certified=counted["certified-optimal"],
        verified=counted["verified-optimal"],
        wrong=sum(counted[status] for status in BAD),
        unsupported=counted["unsupported"],
        statuses=dict(sorted(counted.items())),
        compared=len(compared),
        mean=shifted_geometric_mean(at_limit, shift),
        par10=par10(solved, limits),
        cpu=shifted_geometric_mean(cpu, shift),
        integral=shifted_geometric_mean(integrals, shift),
        build=_median(r.get("build_seconds") for r in records),
        confirm=_median(r.get("confirm_seconds") for r in records),
        nodes=_median(r.get("nodes") for r in records if r["status"] in SOLVED),
        memory=max((r["memory_peak"] for r in records if r.get("memory_peak")), default=math.nan),
        gap=max(
            (r["gap"] for r in records if r["status"] == "verified-feasible" and r.get("gap") is not None),
            default=math.nan,
        ),
    )


def _median(values: Iterable[float | None]) -> float:
    found = [v for v in values if v is not None]
    return float(median(found)) if found else math.nan


def _ratios(solvers: Sequence[str], records: Sequence[Record]) -> Iterable[tuple[str, str, Ratio]]:
    times: dict[str, dict[tuple[str, int, int], float]] = defaultdict(dict)
    models = {r["case"]: r["problem"] for r in records}
    for r in records:
        if r["status"] in SOLVED:
            times[r["solver"]][r["case"], r["seed"], r["permutation"]] = r["seconds"]
    for first, second in combinations(solvers, 2):
        pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for key in sorted(times[first].keys() & times[second].keys()):
            pairs[key[0]].append((times[first][key], times[second][key]))
        ratio = ratio_of(pairs, models)
        if ratio is not None:
            yield first, second, ratio
