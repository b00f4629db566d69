"""Forward and backward recursions of a Gaussian hidden Markov model.

With ``b_k(r) = N(r; mu_k, Sigma_k)``, initial distribution ``pi`` and transition
matrix ``P``, the recursions over days ``t = 0..T-1`` are

    alpha_0(k)   = pi_k b_k(r_0)
    alpha_t(k)   = sum_j alpha_{t-1}(j) P_jk b_k(r_t)           (forward)
    beta_{T-1}(k) = 1
    beta_t(j)    = sum_k P_jk b_k(r_{t+1}) beta_{t+1}(k)        (backward)

Filtered probabilities are ``alpha_t / sum(alpha_t)`` (data up to ``t`` only),
smoothed ones ``alpha_t beta_t / sum(alpha_t beta_t)`` (the whole window), and the
likelihood is ``sum(alpha_{T-1})``. They are computed in three ways. `forward` and
`backward` work with logarithms and hold for any densities. `Expectations` solves two
banded systems and is many times faster. With numba `proofolio.forecasts.regime_kernels`
walks over the days as machine code, faster still. Both turn to the logarithms where
their numbers would leave the range of doubles. Sources: Rabiner
(1989), "A tutorial on hidden Markov models", section III; the halving below is the
parallel scan of Hassan, Sarkka and Garcia-Fernandez (2021), "Temporal parallelization
of inference in hidden Markov models", IEEE Transactions on Signal Processing 69.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dtbtrs

from proofolio.arrays import Floats
from proofolio.compiled import active
from proofolio.forecasts.regime_kernels import ENTERED, LOG_2_PI, LOST, OPEN, walk, walk_forward

# Doubles end at 1e308: between these bounds products of a forward and a backward weight are still exact.
SAFE_RANGE = (1e-140, 1e140)
# Parts of fewer days cost more than logarithms, and only densities that no day of a window explains need them.
LEAST_PART = 8


def log_sum_exp(values: Floats, axis: int) -> Floats:
    """Return ``log(sum(exp(values)))`` along `axis`, exact where all are -inf."""
    top = values.max(axis=axis, keepdims=True)
    # An impossible state has -inf everywhere, and -inf - (-inf) would be NaN.
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore", under="ignore"):
        total = np.log(np.exp(values - top).sum(axis=axis))
    return np.asarray(total + top.squeeze(axis), dtype=np.float64)


def log_densities(returns: Floats, means: Floats, covariances: Floats) -> Floats:
    """Return ``log N(r_t; mu_k, Sigma_k)``.

    Parameters
    ----------
    returns : (T, d) array
        One row a day.
    means, covariances : (K, d) and (K, d, d) arrays
        In the units of `returns`; every covariance positive definite.

    Returns
    -------
    (T, K) array

    Raises
    ------
    numpy.linalg.LinAlgError
        If a covariance is not positive definite.
    """
    result = np.empty((len(returns), len(means)))
    whitening = np.linalg.inv(np.linalg.cholesky(covariances))
    for k, (mean, whiten) in enumerate(zip(means, whitening, strict=True)):
        away = returns - mean
        # a product of numbers is that of the machine code to the last bit: far from the mean each bit counts
        white = away @ whiten.T if len(mean) > 1 else away * whiten
        constant = -0.5 * len(mean) * LOG_2_PI + np.log(np.diagonal(whiten)).sum()
        result[:, k] = constant - 0.5 * (white * white).sum(axis=1)
    return result


def _product(left: Floats, right: Floats) -> Floats:
    """Matrix product in log space, over stacks of matrices."""
    return log_sum_exp(left[..., :, :, None] + right[..., None, :, :], axis=-2)


def _carry(start: Floats, steps: Floats) -> Floats:
    """Return ``start``, ``start M_1``, ``start M_1 M_2``, ... for row vector `start`.

    A loop over days costs Python's overhead 8,000 times. Here neighbouring steps are
    multiplied in pairs, the problem of half the length is solved, and the days between
    are filled in: ``2 log2(T)`` array operations.
    """
    if len(steps) == 0:
        return start[None, :]
    even = _carry(start, _product(steps[:-1:2], steps[1::2]))
    firsts = steps[0::2]
    result = np.empty((len(steps) + 1, len(start)))
    result[0::2] = even
    result[1::2] = _product(even[: len(firsts), None, :], firsts)[:, 0, :]
    return result


def forward(log_initial: Floats, log_transition: Floats, log_b: Floats) -> Floats:
    """Return ``log alpha``, (T, K), from ``log pi``, ``log P`` and (T, K) ``log b``."""
    return _carry(log_initial + log_b[0], log_transition + log_b[1:, None, :])


def backward(log_transition: Floats, log_b: Floats) -> Floats:
    """Return ``log beta``, (T, K), from ``log P`` and (T, K) ``log b``."""
    # Transposed and with time reversed, backward is the same walk as forward.
    steps = (log_transition + log_b[1:, None, :]).transpose(0, 2, 1)[::-1]
    return _carry(np.zeros(log_b.shape[1]), steps)[::-1]


def normalised(log_weights: Floats) -> Floats:
    """Return the probabilities proportional to ``exp(log_weights)``, row by row."""
    with np.errstate(under="ignore"):
        shifted = np.exp(log_weights - log_sum_exp(log_weights, axis=1)[:, None])
    # log alpha grows with T, and its rounding with it: make rows sum to one again.
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


class Expected(NamedTuple):
    """What the data say of the regimes under given parameters.

    Attributes
    ----------
    log_likelihood : float
        In nats, of the densities that were given.
    smoothed : (T, K) array
        Probability of each regime on each day, given all days.
    transitions : (K, K) array
        Expected number of steps from one regime to another.
    """

    log_likelihood: float
    smoothed: Floats
    transitions: Floats


class Expectations:
    r"""The expectation step for T days and K regimes, by banded triangular systems.

    Divide the densities of day t by a guess :math:`c_t` of :math:`p(r_t \mid r_0, \dots, r_{t-1})`, here
    :math:`p(r_t \mid r_{t-1})` with all regimes alike the day before. The forward recursion

    .. math::
        a_t(k) - \frac{b_t(k)}{c_t} \sum_j P_{jk} a_{t-1}(j) = 0, \qquad a_0 = \pi b_0 / c_0

    is one system :math:`La = e` with L unit lower triangular of bandwidth 2K - 1, and the backward recursion
    is :math:`L'\beta = e'`. LAPACK solves both. With the exact :math:`c_t` every :math:`a_t` would sum to one. Where
    what the guesses leave over takes a sum out of `SAFE_RANGE`, the window is cut into parts, each of which starts
    from a sum of one again.

    Parameters
    ----------
    T, K : int
        The memory for the band is used again in every step.
    """

    def __init__(self, T: int, K: int) -> None:
        """Lay out the band."""
        self._below = np.zeros((T, K, 2 * K))  # column (t, j) of L: its entries from the diagonal down
        self._band = self._below.reshape(T * K, 2 * K).T
        self._ones = np.ones(K)
        self._part = T

    def __call__(self, initial: Floats, transition: Floats, log_b: Floats) -> Expected:
        """Return the expectations under (K,) `initial`, (K, K) `transition` and (T, K) log-densities."""
        log_b = np.ascontiguousarray(log_b.T)
        # Densities relative to the likeliest regime's: a day far from all of them does not underflow.
        top = np.maximum.reduce(log_b)
        b = np.exp(log_b - top)
        guess = np.empty(b.shape[1])
        guess[0] = initial @ b[:, 0]
        together = transition.T @ b[:, :-1]
        together *= b[:, 1:]
        np.divide(self._ones @ together, self._ones @ b[:, :-1], out=guess[1:])
        b /= guess
        found = None
        while found is None and self._part >= LEAST_PART:
            found = self._solved(initial, transition, b)
            if found is None:
                self._part = -(-self._part // 4)
        if found is None:  # a guess of none is no help
            guess[~((guess > 0.0) & (guess < np.inf))] = 1.0
            found = _by_logarithms(initial, transition, log_b - top - np.log(guess))
        known = float(np.log(guess).sum() + top.sum())
        return Expected(found.log_likelihood + known, found.smoothed, found.transitions)

    def _solved(self, initial: Floats, transition: Floats, b: Floats) -> Expected | None:
        """Return the expectations under densities over their guesses; None where a sum leaves the range."""
        K, T = b.shape
        for j in range(K):
            for k in range(K):
                np.multiply(b[k, 1:], -transition[j, k], out=self._below[:-1, j, K + k - j])
        alpha, beta = np.zeros((T, K)), np.zeros((T, K))
        alpha[0] = initial * b[:, 0]
        parts, totals = [(k, min(k + self._part, T)) for k in range(0, T, self._part)], [1.0]
        for start, stop in parts:
            if start:
                alpha[start] = (alpha[start - 1] / totals[-1]) @ transition * b[:, start]
            self._solve(start, stop, alpha, "N")
            carried = alpha[start:stop] @ self._ones
            # written so that NaN is not within the range either
            if not (SAFE_RANGE[0] <= carried.min() and carried.max() <= SAFE_RANGE[1]):
                return None
            totals.append(float(carried[-1]))
        if transition.min() < OPEN:
            carried = np.vstack([initial, alpha[:-1] @ transition])
            lost = (alpha[:-1] < LOST) & (carried[:-1] > 0.0)
            if (lost[:, :, None] & (transition > 0.0) & (carried[1:, None, :] < ENTERED)).any():
                return None
        for (start, stop), total in zip(reversed(parts), reversed(totals), strict=False):
            beta[stop - 1] = 1.0 if stop == T else transition @ (b[:, stop] * beta[stop])
            beta[stop - 1] /= total  # now alpha times beta is one on every day
            self._solve(start, stop, beta, "T")
        smoothed = alpha * beta
        for (_, stop), total in zip(parts[:-1], totals[1:], strict=False):
            alpha[stop - 1] /= total  # as the next part took it
        steps = np.ascontiguousarray(b[:, 1:].T)
        steps *= beta[1:]
        transitions = alpha[:-1].T @ steps
        transitions *= transition
        if not np.isfinite(transitions).all():
            return None
        return Expected(sum(map(math.log, totals)), smoothed, transitions)

    def _solve(self, start: int, stop: int, sides: Floats, transposed: str) -> None:
        """Replace the (T, K) right-hand sides of days from `start` to before `stop` by the solution."""
        K = sides.shape[1]
        band, side = self._band[:, start * K : stop * K], sides[start:stop].reshape(-1, 1)
        sides[start:stop] = dtbtrs(band, side, "L", transposed, "U", overwrite_b=1)[0].reshape(-1, K)


def _by_logarithms(initial: Floats, transition: Floats, log_b: Floats) -> Expected:
    """Return the expectations where numbers leave the range of doubles, from (K, T) log-densities."""
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(initial), np.log(transition)
    alpha = forward(log_initial, log_transition, log_b.T)
    beta = backward(log_transition, log_b.T)
    nats = log_sum_exp(alpha[-1], axis=0)
    steps = alpha[:-1, :, None] + log_transition + (log_b.T[1:] + beta[1:])[:, None, :]
    return Expected(float(nats), normalised(alpha + beta), np.exp(steps - nats).sum(axis=0))


def filtered(initial: Floats, transition: Floats, log_b: Floats) -> tuple[Floats, float]:
    """Return ``P(regime on day t | days up to t)``, (T, K), and the log-likelihood, from (T, K) log-densities."""
    if active():
        found = np.empty(log_b.shape)
        nats = walk_forward(_own(initial), _own(transition), _own(log_b), found)
        if math.isfinite(nats):
            return found, nats
    with np.errstate(divide="ignore"):
        alpha = forward(np.log(initial), np.log(transition), log_b)
    return normalised(alpha), float(log_sum_exp(alpha[-1], axis=0))


def smoothed(initial: Floats, transition: Floats, log_b: Floats) -> Floats:
    """Return ``P(regime on day t | all days)``, (T, K), from (T, K) log-densities."""
    if walk.worth_loading():
        found = np.empty(log_b.shape)
        nats = walk(_own(initial), _own(transition), _own(log_b), found, np.empty(transition.shape))
        if math.isfinite(nats):
            return np.asarray(found / found.sum(axis=1, keepdims=True))  # rounding adds up over the days
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(initial), np.log(transition)
    return normalised(forward(log_initial, log_transition, log_b) + backward(log_transition, log_b))


def _own(array: Floats) -> Floats:
    """Return a copy as machine code takes it: it is compiled for each kind of array anew."""
    return np.array(array, np.float64, order="C")
