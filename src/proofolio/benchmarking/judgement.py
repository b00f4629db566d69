"""What an answer is worth: the evidence of its own run, and the answers of others to the same program.

In the process of a run: an objective that a firm point reaches, a second opinion, a hash of the program. Over all
records: one firm point refutes every bound it beats.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from proofolio.errors import ProofolioError
from proofolio.program.program import Program
from proofolio.program.structure import recognise_cones
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.limits import Deadline
from proofolio.solvers.solution import INFEASIBLE, OPTIMAL, UNBOUNDED, VERIFIED, Settings, Solution
from proofolio.verification.certified.confirming import confirm, modest
from proofolio.verification.checks.leak import leak_check
from proofolio.verification.checks.rows import FIRM, Tolerances, feasibility_checks, rounded
from proofolio.verification.solving import verify_claim

__all__ = [
    "BAD",
    "SOLVED",
    "boxed_in",
    "claims",
    "different_programs",
    "disagreements",
    "judged",
    "program_hash",
    "reached",
    "second_opinion",
]


Record = dict[str, Any]
SOLVED = OPTIMAL
# Optima that rest on more than one solver's word.
PROVED = ("certified-optimal", "verified-optimal")
POINTS = VERIFIED
BAD = ("claim-wrong", "leaks")
CLAIMS = (*POINTS, *INFEASIBLE, *UNBOUNDED, *BAD)
# Two objectives nearer than this, relative to the value, are equal whatever allowance they were given.
EQUAL = 1e-9
# A time limit is kept when the answer comes within a second of it, or within a twentieth.
LATE, LATE_PART = 1.0, 0.05
# Seconds that what refutes a claim is given, even when the time of the confirmation is used up.
LEAST_OPINION = 0.25
# Against "infeasible" any point will do; against "unbounded" it takes an optimum.
ANY_GAP, SMALL_GAP = 1e9, 1e-6


def program_hash(program: Program) -> str:
    """Return a hash of a program's data: names and the purpose of rows aside, equal for equal programs."""
    digest = hashlib.sha256()
    data = [program.P, program.q, program.c, program.A, program.row_lower, program.row_upper, program.lower]
    data += [program.upper, program.integer, program.quadratic, program.cones, program.indicators]
    for part in (*data, program.sos, program.maximise):
        _add(digest, part)
    return digest.hexdigest()[:20]


def _add(digest: Any, part: Any) -> None:
    whole: Any = part
    if sparse.issparse(part):
        # the detour over coordinates makes a copy: the program keeps its own order
        matrix = sparse.csr_array(sparse.coo_array(whole))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        for item in (np.asarray(matrix.shape), matrix.indptr, matrix.indices, matrix.data):
            _add(digest, item)
    elif is_dataclass(part):
        for one in fields(part):
            if one.name not in ("blocks", "name"):
                _add(digest, getattr(part, one.name))
    elif isinstance(part, (list, tuple)):
        digest.update(f"({len(part)}".encode())
        for item in part:
            _add(digest, item)
    elif isinstance(part, (str, type(None))):
        digest.update(repr(part).encode())
    else:
        # the width of an index, and the sign of a zero, are no part of what is asked
        values = np.asarray(part, dtype=float) + 0.0
        digest.update(f"[{values.shape}".encode() + values.tobytes())


def reached(program: Program, x: Any, deadline: Deadline) -> float | None:
    """Return an objective value that a point next to x reaches with every row firm and its integers exact.

    A point that holds within the tolerances of solvers may be worth more than any that holds: it says nothing
    against the bound of another. Without a firm point there is no value.
    """
    if not np.all(np.isfinite(x)):
        return None
    point = rounded(program, x)
    if all(check.ok for check in feasibility_checks(program, point, FIRM)):
        value = float(program.objective(point))
        return value if math.isfinite(value) else None
    if not program.integer.any() or deadline.passed:
        return None
    return leak_check(program, x, Tolerances(), deadline).reached


def boxed_in(program: Program) -> bool:
    """Whether the bounds of the columns alone keep the objective from improving for ever."""
    curved = np.zeros(program.n, dtype=bool)
    entries = sparse.coo_array(program.P)
    curved[entries.row[entries.data != 0.0]] = True
    curved[entries.col[entries.data != 0.0]] = True
    # P and q are those of a minimum, whatever the user asked for
    stops = np.where(program.q > 0.0, program.lower, np.where(program.q < 0.0, program.upper, 0.0))
    box = np.isfinite(program.lower) & np.isfinite(program.upper)
    return bool(np.all(np.where(curved, box, np.isfinite(stops))))


def second_opinion(program: Program, claim: Solution, how: str, seconds: float) -> Record:
    """Confirm or refute a claim that a program is infeasible or unbounded.

    Parameters
    ----------
    program : Program
    claim : Solution
        Of a solver, with the status ``infeasible`` or ``unbounded`` and no point.
    how : {"none", "auto", "second", "certificate"}
        With ``"none"`` other runs are asked all the same: a solver must not choose which programs count.
    seconds : float

    Returns
    -------
    dict
        ``status``: what was said where a certificate or another run says so too, ``solver-`` before it where none
        does, and ``claim-wrong`` where a firm point, or the bounded relaxation, refutes it. ``message``,
        ``confirmed``, ``certified``, ``better`` (the objective of a firm point that refutes it) and ``modest``
        (whether the numbers are such that what two solvers agree on can be believed).
    """
    said, deadline = claim.status, Deadline.after(seconds)
    record: Record = {
        "status": f"solver-{said}",
        "message": "",
        "confirmed": False,
        "modest": modest(program),
    }
    if said == "unbounded" and boxed_in(program):
        why = "it says unbounded, and the columns' own bounds keep the objective finite"
        return record | {"status": "claim-wrong", "message": why}
    gap = ANY_GAP if said == "infeasible" else SMALL_GAP
    found = confirm(program, claim, "second" if how == "none" else how, gap, deadline)
    if found.word in ("certified", "verified"):
        return record | {"status": said, "confirmed": True, "certified": found.word == "certified"}
    record["message"] = found.reason
    if found.word == "refuted" and said == "infeasible" and found.better is not None:
        value = reached(program, found.better, deadline.later(LEAST_OPINION))
        if value is not None:
            why = f"it says infeasible, and {found.by} found a point, with objective {value:.9g}"
            return record | {"status": "claim-wrong", "message": why, "better": value}
    if found.word == "refuted" and said == "unbounded":
        limit = _limit_of_relaxation(program, deadline.later(LEAST_OPINION))
        if limit is not None:
            why = f"it says unbounded, and multipliers prove that nothing is better than {limit:.9g}"
            return record | {"status": "claim-wrong", "message": why}
    if found.word == "refuted":
        record["message"] = f"it says {said}, and {found.by} says otherwise; neither is proved"
    return record


def _limit_of_relaxation(program: Program, deadline: Deadline) -> float | None:
    """Return the optimum of a program without its integers where multipliers prove it: nothing is better."""
    relaxed = recognise_cones(replace(program, integer=np.zeros(program.n, dtype=bool)))
    for other in SOLVERS.values():
        if other.lacks(relaxed):
            continue
        with suppress(ProofolioError):  # it cannot be given the program, which says nothing about the claim
            found = other.solve(
                relaxed, Settings(gap=SMALL_GAP, time_limit=max(deadline.left, LEAST_OPINION))
            )
            answer = verify_claim(deadline, relaxed, found, SMALL_GAP)
            if answer.status in PROVED:
                return answer.objective
    return None


def judged(records: Iterable[Record]) -> list[Record]:
    """Return the records with the statuses that the other answers to the same program leave them.

    Solvers, seeds and shuffles of one case are asked the same, unless hashes of their programs differ. A verified
    point that satisfies the program firmly says ``claim-wrong`` to a bound above it (below it, of a maximum), to an
    optimum worse than it by more than the gap asked for, and to a claim that the program is infeasible; an optimum
    that rests on more than one solver's word says so to a claim that it is unbounded. What is certified stands.
    ``infeasible`` and ``unbounded`` stand where a certificate, another run or another solver says the same; where
    only one solver says so they are ``solver-infeasible`` and ``solver-unbounded``. An answer later than the time
    limit is ``limit``.
    """
    found = []
    for group in _groups(records):
        best = _best(group)
        found += [_in_time(_compared(record, best, group)) for record in group]
    return sorted(found, key=lambda record: (record["id"], record["key"]))


def claims(records: Iterable[Record]) -> int:
    """Return how many records claim something of their program: a point, an optimum, a bound, or that there is none."""
    return sum(
        r["status"] in CLAIMS or (r["status"] == "limit" and r.get("bound") is not None) for r in records
    )


def different_programs(records: Iterable[Record]) -> list[str]:
    """Return a sentence for every case whose runs were not asked the same program."""
    return [
        f"{case}: its runs were given {len(found)} different programs, so they are not compared with each other; "
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
        # where the confirmation of a wrong claim found a better point, that point is as good as any
        better: float | None = record.get("better")
        return better
    found: float | None = record.get("reached", record.get("objective"))
    return found


def _best(group: Sequence[Record]) -> tuple[Record, float] | None:
    points = [(r, value) for r in group if (value := _reached(r)) is not None]
    return min(points, key=lambda p: (_cost(p[0], p[1]), p[0]["id"]), default=None)


def _cost(record: Record, value: float) -> float:
    return -value if record.get("maximise") else value


def _compared(record: Record, best: tuple[Record, float] | None, group: Sequence[Record]) -> Record:
    if record.get("certified"):
        return record
    if record["status"] in INFEASIBLE:
        return _said_infeasible(record, best, group)
    if record["status"] in UNBOUNDED:
        return _said_unbounded(record, group)
    if best is None:
        return record
    other, value = best
    said = _said(other, value)
    known = _cost(other, value)
    room = max(record.get("allowance") or 0.0, other.get("allowance") or 0.0, EQUAL * abs(known))
    bound, objective = record.get("bound"), record.get("objective")
    if bound is not None and record["status"] in (*POINTS, "limit") and _cost(record, bound) > known + room:
        return _with(record, "claim-wrong", f"its bound is {bound:.9g}, and {said}")
    if record["status"] in SOLVED and objective is not None:
        own = _cost(record, objective)
        # a gap asked for is relative to the objective that was found
        if own > known + room + 2.0 * float(record["gap_asked"]) * abs(own):
            return _with(record, "claim-wrong", f"its optimum is {objective:.9g}, and {said}")
    return record


def _said(other: Record, value: float) -> str:
    if other["status"] not in POINTS:
        return f"confirming the claim of {other['solver']} found a point with objective {value:.9g}"
    return f"{other['solver']} has a verified point with objective {value:.9g}"


def _said_infeasible(record: Record, best: tuple[Record, float] | None, group: Sequence[Record]) -> Record:
    if best is not None:
        return _with(record, "claim-wrong", f"it says infeasible, and {_said(*best)}")
    loose = next((r for r in group if r["status"] in POINTS), None)
    if loose is not None:
        reason = f"it says infeasible, and {loose['solver']} has a point that holds within tolerances only"
        return _with(record, "solver-infeasible", reason)
    return _agreed(record, "infeasible", INFEASIBLE, group)


def _said_unbounded(record: Record, group: Sequence[Record]) -> Record:
    optima = [r for r in group if r["status"] in SOLVED and r.get("objective") is not None]
    if not optima:
        return _agreed(record, "unbounded", UNBOUNDED, group)
    proved = [r for r in optima if r["status"] in PROVED]
    best = min(proved or optima, key=lambda r: (_cost(r, r["objective"]), r["id"]))
    reason = f"it says unbounded, and {best['solver']} has an optimum of {best['objective']:.9g}"
    # where another solver agrees with it, or the optimum is one solver's word, nothing is settled
    wrong = proved and not record.get("confirmed")
    return _with(record, "claim-wrong" if wrong else "solver-unbounded", reason)


def _agreed(record: Record, said: str, words: Sequence[str], group: Sequence[Record]) -> Record:
    same = any(r["solver"] != record["solver"] and r["status"] in words for r in group)
    if record.get("confirmed") or (same and record.get("modest", True)):
        return _with(record, said, record.get("message") or "" if record["status"] == said else "")
    reason = record.get("message") if record["status"] not in ("infeasible", "unbounded") else ""
    return _with(record, f"solver-{said}", reason or f"it says {said}, and no other solver says so")


def _in_time(record: Record) -> Record:
    limit, seconds = record.get("time_limit"), record.get("seconds")
    if limit is None or seconds is None or record["status"] not in (*POINTS, *INFEASIBLE, *UNBOUNDED):
        return record
    if seconds <= limit + max(LATE, LATE_PART * limit):
        return record
    return _with(record, "limit", f"its answer took {seconds:.3g} s, and the time limit is {limit:.6g} s")


def _with(record: Record, status: str, message: str) -> Record:
    return {**record, "status": status, "message": message}


def disagreements(records: Iterable[Record]) -> list[str]:
    """Return a sentence for every program whose lowerings have different optima, their checks all holding."""
    every = list(records)
    unsure = {case for case, found in _programs(every).items() if len(found) > 1}
    groups: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in every:
        lowering = record["params"].get("lowering")
        if lowering is None or record["status"] not in SOLVED or record.get("objective") is None:
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
        room = max(best.get("allowance") or 0.0, worst.get("allowance") or 0.0, EQUAL * abs(low))
        room += 2.0 * float(worst["gap_asked"]) * max(abs(low), abs(high))
        if abs(high - low) > room:
            found.append(f"{name}: the optimum is {low:.9g} with {first} and {high:.9g} with {last}")
    return found
