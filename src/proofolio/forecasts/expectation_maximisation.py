"""Expectation maximisation for a Gaussian hidden Markov model, from given starting points.

`ascend` is the daily refit: a few steps from yesterday's parameters. `maximise` is the cold fit of `fit_regimes`, done
by hmmlearn from `cold_starts`. A step of `ascend` does what a step of hmmlearn's `GaussianHMM` (full covariances,
``covars_prior = PRIOR I``) does, without validating its arguments each time. It has two back ends, arrays in numpy
(`ascend_by_arrays`, the reference) and machine code (`proofolio.forecasts.regime_kernels`): the same steps, as many of
them. With the smoothed probabilities p of each regime,

    mu' = sum p x / sum p,    Sigma' = (sum p (x - mu')(x - mu')' + PRIOR I) / sum p

Source: Rabiner (1989), "A tutorial on hidden Markov models", section III.C.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dtbtrs

from proofolio.arrays import Floats
from proofolio.compiled import active
from proofolio.forecasts.forward_backward import Expectations, log_densities
from proofolio.forecasts.regime_kernels import BROKEN, ENDED, PRIOR, climb

# A regime with a smaller share of the days, or on scaled series a covariance with a
# smaller eigenvalue, describes a few outliers or a run of repeated prices.
LEAST_SHARE = 0.01
LEAST_VARIANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Parameters:
    """Of a hidden Markov model of K regimes on d series scaled to unit variance."""

    initial: Floats
    transition: Floats
    means: Floats
    covariances: Floats


@dataclass(frozen=True, eq=False)
class Estimate:
    """Where expectation maximisation ended: parameters, and what they are worth."""

    parameters: Parameters
    log_likelihood: float
    shares: Floats
    iterations: int
    converged: bool

    @cached_property
    def collapsed(self) -> bool:
        """Whether a regime has less than 1 % of the days or a singular covariance."""
        covariances = self.parameters.covariances
        if not np.isfinite(covariances).all():  # of a regime without any days
            return True
        one = covariances.shape[1] == 1  # a matrix of one number is its eigenvalue
        smallest = float(covariances.min() if one else np.linalg.eigvalsh(covariances).min())
        # written so that NaN has collapsed too
        return not (float(self.shares.min()) >= LEAST_SHARE and smallest >= LEAST_VARIANCE)

    @property
    def rank(self) -> tuple[bool, float]:
        """A key by which a real regime is preferred to a likelier collapsed one."""
        return not self.collapsed, self.log_likelihood


# An estimate and the smoothed probabilities of the window under it.
Fitted = tuple[Estimate, Floats]


def ascend(scaled: Floats, start: Parameters, max_iterations: int, tolerance: float) -> Fitted | None:
    """Climb the likelihood of (T, d) `scaled` from `start`; None where that breaks down.

    Returns the estimate and the (T, K) smoothed probabilities under these very parameters, of which the
    last row is the filtered one. With ``max_iterations = 0`` nothing moves: the answer is what `start`
    says about the window. Series should have a standard deviation of about one, since `PRIOR` is
    absolute.
    """
    if active():
        ended, found = _ascend_by_machine(scaled, start, max_iterations, tolerance)
        if ended in (ENDED, BROKEN):
            return found
    return ascend_by_arrays(scaled, start, max_iterations, tolerance)


def ascend_by_arrays(
    scaled: Floats, start: Parameters, max_iterations: int, tolerance: float
) -> Fitted | None:
    """Do the same in numpy: the reference of the machine code, and where its numbers leave the range of doubles."""
    expectations, most = Expectations(len(scaled), len(start.initial)), _most(scaled)
    parameters, last = start, -np.inf
    with np.errstate(all="ignore"):
        for iterations in range(max_iterations + 1):
            try:
                log_b = log_densities(scaled, parameters.means, parameters.covariances)
                log_likelihood, smoothed, transitions = expectations(
                    parameters.initial, parameters.transition, log_b
                )
            except (ValueError, np.linalg.LinAlgError):
                # A day no regime can explain, or a covariance no longer positive definite.
                return None
            if not np.isfinite(log_likelihood):
                return None
            converged = log_likelihood - last < tolerance
            if converged or iterations == max_iterations:
                return _fitted(parameters, log_likelihood, smoothed, iterations, converged)
            last = log_likelihood
            parameters = _moved(scaled, smoothed, transitions)
            if not parameters.covariances.max() <= most:  # NaN is not
                return None  # a regime has lost all its days: its moments are sums over nothing
    return None


def _ascend_by_machine(
    scaled: Floats, start: Parameters, max_iterations: int, tolerance: float
) -> tuple[int, Fitted | None]:
    """Return how the machine code ended, and what it found."""
    copies = (start.initial, start.transition, start.means, start.covariances)
    parameters = Parameters(*(np.array(values, np.float64, order="C") for values in copies))
    series, smoothed = (
        np.require(scaled, np.float64, ["C", "W"]),
        np.empty((len(scaled), len(start.initial))),
    )
    ended, nats, iterations, converged = climb(
        series, parameters.initial, parameters.transition, parameters.means, parameters.covariances,
        smoothed, max_iterations, float(tolerance), _most(scaled),
    )  # fmt: skip
    if ended != ENDED:
        return ended, None
    return ended, _fitted(parameters, nats, smoothed, iterations, converged)


def _most(scaled: Floats) -> float:
    """Return what no covariance exceeds: it is a mean of squares, and the prior is small but for an empty regime."""
    return float(np.square(scaled).max()) + 1.0


def _fitted(
    parameters: Parameters, log_likelihood: float, smoothed: Floats, iterations: int, converged: bool
) -> Fitted:
    shares = np.ones(len(smoothed)) @ smoothed / len(smoothed)
    return Estimate(parameters, log_likelihood, shares, iterations, converged), smoothed


def _moved(scaled: Floats, smoothed: Floats, transitions: Floats) -> Parameters:
    """Return the parameters that the expectations call for."""
    days = smoothed.sum(axis=0)
    means = smoothed.T @ scaled / days[:, None]
    away = scaled - means[:, None, :]
    squares = (smoothed.T[:, :, None] * away).transpose(0, 2, 1) @ away + PRIOR * np.eye(scaled.shape[1])
    covariances = 0.5 * (squares + squares.transpose(0, 2, 1)) / days[:, None, None]
    left = transitions.sum(axis=1, keepdims=True)
    # A regime visited on the last day only was never seen to be left: nothing is known of its row.
    transition = np.where(left > 0, transitions / left, 1 / len(days))
    return Parameters(smoothed[0].copy(), transition, means, covariances)


def cold_starts(scaled: Floats, K: int, restarts: int, seed: int) -> Iterator[Parameters]:
    """Yield `restarts` starting points for K regimes on (T, d) scaled series, see `cold_start`."""
    for number in range(restarts):
        yield cold_start(scaled, K, number, seed)


def cold_start(scaled: Floats, K: int, number: int, seed: int) -> Parameters:
    """Return one of many starting points for K regimes on (T, d) scaled series.

    Days are cut into K groups of equal size by an exponentially weighted mean of the
    squared returns (half-life 20 days), since regimes last and differ most in
    volatility; k-means on single returns, hmmlearn's default, separates up days from down
    days instead. Starts after number 0 blend that score with a random walk, and vary how
    long regimes are first believed to last.
    """
    random = np.random.default_rng(seed)
    days, d = scaled.shape
    score, walk = _ranks(_recent((scaled**2).sum(axis=1), 20.0)), np.zeros(days)
    blend, stay = 0.0, 0.95
    for _ in range(number):
        walk, blend, stay = random.standard_normal((days,)), random.uniform(), random.uniform(0.7, 0.995)
    if number:
        score = (1 - blend) * score + blend * _ranks(_recent(walk, 60.0))
    group = _ranks(score) * K // days
    means, covariances = np.empty((K, d)), np.empty((K, d, d))
    for k in range(K):
        members = scaled[group == k]
        means[k] = members.mean(axis=0)
        away = members - means[k]
        # A short window of repeated prices can make a group constant.
        covariances[k] = away.T @ away / (len(members) - 1) + 1e-3 * np.eye(d)
    uniform = np.full(K, 1 / K)
    return Parameters(uniform, stay * np.eye(K) + (1 - stay) * uniform, means, covariances)


def _ranks(values: Floats) -> Floats:
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def _recent(values: Floats, half_life: float) -> Floats:
    """Exponentially weighted mean of each day and those before it: ``x_t = keep x_{t-1} + (1 - keep) v_t``."""
    keep = 0.5 ** (1 / half_life)
    band = np.ones((2, len(values)), order="F")
    band[1] = -keep
    side = (1 - keep) * values
    side[0] += keep * values[: round(half_life)].mean()
    return np.asarray(dtbtrs(band, side[:, None], "L", "N", "U", overwrite_b=1)[0][:, 0])


def maximise(
    scaled: Floats, start: Parameters, max_iterations: int, tolerance: float, deadline: float = math.inf
) -> Estimate | None:
    """Return the estimate that `start` leads to, or None if it breaks down on the way.

    hmmlearn works with scaled probabilities, four times faster than logarithms; where a
    return is so extreme that they underflow, the run is repeated with logarithms. After the
    `deadline`, on the clock of `time.monotonic`, no further step is taken.
    """
    with _silent(), np.errstate(all="ignore"):
        for implementation in ("scaling", "log"):
            try:
                return _run(scaled, start, max_iterations, tolerance, implementation, deadline)
            except (ValueError, np.linalg.LinAlgError):
                # Underflow, a regime never left, or a covariance no longer positive.
                continue
    return None


def _run(
    scaled: Floats,
    start: Parameters,
    max_iterations: int,
    tolerance: float,
    implementation: str,
    deadline: float,
) -> Estimate:
    # With scikit-learn they take two seconds: only a cold fit needs them.
    from hmmlearn.base import ConvergenceMonitor
    from hmmlearn.hmm import GaussianHMM

    class InTime(ConvergenceMonitor):  # type: ignore[misc]  # hmmlearn has no annotations
        @property
        def converged(self) -> bool:
            return bool(super().converged) or time.monotonic() >= deadline

    K, d = start.means.shape
    model = GaussianHMM(
        K,
        covariance_type="full",
        # A matrix: hmmlearn would add a number to the off-diagonal terms too.
        covars_prior=PRIOR * np.eye(d),
        n_iter=max_iterations,
        tol=tolerance,
        init_params="",
        implementation=implementation,
    )
    model.monitor_ = InTime(tolerance, max_iterations, verbose=False)
    model.startprob_ = start.initial
    model.transmat_ = start.transition
    model.means_ = start.means
    model.covars_ = start.covariances
    model.fit(scaled)
    # A regime visited on the last day only was never seen to be left: nothing is known of its row.
    never_left = model.transmat_.sum(axis=1) == 0
    model.transmat_ = np.where(never_left[:, None], 1 / K, model.transmat_)
    # The monitor's likelihood is that of the parameters before the last step.
    log_likelihood, smoothed = model.score_samples(scaled)
    history = list(model.monitor_.history)
    covariances = np.asarray(model.covars_)
    if not np.isfinite(log_likelihood):
        raise ValueError("the likelihood is not finite")
    return Estimate(
        Parameters(
            initial=np.asarray(model.startprob_),
            transition=np.asarray(model.transmat_),
            means=np.asarray(model.means_),
            covariances=0.5 * (covariances + covariances.transpose(0, 2, 1)),
        ),
        log_likelihood=float(log_likelihood),
        shares=smoothed.mean(axis=0),
        iterations=int(model.monitor_.iter),
        # hmmlearn also calls running out of iterations convergence.
        converged=len(history) > 1 and history[-1] - history[-2] < tolerance,
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Drop what hmmlearn logs in this thread; the result says it instead."""
    here = threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    loggers = [logging.getLogger(f"hmmlearn.{name}") for name in ("base", "hmm")]
    for logger in loggers:
        logger.addFilter(elsewhere)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(elsewhere)
