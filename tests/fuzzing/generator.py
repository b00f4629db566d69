"""Hostile small models, each from a seed of its own.

Every family draws from `numbers` of one of two scales: ``ordinary`` (1e-3 ... 1e4) and ``hostile`` (1e-9 ... 1e9).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from tests.fuzzing.exact import Answer, Exact, Limit, optimum, rational
from tests.fuzzing.problem import Column, Indicator, Ordered, Problem, Row, exact_of

__all__ = ["AUDITS", "SOLVES", "audited", "free_integers", "needed_by", "solved"]

SCALES = ("ordinary", "hostile")


def number(rng: random.Random, scale: str) -> float:
    """Draw a positive number."""
    draw = rng.random()
    if draw < 0.5:
        return float(rng.randint(1, 9))
    if scale == "ordinary":
        if draw < 0.8:
            return round(rng.uniform(0.05, 40), rng.choice((1, 2, 3)))
        return float(f"{10 ** rng.uniform(-2.9, 3.9):.{rng.choice((1, 3))}g}")
    if draw < 0.6:
        return round(rng.uniform(0.05, 40), 3)
    if draw < 0.9:
        return float(f"{10 ** rng.uniform(-8.9, 8.9):.{rng.choice((1, 2, 4))}g}")
    return rng.choice((1e-9, 1e-6, 1e6, 1e9, 1 / 3, 0.1, math.pi))


def signed(rng: random.Random, scale: str) -> float:
    return number(rng, scale) * rng.choice((-1, 1))


def column(rng: random.Random, scale: str, name: str, *, integer: bool = False) -> Column:
    """Draw a column with two bounds, one, or none."""
    draw = rng.random()
    if integer:
        low = float(rng.randint(-4, 2))
        high = low + rng.randint(0, 7)
    elif draw < 0.7:
        low, high = 0.0, number(rng, scale)
    else:
        low = signed(rng, scale)
        high = low + number(rng, scale)
    draw = rng.random()
    if draw < 0.08:
        low, high = -math.inf, math.inf
    elif draw < 0.16:
        high = math.inf
    elif draw < 0.22:
        low = -math.inf
    return Column(name, low, high, integer)


def random_terms(
    rng: random.Random, scale: str, names: list[str], most: int = 3
) -> tuple[tuple[str, float], ...]:
    chosen = rng.sample(names, min(len(names), rng.randint(1, most)))
    return tuple((name, signed(rng, scale)) for name in sorted(chosen))


def inside(rng: random.Random, scale: str, columns: list[Column]) -> dict[str, float]:
    """Draw a point within the bounds; its numbers are short, so that rows through it are short as well."""
    point = {}
    for c in columns:
        low = c.lower if math.isfinite(c.lower) else min(-5.0, c.upper)
        high = c.upper if math.isfinite(c.upper) else max(low + 5.0, number(rng, scale))
        v = rng.choice((low, high, low + (high - low) * rng.random()))
        point[c.name] = float(round(v)) if c.integer else min(max(float(f"{v:.3g}"), low), high)
    return point


def plain_rows(rng: random.Random, scale: str, columns: list[Column], count: int) -> list[Row]:
    """Draw rows of all kinds: sides, ranges, equalities, duplicates and nearly parallel ones.

    In most models they hold at one point, since rows drawn without any thought leave nothing feasible.
    """
    rows: list[Row] = []
    names = [c.name for c in columns]
    centre = inside(rng, scale, columns) if rng.random() < 0.8 else None
    for k in range(count):
        name, draw = f"r{k}", rng.random()
        if rows and draw < 0.12:
            old = rng.choice(rows)
            nearly = tuple((n, v * (1 + rng.choice((0, 0, 1e-9, -1e-7, 1e-3)))) for n, v in old.terms)
            rows.append(replace(old, name=name, terms=nearly))
            continue
        terms = random_terms(rng, scale, names)
        middle = signed(rng, scale) if rng.random() < 0.8 else 0.0
        spare = 0.0
        if centre is not None:
            middle = float(f"{sum(v * centre[n] for n, v in terms):.12g}")
            spare = number(rng, scale) if rng.random() < 0.5 else 0.0
        if draw < 0.5:
            rows.append(Row(name, terms, upper=middle + spare))
        elif draw < 0.75:
            rows.append(Row(name, terms, lower=middle - spare))
        elif draw < 0.9:
            rows.append(Row(name, terms, lower=middle - spare, upper=middle + number(rng, scale)))
        else:
            rows.append(Row(name, terms, lower=middle, upper=middle))
    return rows


def needed_by(
    problem: Problem, row: str, side: str, binary: str, off: int, limit: Limit | None = None
) -> Answer:
    """Solve max body over all but one side of a row, the binary at `off` and its term left out of the body."""
    return optimum(body_of(problem, row, side, binary, off), limit)


def body_of(problem: Problem, row: str, side: str, binary: str, at: int) -> Exact:
    """Return the problem that minimises minus the body of a side which is freed, with a binary fixed."""
    exact = exact_of(problem, sense=False)
    index = problem.index()
    k = next(k for k, r in enumerate(problem.rows) if r.name == row)
    terms, low, high = exact.rows[k]
    exact.rows[k] = (terms, low, None) if side == "upper" else (terms, None, high)
    sign = -1 if side == "upper" else 1
    b = index[binary]
    for j, v in terms.items():
        if j != b:
            exact.cost[j] = sign * v
    exact.lower[b] = exact.upper[b] = Fraction(at)
    return exact


def big_m_row(rng: random.Random, scale: str, problem: Problem, name: str) -> Row:
    """Draw a row that a binary switches, with an M that is enough, too small, by an ulp, or hugely loose."""
    binaries = [c.name for c in problem.columns if c.binary]
    others = [c.name for c in problem.columns if not c.binary]
    b = rng.choice(binaries)
    terms = random_terms(rng, scale, others, 2)
    rhs = rng.choice((0.0, 0.0, signed(rng, scale)))
    upper = rng.random() < 0.75
    off = rng.choice((0, 1, 1))
    # upper: body + d b <= right side; at `off` the room is M more than at the other value.
    probe = replace(
        problem,
        rows=(*problem.rows, Row(name, (*terms, (b, 1.0)), **({"upper": rhs} if upper else {"lower": rhs}))),
    )
    answer = needed_by(probe, name, "upper" if upper else "lower", b, off, Limit(400, 0.5))
    exact = rational(rhs)
    need = 0.0
    if answer.status == "optimal" and answer.value is not None:
        need = float(-answer.value - exact if upper else answer.value * -1 + exact)
    m = spoiled(rng, scale, need if need > 0 else number(rng, scale))
    d = m if off == 0 else -m
    if off == 0:
        # body <= rhs when b = 1, body <= rhs + M when b = 0: body + M b <= rhs + M
        right = rhs + m if upper else rhs - m
    else:
        right = rhs
    coefficient = d if upper else -d
    all_terms = (*terms, (b, coefficient))
    return Row(name, all_terms, upper=right) if upper else Row(name, all_terms, lower=right)


def spoiled(rng: random.Random, scale: str, need: float) -> float:
    """Return an M made from the M that is needed."""
    draw = rng.random()
    most = 1e4 if scale == "ordinary" else 1e9
    if draw < 0.25:
        m = need
    elif draw < 0.35:
        m = math.nextafter(need, rng.choice((0.0, math.inf)))
    elif draw < 0.5:
        m = need * rng.choice((0.1, 0.5, 0.9, 0.999, 1 - 1e-6, 1 - 1e-9))
    elif draw < 0.75:
        m = need * rng.choice((1.001, 1.01, 1.02, 2, 10))
    elif draw < 0.9:
        m = need * 10 ** rng.uniform(1, 3 if scale == "ordinary" else 7)
    else:
        m = number(rng, scale)
    m = float(f"{m:.4g}") if rng.random() < 0.3 else m
    return min(max(m, 1e-3 if scale == "ordinary" else 1e-9), most)


def big_m_model(rng: random.Random, scale: str) -> Problem:
    """Columns, a few rows, and one to three rows that binaries switch."""
    columns = [column(rng, scale, f"x{j}") for j in range(rng.randint(1, 4))]
    columns += [column(rng, scale, f"i{j}", integer=True) for j in range(rng.choice((0, 0, 1, 2)))]
    binaries = [Column(f"b{j}", 0.0, 1.0, True) for j in range(rng.randint(1, 3))]
    rows = plain_rows(rng, scale, columns + binaries * (rng.random() < 0.3), rng.randint(0, 3))
    columns += binaries
    problem = Problem(tuple(columns), tuple(rows))
    made = []
    for k in range(rng.randint(1, 3)):
        row = big_m_row(rng, scale, problem, f"m{k}")
        problem = replace(problem, rows=(*problem.rows, row))
        if rng.random() < 0.5:
            made.append(row.name)
    return with_objective(rng, scale, replace(problem, big_m=tuple(made)))


def fixed_charge(rng: random.Random, scale: str) -> Problem:
    """Sites with fixed costs that must deliver demands: the textbook model, M's of every size."""
    sites, products = rng.randint(1, 3), rng.randint(1, 2)
    columns: list[Column] = []
    rows: list[Row] = []
    demand = [number(rng, scale) for _ in range(products)]
    bounded = rng.random() < 0.6
    for i in range(sites):
        for p in range(products):
            most = demand[p] if bounded else math.inf
            columns.append(Column(f"x{i}{p}", 0.0, most, cost=number(rng, scale)))
        columns.append(Column(f"b{i}", 0.0, 1.0, True, cost=10 * number(rng, "ordinary")))
        m = spoiled(rng, scale, sum(demand))
        terms = (*((f"x{i}{p}", 1.0) for p in range(products)), (f"b{i}", -m))
        rows.append(Row(f"m{i}", terms, upper=0.0))
    for p in range(products):
        terms = tuple((f"x{i}{p}", 1.0) for i in range(sites))
        equal = rng.random() < 0.4
        rows.append(Row(f"r{p}", terms, lower=demand[p], upper=demand[p] if equal else math.inf))
    declared = tuple(f"m{i}" for i in range(sites)) if rng.random() < 0.5 else ()
    return Problem(tuple(columns), tuple(rows), big_m=declared)


def with_objective(rng: random.Random, scale: str, problem: Problem) -> Problem:
    draw = rng.random()
    if draw < 0.1:
        return problem
    columns = tuple(replace(c, cost=signed(rng, scale)) if rng.random() < 0.7 else c for c in problem.columns)
    return replace(problem, columns=columns, maximise=rng.random() < 0.3)


def with_sets(rng: random.Random, scale: str, problem: Problem) -> Problem:
    """Add what is no row: indicators, ordered sets, semi-continuous columns."""
    continuous = [c.name for c in problem.columns if not c.integer]
    binaries = [c.name for c in problem.columns if c.binary]
    draw = rng.random()
    if draw < 0.34 and binaries:
        row = Row("k0", random_terms(rng, scale, continuous, 2), upper=signed(rng, scale))
        if rng.random() < 0.3:
            row = replace(row, lower=row.upper, upper=math.inf)
        return replace(problem, indicators=(Indicator(rng.choice(binaries), rng.choice((0, 1)), row),))
    if draw < 0.67 and len(continuous) >= 2:
        kind = rng.choice((1, 2))
        members = tuple(rng.sample(continuous, rng.randint(2, min(4, len(continuous)))))
        return replace(problem, ordered=(Ordered("s0", kind, members),))
    fit = [c for c in problem.columns if not c.integer and math.isfinite(c.upper) and c.upper > 0]
    if fit:
        c = rng.choice(fit)
        low = min(c.upper, float(f"{c.upper * rng.uniform(0, 0.9):.3g}"))
        return problem.with_column(c.name, lower=low, semi=True)
    return problem


def mixed(rng: random.Random, scale: str) -> Problem:
    """Columns and rows of every kind, without any thought."""
    more = rng.random() < 0.2
    columns = [column(rng, scale, f"x{j}") for j in range(rng.randint(1, 6 if more else 4))]
    columns += [column(rng, scale, f"i{j}", integer=True) for j in range(rng.randint(0, 5 if more else 3))]
    columns += [Column(f"b{j}", 0.0, 1.0, True) for j in range(rng.randint(0, 2))]
    rows = plain_rows(rng, scale, columns, rng.randint(1, 7 if more else 5))
    problem = with_objective(rng, scale, Problem(tuple(columns), tuple(rows)))
    return with_sets(rng, scale, problem) if rng.random() < 0.25 else problem


def big_m_solved(rng: random.Random, scale: str) -> Problem:
    problem = big_m_model(rng, scale)
    return with_sets(rng, scale, problem) if rng.random() < 0.2 else problem


def knapsack(rng: random.Random, scale: str) -> Problem:
    """Integers only, one or two capacities, perhaps an equality."""
    columns = tuple(
        Column(f"i{j}", 0.0, float(rng.randint(1, 3)), True, number(rng, scale))
        for j in range(rng.randint(2, 6))
    )
    weights = [float(rng.randint(1, 30)) if rng.random() < 0.7 else number(rng, scale) for _ in columns]
    terms = tuple((c.name, w) for c, w in zip(columns, weights, strict=True))
    room = float(f"{sum(weights) * rng.uniform(0.2, 0.9):.4g}")
    lower = room if rng.random() < 0.15 else -math.inf
    return Problem(columns, (Row("r0", terms, lower, room),), maximise=True)


def convex(rng: random.Random, scale: str) -> Problem:
    """A few squares in the objective, minimised."""
    problem = replace(mixed(rng, scale), maximise=False, ordered=(), indicators=())
    columns = tuple(replace(c, semi=False) for c in problem.columns)[:4]
    names = {c.name for c in columns}
    rows = tuple(
        replace(r, terms=tuple(t for t in r.terms if t[0] in names))
        for r in problem.rows[:3]
        if any(t[0] in names for t in r.terms)
    )
    squares = tuple((c.name, number(rng, scale)) for c in columns if rng.random() < 0.7)
    return replace(problem, columns=columns, rows=rows, squares=squares)


def at_the_edge(rng: random.Random, scale: str) -> Problem:
    """A problem with a row through its own optimum, or just beyond or short of it."""
    problem = rng.choice((mixed, big_m_solved, knapsack))(rng, scale)
    answer = optimum(exact_of(problem), Limit(400, 0.5))
    terms = tuple((c.name, c.cost) for c in problem.columns if c.cost)
    if answer.status != "optimal" or answer.value is None or not terms:
        return problem
    best = float(answer.value) * (-1 if problem.maximise else 1)
    beyond = (
        rng.choice((0.0, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-3)) * rng.choice((-1, 1, 1)) * max(1.0, abs(best))
    )
    row = Row("z0", terms, lower=best + beyond) if problem.maximise else Row("z0", terms, upper=best - beyond)
    if rng.random() < 0.5:
        problem = replace(problem, columns=tuple(replace(c, cost=0.0) for c in problem.columns))
    return replace(problem, rows=(*problem.rows, row))


def scaled(rng: random.Random, scale: str) -> Problem:
    """An ordinary problem in other units: rows and continuous columns times powers of ten."""
    problem = rng.choice((mixed, big_m_model, fixed_charge))(rng, "ordinary")
    if scale == "ordinary":
        return problem
    units = {c.name: 1.0 if c.integer else 10.0 ** rng.randint(-5, 5) for c in problem.columns}
    columns = tuple(
        replace(c, lower=c.lower / units[c.name], upper=c.upper / units[c.name], cost=c.cost * units[c.name])
        for c in problem.columns
    )
    rows = []
    for row in problem.rows:
        u = 10.0 ** rng.randint(-4, 4)
        terms = tuple((name, v * units[name] * u) for name, v in row.terms)
        rows.append(replace(row, terms=terms, lower=row.lower * u, upper=row.upper * u))
    indicators = tuple(
        replace(k, row=replace(k.row, terms=tuple((name, v * units[name]) for name, v in k.row.terms)))
        for k in problem.indicators
    )
    return replace(problem, columns=columns, rows=tuple(rows), indicators=indicators)


def large_integers(rng: random.Random, scale: str) -> Problem:
    """Integers with wide bounds, and coefficients for which a millionth of an integer matters."""
    columns = tuple(
        Column(f"i{j}", float(rng.choice((0, -50))), float(10 ** rng.randint(1, 5)), True, signed(rng, scale))
        for j in range(rng.randint(2, 4))
    )
    names = [c.name for c in columns]
    rows = plain_rows(rng, scale, list(columns), rng.randint(1, 3))
    if rng.random() < 0.5:
        terms = tuple((name, float(rng.randint(-99, 99) or 1)) for name in names)
        total = float(rng.randint(-500, 500))
        rows.append(Row("e0", terms, lower=total, upper=total))
    return Problem(columns, tuple(rows), maximise=rng.random() < 0.3)


def free_integers(rng: random.Random, _scale: str = "ordinary") -> Problem:
    """The shape of HiGHS issue 3274: a sum of integers that are free, linked by an equality to one that is not."""
    switch = Column("on", 0.0, 1.0, True, float(rng.randint(0, 1)))
    most = rng.randint(2, 4)
    x0 = Column("x0", 0.0, float(most), False, 1.0)
    x1 = Column("x1", -math.inf, float(rng.randint(0, 1)), True, float(rng.choice((0, 0, 1))))
    x2 = Column("x2", -math.inf, math.inf, True)
    a, b = rng.randint(2, 9), rng.randint(1, 5)
    rows = [
        Row("l", (("x0", 1.0), ("on", -float(rng.randint(1, 2)))), lower=0.0),
        Row("h", (("x0", 1.0), ("on", -float(rng.randint(2, 4)))), upper=0.0),
        Row("c", (("x0", float(a)), ("x1", float(b))), lower=float(rng.randint(1, a))),
        Row("e", (("x0", 1.0), ("x1", -1.0), ("x2", -float(rng.choice((1, 1, 1, 2))))), lower=0.0, upper=0.0),
    ]
    rng.shuffle(rows)
    return Problem((x0, x1, x2, switch), tuple(rows))


Family = Callable[[random.Random, str], Problem]
AUDITS: tuple[tuple[Family, float], ...] = ((big_m_model, 0.7), (fixed_charge, 0.2), (scaled, 0.1))
SOLVES: tuple[tuple[Family, float], ...] = (
    (mixed, 0.25),
    (big_m_solved, 0.15),
    (fixed_charge, 0.1),
    (knapsack, 0.1),
    (convex, 0.1),
    (at_the_edge, 0.15),
    (scaled, 0.1),
    (large_integers, 0.05),
)


def drawn(families: tuple[tuple[Family, float], ...], rng: random.Random, scale: str) -> Problem:
    return rng.choices([f for f, _ in families], [w for _, w in families])[0](rng, scale)


def audited(rng: random.Random, scale: str) -> Problem:
    return drawn(AUDITS, rng, scale)


def solved(rng: random.Random, scale: str) -> Problem:
    return drawn(SOLVES, rng, scale)
