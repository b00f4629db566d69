"""A Gaussian hidden Markov model as machine code: filter, smoother and expectation maximisation, day after day.

The same numbers as the forms in numpy, `proofolio.forecasts.forward_backward` and
`proofolio.forecasts.expectation_maximisation`, which are the reference; a test holds them together to 1e-12. All of it
is in one file, since what is kept on disk is made anew where the file of the function has changed. Two regimes, the
usual number, have loops of their own: their weights stay in registers, which halves the time.

Forward weights of a day are divided by their sum, so that the next density is :math:`p(r_t | r_0, ..., r_{t-1})`, and
backward weights by the same numbers. Where that leaves the range of doubles the answer is NaN, and logarithms are left
to the caller.
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
LOG_2_PI = math.log(2.0 * math.pi)
# How a climb ended: at a result, at a covariance that is none, at numbers that leave the range of doubles.
ENDED, BROKEN, UNKNOWN = 0, 1, 2


@Kernel
def whiten(covariances: Floats, factors: Floats) -> bool:
    """Fill the (K, d, d) inverses of the lower Cholesky factors; False where a covariance is not positive definite."""
    K, d, _ = covariances.shape
    lower = np.zeros((d, d))
    factors[:, :, :] = 0.0
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
    """Fill (T, K) `filtered` and return the log-likelihood.

    `densities` come as logarithms, and are left as densities over the likelihood of their day given those before.
    """
    T, K = densities.shape
    if K == 2:
        return _two_forward(initial, transition, densities, filtered)
    closed = transition.min() < OPEN
    carried, next_weights = initial.copy(), np.empty(K)
    nats, product = 0.0, 1.0
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
            filtered[t, k] = carried[k] * density
            total += filtered[t, k]
        if not total > LOST:  # NaN is not above 0 either
            return math.nan
        next_weights[:] = 0.0
        for j in range(K):
            densities[t, j] /= total
            filtered[t, j] /= total
            for k in range(K):
                next_weights[k] += filtered[t, j] * transition[j, k]
        if closed:
            for j in range(K):
                if filtered[t, j] < LOST and carried[j] > 0.0:
                    for k in range(K):
                        if transition[j, k] > 0.0 and next_weights[k] < ENTERED:
                            return math.nan
        carried[:] = next_weights
        product *= total
        if product < 1e-10:  # one logarithm for many days; no product is below 1e-10 LOST
            nats += math.log(product)
            product = 1.0
    return nats + math.log(product)


@Kernel
def _two_forward(initial: Floats, transition: Floats, densities: Floats, filtered: Floats) -> float:
    """Do the same for two regimes."""
    stay0, leave0 = transition[0, 0], transition[0, 1]
    leave1, stay1 = transition[1, 0], transition[1, 1]
    closed = transition.min() < OPEN
    carried0, carried1 = initial[0], initial[1]
    nats, product = 0.0, 1.0
    for t in range(len(densities)):
        log0, log1 = densities[t, 0], densities[t, 1]
        density0 = density1 = 1.0
        if log0 >= log1:
            nats += log0
            density1 = math.exp(log1 - log0)
        else:
            nats += log1
            density0 = math.exp(log0 - log1)
        weight0, weight1 = carried0 * density0, carried1 * density1
        total = weight0 + weight1
        if not total > LOST:  # NaN is not above 0 either
            return math.nan
        weight0 /= total
        weight1 /= total
        next0 = weight0 * stay0 + weight1 * leave1
        next1 = weight0 * leave0 + weight1 * stay1
        if closed:
            needed0, needed1 = next0 < ENTERED, next1 < ENTERED
            if (
                weight0 < LOST
                and carried0 > 0.0
                and ((needed0 and stay0 > 0.0) or (needed1 and leave0 > 0.0))
            ):
                return math.nan
            if (
                weight1 < LOST
                and carried1 > 0.0
                and ((needed0 and leave1 > 0.0) or (needed1 and stay1 > 0.0))
            ):
                return math.nan
        filtered[t, 0], filtered[t, 1] = weight0, weight1
        densities[t, 0], densities[t, 1] = density0 / total, density1 / total
        carried0, carried1 = next0, next1
        product *= total
        if product < 1e-10:  # one logarithm for many days; no product is below 1e-10 LOST
            nats += math.log(product)
            product = 1.0
    return nats + math.log(product)


@Kernel
def walk(
    initial: Floats, transition: Floats, densities: Floats, smoothed: Floats, transitions: Floats
) -> float:
    """Fill (T, K) `smoothed` and (K, K) `transitions`, and return the log-likelihood; NaN out of range.

    `densities` come as logarithms and are used up.
    """
    nats = walk_forward(initial, transition, densities, smoothed)
    if math.isfinite(nats):
        if len(initial) == 2:
            _two_backward(transition, densities, smoothed, transitions)
        else:
            _backward(transition, densities, smoothed, transitions)
        if math.isfinite(transitions.sum()):
            return nats
    return math.nan


@Kernel
def _backward(transition: Floats, densities: Floats, smoothed: Floats, transitions: Floats) -> None:
    """Turn the filtered probabilities into smoothed ones, and fill the expected transitions."""
    T, K = densities.shape
    after, before = np.ones(K), np.empty(K)
    transitions[:, :] = 0.0
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
    stayed0 = left0 = left1 = stayed1 = 0.0
    after0 = after1 = 1.0
    for t in range(len(densities) - 2, -1, -1):
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
def move(
    scaled: Floats,
    smoothed: Floats,
    transitions: Floats,
    transition: Floats,
    means: Floats,
    covariances: Floats,
) -> float:
    """Fill in the parameters that the expectations call for; return the largest covariance, NaN where one is none."""
    T, d = scaled.shape
    K = len(means)
    largest = -math.inf
    away = np.empty(d)
    for k in range(K):
        days = 0.0
        for t in range(T):
            days += smoothed[t, k]
        for i in range(d):
            total = 0.0
            for t in range(T):
                total += smoothed[t, k] * scaled[t, i]
            means[k, i] = total / days
        covariances[k, :, :] = 0.0
        if d == 1:
            mean, total = means[k, 0], 0.0
            for t in range(T):
                away0 = scaled[t, 0] - mean
                total += smoothed[t, k] * away0 * away0
            covariances[k, 0, 0] = total
        else:
            for t in range(T):
                for i in range(d):
                    away[i] = scaled[t, i] - means[k, i]
                    weighted = smoothed[t, k] * away[i]
                    for j in range(i + 1):
                        covariances[k, i, j] += weighted * away[j]
        for i in range(d):
            covariances[k, i, i] += PRIOR
            for j in range(i + 1):
                covariances[k, i, j] /= days
                covariances[k, j, i] = covariances[k, i, j]
                if not covariances[k, i, j] <= largest:  # NaN stays
                    largest = covariances[k, i, j]
        left = transitions[k].sum()
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
        initial[:] = smoothed[0]
        largest = move(scaled, smoothed, transitions, transition, means, covariances)
        if not largest <= most:  # NaN is not
            return BROKEN, math.nan, iterations, False
    return UNKNOWN, math.nan, max_iterations, False
