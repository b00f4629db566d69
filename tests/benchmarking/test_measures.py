"""The measures against cases computed by hand: ties, all failed, one solver only, nothing at all."""

import math

import numpy as np
import pytest

from proofolio.benchmarking.measures import (
    berthold_gap,
    gap,
    par10,
    performance_profile,
    primal_dual_integral,
    ratio_of,
    share_at,
    shift_for,
    shifted_geometric_mean,
    solved_within,
)
from proofolio.errors import BadData


def test_shifted_geometric_mean_by_hand():
    # (1 + 1)(7 + 1) = 16, its root 4, less the shift
    assert shifted_geometric_mean([1.0, 7.0], 1.0) == pytest.approx(3.0)
    assert shifted_geometric_mean([5.0], 10.0) == pytest.approx(5.0)
    assert math.isnan(shifted_geometric_mean([], 1.0))


def test_the_shift_follows_the_times():
    assert shift_for([0.001, 0.2]) == 0.01
    assert shift_for([0.001, 1.5]) == 1.0


def test_par10_by_hand():
    assert par10([1.0, None, 3.0], [5.0, 5.0, 5.0]) == pytest.approx((1 + 50 + 3) / 3)
    assert par10([None, None], [2.0, 4.0]) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("objective", "bound", "expected", "berthold"),
    [
        (10.0, 8.0, 0.2, 0.2),
        (-8.0, -10.0, 0.25, 0.2),
        (1.0, -1.0, 2.0, 1.0),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, -1e-12, 1e-2, 1.0),
        (None, 1.0, math.inf, 1.0),
        (3.0, -math.inf, math.inf, 1.0),
    ],
)
def test_gaps_by_hand(objective, bound, expected, berthold):
    assert gap(objective, bound) == pytest.approx(expected)
    assert berthold_gap(objective, bound) == pytest.approx(berthold)


def test_primal_dual_integral_by_hand():
    # gap 1 for two seconds, 1/2 for three, 1/4 for the five that are left
    history = [(2.0, 4.0, 2.0), (5.0, 4.0, 3.0)]
    assert primal_dual_integral(history, 10.0) == pytest.approx(2 + 1.5 + 1.25)
    assert primal_dual_integral([], 7.0) == 7.0
    assert primal_dual_integral([(12.0, 1.0, 1.0)], 10.0) == 10.0
    assert primal_dual_integral([(0.0, 1.0, 1.0)], 10.0) == 0.0


def test_profile_with_ties_and_failures_by_hand():
    times = {"a": [1.0, 4.0, None, 2.0], "b": [1.0, 2.0, 3.0, None], "c": [None] * 4}
    found = performance_profile(times)
    # problem by problem the ratios of a are 1 (a tie), 2, none, 1; those of b 1, 1, 1, none
    assert found["a"] == ((1.0, 0.5), (2.0, 0.75))
    assert found["b"] == ((1.0, 0.75),)
    assert found["c"] == ()
    assert solved_within(times)["a"] == ((1.0, 0.25), (2.0, 0.5), (4.0, 0.75))


def test_profile_where_all_failed_and_of_one_solver_alone():
    assert performance_profile({"a": [None, None], "b": [None, None]}) == {"a": (), "b": ()}
    assert share_at(performance_profile({"a": [None]})["a"], 1e9) == 0.0
    assert performance_profile({"a": [5.0, None, 7.0]}) == {"a": ((1.0, 2 / 3),)}
    assert performance_profile({}) == {}


def test_profile_refuses_what_it_cannot_compare():
    with pytest.raises(BadData, match="one time for each problem"):
        performance_profile({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(BadData, match="positive"):
        performance_profile({"a": [0.0]})


def test_ratio_by_hand_and_its_interval():
    pairs = {"x": [(2.0, 1.0)], "y": [(8.0, 1.0)], "z": [(4.0, 1.0)]}
    found = ratio_of(pairs, shift=0.0)
    assert found.value == pytest.approx(4.0)
    assert found.low < 4.0 < found.high
    assert 2.0 <= found.low
    assert found.high <= 8.0
    assert found == ratio_of(dict(reversed(pairs.items())), shift=0.0)


def test_ratio_of_few_cases_has_no_interval_whatever_the_seeds():
    found = ratio_of({"x": [(2.0, 1.0)] * 50, "y": [(2.0, 1.0)] * 50})
    assert found.low is None
    assert not found.above
    assert ratio_of({"x": []}) is None


def test_the_interval_covers_the_true_ratio_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        logs = 0.3 + 0.5 * rng.standard_normal(25)
        pairs = {str(k): [(math.exp(v), 1.0)] for k, v in enumerate(logs)}
        found = ratio_of(pairs, shift=0.0)
        covered += found.low <= math.exp(0.3) <= found.high
    assert 85 <= covered <= 100
