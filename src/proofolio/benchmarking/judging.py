"""Answers to one program held against each other: one verified point refutes every bound it beats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["BAD", "SOLVED", "disagreements", "judged"]

Record = dict[str, Any]
SOLVED = "verified-optimal"
POINTS = ("verified-optimal", "verified-feasible")
BAD = ("claim-wrong", "leaks")
LEAST = 1e-9


def judged(records: Iterable[Record]) -> list[Record]:
    """Return the records with the statuses that the other answers to the same program leave them.

    Solvers, seeds and shuffles of one case are asked the same. A verified point says ``claim-wrong`` to a bound
    above it (below it, of a maximum), to an optimum worse than it by more than the gap asked for, and to
    whoever found the program infeasible; an optimum verified says so to whoever found it unbounded.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record["case"]].append(record)
    found = [_held(record, _best(group)) for group in groups.values() for record in group]
    return sorted(found, key=lambda record: (record["id"], record["key"]))


def _best(group: Sequence[Record]) -> Record | None:
    points = [r for r in group if r["status"] in POINTS and r.get("objective") is not None]
    return min(points, key=lambda r: (_cost(r, r["objective"]), r["id"]), default=None)


def _cost(record: Record, value: float) -> float:
    return -value if record.get("maximise") else value


def _held(record: Record, best: Record | None) -> Record:
    if best is None:
        return record
    said = f"{best['way']} has a verified point with objective {best['objective']:.9g}"
    if record["status"] == "infeasible" or (record["status"] == "unbounded" and best["status"] == SOLVED):
        return _wrong(record, f"it says {record['status']}, and {said}")
    known = _cost(best, best["objective"])
    room = max(record.get("allowance") or 0.0, best.get("allowance") or 0.0, LEAST * abs(known))
    bound, objective = record.get("bound"), record.get("objective")
    if bound is not None and record["status"] in (*POINTS, "limit") and _cost(record, bound) > known + room:
        return _wrong(record, f"its bound is {bound:.9g}, and {said}")
    if record["status"] == SOLVED and objective is not None:
        value = _cost(record, objective)
        # a gap asked for is relative to the objective that was found
        if value > known + room + 2.0 * float(record["gap_asked"]) * abs(value):
            return _wrong(record, f"its optimum is {objective:.9g}, and {said}")
    return record


def _wrong(record: Record, message: str) -> Record:
    return {**record, "status": "claim-wrong", "message": message}


def disagreements(records: Iterable[Record]) -> list[str]:
    """Return a sentence for every program whose lowerings have different verified optima."""
    groups: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in records:
        lowering = record["params"].get("lowering")
        if lowering is None or record["status"] != SOLVED or record.get("objective") is None:
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
