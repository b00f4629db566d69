"""A program is that of the decimals as written, whoever adds them up: against enumeration in fractions."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import cvxpy as cp
import pyomo.environ as pyo
import pytest

from proofolio import Model, solve

FULL, ALWAYS = 200, 30
TOP = 5


def written(seed):
    """Return an integer program of decimals with one or two digits, its terms repeated, as text."""
    rng = random.Random(seed)

    def decimal(low, high):
        return f"{rng.randint(low, high) / rng.choice([1, 10, 100]):g}"

    n = rng.randint(1, 3)
    rows = []
    for _ in range(rng.randint(1, 2)):
        terms = [(decimal(-20, 40), rng.randrange(n)) for _ in range(rng.randint(2, 4))]
        at = [rng.randint(0, TOP) for _ in range(n)]
        shift = decimal(1, 90)
        # the side is met by a point to the last digit, or missed by a hundredth
        body = sum((Fraction(a) * at[j] for a, j in terms), Fraction(shift))
        side = body + rng.choice([0, 0, 0, Fraction(-1, 100)])
        rows.append((terms, shift, rng.choice(["<=", ">="]), f"{float(side):.15g}"))
    return SimpleNamespace(n=n, rows=rows, costs=[rng.randint(-9, 9) for _ in range(n)])


def enumerated(case):
    """Return the greatest objective over all points, in fractions, or None."""
    best = None
    for x in product(range(TOP + 1), repeat=case.n):
        for terms, shift, sense, side in case.rows:
            body = sum((Fraction(a) * x[j] for a, j in terms), Fraction(shift))
            if not (body <= Fraction(side) if sense == "<=" else body >= Fraction(side)):
                break
        else:
            value = sum(c * v for c, v in zip(case.costs, x, strict=True))
            best = value if best is None else max(best, value)
    return best


def body(case, row, x):
    """The left-hand side as Python writes it, added from left to right."""
    terms, shift = row[:2]
    total = float(terms[0][0]) * x[terms[0][1]]
    for a, j in terms[1:]:
        total = total + float(a) * x[j]
    return total + float(shift)


def compared(left, sense, side):
    return left <= float(side) if sense == "<=" else left >= float(side)


def in_file(case, folder):
    lines = ["Maximize", " obj: " + " ".join(f"{c:+d} x{j}" for j, c in enumerate(case.costs)), "Subject To"]
    for terms, shift, sense, side in case.rows:
        text = " ".join(f"{'' if a.startswith('-') else '+'}{a} x{j}" for a, j in terms)
        lines.append(f" {text} + {shift} {sense} {side}")
    lines += ["Bounds", *(f" x{j} <= {TOP}" for j in range(case.n))]
    lines += ["General", " " + " ".join(f"x{j}" for j in range(case.n)), "End", ""]
    (folder / "model.lp").write_text("\n".join(lines))
    return folder / "model.lp"


def in_model(case):
    model = Model()
    x = [model.variable(f"x{j}", lower=0, upper=TOP, integer=True) for j in range(case.n)]
    for k, row in enumerate(case.rows):
        model.add(f"r{k}", compared(body(case, row, x), *row[2:]))
    model.maximise(sum(c * v for c, v in zip(case.costs, x, strict=True)))
    return model


def in_pyomo(case):
    model = pyo.ConcreteModel()
    model.x = pyo.Var(range(case.n), bounds=(0, TOP), domain=pyo.Integers)
    model.rows = pyo.ConstraintList()
    for row in case.rows:
        model.rows.add(compared(body(case, row, model.x), *row[2:]))
    model.cost = pyo.Objective(expr=sum(c * model.x[j] for j, c in enumerate(case.costs)), sense=pyo.maximize)
    return model


def in_cvxpy(case):
    x = [cp.Variable(integer=True) for _ in range(case.n)]
    rows = [compared(body(case, row, x), *row[2:]) for row in case.rows]
    box = [k for v in x for k in (v >= 0, v <= TOP)]
    return cp.Problem(cp.Maximize(sum(c * v for c, v in zip(case.costs, x, strict=True))), [*rows, *box])


@pytest.mark.parametrize("seed", range(FULL))
def test_every_way_of_writing_a_program_has_the_optimum_of_its_decimals(seed, tmp_path, request):
    if seed >= ALWAYS and not request.config.getoption("--full"):
        pytest.skip("the other seeds run with --full")
    case = written(seed)
    best = enumerated(case)
    word = "infeasible" if best is None else "certified-optimal"
    for model in (in_file(case, tmp_path), in_model(case), in_pyomo(case)):
        answer = solve(model)
        found = (answer.status, None if answer.objective is None else round(answer.objective, 9))
        if best is None and answer.exactly_infeasible:
            continue  # a point within tolerances, and the proof that none is exact
        assert found == (word, best), type(model)
    answer = solve(in_cvxpy(case))
    # CVXPY adds in doubles: where that changes the answer, the better one is named or no certificate is given
    named = [claim.objective for claim in answer.claims] + (
        [answer.objective] if answer.x is not None else []
    )
    if best is not None:
        assert any(v is not None and abs(v - best) <= 1e-5 for v in named), (answer.status, answer.message)
        assert answer.certified or answer.status == "verified-optimal"
