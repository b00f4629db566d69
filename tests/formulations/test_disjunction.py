"""Disjunctions: the M of each lowering, the strength of the hull, optima, and bad input."""

import numpy as np
import pytest

from proofolio import BadData, Model, UnboundedExpression, disjunction, solve
from proofolio.program.expression import between
from proofolio.verification.proofs.catalogue.claims import shipped_claims
from proofolio.verification.proofs.strengths import strength

LOWERINGS = ("big-m", "multiple-big-m", "hull", "indicator")


def three_stripes(lowering, several=False):
    model = Model()
    x = model.variable("x", 2, 0, 10)
    sets = [
        between(0, x[0] + x[1], 2),
        [x[0] - x[1] >= 6, x[1] <= 1],
        between(14, x[0] + x[1], 15),
    ]
    chosen = disjunction(model, "d", sets, lowering=lowering, at_least_one=several)
    return model, x, chosen


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("lowering", LOWERINGS)
def test_optima_are_those_of_the_best_set(lowering, several):
    for price, best in (([1, 1], 0), ([-1, -1], -15), ([-1, 1], -10), ([1, -1], -6), ([-1, -0.5], -12.5)):
        model, x, _ = three_stripes(lowering, several)
        model.minimise((x * np.array(price)).sum())
        answer = solve(model.freeze(), solver="scip" if lowering == "indicator" else "highs")
        assert answer.objective == pytest.approx(best, abs=1e-6)


def test_multiple_big_m_takes_the_largest_over_each_other_set():
    program = three_stripes("multiple-big-m")[0].freeze()
    chosen = program.columns("d")
    blocks = {block.name: block for block in program.rows}
    # x_0 + x_1 <= 2 in set 0: at most 11 in set 1 by one row (x_1 <= 1), and 15 in set 2
    row = program.A[blocks["d_0_0"].rows].toarray()[0]
    assert -row[chosen[1]] == pytest.approx(9, abs=1e-9)
    assert -row[chosen[2]] == pytest.approx(13, abs=1e-9)
    assert row[chosen[0]] == 0
    # x_0 + x_1 >= 14 in set 2: 14 - 0 in set 0, 14 - 6 in set 1
    row = program.A[blocks["d_2_1"].rows].toarray()[0]
    assert -row[chosen[0]] == pytest.approx(14, abs=1e-9)
    assert -row[chosen[1]] == pytest.approx(8, abs=1e-9)


def test_the_hull_is_sharp_and_ideal_and_big_m_is_not():
    claims = {c.lowering: c for c in shipped_claims("disjunction", ["two-decimal"]) if "least" not in c.name}
    assert strength(claims["hull"], directions=30).sharp is not False
    assert strength(claims["hull"], directions=30).ideal is not False
    assert strength(claims["big-m"], directions=100).sharp is False


def test_what_is_not_a_disjunction_is_named():
    model = Model()
    x, free = model.variable("x", 2, 0, 1), model.variable("free", 2)
    with pytest.raises(BadData, match="at least two sets"):
        disjunction(model, "a", [x <= 1])
    with pytest.raises(BadData, match="affine or quadratic rows"):
        disjunction(model, "b", [x <= 1, [x + 1]])
    with pytest.raises(BadData, match=r"shapes \[\(\), \(2,\)\]"):
        disjunction(model, "c", [x <= 1, x[0] >= 0.5])
    with pytest.raises(BadData, match="no lowering"):
        disjunction(model, "d", [x <= 1, x >= 0.5], lowering="sos1")
    for lowering in ("big-m", "multiple-big-m", "hull"):
        with pytest.raises(UnboundedExpression, match="free"):
            disjunction(model, f"e_{lowering}", [free <= 1, free >= 2], lowering=lowering)
