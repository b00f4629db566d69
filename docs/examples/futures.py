"""At most 5 of 16 futures, long or short, within limits on 16 factors: the positions have no bounds of their own."""

import numpy as np

from proofolio import Model


def positions():
    """Maximise expected return; ``-M held <= w <= M held`` with an M of 10."""
    rng = np.random.default_rng(1)
    loadings = rng.normal(size=(16, 16)).round(2) + 2 * np.eye(16)
    expected = rng.uniform(0.01, 0.1, 16).round(3)
    model = Model("futures")
    w = model.variable("w", 16)
    held = model.variable("held", 16, binary=True)
    model.add("factor_high", loadings @ w <= 0.1)
    model.add("factor_low", loadings @ w >= -0.1)
    model.add("long", w <= 10 * held)
    model.add("short", w >= -10 * held)
    model.add("few", held.sum() <= 5)
    model.maximise(expected @ w)
    return model
