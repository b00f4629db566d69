"""Quadratic forms that miss convexity by less than solvers see: the word must not rest on their being convex."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import proofolio as pf
from proofolio.verification.checks.curvature import hidden_by_objective, objective_is_convex


def nearly(off: str, tmp_path, bounds: str = ""):
    text = f"""Minimize
 obj: [ x^2 - {off} x * y + y^2 ] / 2
Subject To
 c: x + y >= 1
{bounds}End
"""
    path = tmp_path / "nearly.lp"
    path.write_text(text)
    return pf.read_program(path)


@pytest.mark.parametrize("solver", ["highs", "scip", None])
@pytest.mark.parametrize("confirm", ["none", "second", "auto"])
@pytest.mark.parametrize("off", ["2.0000000002", "2.000000000002", "2.0000000000002"])
def test_an_unbounded_form_is_never_called_optimal_firmly(off, confirm, solver, tmp_path):
    """x = y = t costs t^2 (2 - off) / 2: below any number."""
    answer = pf.solve(nearly(off, tmp_path), solver=solver, confirm=confirm, time_limit=10)
    assert answer.status not in ("certified-optimal", "verified-optimal", "infeasible")


def test_the_same_form_in_a_small_box_hides_nothing_that_matters(tmp_path):
    """Over [0, 1]^2 the gain is at most 1e-13 beside 0.25 (an exactly convex form would be 0 at x = y)."""
    small = nearly("1.9", tmp_path, "Bounds\n x <= 1\n y <= 1\n")
    assert pf.solve(small).status in ("certified-optimal", "verified-optimal")
    program = nearly("2.0000000000002", tmp_path, "Bounds\n x <= 1\n y <= 1\n")
    assert 1e-13 / 2 <= hidden_by_objective(program) <= 1e-12


@pytest.mark.parametrize("solver", ["scip", "highs"])
@pytest.mark.parametrize(
    ("off", "box", "right"), [("2.00000000002", "1000000", -10.0), ("2.0000000002", "100000", -1.0)]
)
def test_a_box_that_lets_the_curvature_matter(off, box, right, solver, tmp_path):
    """The optimum stands in the corner x = y = box; a firm word must say so."""
    program = nearly(off, tmp_path, f"Bounds\n x <= {box}\n y <= {box}\n")
    for confirm in ("none", "second", "auto"):
        answer = pf.solve(program, solver=solver, confirm=confirm, time_limit=10)
        if answer.status in ("certified-optimal", "verified-optimal"):
            assert answer.objective == pytest.approx(right, rel=1e-4)


def test_what_is_hidden_is_at_least_what_two_points_differ_by():
    """The second difference of the form itself is the truth, at random points of a box."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        n = int(rng.integers(2, 7))
        basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
        values = np.concatenate([[-rng.uniform(0, 1e-6)], rng.uniform(0, 2, n - 1)])
        P = basis @ np.diag(values) @ basis.T
        P = (P + P.T) / 2
        model = pf.Model()
        x = model.variable("x", n, lower=-1, upper=rng.uniform(0, 3))
        model.minimise(0.5 * model.quadratic(P, x)[()])
        program = model.freeze()
        width = program.upper - program.lower
        for d in rng.uniform(-1, 1, size=(20, n)) * width:
            assert 0.5 * d @ P @ d >= -hidden_by_objective(program) - 1e-15


def test_rows_bound_what_columns_do_not():
    """Weights that add up to 1 and are not negative lie within [0, 1], though no bound says so."""
    rng = np.random.default_rng(6)
    returns = rng.normal(size=(3, 6))
    S = 1.0 + np.cov(returns.T) - 1e-12 * np.eye(6)  # the 1 is what every plan has in common
    model = pf.Model()
    w = model.variable("w", 6, lower=0)
    model.add("budget", w.sum() == 1)
    model.minimise(model.quadratic(S, w))
    program = model.freeze()
    assert 1e-12 * 6 / 2 <= hidden_by_objective(program) <= 1e-10  # of an objective of 1
    assert objective_is_convex(program, np.full(6, 1 / 6))
    free = replace(program, lower=np.full(6, -np.inf))
    assert hidden_by_objective(free) == np.inf
    assert not objective_is_convex(free, np.full(6, 1 / 6))
