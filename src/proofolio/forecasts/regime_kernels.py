"""A Gaussian hidden Markov model as machine code: filter, smoother and expectation maximisation, day after day.

The same numbers as the forms in numpy, `proofolio.forecasts.forward_backward` and
`proofolio.forecasts.expectation_maximisation`, which are the reference; a test holds them together to 1e-12. Two
regimes and one or two series, the usual numbers, have loops of their own: what they carry stays in registers. Where a
whole row is filled or summed, the loop is written out: array expressions take numba seconds to compile.

Forward weights are divided by their sum where that is small, and backward weights by the same numbers, so that their
product adds up to one on every day. Beyond the range of doubles the answer is NaN, and the caller takes logarithms.
"""

from __future__ import annotations

import math

import numpy as np

from proofolio.arrays import Floats
from proofolio.compiled import Kernel

__all__ = ["PRIOR", "climb", "log_densities", "walk", "walk_forward"]

# Keeps a covariance positive definite on the way to a collapse, and no more: on series
# scaled to unit variance it adds 1e-5 / days to the variance of a regime.
PRIOR = 1e-5
# A weight below LOST is lost to rounding. That is no matter where the regimes it leads to are entered from others by
# ENTERED at least, as they are wherever no step is rarer than OPEN.
LOST, ENTERED, OPEN = 1e-290, 1e-250, 1e-200
# Weights that add up to less are divided by their sum: far from where doubles end, and one logarithm for many days.
SMALL = 1e-10
LOG_2_PI = math.log(2.0 * math.pi)
# How a climb ended: at a result, at a covariance that is none, at numbers that leave the range of doubles.
ENDED, BROKEN, UNKNOWN = 0, 1, 2


@Kernel
def whiten(covariances: Floats, factors: Floats) -> bool:
    """Fill the lower halves of (K, d, d) inverse Cholesky factors; False where one is not positive definite."""
    K, d, _ = covariances.shape
    lower = np.zeros((d, d))
    for k in range(K):
        for i in range(d):
            for j in range(i + 1):
                left = covariances[k, i, j]
                for m in range(j):
                    left -= lower[i, m] * lower[j, m]
                if i > j:
                    lower[i, j] = left / lower[j, j]
                elif left > 0.0 and math.isfinite(left):  # NaN is not
                    lower[i, i] = math.sqrt(left)
                else:
                    return False
        for i in range(d):
            factors[k, i, i] = 1.0 / lower[i, i]
            for j in range(i):
                total = 0.0
                for m in range(j, i):
                    total += lower[i, m] * factors[k, m, j]
                factors[k, i, j] = -total / lower[i, i]
    return True


@Kernel
def log_densities(scaled: Floats, means: Floats, factors: Floats, log_b: Floats) -> None:
    """Fill (T, K) log-densities of (T, d) returns, from (K, d) means and what `whiten` gives."""
    T, d = scaled.shape
    for k in range(len(means)):
        constant = -0.5 * d * LOG_2_PI
        for i in range(d):
            constant += math.log(factors[k, i, i])
        if d == 1:
            mean, root = means[k, 0], factors[k, 0, 0]
            for t in range(T):
                white = (scaled[t, 0] - mean) * root
                log_b[t, k] = constant - 0.5 * (white * white)
        elif d == 2:
            mean0, mean1 = means[k, 0], means[k, 1]
            root0, across, root1 = factors[k, 0, 0], factors[k, 1, 0], factors[k, 1, 1]
            for t in range(T):
                away0, away1 = scaled[t, 0] - mean0, scaled[t, 1] - mean1
                white0, white1 = root0 * away0, across * away0 + root1 * away1
                log_b[t, k] = constant - 0.5 * (white0 * white0 + white1 * white1)
        else:
            for t in range(T):
                square = 0.0
                for i in range(d):
                    white = 0.0
                    for j in range(i + 1):
                        white += factors[k, i, j] * (scaled[t, j] - means[k, j])
                    square += white * white
                log_b[t, k] = constant - 0.5 * square


@Kernel
def walk_forward(initial: Floats, transition: Floats, densities: Floats, filtered: Floats) -> float:
    """Fill (T, K) `filtered` and return the log-likelihood; NaN out of range.

    `densities` come as logarithms and are used up.
    """
    nats = _forward(initial, transition, densities, filtered)
    if math.isfinite(nats):
        for t in range(len(filtered)):
            total = 0.0
            for k in range(len(initial)):
                total += filtered[t, k]
            for k in range(len(initial)):
                filtered[t, k] /= total
    return nats


@Kernel
def walk(
    initial: Floats, transition: Floats, densities: Floats, smoothed: Floats, transitions: Floats
) -> float:
    """Fill (T, K) `smoothed` and (K, K) `transitions`, and return the log-likelihood; NaN out of range.

    `densities` come as logarithms and are used up.
    """
    if len(initial) == 2 and _open(transition):
        nats = _two_forward(initial, transition, densities, smoothed)
        if math.isfinite(nats):
            _two_backward(transition, densities, smoothed, transitions)
    else:
        nats = _forward(initial, transition, densities, smoothed)
        if math.isfinite(nats):
            _backward(transition, densities, smoothed, transitions)
    for j in range(len(initial)):
        for k in range(len(initial)):
            nats = nats if math.isfinite(transitions[j, k]) else math.nan
    return nats


@Kernel
def _open(transition: Floats) -> bool:
    """Return whether no step is rarer than OPEN."""
    rare = 0
    for j in range(len(transition)):
        for k in range(len(transition)):
            rare += transition[j, k] < OPEN
    return rare == 0


@Kernel
def _forward(initial: Floats, transition: Floats, densities: Floats, weights: Floats) -> float:
    """Fill (T, K) `weights` with what the filtered probabilities are proportional to, and return the log-likelihood.

    Densities come as logarithms, and are left over the largest of their day and over what its weights are divided by.
    """
    T, K = densities.shape
    closed = not _open(transition)
    carried, next_weights = initial.copy(), np.empty(K)
    nats, total = 0.0, 1.0
    for t in range(T):
        top = densities[t, 0]
        for k in range(1, K):
            top = max(top, densities[t, k])
        nats += top
        total = 0.0
        for k in range(K):
            below = densities[t, k] - top
            density = 1.0 if below == 0.0 else math.exp(below)
            densities[t, k] = density
            weights[t, k] = carried[k] * density
            total += weights[t, k]
        if not total >= SMALL:  # NaN is not above it either
            if not total > LOST * SMALL:
                return math.nan
            for k in range(K):
                densities[t, k] /= total
                weights[t, k] /= total
            nats += math.log(total)
            total = 1.0
        for k in range(K):
            next_weights[k] = 0.0
            for j in range(K):
                next_weights[k] += weights[t, j] * transition[j, k]
        if closed:
            for j in range(K):
                if weights[t, j] < LOST * total and carried[j] > 0.0:
                    for k in range(K):
                        if transition[j, k] > 0.0 and next_weights[k] < ENTERED * total:
                            return math.nan
        carried, next_weights = next_weights, carried
    return nats + math.log(total)


@Kernel
def _two_forward(initial: Floats, transition: Floats, densities: Floats, weights: Floats) -> float:
    """Do the same for two regimes, with no step rarer than OPEN."""
    stay0, leave0 = transition[0, 0], transition[0, 1]
    leave1, stay1 = transition[1, 0], transition[1, 1]
    carried0, carried1 = initial[0], initial[1]
    nats, total = 0.0, 1.0
    for t in range(len(densities)):
        log0, log1 = densities[t, 0], densities[t, 1]
        nats += max(log0, log1)
        less = math.exp(-abs(log0 - log1))
        density0 = 1.0 if log0 >= log1 else less
        density1 = less if log0 >= log1 else 1.0
        weight0, weight1 = carried0 * density0, carried1 * density1
        total = weight0 + weight1
        if not total >= SMALL:  # NaN is not above it either
            if not total > LOST * SMALL:
                return math.nan
            density0, density1 = density0 / total, density1 / total
            weight0, weight1 = weight0 / total, weight1 / total
            nats += math.log(total)
            total = 1.0
        densities[t, 0], densities[t, 1] = density0, density1
        weights[t, 0], weights[t, 1] = weight0, weight1
        carried0 = weight0 * stay0 + weight1 * leave1
        carried1 = weight0 * leave0 + weight1 * stay1
    return nats + math.log(total)


@Kernel
def _backward(transition: Floats, densities: Floats, smoothed: Floats, transitions: Floats) -> None:
    """Turn the weights and densities of `_forward` into smoothed probabilities, and fill the expected transitions."""
    T, K = densities.shape
    after, before, total = np.empty(K), np.empty(K), 0.0
    for k in range(K):
        total += smoothed[T - 1, k]
    for j in range(K):
        # now the products of weights before and after a day add up to one, on every day
        after[j] = 1.0 / total
        smoothed[T - 1, j] /= total
        for k in range(K):
            transitions[j, k] = 0.0
    for t in range(T - 2, -1, -1):
        for k in range(K):
            after[k] *= densities[t + 1, k]
        for j in range(K):
            before[j] = 0.0
            for k in range(K):
                step = transition[j, k] * after[k]
                before[j] += step
                transitions[j, k] += smoothed[t, j] * step
        for j in range(K):
            after[j] = before[j]
            smoothed[t, j] *= before[j]


@Kernel
def _two_backward(transition: Floats, densities: Floats, smoothed: Floats, transitions: Floats) -> None:
    """Do the same for two regimes."""
    stay0, leave0 = transition[0, 0], transition[0, 1]
    leave1, stay1 = transition[1, 0], transition[1, 1]
    last, stayed0, left0, left1, stayed1 = len(densities) - 1, 0.0, 0.0, 0.0, 0.0
    after0 = after1 = 1.0 / (smoothed[last, 0] + smoothed[last, 1])
    smoothed[last, 0] *= after0
    smoothed[last, 1] *= after1
    for t in range(last - 1, -1, -1):
        after0 *= densities[t + 1, 0]
        after1 *= densities[t + 1, 1]
        weight0, weight1 = smoothed[t, 0], smoothed[t, 1]
        step00, step01 = stay0 * after0, leave0 * after1
        step10, step11 = leave1 * after0, stay1 * after1
        stayed0 += weight0 * step00
        left0 += weight0 * step01
        left1 += weight1 * step10
        stayed1 += weight1 * step11
        after0, after1 = step00 + step01, step10 + step11
        smoothed[t, 0], smoothed[t, 1] = weight0 * after0, weight1 * after1
    transitions[0, 0], transitions[0, 1] = stayed0, left0
    transitions[1, 0], transitions[1, 1] = left1, stayed1


@Kernel
def _series(scaled: Floats, smoothed: Floats, k: int, means: Floats, squares: Floats) -> float:
    """Fill means and the lower halves of sums of squares of regime k; return its days."""
    T, d = scaled.shape
    days, away = 0.0, np.empty(d)
    for i in range(d):
        means[k, i] = 0.0
        for j in range(d):
            squares[k, i, j] = 0.0
    for t in range(T):
        days += smoothed[t, k]
        for i in range(d):
            means[k, i] += smoothed[t, k] * scaled[t, i]
    for i in range(d):
        means[k, i] /= days
    for t in range(T):
        for i in range(d):
            away[i] = scaled[t, i] - means[k, i]
            weighted = smoothed[t, k] * away[i]
            for j in range(i + 1):
                squares[k, i, j] += weighted * away[j]
    return days


@Kernel
def _one_series(scaled: Floats, smoothed: Floats, k: int, means: Floats, squares: Floats) -> float:
    """Do the same for one series."""
    days, total, square = 0.0, 0.0, 0.0
    for t in range(len(scaled)):
        days += smoothed[t, k]
        total += smoothed[t, k] * scaled[t, 0]
    middle = total / days
    for t in range(len(scaled)):
        away = scaled[t, 0] - middle
        square += smoothed[t, k] * away * away
    means[k, 0], squares[k, 0, 0] = middle, square
    return days


@Kernel
def _two_series(scaled: Floats, smoothed: Floats, k: int, means: Floats, squares: Floats) -> float:
    """Do the same for two."""
    days = total0 = total1 = square0 = square1 = across = 0.0
    for t in range(len(scaled)):
        weight = smoothed[t, k]
        days += weight
        total0 += weight * scaled[t, 0]
        total1 += weight * scaled[t, 1]
    middle0, middle1 = total0 / days, total1 / days
    for t in range(len(scaled)):
        away0, away1 = scaled[t, 0] - middle0, scaled[t, 1] - middle1
        weighted0, weighted1 = smoothed[t, k] * away0, smoothed[t, k] * away1
        square0 += weighted0 * away0
        across += weighted1 * away0
        square1 += weighted1 * away1
    means[k, 0], means[k, 1] = middle0, middle1
    squares[k, 0, 0], squares[k, 1, 0], squares[k, 1, 1] = square0, across, square1
    return days


@Kernel
def move(
    scaled: Floats,
    smoothed: Floats,
    transitions: Floats,
    transition: Floats,
    means: Floats,
    covariances: Floats,
) -> float:
    """Fill in the parameters that the expectations call for; return the largest covariance, NaN where one is none."""
    d, K = scaled.shape[1], len(means)
    largest = -math.inf
    for k in range(K):
        if d == 1:
            days = _one_series(scaled, smoothed, k, means, covariances)
        elif d == 2:
            days = _two_series(scaled, smoothed, k, means, covariances)
        else:
            days = _series(scaled, smoothed, k, means, covariances)
        for i in range(d):
            covariances[k, i, i] += PRIOR
            for j in range(i + 1):
                covariances[k, i, j] /= days
                covariances[k, j, i] = covariances[k, i, j]
                if not covariances[k, i, j] <= largest:  # NaN stays
                    largest = covariances[k, i, j]
        left = 0.0
        for j in range(K):
            left += transitions[k, j]
        for j in range(K):
            # A regime visited on the last day only was never seen to be left: nothing is known of its row.
            transition[k, j] = transitions[k, j] / left if left > 0.0 else 1.0 / K
    return largest


@Kernel
def climb(
    scaled: Floats,
    initial: Floats,
    transition: Floats,
    means: Floats,
    covariances: Floats,
    smoothed: Floats,
    max_iterations: int,
    tolerance: float,
    most: float,
) -> tuple[int, float, int, bool]:
    """Climb the likelihood of (T, d) `scaled` from the parameters, which are overwritten; fill (T, K) `smoothed`.

    Returns how it ended, the log-likelihood, the steps taken, and whether the last one gained less than `tolerance`.
    Broken where a covariance is not positive definite, or above `most`.
    """
    T, d = scaled.shape
    K = len(initial)
    densities, factors, transitions = np.empty((T, K)), np.empty((K, d, d)), np.empty((K, K))
    last = -math.inf
    for iterations in range(max_iterations + 1):
        if not whiten(covariances, factors):
            return BROKEN, math.nan, iterations, False
        log_densities(scaled, means, factors, densities)
        nats = walk(initial, transition, densities, smoothed, transitions)
        if not math.isfinite(nats):
            return UNKNOWN, math.nan, iterations, False
        converged = nats - last < tolerance
        if converged or iterations == max_iterations:
            return ENDED, nats, iterations, converged
        last = nats
        for k in range(K):
            initial[k] = smoothed[0, k]
        largest = move(scaled, smoothed, transitions, transition, means, covariances)
        if not largest <= most:  # NaN is not
            return BROKEN, math.nan, iterations, False
    return UNKNOWN, math.nan, max_iterations, False
