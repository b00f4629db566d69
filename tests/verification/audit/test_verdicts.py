"""Verdicts and safety against enumeration in fractions, on small models of ordinary and of hostile scale."""

import math
from fractions import Fraction

import numpy as np
import pytest

from proofolio import Model, between
from proofolio.verification.audit.auditing import audit
from tests.verification.audit.exact_truth import INFINITE, Truth

EPS = Fraction(1, 10**6)  # of integrality and feasibility, as solvers have them
SCALES = (1.0, 1.0, 1.0, 1e-9, 1e-3, 1e4, 1e9)


def random_model(rng):
    """Two or three columns, two binaries, a few rows, and one row in which z[0] may switch."""
    model = Model("random")
    n, scale = int(rng.integers(1, 3)), float(rng.choice(SCALES))
    lower = np.round(rng.integers(-4, 1, n) * 1.0, 1)
    upper = lower + np.round(rng.uniform(1, 9, n), int(rng.integers(0, 2)))
    x = model.variable("x", n, lower=lower * scale, upper=upper * scale)
    z = model.variable("z", 2, binary=True)
    w = model.variable("w", lower=0, upper=2, integer=True) if rng.random() < 0.4 else 0.0 * z[0]
    inside = (lower + upper) / 2
    for k in range(int(rng.integers(0, 3))):
        a, b = rng.integers(-3, 4, n) * 1.0, rng.integers(-3, 4, 2) * scale
        at = float(a @ inside) * scale + float(b @ rng.integers(0, 2, 2))
        body = (a * x).sum() + (b * z).sum() + int(rng.integers(-2, 3)) * scale * w
        slack = float(rng.integers(0, 5)) * scale
        match rng.integers(0, 4):
            case 0:
                model.add(f"row{k}", body <= at + slack)
            case 1:
                model.add(f"row{k}", body >= at - slack)
            case 2:
                model.add(f"row{k}", between(at - slack, body, at + slack))
            case _:
                model.add(f"row{k}", body == at)
    a = rng.integers(-2, 3, n) * 1.0
    a[0] = a[0] or 1.0
    most = float(np.maximum(a * lower, a * upper).sum())
    tight = round(float(rng.uniform(-1, 1)) * abs(most) - (20.0 if rng.random() < 0.15 else 0.0), 1)
    need = most - tight
    M = {
        0: need,
        1: need * 1.005,
        2: need * 3,
        3: need * 0.7,
        4: math.nextafter(need, 0.0),
        5: need + 100.0,
        6: need * 0.9999,
    }[int(rng.integers(0, 7))]
    M = (abs(M) + 0.5 * (M == 0)) * scale
    body = (a * x).sum() - int(rng.integers(0, 2)) * scale * w
    on = z[0] if rng.integers(0, 2) else 1 - z[0]
    limit = tight * scale + M * (1 - on)
    if rng.random() < 0.8:
        model.add("link", body <= limit)
    else:
        model.add("link", -1.0 * body >= -1.0 * limit)
    model.minimise((np.round(rng.normal(size=n), 2) * x).sum() + (rng.integers(0, 9, 2) * scale * z).sum())
    return model.freeze()


def wrong_verdict(truth, row, declared):
    true, needed, _ = truth.verdict(row, declared)
    lo, hi = row.needed
    if not lo <= needed <= hi:
        return f"needed {needed} is not in [{lo}, {hi}]"
    if row.verdict != "undecided" and row.verdict not in true:
        return f"{row.verdict}, and true is {true} (needed {float(needed)})"
    return ""


def least(truth, boxes=None):
    """The least objective of all points; integers in `boxes` need not be whole."""
    return min((truth.objective(v) for v in truth.points(None, None, boxes)), default=INFINITE)


def wrong_safety(truth, row):
    """What is wrong with `safe`: of the points within the tolerance of whole numbers, not of the relaxation."""
    _, y, _, d, _ = truth.side(row)
    on = 1 - int(d < 0)
    if row.safe is False:
        names = truth.p.column_names
        point = {names.index(k): v for k, v in row.leak_witness["point"].items()}
        x = [point.get(j, Fraction(0)) for j in range(len(names))]
        rows = [sum((a * v for a, v in zip(r, x, strict=True)), Fraction(0)) for r in truth.rows]
        outside = [low - v for low, v in zip(truth.low, rows, strict=True) if low is not None]
        outside += [v - high for high, v in zip(truth.high, rows, strict=True) if high is not None]
        outside += [v - u for v, u in zip(x, truth.upper, strict=True)] + [
            low - v for v, low in zip(x, truth.lower, strict=True)
        ]
        if (
            max(outside) > EPS
            or any(abs(x[j] - round(x[j])) > EPS for j in truth.integers)
            or round(x[y]) != on
        ):
            return "its point is none that a solver accepts"
        held = {j: round(x[j]) for j in truth.integers}
        left = [truth.objective(v) for v in truth.points(None, held)]
        value = truth.objective(x)
        if left and min(left) <= value + EPS * abs(value):
            return f"its point is no worse when rounded: {float(value)} and {float(min(left))}"
    if row.safe is True:
        near = {y: (Fraction(0), EPS) if on == 0 else (1 - EPS, Fraction(1))}
        (z,) = [j for j in truth.integers if j != y and truth.upper[j] == 1]
        both = [near | {z: box} for box in ((Fraction(0), EPS), (1 - EPS, Fraction(1)))]
        best = least(truth)
        alone, together = least(truth, near), min(least(truth, boxes) for boxes in both)
        if alone < best - EPS * abs(best) or together < best - 2 * EPS * abs(best):
            return (
                f"points that leak reach {float(alone)}, {float(together)}; the best exact one {float(best)}"
            )
    return ""


@pytest.mark.parametrize("part", range(6))
def test_verdicts_and_safety_agree_with_enumeration_in_fractions(part):
    rng = np.random.default_rng([13, part])
    rows = undecided = 0
    for k in range(25):
        program = random_model(rng)
        truth = Truth(program)
        declared = bool(rng.integers(0, 2))
        for row in audit(program, big_m="*" if declared else None, mip_time_limit=1.0).rows:
            wrong = wrong_verdict(truth, row, declared) or wrong_safety(truth, row)
            assert not wrong, f"{part=} {k=} {row.row} {row.side} {row.binary}: {wrong}"
            rows += 1
            undecided += row.verdict == "undecided"
    assert undecided <= 0.05 * rows
