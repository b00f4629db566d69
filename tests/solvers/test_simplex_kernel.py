"""Many small quadratic programs by machine code and by numpy: the same values, bounds and weights."""

import numpy as np
import pytest

from proofolio import compiled
from proofolio.solvers.quadratic.batch import SimplexQPs, convexity_defect

BOXES = ((0.0, 1.0), (-0.4, 0.7), (0.5, 1.5), (0.0, 0.5))  # the third in parts of 1/n


def drawn(seed):
    """Return matrices (D, S, n, n), slopes (D, T, n), bounds (T, n), and whether there is one best point."""
    g = np.random.default_rng(seed)
    D, T, n = int(g.integers(1, 4)), int(g.integers(1, 6)), int(g.integers(2, 13))
    rank = int(g.integers(0, n + 1))
    A = g.standard_normal((D, 1 if seed % 2 else T, n, rank))
    low, high = np.array(BOXES[seed % 4]) / (n if seed % 4 == 2 else 1)
    c = g.standard_normal((D, T, n)) * 10.0 ** g.uniform(-3.0, 1.0)
    return A @ A.swapaxes(-1, -2), c, np.full((T, n), low), np.full((T, n), high), rank == n


@pytest.mark.parametrize("part", range(10))
def test_both_back_ends_agree_to_twelve_digits(part, pytestconfig, monkeypatch):
    each = 1_000 if pytestconfig.getoption("full") and compiled.active() else 30 if compiled.active() else 4
    for seed in range(part * each, (part + 1) * each):
        Q, c, lower, upper, strict = drawn(seed)
        family = SimplexQPs(Q, lower, upper, convexity_defect(Q))
        reference = SimplexQPs(Q, lower, upper, convexity_defect(Q))
        family._compiled, reference._compiled = True, False  # without numba the kernel runs as it stands
        for k in range(2):
            w, value, bound = family.minimise(c)
            expected = reference.minimise(c)
            terms = 1.0 + np.abs(c).max() + np.abs(Q).max()
            assert np.abs(value - expected[1]).max() <= 1e-12 * terms
            assert np.abs(bound - expected[2]).max() <= 1e-12 * terms
            assert np.all(bound <= value)
            assert np.abs(w.sum(axis=2) - 1.0).max() <= 1e-12
            assert np.all((w >= lower) & (w <= upper))
            if strict:  # else there is no one answer
                assert np.abs(w - expected[0]).max() <= 1e-12 * max(1.0, np.linalg.cond(Q).max())
            c = c + (0.1, 1.0)[k] * np.random.default_rng(seed + 1).standard_normal(c.shape)


def test_numbers_of_any_kind_are_read(back_end):
    Q, c, lower, upper, _ = drawn(1)
    wanted = SimplexQPs(Q, lower, upper).minimise(c)[1]
    frozen = c.copy()
    frozen.setflags(write=False)
    for given in (np.asfortranarray(c), frozen, c[:, :, ::-1][:, :, ::-1]):
        np.testing.assert_array_equal(SimplexQPs(Q, lower, upper).minimise(given)[1], wanted)
    frozen = Q.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(SimplexQPs(frozen, lower, upper).minimise(c)[1], wanted)
