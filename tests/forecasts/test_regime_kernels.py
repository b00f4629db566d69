"""Machine code and numpy say the same of hidden Markov regimes: expectations, filter, expectation maximisation.

10,000 random cases with ``--full``, some of every kind otherwise. The numpy form solves banded systems and works with
logarithms; the machine code walks over the days: two computations of one number.
"""

import numpy as np

from proofolio import compiled
from proofolio.forecasts import forward_backward
from proofolio.forecasts.expectation_maximisation import Parameters, _ascend_by_machine, ascend_by_arrays
from proofolio.forecasts.forward_backward import Expectations, log_densities
from proofolio.forecasts.regime_kernels import BROKEN, ENDED, UNKNOWN, walk, walk_forward

AGREE = 1e-12
KINDS = (
    "plain", "spells", "constant", "outlier", "collapsed", "sticky", "closed", "small", "large", "one regime twice",
)  # fmt: skip


def case(number):
    """Return a window, parameters to start from, how many steps, and the tolerance."""
    random = np.random.default_rng([17, number])
    kind = KINDS[number % len(KINDS)]
    K, d = int(random.integers(1, 5)), int(random.choice([1, 1, 1, 2, 3]))
    T = int(random.choice([1, 2, 3, random.integers(4, 60), random.integers(60, 300)]))
    roots = random.standard_normal((K, d, d))
    covariances = 0.3 * roots @ roots.transpose(0, 2, 1) + 0.3 * np.eye(d)
    means = 0.5 * random.standard_normal((K, d))
    transition, initial = random.dirichlet(np.ones(K), size=K), random.dirichlet(np.ones(K))
    series = random.standard_normal((T, d))
    day = random.integers(T)
    if kind == "spells":
        series *= np.where((np.arange(T) // 15) % 2, 2.0, 0.6)[:, None]
    elif kind == "constant":
        series[:] = series[0]
    elif kind == "outlier":
        series[day] *= 30.0
    elif kind == "collapsed":
        covariances[0], means[0] = 1e-6 * np.eye(d), series[day]
    elif kind == "sticky":
        transition = (1.0 - 1e-6) * np.eye(K) + 1e-6 / K
    elif kind == "closed":
        transition = np.triu(transition)
        transition /= transition.sum(axis=1, keepdims=True)
        initial = np.eye(K)[0]
    elif kind in ("small", "large"):
        series *= 1e-3 if kind == "small" else 1e3
    elif kind == "one regime twice":
        means[:], covariances[:] = means[0], covariances[0]
    return series, Parameters(initial, transition, means, covariances), int(random.integers(0, 9)), float(
        random.choice([-np.inf, 1e-4])
    )  # fmt: skip


def apart(one, other, size=1.0):
    return float(np.max(np.abs(np.asarray(one) - other)) / size)


def difference_of_expectations(series, start):
    """Return by how much the two differ, None where the machine code leaves it to logarithms."""
    T, K = len(series), len(start.initial)
    log_b = log_densities(series, start.means, start.covariances)
    smoothed, transitions, filtered = np.empty((T, K)), np.empty((K, K)), np.empty((T, K))
    nats = walk(start.initial, start.transition, log_b.copy(), smoothed, transitions)
    also = walk_forward(start.initial, start.transition, log_b.copy(), filtered)
    if not np.isfinite(nats):
        return None
    expected = Expectations(T, K)(start.initial, start.transition, log_b)
    with np.errstate(divide="ignore"):
        alpha = forward_backward.forward(np.log(start.initial), np.log(start.transition), log_b)
    # logarithms of size S are known to S times the rounding unit, and what they stand for as well
    size = 1.0 + np.abs(alpha).max() / 1000.0
    return max(
        apart(nats, expected.log_likelihood, max(1.0, abs(nats))),
        apart(also, nats, max(1.0, abs(nats))),
        apart(smoothed, expected.smoothed),
        apart(transitions, expected.transitions, T),
        apart(filtered, forward_backward.normalised(alpha), size),
    )


def difference_of_climbs(series, start, steps, tolerance):
    """Return by how much where the two end differs, and how the machine code ended."""
    expected = ascend_by_arrays(series, start, steps, tolerance)
    ended, found = _ascend_by_machine(series, start, steps, tolerance)
    if ended == UNKNOWN:
        return 0.0, ended
    assert (expected is None) == (found is None) == (ended == BROKEN)
    if expected is None or found is None:
        return 0.0, ended
    assert found[0].iterations == expected[0].iterations
    assert found[0].converged == expected[0].converged
    one, other, size = found[0].parameters, expected[0].parameters, max(1.0, float(np.abs(series).max()))
    nats = expected[0].log_likelihood
    apart_by = max(
        apart(one.initial, other.initial),
        apart(one.transition, other.transition),
        apart(one.means, other.means, size),
        apart(one.covariances, other.covariances, size**2),
        apart(found[0].log_likelihood, nats, max(1.0, abs(nats))),
        apart(found[1], expected[1]),
    )
    if apart_by > AGREE and series.shape[1] > 1:
        # the inverse of a covariance of several series is known to its condition times the rounding unit
        path = [ascend_by_arrays(series, start, m, -np.inf) for m in range(found[0].iterations + 1)]
        worst = max(np.linalg.cond(step[0].parameters.covariances).max() for step in path)
        apart_by /= max(1.0, worst / 1000.0)
    return apart_by, ended


def test_both_back_ends_agree_to_twelve_digits_in_random_cases(request):
    # without numba the loops run as they stand, in Python
    count = 10_000 if request.config.getoption("--full") else 200 if compiled.active() else 40
    endings, declined = [], 0
    for number in range(count):
        series, start, steps, tolerance = case(number)
        with np.errstate(all="ignore"):
            apart_by = difference_of_expectations(series, start)
            assert apart_by is None or apart_by <= AGREE, number
            declined += apart_by is None
            apart_by, ended = difference_of_climbs(series, start, steps, tolerance)
        assert apart_by <= AGREE, number
        if len(series) > 3:
            endings.append(ended)
    # the comparison is no formality: nearly all windows are climbed by the machine code
    assert declined < 0.05 * count
    assert np.mean(np.array(endings) == ENDED) > 0.8
