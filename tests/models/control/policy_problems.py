"""Small control problems that the tests share."""

from __future__ import annotations

from itertools import product

import numpy as np

from proofolio.models.control.chain import RegimeChain
from proofolio.models.control.regime_control import RegimeControl


def random_control(rng, m=2, d=2, *, years=2.0, **options):
    """A control with random drifts, covariances and a cost of speed that does not commute with them."""
    G = rng.uniform(0.1, 2.0, (m, m)) / years
    np.fill_diagonal(G, 0.0)
    G -= np.diag(G.sum(1))

    def definite(scale):
        root = rng.normal(size=(d, d))
        return scale**2 * (root @ root.T / d + np.eye(d)) / 2

    Sigma = np.array([definite(rng.uniform(0.15, 0.35)) for _ in range(m)])
    options = {"gamma": 3.0, "eta": 0.1, "Lambda": definite(0.25), "rho": 0.05} | options
    return RegimeControl(RegimeChain(G), rng.normal(0.0, 0.08, (m, d)), Sigma, **options)


def every_path(control, steps, steps_per_year, start):
    """All regime paths of so many steps from a regime, and their probabilities."""
    P = control.chain.transition(1.0 / steps_per_year)
    paths = np.array([(start, *rest) for rest in product(range(len(P)), repeat=steps)])
    chances = np.prod([P[paths[:, k], paths[:, k + 1]] for k in range(steps)], axis=0)
    return paths, chances
