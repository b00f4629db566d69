"""The inequality that certificates rest on, against its formula and against enumeration, and numbers in documents."""

import hashlib
import itertools
import json
import random
from dataclasses import replace
from fractions import Fraction
from math import inf

import pytest

from proofolio.verification.exact.certificate import (
    System,
    bound,
    digest,
    evaluate,
    is_basic,
    proves_empty,
    read_number,
    read_numbers,
    read_side,
    side_text,
    violation,
    written,
)

F = Fraction


def drawn_system(rng, n, m, infinite=0.25):
    """A system with infinite sides, freed sides and fixed columns; its corners are small thirds."""

    def side():
        return None if rng.random() < infinite else F(rng.randint(-6, 6), rng.randint(1, 3))

    return System(
        tuple({j: F(rng.randint(-3, 3)) for j in range(n) if rng.random() < 0.8} for _ in range(m)),
        tuple(side() for _ in range(m)),
        tuple(side() for _ in range(m)),
        tuple(side() for _ in range(n)),
        tuple(side() for _ in range(n)),
        frozenset((i, w) for i in range(m) for w in ("lower", "upper") if rng.random() < 0.2),
        {j: F(rng.randint(-4, 4), 2) for j in range(n) if rng.random() < 0.25},
    )


def in_order(low, high):
    return (low, high) if low is None or high is None or low <= high else (high, low)


def ends(system, i):
    """The two sides of a row as the system means them, infinite where there is none."""
    low = None if (i, "lower") in system.freed else system.low[i]
    high = None if (i, "upper") in system.freed else system.high[i]
    return low, high


def by_the_formula(system, c, y):
    """sum max(y a, y b) + sum max(r l, r u) with r = c - A'y; None where a factor meets infinity."""
    n = len(system.lower)
    r = [
        c.get(j, F(0)) - sum(y.get(i, F(0)) * row.get(j, F(0)) for i, row in enumerate(system.rows))
        for j in range(n)
    ]
    pairs = [(y.get(i, F(0)), *ends(system, i)) for i in range(len(system.rows))]
    for j in range(n):
        low, high = (system.fixed[j],) * 2 if j in system.fixed else (system.lower[j], system.upper[j])
        pairs.append((r[j], low, high))
    total = F(0)
    for factor, low, high in pairs:
        end = high if factor > 0 else low
        if factor and end is None:
            return None
        total += factor * end if factor else 0
    return total


def test_the_bound_is_that_of_the_formula():
    rng = random.Random(1)
    seen = set()
    for _ in range(400):
        n, m = rng.randint(1, 3), rng.randint(0, 3)
        system = drawn_system(rng, n, m)
        c = {j: F(rng.randint(-3, 3)) for j in range(n) if rng.random() < 0.7}
        y = {i: F(rng.randint(-2, 2)) for i in range(m) if rng.random() < 0.7}
        found = bound(system, c, y)
        assert found == by_the_formula(system, c, y)
        seen.add((found is None, bool(system.fixed), bool(system.freed), bool(y)))
    assert len(seen) > 10


def test_multipliers_of_rows_that_are_none_prove_nothing():
    system = System(({0: F(1)},), (F(0),), (F(2),), (F(0),), (F(9),))
    assert bound(system, {0: F(1)}, {0: F(1)}) == 2
    assert bound(system, {0: F(1)}, {1: F(1)}) is None
    assert bound(system, {0: F(1)}, {-1: F(1)}) is None
    assert bound(system, {0: F(1)}, {1: F(0), 5: F(0)}) == 9
    assert bound(system, {}, {}) == 0


def test_a_proof_of_emptiness_is_a_bound_below_zero():
    # x <= 1 by a row, x >= 1 or 1 + 1e-9 by the other
    rows = ({0: F(1)}, {0: F(1)})

    def at_least(side):
        return System(rows, (None, side), (F(1), None), (None,), (None,))

    y = {0: F(1), 1: F(-1)}
    assert not proves_empty(at_least(F(1)), y)  # the point x = 1 is left
    assert proves_empty(at_least(F(1) + F(1, 10**9)), y)
    assert not proves_empty(at_least(F(2)), {0: F(-1), 1: F(1)})  # sides that there are not


def test_the_violation_is_the_largest_distance_from_a_side():
    rng = random.Random(2)
    for _ in range(300):
        n, m = rng.randint(1, 3), rng.randint(0, 3)
        system = drawn_system(rng, n, m)
        x = {j: F(rng.randint(-9, 9), 2) for j in range(n) if rng.random() < 0.8}
        values = [x.get(j, F(0)) for j in range(n)]
        boxes = [
            (system.fixed[j],) * 2 if j in system.fixed else (system.lower[j], system.upper[j])
            for j in range(n)
        ]
        watched = [(values[j], *boxes[j]) for j in range(n)]
        for i, row in enumerate(system.rows):
            watched.append((sum((a * values[j] for j, a in row.items()), F(0)), *ends(system, i)))
        worst = F(0)
        for value, low, high in watched:
            worst = max(
                worst, value - (inf if high is None else high), (-inf if low is None else low) - value
            )
        assert violation(system, x) == worst


def test_a_row_at_a_point():
    assert evaluate({0: F(2), 3: F(-1, 2)}, {0: F(3), 3: F(4), 5: F(7)}) == 4
    assert evaluate({0: F(2), 3: F(-1, 2)}, {0: F(3)}) == 6  # absent columns are zero
    assert evaluate({}, {}) == 0


def rank(rows):
    rows, found = [list(row) for row in rows], 0
    for k in range(len(rows[0]) if rows else 0):
        at = next((i for i in range(found, len(rows)) if rows[i][k]), None)
        if at is None:
            continue
        rows[found], rows[at] = rows[at], rows[found]
        for i in range(found + 1, len(rows)):
            share = rows[i][k] / rows[found][k]
            rows[i] = [a - share * b for a, b in zip(rows[i], rows[found], strict=True)]
        found += 1
    return found


def test_basic_multipliers_are_on_independent_rows_and_bounds():
    rng = random.Random(3)
    counts = {True: 0, False: 0}
    for _ in range(500):
        n, m = rng.randint(1, 4), rng.randint(1, 4)
        system = System(
            tuple({j: F(rng.randint(-2, 2)) for j in range(n) if rng.random() < 0.8} for _ in range(m)),
            (F(0),) * m,
            (F(0),) * m,
            (F(0),) * n,
            (F(0),) * n,
        )
        c = {j: F(rng.randint(-2, 2)) for j in range(n) if rng.random() < 0.7}
        y = {i: F(rng.randint(-2, 2)) for i in range(m) if rng.random() < 0.8}
        dense = [[row.get(j, F(0)) for j in range(n)] for row in system.rows]
        for j in range(n):
            if rng.random() < 0.6:  # nothing is left to the bound of the column
                c[j] = sum((y.get(i, F(0)) * dense[i][j] for i in range(m)), F(0))
        left = [
            c.get(j, F(0)) - sum((y.get(i, F(0)) * dense[i][j] for i in range(m)), F(0)) for j in range(n)
        ]
        used = [dense[i] for i, v in y.items() if v]
        used += [[F(k == j) for k in range(n)] for j in range(n) if left[j]]
        right = rank(used) == len(used)
        assert is_basic(system, c, y) is right
        counts[right] += 1
    assert min(counts.values()) > 50


def test_numbers_are_read_as_they_are_written_and_nothing_else_is():
    for value in (F(0), F(-7), F(22, 7), F(-1, 10**30)):
        assert read_number(str(value)) == value
        assert read_side(side_text(value)) == value
    assert side_text(None) is None
    assert read_side(None) is None
    for text in ("", "1.5", "1e3", " 1", "1/-2", "nan", "1/0", "١", "1_0", 3, 1.5, None, F(1)):
        with pytest.raises(ValueError, match="no rational number"):
            read_number(text)
    row = {4: F(1, 3), 0: F(0), 2: F(-5)}
    assert written(row) == {"4": "1/3", "2": "-5"}
    assert read_numbers(written(row)) == {4: F(1, 3), 2: F(-5)}


def test_a_digest_is_of_all_but_itself():
    content = {"b": [1, {"c": "2"}], "a": None}
    expected = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert digest(content) == expected
    assert digest({**content, "digest": "x"}) == expected
    assert digest({"a": None, "b": [1, {"c": "3"}]}) != expected
    assert digest(dict(reversed(content.items()))) == expected


def test_a_bound_holds_at_every_point_of_a_grid():
    """What is proved is true: no grid point of a system has more than its bound."""
    rng = random.Random(4)
    grid = [F(k, 2) for k in range(-6, 7)]
    tight = 0
    for _ in range(60):
        drawn = drawn_system(rng, 2, 2, infinite=0.1)
        low, high = zip(*map(in_order, drawn.low, drawn.high), strict=True)
        lower, upper = zip(*map(in_order, drawn.lower, drawn.upper), strict=True)
        system = replace(drawn, low=low, high=high, lower=lower, upper=upper)
        c = {0: F(rng.randint(-3, 3)), 1: F(rng.randint(-3, 3))}
        points = [dict(enumerate(p)) for p in itertools.product(grid, grid)]
        inside = [evaluate(c, x) for x in points if violation(system, x) == 0]
        for y in ({}, {0: F(1)}, {0: F(-1), 1: F(1, 2)}, {1: F(-2)}):
            found = bound(system, c, y)
            if found is not None and inside:
                assert max(inside) <= found
                tight += max(inside) == found
            if proves_empty(system, y):
                assert not inside
    assert tight
