"""500 random small programs with a planted Big-M row: verdicts against enumeration."""

import itertools
import math

import numpy as np
import pytest

from proofolio import Model, between
from proofolio.verification.audit.auditing import audit

PLANTS = ("loose", "tight", "one ulp short", "too small", "enormous")
SHAPES = ("upper", "lower", "equality", "ranged")
NEAR = 1e-9


def random_case(rng):
    """Rows low <= A x + B z <= high over continuous x in a box and binaries z, feasible at a known point."""
    n, k = int(rng.integers(2, 4)), int(rng.integers(1, 4))
    lower = np.round(rng.uniform(-5, 0, n), 2)
    upper = np.round(lower + rng.uniform(0.5, 8, n), 2)
    inside, z = np.round((lower + upper) / 2, 2), rng.integers(0, 2, k)
    rows = []
    for _ in range(int(rng.integers(0, 4))):
        a, b = np.round(rng.uniform(-3, 3, n), 2), np.round(rng.uniform(-3, 3, k), 2) * (rng.random(k) < 0.6)
        at = float(a @ inside + b @ z)
        low, high = round(at - rng.uniform(0, 4), 2), round(at + rng.uniform(0, 4), 2)
        kind = rng.integers(0, 3)
        rows.append((a, b, low if kind != 0 else -math.inf, high if kind != 1 else math.inf))
    if rng.random() < 0.3:  # a free column that only a row bounds
        j = int(rng.integers(0, n))
        rows.append((np.eye(n)[j] * 2, np.zeros(k), round(2 * lower[j], 2), round(2 * upper[j], 2)))
        lower[j], upper[j] = -math.inf, math.inf
    return lower, upper, rows, k


def largest(c, lower, upper, rows, z):
    """The largest c'x at a vertex of the rows with the binaries at z; -inf when there is none."""
    n = c.size
    normals, sides = [], []
    for j in range(n):
        for end, sign in ((upper[j], 1.0), (lower[j], -1.0)):
            if math.isfinite(end):
                normals.append(sign * np.eye(n)[j])
                sides.append(sign * end)
    for a, b, low, high in rows:
        for end, sign in ((high, 1.0), (low, -1.0)):
            if math.isfinite(end):
                normals.append(sign * a)
                sides.append(sign * (end - float(b @ z)))
    G, h = np.array(normals), np.array(sides)
    chosen = np.array(list(itertools.combinations(range(h.size), n)))
    M, r = G[chosen], h[chosen]
    regular = np.abs(np.linalg.det(M)) > 1e-9
    x = np.linalg.solve(M[regular], r[regular][..., None])[..., 0]
    held = x[np.all(x @ G.T <= h + 1e-8, axis=1)]
    return float((held @ c).max()) if held.size else -math.inf


def brute(c, lower, upper, rows, z_of):
    return max(largest(c, lower, upper, rows, z) for z in z_of)


def build(lower, upper, rows, k, planted, name="planted"):
    model = Model()
    x = model.variable("x", lower.size, lower=lower, upper=upper)
    z = model.variable("z", k, binary=True)
    for i, (a, b, low, high) in enumerate([*rows, planted]):
        body = (a * x).sum() + (b * z).sum()
        called = name if i == len(rows) else f"row{i}"
        if math.isinf(low):
            model.add(called, body <= high)
        elif math.isinf(high):
            model.add(called, body >= low)
        elif low == high:
            model.add(called, body == low)
        else:
            model.add(called, between(low, body, high))
    return model.freeze()


def planted_row(rng, lower, upper, rows, k, plant, shape):
    """A row whose binary z[0] switches one side off with an M of the planted kind."""
    n = lower.size
    a = np.round(rng.uniform(-3, 3, n), 2)
    others = [np.array([v, *rest]) for v in (0, 1) for rest in itertools.product((0, 1), repeat=k - 1)]
    off = int(rng.integers(0, 2))
    top = brute(a, lower, upper, rows, [z for z in others if z[0] == off])
    if top == -math.inf:
        return None
    tight = round(top - rng.uniform(1.0, 6.0), 2)
    need = top - tight
    M = {
        "loose": need * 3.0,
        "tight": math.nextafter(need, math.inf),
        "one ulp short": math.nextafter(need, -math.inf),
        "too small": need * (1 - 1e-3),
        "enormous": 1e6 * need,
    }[plant]
    d = M if off == 0 else -M
    rhs = tight + M if off == 0 else tight
    b = np.zeros(k)
    b[0] = d
    if shape == "upper":
        return a, b, -math.inf, rhs
    if shape == "lower":
        return -a, -b, -rhs, math.inf
    if shape == "ranged":
        return a, b, rhs - M - 20.0, rhs
    return a, b, rhs, rhs


def expected(lower, upper, rows, k, planted, side):
    """What the definitions say of a side of the planted row: top of the rest, M, and the side's limits."""
    a, b, low, high = planted
    sign, limit = (1.0, high) if side == "upper" else (-1.0, -low)
    d = sign * b[0]
    off, M = int(d < 0), abs(d)
    other = (a, b, low, math.inf) if side == "upper" else (a, b, -math.inf, high)
    every = [np.array([off, *rest]) for rest in itertools.product((0, 1), repeat=k - 1)]
    top = brute(sign * a, lower, upper, [*rows, other], every)
    return off, M, top - (limit - max(0.0, d))


@pytest.mark.parametrize("part", range(10))
def test_verdicts_agree_with_enumeration(part):
    rng = np.random.default_rng([2024, part])
    done = 0
    while done < 50:
        lower, upper, rows, k = random_case(rng)
        plant, shape = PLANTS[done % 5], SHAPES[(done // 5) % 4]
        planted = planted_row(rng, lower, upper, rows, k, plant, shape)
        if planted is None:
            continue
        done += 1
        found = audit(build(lower, upper, rows, k, planted), big_m="planted")
        judged = {row.side: row for row in found.rows if row.row == "planted"}
        assert set(judged) == ({"upper", "lower"} if shape in ("equality", "ranged") else {shape})
        for side, row in judged.items():
            where = f"{part=} {done=} {plant} {shape} {side}: {row}"
            off, M, need = expected(lower, upper, rows, k, planted, side)
            assert (row.binary, row.off_value, row.big_m) == ("z[0]", off, M), where
            if row.verdict == "forcing" and shape == "equality":
                continue  # the other side asks for the largest value, which by its rounding is not reached exactly
            scale = NEAR * max(1.0, M)
            assert row.needed[0] <= need + scale + 1e-7 * (need == -math.inf), where
            assert row.needed[1] >= need - scale, where
            if need > M + 2 * scale:
                assert row.verdict in ("invalid", "dead"), where
                # where other rows make the switch dead, the point that its M cuts off is shown as well
                assert row.witness is not None or row.verdict == "dead", where
                assert row.witness is None or (row.short is not None and row.short > 0), where
                assert row.needed[0] > M, where
            else:
                assert row.verdict in ("tight", "loose", "valid", "redundant", "forcing", "dead"), where
                assert row.verdict != "forcing" or need == -math.inf, where
                if row.verdict == "tight":
                    assert M <= 1.01 * row.needed[1] + scale, where
                if row.verdict == "loose":
                    assert M > 1.01 * need - scale, where
        main = judged.get("lower" if shape == "lower" else "upper")
        if shape in ("upper", "lower"):
            wanted = {"too small": "invalid", "loose": "loose", "enormous": "loose"}.get(plant, "tight")
            assert main.verdict in (wanted, "redundant", "dead"), f"{part=} {done=} {plant} {shape}: {main}"
            if plant == "enormous":
                assert main.safe is not True  # there is no objective to say that the leak gains nothing
