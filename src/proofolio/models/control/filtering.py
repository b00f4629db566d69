"""Returns of a regime path, and what a filter that knows the parameters makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from proofolio.arrays import Floats, Integers
from proofolio.errors import BadData
from proofolio.forecasts.forward_backward import log_densities
from proofolio.models.control.chain import require_memory
from proofolio.models.control.problem import ControlProblem

__all__ = ["filtered_regimes", "simulated_returns"]


RETURNS = 1  # number of the stream of returns beside that of regimes: one seed, two independent streams


def simulated_returns(control: ControlProblem, z: Integers, periods_per_year: float, seed: Any) -> Floats:
    """Return simple returns (paths, N, d) of regimes (paths, N): normal, of mean alpha dt and covariance Sigma dt."""
    dt = 1.0 / periods_per_year
    require_memory(z.shape[0], z.shape[1], control.d)
    try:
        root = np.linalg.cholesky(control.Sigma * dt)
    except np.linalg.LinAlgError:
        raise BadData(
            "Sigma is not positive definite in some regime, so no returns are drawn from it: shrink it first"
        ) from None
    noise = np.random.default_rng([RETURNS, *np.atleast_1d(seed)]).standard_normal(
        (*z.shape, control.alpha.shape[1])
    )
    returns = np.empty_like(noise)
    for regime in range(len(control.alpha)):
        here = z == regime
        returns[here] = control.alpha[regime] * dt + noise[here] @ root[regime].T
    return returns


def filtered_regimes(control: ControlProblem, returns: Floats, periods_per_year: float) -> Floats:
    """Return ``P(z_k | returns of the steps before k)``, (paths, N + 1, m): what a trade of step k may know.

    The first row is the chain's stationary distribution.
    """
    dt = 1.0 / periods_per_year
    P = control.chain.transition(dt)
    paths, N, d = returns.shape
    logs = log_densities(returns.reshape(-1, d), control.alpha * dt, control.Sigma * dt).reshape(paths, N, -1)
    p = np.empty((paths, N + 1, len(P)))
    p[:, 0] = control.chain.stationary
    for k in range(N):
        with np.errstate(divide="ignore"):
            seen = np.log(p[:, k]) + logs[:, k]
        likely = np.exp(
            seen - seen.max(-1, keepdims=True)
        )  # the likeliest is 1: nothing underflows to all zeros
        p[:, k + 1] = likely / likely.sum(-1, keepdims=True) @ P
    return p
