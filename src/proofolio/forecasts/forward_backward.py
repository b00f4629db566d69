"""Forward and backward recursions of a Gaussian hidden Markov model, in log space.

With ``b_k(r) = N(r; mu_k, Sigma_k)``, initial distribution ``pi`` and transition
matrix ``P``, the recursions over days ``t = 0..T-1`` are

    alpha_0(k)   = pi_k b_k(r_0)
    alpha_t(k)   = sum_j alpha_{t-1}(j) P_jk b_k(r_t)           (forward)
    beta_{T-1}(k) = 1
    beta_t(j)    = sum_k P_jk b_k(r_{t+1}) beta_{t+1}(k)        (backward)

Filtered probabilities are ``alpha_t / sum(alpha_t)`` (data up to ``t`` only),
smoothed ones ``alpha_t beta_t / sum(alpha_t beta_t)`` (the whole window), and the
likelihood is ``sum(alpha_{T-1})``. Source: Rabiner (1989), "A tutorial on hidden
Markov models", section III; the halving below is the parallel scan of Hassan, Sarkka
and Garcia-Fernandez (2021), "Temporal parallelization of inference in hidden Markov
models", IEEE Transactions on Signal Processing 69.
"""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats


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
    factors = np.linalg.cholesky(covariances)
    result = np.empty((len(returns), len(means)))
    for k, (mean, factor) in enumerate(zip(means, factors, strict=True)):
        distances = np.linalg.solve(factor, (returns - mean).T)
        log_volume = np.log(np.diagonal(factor)).sum()
        result[:, k] = -0.5 * (distances**2).sum(axis=0) - log_volume
    return np.asarray(result - 0.5 * means.shape[1] * np.log(2 * np.pi))


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
