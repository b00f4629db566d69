"""What was said about a problem, against the truth in rationals.

A `Wrong` is a word that is untrue; a `note` is a true word where the definitions ask for another (``loose`` said of
a side whose off value allows nothing, say). Words that claim nothing (``undecided``, ``solver-optimal``,
``limit``) are never wrong, and are counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from tests.fuzzing.claims import Case, truth_of
from tests.fuzzing.exact import Answer, Bound, Exact, Limit, bounded, optimum, rational
from tests.fuzzing.generator import body_of
from tests.fuzzing.problem import Problem, Row, exact_of, ordinary

__all__ = ["Report", "Wrong", "judge_audit", "judge_claim", "judge_solution", "judge_tightened"]

EPS_INT = Fraction(1, 10**6)  # how far from an integer HiGHS and SCIP leave a binary
FEASIBILITY = 1e-6  # absolute, relative to sizes above 1: the tolerance of rows in the checks
WORSE = Fraction(2, 10**6)  # twice the 1e-6 of the definition of `safe`, so that a close call is none
TOO_MUCH = Fraction(101, 100)  # an M is loose beyond this multiple of what is needed
PROVED = {"certified-optimal", "verified-optimal"}
SETTLED = PROVED | {"infeasible", "unbounded"}
POINT = PROVED | {"solver-optimal", "verified-feasible"}
DECIDED = {"tight", "loose", "valid", "redundant", "forcing", "dead", "binding", "invalid"}


@dataclass(frozen=True)
class Wrong:
    """An untrue word: about what, what came out, and what is right."""

    word: str
    about: str
    came: str
    right: str

    def __str__(self) -> str:
        return f"{self.word} ({self.about}): came {self.came}; right is {self.right}"


@dataclass
class Report:
    """What one instance gave."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    notes: list[Wrong] = field(default_factory=list)


def shown(v: Fraction | float | None) -> str:
    return "none" if v is None else f"{float(v):.17g}"


def ulp(v: Fraction | float) -> Fraction:
    return Fraction(math.ulp(float(v)))


# --- audits -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One side of a row and a binary, as ``body + d y <= rhs``."""

    row: Row
    side: str
    binary: str
    d: Fraction
    rhs: Fraction

    @property
    def big_m(self) -> Fraction:
        return abs(self.d)

    @property
    def off(self) -> int:
        return 0 if self.d > 0 else 1

    @property
    def tight_rhs(self) -> Fraction:
        return self.rhs - max(Fraction(0), self.d)


def side_of(problem: Problem, name: str, side: str, binary: str) -> Side | None:
    """Return the side, also where a file holds the second side of a range as a row of its own, ``..._l``."""
    found = {row.name: row for row in problem.rows}
    row = found.get(name) or found.get(name.removesuffix("_l"))
    if row is None:
        return None
    d = rational(dict(row.terms).get(binary, 0.0))
    limit = bounded(row.upper if side == "upper" else row.lower)
    if limit is None or not d:
        return None
    sign = 1 if side == "upper" else -1
    return Side(row, side, binary, sign * d, sign * limit)


def top(problem: Problem, side: Side, at: int, limit: Limit) -> Answer:
    """Maximise the body over the rest of the model with the binary fixed; `value` is the maximum."""
    answer = optimum(body_of(problem, side.row.name, side.side, side.binary, at), limit)
    return Answer(answer.status, None if answer.value is None else -answer.value, answer.point)


def rounding(problem: Problem, side: Side, point: tuple[Fraction, ...] | None) -> Fraction:
    """Return what a row's own numbers may be off by: 4 ulp of the largest of them that is no whole number."""
    sizes = [ulp(side.big_m), ulp(side.rhs)]
    if point is not None:
        index = problem.index()
        for name, v in side.row.terms:
            product = rational(v) * point[index[name]]
            if product.denominator != 1 or abs(product) > 2**53:
                sizes.append(ulp(product))
    return 4 * max(sizes)


def judge_audit(problem: Problem, audit: Any, declared: set[str], limit: Limit | None = None) -> Report:
    """Judge every word of an audit made through a route that keeps the names."""
    report = Report()
    limit = limit or Limit()
    for said in audit.rows:
        side = side_of(problem, said.row, said.side, said.binary)
        about = f"{said.row} {said.side} {said.binary}"
        if side is None and said.binary.endswith("_nonzero"):
            report.counts["verdict of a lowered column"] += 1
            continue
        if side is None:
            report.wrong.append(Wrong("candidate", about, "a candidate", "the model has no such side"))
            continue
        judge_side(problem, said, side, about, side.row.name in declared, limit, report)
    return report


def judge_side(
    problem: Problem, said: Any, side: Side, about: str, declared: bool, limit: Limit, report: Report
) -> None:
    off, on = top(problem, side, side.off, limit), top(problem, side, 1 - side.off, limit)
    if "unknown" in (off.status, on.status):
        report.counts["verdict not judged"] += 1
        return
    m = side.big_m
    needed: Fraction | float
    if off.status == "optimal":
        needed = off.value - side.tight_rhs
    else:
        needed = -math.inf if off.status == "infeasible" else math.inf
    eps = rounding(problem, side, off.point)
    enough = needed <= m + eps
    on_value = {"infeasible": -math.inf, "unbounded": math.inf}.get(on.status, on.value)
    never_binds = on_value <= side.tight_rhs + rounding(problem, side, on.point) and enough
    dead = on.status != "infeasible" and not feasible_on(problem, side, limit)
    truths = {
        "forcing": off.status == "infeasible",
        "dead": dead,
        "redundant": never_binds,
        "tight": off.status == "optimal" and enough and m <= TOO_MUCH * (needed + eps),
        "loose": enough and (needed <= 0 or m > TOO_MUCH * (needed - eps)),
        "valid": enough,
        "binding": needed > m and not declared,
        "no M": needed == math.inf
        and not declared,  # undecided by definition: a flat model says nothing of it
        "invalid": needed > m and declared,
        "undecided": True,
    }
    right = next(
        word
        for word in (
            "forcing",
            "dead",
            "redundant",
            "tight",
            "loose",
            "no M",
            "binding",
            "invalid",
            "undecided",
        )
        if truths[word]
    )
    word = said.verdict
    facts = f"{right} (M {shown(m)}, needed {shown(needed)}, body with the binary on up to {shown(on_value)})"
    report.counts[f"verdict {word}"] += 1
    report.counts["verdict decided"] += word in DECIDED
    report.counts["verdict undecided, no M exists"] += word == "undecided" and right == "no M"
    report.counts["verdicts"] += not (word == "undecided" and right == "no M")

    def wrong(name: str, came: str, instead: str = facts) -> None:
        report.wrong.append(Wrong(name, about, came, instead))

    if not truths.get(word, False):
        wrong(word, f"{word}, needed {said.needed}, {said.reason}")
    elif word != right and word not in ("undecided", "valid") and (word, right) != ("binding", "no M"):
        report.notes.append(Wrong(word, about, word, facts))
    elif word == "undecided" and right != "no M" and ordinary(problem):
        report.notes.append(Wrong(word, about, f"{word}, {said.reason}", facts))
    elif word in ("binding", "invalid") and enough:
        report.notes.append(Wrong(word, about, word, f"short, within rounding {shown(eps)}: {facts}"))
    low, high = said.needed
    # A number printed may be read as a double or as a decimal; it must not be untrue in both readings.
    if math.isfinite(low) and min(Fraction(low), rational(low)) > needed:
        wrong("lo" if rational(low) > needed + eps else "lo by a rounding", f"{low!r} <= needed")
    if math.isfinite(high) and max(Fraction(high), rational(high)) < needed:
        wrong("hi" if rational(high) < needed - eps else "hi by a rounding", f"needed <= {high!r}")
    if low > high:
        wrong("lo <= hi", f"[{low!r}, {high!r}]")
    if abs(rational(said.big_m) - m) > 0 or said.off_value != side.off:
        wrong("big_m", f"M {said.big_m!r}, off {said.off_value}", f"M {shown(m)}, off {side.off}")
    suggested = said.suggested_big_m
    if suggested is not None and max(Fraction(suggested), rational(suggested)) < needed:
        wrong("suggested_big_m", repr(suggested))
    if said.witness is not None and word in ("binding", "invalid"):
        fault = witness_fault(problem, side, said.witness)
        if fault:
            wrong("witness", fault, "a point of everything else that the row cuts")
    report.counts[f"safe {said.safe}"] += 1
    if said.safe is True:
        fault = leak_of(problem, side, off, limit)
        if fault:
            wrong("safe", "safe: true", fault)


def feasible_on(problem: Problem, side: Side, limit: Limit) -> bool:
    """Whether anything satisfies the model with the binary on; an unknown answer counts as yes."""
    exact = exact_of(problem, sense=False)
    b = problem.index()[side.binary]
    exact.lower[b] = exact.upper[b] = Fraction(1 - side.off)
    return optimum(exact, limit).status != "infeasible"


def witness_fault(problem: Problem, side: Side, witness: Mapping[str, Any]) -> str:
    """Return what is wrong with a point that a side is said to cut; columns it does not name are zero."""
    x = {c.name: float(witness.get(c.name, 0.0)) for c in problem.columns}
    if abs(x[side.binary] - side.off) > 0:
        return f"{side.binary} = {x[side.binary]} is not off"
    fault = point_fault(problem, x, 1e-9, without=(side.row.name, side.side))
    if fault:
        return fault
    body = sum(v * x[n] for n, v in side.row.terms if n != side.binary) * (1 if side.side == "upper" else -1)
    if body <= float(side.tight_rhs + side.big_m) - 1e-9 * abs(body):
        return f"its body {body!r} is not cut"
    return ""


def leak_of(problem: Problem, side: Side, off: Answer, limit: Limit) -> str:
    """Return a point that a tolerance of integrality lets in and that beats every true one, or nothing.

    The binary stands at its on value moved by 1e-6 and everything holds exactly; all but this side holds with the
    binary rounded too, so that what another row leaks is not blamed on this one. With the binary rounded and the
    tolerance of every row used up as well, nothing so good is left. What counts as better is relative to the
    objective there, and where the side lets through the most.
    """
    exact = exact_of(problem)
    b = problem.index()[side.binary]
    on = Fraction(1 - side.off)
    moved = replace(exact, lower=list(exact.lower), upper=list(exact.upper), integer=list(exact.integer))
    moved.integer[b] = False
    moved.lower[b] = moved.upper[b] = on + (EPS_INT if side.off else -EPS_INT)
    moved.rows = list(exact.rows)
    for row, (terms, low, high) in zip(problem.rows, exact.rows, strict=False):
        if b in terms:
            if row.name == side.row.name:
                low, high = (low, None) if side.side == "upper" else (None, high)
            rest = {j: v for j, v in terms.items() if j != b}
            shift = terms[b] * on
            moved.rows.append((rest, less(low, shift), less(high, shift)))
    leaked = optimum(moved, limit)
    if leaked.status not in ("optimal", "unbounded"):
        return ""
    truth = optimum(loosened(exact, leaked.point or off.point or [Fraction(0)] * exact.n), limit)
    if truth.status in ("unknown", "unbounded"):
        return ""
    if truth.status == "infeasible":
        return f"nothing is feasible, and {named(problem, leaked)} is within the tolerance of integrality"
    if leaked.status == "unbounded":
        return "unbounded within the tolerance of integrality"
    size = max(natural(exact, p) for p in (truth.point, leaked.point, off.point) if p is not None)
    if off.point is None:  # nothing else says how much the side is for: M does
        index = problem.index()
        amounts = [(exact.cost[index[n]], rational(a)) for n, a in side.row.terms if n != side.binary]
        size = max([size, *(abs(c * side.big_m / a) for c, a in amounts)])
    if leaked.value < truth.value - WORSE * size:
        return f"{shown(leaked.value)} at {named(problem, leaked)} within tolerance, and {shown(truth.value)} is true"
    return ""


def less(limit: Bound, shift: Fraction) -> Bound:
    return None if limit is None else limit - shift


def named(problem: Problem, answer: Answer) -> str:
    point = answer.point or ()
    return ", ".join(f"{c.name} = {float(v):.9g}" for c, v in zip(problem.columns, point, strict=False))


def natural(exact: Exact, x: Any) -> Fraction:
    """Return the size of the objective's terms at a point."""
    sizes = [abs(c * v) for c, v in zip(exact.cost, x, strict=True)]
    sizes += [abs(v * x[i] * x[j]) / 2 for (i, j), v in exact.quadratic.items()]
    return max(sizes, default=Fraction(0))


def judge_tightened(problem: Problem, program: Any, limit: Limit | None = None) -> Report:
    """Judge a tightened program: its optimum must be the one of the problem."""
    report = Report(Counter({"tightened": 1}))
    before, after = optimum(exact_of(problem), limit), optimum(exact_of_program(program), limit)
    if "unknown" in (before.status, after.status):
        return report
    same = before.status == after.status
    if same and before.value is not None:
        size = max(abs(before.value), natural(exact_of(problem), before.point))
        same = abs(after.value - before.value) <= size * Fraction(1, 10**9)
    if not same:
        came = f"{after.status} {shown(after.value)}"
        report.wrong.append(Wrong("tighten", "optimum", came, f"{before.status} {shown(before.value)}"))
    return report


def exact_of_program(program: Any) -> Exact:
    """Return a linear program of the product, with its indicators and ordered sets, in rationals."""
    exact = Exact(
        [*map(bounded, program.lower)], [*map(bounded, program.upper)], [*map(bool, program.integer)]
    )
    exact.cost = [rational(v) for v in program.q]
    exact.constant = rational(program.c)

    def linear(row: Any) -> dict[int, Fraction]:
        return {j: rational(v) for j, v in enumerate(row) if v}

    rows = zip(program.A.toarray(), program.row_lower, program.row_upper, strict=True)
    exact.rows = [(linear(row), bounded(low), bounded(high)) for row, low, high in rows]
    one = program.indicators
    for k, row in enumerate(one.matrix.toarray() if len(one) else ()):
        b, on = int(one.binary[k]), Fraction(int(one.on[k]))
        place = exact.n + len(exact.rows)
        exact.rows.append((linear(row), None, None))
        exact.choices.append(
            [[(b, 1 - on, 1 - on)], [(b, on, on), (place, bounded(one.lower[k]), bounded(one.upper[k]))]]
        )
    for group in program.sos:
        members = [int(j) for _, j in sorted(zip(group.weights, group.columns, strict=True))]
        places = [set(members[k : k + group.kind]) for k in range(max(1, len(members) - group.kind + 1))]
        exact.choices.append(
            [[(j, Fraction(0), Fraction(0)) for j in members if j not in kept] for kept in places]
        )
    return exact


# --- claims -----------------------------------------------------------------------------------------------------


def judge_claim(case: Case, verdict: str, reason: str) -> Report:
    """Judge ``proved`` and ``refuted``; what rounding may explain is right either way."""
    report = Report(Counter({f"claim {verdict}": 1, "claims": 1, "claim decided": verdict != "undecided"}))
    truth = truth_of(case)
    if truth is None:
        report.counts["claim not judged"] += 1
        return report
    exact = not max(truth.unsound, truth.incomplete)
    word = "true" if exact else "false" if truth.untrue else "true up to rounding"
    report.counts[f"truth {word}"] += 1
    facts = f"{word}: allows {shown(truth.unsound)} too much, cuts {shown(truth.incomplete)}"
    if (verdict, word) in (("proved", "false"), ("refuted", "true")):
        report.wrong.append(Wrong(verdict, "claim", f"{verdict} {reason}", facts))
    elif verdict == "undecided":
        report.notes.append(Wrong(verdict, "claim", f"{verdict}, {reason}", facts))
    return report


# --- solutions --------------------------------------------------------------------------------------------------


def point_fault(
    problem: Problem, x: Mapping[str, float], tolerance: float, without: tuple[str, str] = ("", "")
) -> str:
    """Return the first row, bound, integer or set that a point breaks by more than a tolerance."""

    def outside(v: float, low: float, high: float, size: float) -> bool:
        room = tolerance * max(1.0, size)
        return v < low - room or v > high + room

    for c in problem.columns:
        v = x[c.name]
        if c.integer and abs(v - round(v)) > 1e-6:
            return f"{c.name} = {v!r} is no integer"
        if outside(v, c.lower, c.upper, abs(v)) and not (c.semi and abs(v) <= tolerance):
            return f"{c.name} = {v!r} is outside [{c.lower!r}, {c.upper!r}]"
    rows = [*problem.rows, *(k.row for k in problem.indicators if round(x[k.binary]) == k.on)]
    for row in rows:
        parts = [v * x[name] for name, v in row.terms]
        low = -math.inf if without == (row.name, "lower") else row.lower
        high = math.inf if without == (row.name, "upper") else row.upper
        size = max([abs(p) for p in parts] + [abs(s) for s in (low, high) if math.isfinite(s)], default=0.0)
        if outside(math.fsum(parts), low, high, size):
            return f"{row.name} = {math.fsum(parts)!r} is outside [{low!r}, {high!r}]"
    for group in problem.ordered:
        places = [k for k, name in enumerate(group.members) if abs(x[name]) > tolerance]
        if len(places) > group.kind or (places and places[-1] - places[0] >= group.kind):
            return f"{group.name} has nonzeros in places {places}"
    return ""


def loosened(exact: Exact, x: list[Fraction]) -> Exact:
    """Return the problem with every side moved by the tolerance that a check grants at a point."""
    small = Fraction(FEASIBILITY)

    def moved(low: Bound, high: Bound, *sizes: Fraction) -> tuple[Bound, Bound]:
        size = max([Fraction(1), *map(abs, sizes)])
        return (
            None if low is None else low - small * max(size, abs(low)),
            None if high is None else high + small * max(size, abs(high)),
        )

    columns = [
        (low, high) if integer else moved(low, high, v)
        for low, high, integer, v in zip(exact.lower, exact.upper, exact.integer, x, strict=True)
    ]
    rows = [
        (terms, *moved(low, high, *(v * x[j] for j, v in terms.items()))) for terms, low, high in exact.rows
    ]
    return replace(exact, lower=[a for a, _ in columns], upper=[b for _, b in columns], rows=rows)


def judge_solution(
    problem: Problem,
    solution: Any,
    x: Mapping[str, float] | None,
    gap: float = 1e-6,
    limit: Limit | None = None,
) -> Report:
    """Judge the status, the point, the objective and the bound of an answer."""
    report = Report()
    status = solution.status
    exact = exact_of(problem)
    truth = optimum(exact, limit or Limit())
    report.counts[f"status {status}"] += 1
    report.counts["statuses"] += 1
    report.counts["status proved"] += status in SETTLED
    report.counts[f"truth {truth.status}"] += 1
    sign = -1 if problem.maximise else 1
    if status not in SETTLED and ordinary(problem):
        value = None if truth.value is None else sign * truth.value
        came = f"{status} {solution.objective!r}, {getattr(solution, 'message', '')}"
        report.notes.append(Wrong(status, "answer", came, f"{truth.status} {shown(value)}"))
    exactly_infeasible = bool(getattr(solution, "exactly_infeasible", False))

    def wrong(word: str, came: str, right: str) -> None:
        report.wrong.append(Wrong(word, "answer", came, right))

    if status in POINT:
        if x is None:
            wrong(status, "no point", "a point")
            return report
        fault = point_fault(problem, x, FEASIBILITY * (1 + 1e-9))
        if fault:
            wrong(status, fault, "a point that satisfies everything to 1e-6")
    if truth.status == "unknown":
        report.counts["status not judged"] += 1
        return report
    if status in ("infeasible", "unbounded") and status != truth.status:
        wrong(status, status, f"{truth.status} {shown(truth.value)}")
    if status in ("solver-infeasible", "solver-unbounded") and status != f"solver-{truth.status}":
        report.counts[f"untrue {status}"] += 1
    if status not in PROVED | {"solver-optimal"}:
        return report
    came = f"{status} {solution.objective!r} (bound {solution.bound!r})"
    if truth.status == "unbounded" or (truth.status == "infeasible" and not exactly_infeasible):
        if status in PROVED:
            wrong(status, came, truth.status)
        else:
            report.counts[f"untrue {status}"] += 1
        return report
    if truth.status == "infeasible":
        report.counts["exactly infeasible"] += 1
        if status == "certified-optimal":
            wrong(status, came, "infeasible")
        return report
    point = [rational(x[c.name]) for c in problem.columns]
    size = max(natural(exact, point), natural(exact, truth.point), abs(truth.value), Fraction(1, 10**9))
    value = sign * Fraction(solution.objective)
    slack = size * Fraction(1, 10**9)  # what doubles may lose in adding up the objective
    room = rational(gap) * max(abs(value), size) + slack
    worse = value > truth.value + room
    better = value < truth.value - (slack if status == "certified-optimal" else room)
    if better and status != "certified-optimal":  # a checked point may use the tolerance of every row
        least = optimum(loosened(exact, point), limit or Limit())
        better = least.status == "optimal" and value < least.value - room
        report.counts[f"{status}, better than any exact point"] += not better
    right = f"{shown(sign * truth.value)} at {named(problem, truth)}"
    if worse or better:
        if status in PROVED:
            wrong(status, came, right)
        else:
            report.counts[f"untrue {status}"] += 1
    certified = status == "certified-optimal" and solution.bound is not None and math.isfinite(solution.bound)
    if certified and sign * Fraction(solution.bound) > truth.value + slack:
        wrong("bound", came, right)
    return report
