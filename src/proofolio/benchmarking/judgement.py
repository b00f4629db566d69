"""Answers to one program held against each other: one firm point refutes every bound it beats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["BAD", "SOLVED", "claims", "different_programs", "disagreements", "judged"]


Record = dict[str, Any]
SOLVED = "verified-optimal"
POINTS = ("verified-optimal", "verified-feasible")
BAD = ("claim-wrong", "leaks")
CLAIMS = (*POINTS, "infeasible", "unbounded", *BAD)
LEAST = 1e-9
# A time limit is kept when the answer comes within a second of it, or within a twentieth.
LATE, LATE_PART = 1.0, 0.05


def judged(records: Iterable[Record]) -> list[Record]:
    """Return the records with the statuses that the other answers to the same program leave them.

    Solvers, seeds and shuffles of one case are asked the same, unless hashes of their programs differ. A verified
    point that satisfies the program firmly says ``claim-wrong`` to a bound above it (below it, of a maximum), to an
    optimum worse than it by more than the gap asked for, and to whoever found the program infeasible; an optimum
    verified says so to whoever found it unbounded. ``infeasible`` and ``unbounded`` stand where a second opinion or
    another way says the same; on one way's word alone they are ``limit``, and so is an answer that came after it.
    """
    found = []
    for group in _groups(records):
        best = _best(group)
        found += [_in_time(_held(record, best, group)) for record in group]
    return sorted(found, key=lambda record: (record["id"], record["key"]))


def claims(records: Iterable[Record]) -> int:
    """Return how many records claim something of their program: a point, an optimum, a bound, or that there is none."""
    return sum(
        r["status"] in CLAIMS or (r["status"] == "limit" and r.get("bound") is not None) for r in records
    )


def different_programs(records: Iterable[Record]) -> list[str]:
    """Return a sentence for every case whose runs were not asked the same program."""
    return [
        f"{case}: its runs were given {len(found)} different programs, so they are not held against each other; "
        "fix the seed of what builds it"
        for case, found in sorted(_programs(records).items())
        if len(found) > 1
    ]


def _programs(records: Iterable[Record]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.get("program"):
            found[record["case"]].add(record["program"])
    return found


def _groups(records: Iterable[Record]) -> Iterable[list[Record]]:
    every = list(records)
    programs = _programs(every)
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in every:
        case = record["case"]
        several = len(programs.get(case, ())) > 1
        groups[case, (record.get("program") or "") if several else ""].append(record)
    return groups.values()


def _reached(record: Record) -> float | None:
    """Return the objective of a firm point; of records from before that was recorded, of the point there is."""
    if record["status"] not in POINTS:
        return None
    found: float | None = record.get("reached", record.get("objective"))
    return found


def _best(group: Sequence[Record]) -> tuple[Record, float] | None:
    points = [(r, value) for r in group if (value := _reached(r)) is not None]
    return min(points, key=lambda p: (_cost(p[0], p[1]), p[0]["id"]), default=None)


def _cost(record: Record, value: float) -> float:
    return -value if record.get("maximise") else value


def _held(record: Record, best: tuple[Record, float] | None, group: Sequence[Record]) -> Record:
    if record["status"] == "infeasible":
        return _said_infeasible(record, best, group)
    if record["status"] == "unbounded":
        return _said_unbounded(record, group)
    if best is None:
        return record
    other, value = best
    said = _said(other, value)
    known = _cost(other, value)
    room = max(record.get("allowance") or 0.0, other.get("allowance") or 0.0, LEAST * abs(known))
    bound, objective = record.get("bound"), record.get("objective")
    if bound is not None and record["status"] in (*POINTS, "limit") and _cost(record, bound) > known + room:
        return _with(record, "claim-wrong", f"its bound is {bound:.9g}, and {said}")
    if record["status"] == SOLVED and objective is not None:
        own = _cost(record, objective)
        # a gap asked for is relative to the objective that was found
        if own > known + room + 2.0 * float(record["gap_asked"]) * abs(own):
            return _with(record, "claim-wrong", f"its optimum is {objective:.9g}, and {said}")
    return record


def _said(other: Record, value: float) -> str:
    return f"{other['way']} has a verified point with objective {value:.9g}"


def _said_infeasible(record: Record, best: tuple[Record, float] | None, group: Sequence[Record]) -> Record:
    if best is not None:
        return _with(record, "claim-wrong", f"it says infeasible, and {_said(*best)}")
    loose = next((r for r in group if r["status"] in POINTS), None)
    if loose is not None:
        words = f"it says infeasible, and {loose['way']} has a point that holds within tolerances only"
        return _with(record, "limit", words)
    return _agreed(record, group)


def _said_unbounded(record: Record, group: Sequence[Record]) -> Record:
    optima = [r for r in group if r["status"] == SOLVED and r.get("objective") is not None]
    if not optima:
        return _agreed(record, group)
    best = min(optima, key=lambda r: (_cost(r, r["objective"]), r["id"]))
    words = f"it says unbounded, and {best['way']} has a verified optimum of {best['objective']:.9g}"
    # with another solver on its side nothing is settled: the optimum has time, and nobody is called a liar
    return _with(record, "limit" if record.get("confirmed") else "claim-wrong", words)


def _agreed(record: Record, group: Sequence[Record]) -> Record:
    same = any(r["way"] != record["way"] and r["status"] == record["status"] for r in group)
    if same or record.get("confirmed"):
        return record
    return _with(record, "limit", f"it says {record['status']}, and nobody else says so")


def _in_time(record: Record) -> Record:
    limit, seconds = record.get("time_limit"), record.get("seconds")
    if limit is None or seconds is None or record["status"] not in (*POINTS, "infeasible", "unbounded"):
        return record
    if seconds <= limit + max(LATE, LATE_PART * limit):
        return record
    return _with(record, "limit", f"its answer took {seconds:.3g} s, and the time limit is {limit:.6g} s")


def _with(record: Record, status: str, message: str) -> Record:
    return {**record, "status": status, "message": message}


def disagreements(records: Iterable[Record]) -> list[str]:
    """Return a sentence for every program whose lowerings have different verified optima."""
    every = list(records)
    unsure = {case for case, found in _programs(every).items() if len(found) > 1}
    groups: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in every:
        lowering = record["params"].get("lowering")
        if lowering is None or record["status"] != SOLVED or record.get("objective") is None:
            continue
        if record["case"] in unsure:
            continue
        rest = ",".join(f"{k}={v}" for k, v in record["params"].items() if k != "lowering")
        name = f"{record['suite']}/{record['problem']}" + (f"[{rest}]" if rest else "")
        groups[name].setdefault(str(lowering), record)
    found = []
    for name, by_lowering in sorted(groups.items()):
        ordered = sorted(
            by_lowering.items(), key=lambda item: (_cost(item[1], item[1]["objective"]), item[0])
        )
        (first, best), (last, worst) = ordered[0], ordered[-1]
        low, high = best["objective"], worst["objective"]
        room = max(best.get("allowance") or 0.0, worst.get("allowance") or 0.0, LEAST * abs(low))
        room += 2.0 * float(worst["gap_asked"]) * max(abs(low), abs(high))
        if abs(high - low) > room:
            found.append(f"{name}: the optimum is {low:.9g} with {first} and {high:.9g} with {last}")
    return found
