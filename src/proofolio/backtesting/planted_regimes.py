"""Returns whose regimes are known: what a rule for confidences must find if it finds anything."""

from __future__ import annotations

import numpy as np

from proofolio.arrays import Floats

__all__ = ["planted_returns"]

# Calm and wild: mean and standard deviation a day, and the probability to stay another day.
MEANS, SDS, STAY = (12e-4, -24e-4), (60e-4, 150e-4), (0.99, 0.97)


def planted_returns(
    days: int, n: int = 4, seed: int = 0, *, equal_means: bool = False
) -> tuple[Floats, Floats]:
    """Return (T, n) daily returns of assets with regimes of their own, and the (T, n) means they were drawn with.

    Calm days have a mean of 12 bp and a standard deviation of 60, wild ones -24 and 150; with `equal_means` both have
    the mean of all days, so that a regime says nothing about returns and nothing is to be found.
    """
    random = np.random.default_rng(seed)
    wild = np.zeros((days, n), dtype=np.intp)
    leave = 1.0 - np.array(STAY)
    calm_share = leave[1] / leave.sum()
    wild[0] = random.random(n) > calm_share
    for t in range(1, days):
        moves = random.random(n) < leave[wild[t - 1]]
        wild[t] = np.where(moves, 1 - wild[t - 1], wild[t - 1])
    usual = calm_share * MEANS[0] + (1.0 - calm_share) * MEANS[1]
    means = np.full((days, n), usual) if equal_means else np.array(MEANS)[wild]
    return means + np.array(SDS)[wild] * random.standard_normal((days, n)), means
