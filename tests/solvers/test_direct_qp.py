"""Direct solvers: agreement with each other and with enumeration, updates in place, residuals that tell."""

from itertools import product

import numpy as np
import pytest
from scipy import sparse

from proofolio.errors import BadData
from proofolio.solvers.quadratic.problem import QP, residuals
from proofolio.solvers.quadratic.table import QP_SOLVERS, direct_qp

ACCURATE = {"osqp": 1e-6}  # all others: 1e-9


def instance(seed, n=6, m=4):
    """A strictly convex program with an equality, ranges, one-sided rows, and bounds of every kind."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, n))
    A = rng.standard_normal((m, n))
    inside = A @ rng.standard_normal(n)
    low, high = inside - rng.random(m), inside + rng.random(m)
    low[0] = high[0] = inside[0]
    low[1], high[2] = -np.inf, np.inf
    lower, upper = np.full(n, -3.0), np.full(n, 3.0)
    lower[0], upper[1] = -np.inf, np.inf
    return QP(factor @ factor.T + 0.1 * np.eye(n), rng.standard_normal(n), A, low, high, lower, upper)


def by_enumeration(qp):
    """The optimum: over every choice of the sides that bind, the stationary point that is feasible and best."""
    body = np.vstack([qp.A, np.eye(qp.n)])
    low, high = np.concatenate([qp.row_lower, qp.lower]), np.concatenate([qp.row_upper, qp.upper])
    best, where = np.inf, None
    choices = [
        [s for s in (0, 1, 2) if s == 0 or np.isfinite((low, high)[s - 1][k])] if low[k] < high[k] else [1]
        for k in range(low.size)
    ]
    for sides in product(*choices):
        at = np.flatnonzero(sides)
        if at.size > qp.n:
            continue
        wanted = np.where(np.array(sides)[at] == 1, low[at], high[at])
        kkt = np.block([[qp.P, body[at].T], [body[at], np.zeros((at.size, at.size))]])
        if np.linalg.matrix_rank(kkt) < kkt.shape[0]:
            continue
        x = np.linalg.solve(kkt, np.concatenate([-qp.q, wanted]))[: qp.n]
        value = body @ x
        if np.all(value >= low - 1e-9) and np.all(value <= high + 1e-9):
            worth = 0.5 * x @ qp.P @ x + qp.q @ x
            if worth < best:
                best, where = worth, x
    return where


def stored(qp, kind):
    if kind == "dense":
        return qp
    return QP(
        sparse.csc_array(qp.P), qp.q, sparse.csc_array(qp.A), qp.row_lower, qp.row_upper, qp.lower, qp.upper
    )


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("solver", QP_SOLVERS)
def test_the_optimum_is_that_of_enumeration_and_updates_are_in_place(solver, kind):
    made = None
    for seed in range(4):
        qp = instance(seed, n=3, m=3)
        given = stored(qp, kind)
        if made is None:
            made = direct_qp(solver, given)
        else:
            names = ("P", "q", "A", "row_lower", "row_upper", "lower", "upper")
            made.update(**{name: getattr(given, name) for name in names})
        answer = made.solve()
        assert answer.status == "solved"
        np.testing.assert_allclose(answer.x, by_enumeration(qp), atol=1e-5)
        assert answer.residuals.within(ACCURATE.get(solver, 1e-9) * 10)


@pytest.mark.parametrize("solver", QP_SOLVERS)
@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("changed", ["P", "q", "A", "row_upper", "lower"])
def test_one_change_gives_what_a_new_setup_gives(solver, changed, kind):
    first, second = instance(11), instance(12)
    other = {
        "P": second.P,
        "q": second.q,
        "A": first.A + 0.01 * second.A,
        "row_upper": np.where(first.row_lower == first.row_upper, first.row_upper, first.row_upper + 1.0),
        "lower": first.lower + 0.5,
    }
    fresh = direct_qp("clarabel", first.with_changes({changed: other[changed]})).solve()
    made = direct_qp(solver, stored(first, kind))
    made.solve()
    made.update(
        **{
            changed: sparse.csc_array(other[changed])
            if kind == "sparse" and changed in "PA"
            else other[changed]
        }
    )
    np.testing.assert_allclose(made.solve().x, fresh.x, atol=1e-5)


@pytest.mark.parametrize("solver", QP_SOLVERS)
def test_a_side_may_come_and_go(solver):
    first = instance(11)
    open_, closed = np.full(first.n, -np.inf), np.full(first.n, -0.1)
    made = direct_qp(
        solver,
        first.with_changes(
            {"lower": open_, "row_lower": np.where(np.arange(4) > 0, -np.inf, first.row_lower)}
        ),
    )
    for lower, row_lower in ((closed, first.row_lower), (open_, made.qp.row_lower)):
        made.update(lower=lower, row_lower=row_lower)
        fresh = direct_qp("clarabel", first.with_changes({"lower": lower, "row_lower": row_lower})).solve()
        np.testing.assert_allclose(made.solve().x, fresh.x, atol=1e-5)


def test_residuals_are_those_of_the_data_not_of_a_claim():
    qp = instance(3)
    answer = direct_qp("piqp", qp).solve()
    zero = residuals(qp, answer.x, answer.y, answer.z)
    assert max(zero.primal, zero.dual, zero.gap) < 1e-7
    moved = answer.x.copy()
    moved[2] += 10.0
    off = residuals(qp, moved, answer.y, answer.z)
    assert off.primal >= 7.0 - 1e-6
    assert off.dual == pytest.approx(10.0 * np.abs(qp.P[2]).max(), rel=1e-5)
    assert not off.within(1e-3)
    stepped = answer.y.copy()
    stepped[1] = 1.0  # the row has no lower side: a multiplier there counts for nothing
    clean = answer.y.copy()
    clean[1] = 0.0
    assert residuals(qp, answer.x, stepped, answer.z) == residuals(qp, answer.x, clean, answer.z)


@pytest.mark.parametrize("solver", QP_SOLVERS)
def test_a_contradiction_is_never_solved(solver):
    qp = QP(
        np.eye(2), np.zeros(2), np.ones((1, 2)), np.array([3.0]), np.array([4.0]), np.zeros(2), np.ones(2)
    )
    answer = direct_qp(solver, qp).solve()
    assert answer.status in ("infeasible", "limit")
    assert not answer.residuals.within(1e-6)


@pytest.mark.parametrize("solver", QP_SOLVERS)
def test_a_ray_is_never_solved(solver):
    answer = direct_qp(solver, QP(np.zeros((2, 2)), np.array([-1.0, 0.0]), lower=np.zeros(2))).solve()
    assert answer.status in ("unbounded", "limit")


def test_a_solver_stopped_early_says_so():
    answer = direct_qp("piqp", instance(5), max_iter=2).solve()
    assert answer.status == "limit"
    assert not answer.residuals.within(1e-8)


def test_what_cannot_be_is_refused():
    with pytest.raises(BadData, match="no direct solver"):
        direct_qp("simplex", instance(0))
    with pytest.raises(BadData, match="NaN"):
        QP(np.eye(2), np.array([np.nan, 0.0]))
    with pytest.raises(BadData, match="shape"):
        QP(np.eye(3), np.zeros(2))
    with pytest.raises(BadData, match="above"):
        QP(np.eye(2), np.zeros(2), lower=np.ones(2), upper=np.zeros(2))
    for solver in QP_SOLVERS:
        with pytest.raises(BadData, match="option"):
            direct_qp(solver, instance(0), no_such_option=1)
    made = direct_qp("piqp", instance(0))
    with pytest.raises(BadData, match="equality"):
        made.update(row_upper=instance(0).row_upper + 1.0)
