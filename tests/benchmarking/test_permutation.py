"""A shuffled program is the same program: what a point is worth, and how far it misses a row, does not change."""

import numpy as np
import pytest

import proofolio as pf
from proofolio.benchmarking.permutation import shuffled
from proofolio.solvers.capabilities import SOLVERS
from proofolio.solvers.solution import Settings
from proofolio.verification.checks.checking import check


def program(seed):
    """One of everything a program can hold."""
    rng = np.random.default_rng(seed)
    model = pf.Model("all")
    x = model.variable("x", 4, -2.0, 3.0)
    y = model.variable("y", 3, binary=True)
    k = model.variable("k", 1, 0, 5, integer=True)
    t = model.variable("t", 1, 0.0, 50.0)
    model.add("rows", rng.normal(size=(3, 4)) @ x + y <= 4.0)
    model.add("tie", x.sum() + k.sum() == 1.0)
    model.cone("round", x[:2], t[0], 1.0)
    model.indicator("on", y[0], x[2] <= 0.5)
    model.indicator("off", y[1], x[3] >= 0.0, when=0)
    model.sos1("one", x[1:3])
    root = rng.normal(size=(4, 4))
    model.minimise(model.quadratic(root @ root.T, x) + t.sum() - 2 * y.sum() + 0.3 * k.sum())
    return model.freeze()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_point_is_worth_the_same_and_misses_by_the_same(seed):
    original = program(seed)
    shuffle = shuffled(original, seed)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        point = rng.uniform(-2, 3, original.n)
        moved = point[shuffle.columns]
        assert shuffle.program.objective(moved) == pytest.approx(original.objective(point))
        assert shuffle.program.A @ moved == pytest.approx((original.A @ point)[shuffle.rows])
        ours = sorted((c.name, round(c.value, 9)) for c in check(original, point))
        theirs = sorted((c.name, round(c.value, 9)) for c in check(shuffle.program, moved))
        assert ours == theirs


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_claim_comes_back_as_one_about_the_original(seed):
    original = program(seed)
    plain = SOLVERS["scip"].solve(original, Settings())
    shuffle = shuffled(original, seed)
    assert not np.array_equal(shuffle.columns, np.arange(original.n))
    claim = shuffle.back(SOLVERS["scip"].solve(shuffle.program, Settings()))
    assert claim.program is original
    assert original.objective(claim.x) == pytest.approx(plain.objective, abs=1e-5)
    assert all(c.ok for c in check(original, claim.x))


def test_seed_0_leaves_a_program_as_it_is():
    original = program(0)
    assert shuffled(original, 0).program is original
